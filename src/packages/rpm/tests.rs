//! The same header in each of the three databases, written here by the letter of their formats.

use proptest::prelude::*;

use super::super::path_key;
use super::super::tests::read;

const MD5_OF_ABC: &str = "900150983cd24fb0d6963f7d28e17f72";

/// A header: name, files as folder index and base name, whether it is signed, and bytes that make it longer.
fn header(name: &str, files: &[(u32, &str)], signed: bool, more: usize) -> Vec<u8> {
    let texts =
        |texts: &[&str]| texts.iter().flat_map(|text| [text.as_bytes(), b"\0"].concat()).collect::<Vec<u8>>();
    let count = u32::try_from(files.len()).unwrap();
    let bases: Vec<&str> = files.iter().map(|file| file.1).collect();
    let digests: Vec<&str> =
        files.iter().map(|file| if file.1.is_empty() { "" } else { MD5_OF_ABC }).collect();
    let mut tags = vec![
        (1000, 1, texts(&[name])),
        (1035, count, texts(&digests)),
        (1116, count, files.iter().flat_map(|file| file.0.to_be_bytes()).collect()),
        (1117, count, texts(&bases)),
        (1118, 2, texts(&["/usr/share/abc/", "/etc/"])),
        (1004, 1, vec![b'x'; more]),
    ];
    if signed {
        tags.push((268, 1, vec![7; 40]));
    }
    let (mut index, mut values) = (Vec::new(), Vec::new());
    for (tag, count, value) in &tags {
        let offset = u32::try_from(values.len()).unwrap();
        index.extend([*tag, 0, offset, *count].iter().flat_map(|number: &u32| number.to_be_bytes()));
        values.extend_from_slice(value);
    }
    let lengths = [tags.len(), values.len()].map(|length| u32::try_from(length).unwrap().to_be_bytes());
    [lengths.concat(), index, values].concat()
}

fn headers() -> [Vec<u8>; 3] {
    [
        header("abc", &[(0, "a.txt"), (1, "abc.conf"), (0, "")], true, 9000),
        header("own", &[(1, "own.conf")], false, 0),
        header("abd", &[(1, "abd.conf")], true, 700),
    ]
}

fn varint(number: usize) -> Vec<u8> {
    let mut groups = vec![u8::try_from(number & 0x7f).unwrap()];
    let mut rest = number >> 7;
    while rest > 0 {
        groups.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    groups.reverse();
    groups
}

const PAGE: usize = 512;

fn leaf(head: usize, cells: &[Vec<u8>]) -> Vec<u8> {
    let mut page = vec![0; PAGE];
    page[head] = 13;
    page[head + 4] = u8::try_from(cells.len()).unwrap();
    let mut end = PAGE;
    for (number, cell) in cells.iter().enumerate() {
        end -= cell.len();
        page[end..end + cell.len()].copy_from_slice(cell);
        let at = head + 8 + 2 * number;
        page[at..at + 2].copy_from_slice(&u16::try_from(end).unwrap().to_be_bytes());
    }
    page
}

/// Page 1 the table of tables, page 2 the root, pages 3 and on a leaf and the chain of its long records.
fn sqlite(blobs: &[Vec<u8>]) -> Vec<u8> {
    let schema: Vec<&[u8]> = vec![b"table", b"Packages", b"Packages", &[2], b"CREATE"];
    let kinds = [23, 29, 29, 1, 25];
    let record = [&[6][..], &kinds[..], &schema.concat()].concat();
    let mut pages = vec![leaf(100, &[[varint(record.len()), varint(1), record].concat()])];
    pages[0][..16].copy_from_slice(crate::content::sqlite::MAGIC);
    pages[0][16..18].copy_from_slice(&u16::try_from(PAGE).unwrap().to_be_bytes());
    pages.push(vec![0; PAGE]);
    let first = pages.len() + 1;
    let mut chains = Vec::new();
    for (row, blob) in blobs.iter().enumerate() {
        let kind = varint(12 + 2 * blob.len());
        let record = [varint(kind.len() + 2), vec![0], kind, blob.clone()].concat();
        let most = PAGE - 35;
        let least = (PAGE - 12) * 32 / 255 - 23;
        let fitting = least + (record.len().saturating_sub(least)) % (PAGE - 4);
        let here = if record.len() <= most {
            record.len()
        } else if fitting <= most {
            fitting
        } else {
            least
        };
        let mut cell = [varint(record.len()), varint(row), record[..here].to_vec()].concat();
        let parts: Vec<&[u8]> = record[here..].chunks(PAGE - 4).collect();
        let mut number = first + blobs.len() + chains.len();
        if !parts.is_empty() {
            cell.extend(u32::try_from(number).unwrap().to_be_bytes());
        }
        for (at, part) in parts.iter().enumerate() {
            number += 1;
            let next = if at + 1 < parts.len() { u32::try_from(number).unwrap() } else { 0 };
            let mut page = [next.to_be_bytes().to_vec(), part.to_vec()].concat();
            page.resize(PAGE, 0);
            chains.push(page);
        }
        pages.push(leaf(0, &[cell]));
    }
    let root = &mut pages[1];
    root[0] = 5;
    root[4] = u8::try_from(blobs.len() - 1).unwrap();
    root[8..12].copy_from_slice(&u32::try_from(first + blobs.len() - 1).unwrap().to_be_bytes());
    for number in 0..blobs.len() - 1 {
        let at = PAGE - 8 * (number + 1);
        root[at..at + 4].copy_from_slice(&u32::try_from(first + number).unwrap().to_be_bytes());
        root[12 + 2 * number..14 + 2 * number].copy_from_slice(&u16::try_from(at).unwrap().to_be_bytes());
    }
    pages.extend(chains);
    pages.concat()
}

fn native(blobs: &[Vec<u8>]) -> Vec<u8> {
    let number = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    let mut file = [b"RpmP".to_vec(), vec![0; 8], number(1).to_vec(), vec![0; 4080]].concat();
    for (at, blob) in blobs.iter().enumerate() {
        let slot =
            [b"Slot".to_vec(), number(at + 1).to_vec(), number(file.len() / 16).to_vec(), number(1).to_vec()]
                .concat();
        file[32 + 16 * at..48 + 16 * at].copy_from_slice(&slot);
        file.extend(
            [b"BlbS".to_vec(), number(at + 1).to_vec(), number(0).to_vec(), number(blob.len()).to_vec()]
                .concat(),
        );
        file.extend_from_slice(blob);
        file.resize(file.len().next_multiple_of(16), 0);
    }
    file
}

fn berkeley(blobs: &[Vec<u8>], big: bool) -> Vec<u8> {
    let number = |number: usize| {
        let number = u32::try_from(number).unwrap();
        if big { number.to_be_bytes() } else { number.to_le_bytes() }
    };
    let short = |number: usize| {
        let number = u16::try_from(number).unwrap();
        if big { number.to_be_bytes() } else { number.to_le_bytes() }
    };
    let mut head = vec![0; PAGE];
    head[12..16].copy_from_slice(&number(0x0006_1561));
    head[20..24].copy_from_slice(&number(PAGE));
    let mut hash = vec![0; PAGE];
    hash[25] = 13;
    hash[20..22].copy_from_slice(&short(2 * blobs.len()));
    let (mut end, mut chains) = (PAGE, Vec::new());
    for (at, blob) in blobs.iter().enumerate() {
        let item = if blob.len() < 200 {
            [vec![1], blob.clone()].concat()
        } else {
            [vec![3, 0, 0, 0], number(2 + chains.len()).to_vec(), number(blob.len()).to_vec()].concat()
        };
        for (index, bytes) in [vec![1, 9, 9, 9, 9], item].iter().enumerate() {
            end -= bytes.len();
            hash[end..end + bytes.len()].copy_from_slice(bytes);
            let pointer = 26 + 2 * (2 * at + index);
            hash[pointer..pointer + 2].copy_from_slice(&short(end));
        }
        let parts: Vec<&[u8]> = if blob.len() < 200 { Vec::new() } else { blob.chunks(PAGE - 26).collect() };
        for (index, part) in parts.iter().enumerate() {
            let mut page = vec![0; PAGE];
            let next = if index + 1 < parts.len() { 3 + chains.len() } else { 0 };
            page[16..20].copy_from_slice(&number(next));
            page[22..24].copy_from_slice(&short(part.len()));
            page[25] = 7;
            page[26..26 + part.len()].copy_from_slice(part);
            chains.push(page);
        }
    }
    [head, hash, chains.concat()].concat()
}

pub(in crate::packages) fn databases() -> Vec<(&'static str, Vec<u8>)> {
    let blobs = headers();
    vec![
        ("usr/lib/sysimage/rpm/rpmdb.sqlite", sqlite(&blobs)),
        ("var/lib/rpm/rpmdb.sqlite", sqlite(&blobs)),
        ("usr/lib/sysimage/rpm/Packages.db", native(&blobs)),
        ("var/lib/rpm/Packages", berkeley(&blobs, false)),
        ("var/lib/rpm/Packages", berkeley(&blobs, true)),
    ]
}

#[test]
fn every_format_gives_the_files_of_all_packages() {
    for (path, bytes) in databases() {
        let lists = read(path, bytes);
        let found: Vec<(&str, u64)> =
            lists.files().iter().map(|file| (lists.name(file.package), file.path)).collect();
        assert_eq!(
            found,
            [
                ("rpm abc", path_key(b"usr/share/abc/a.txt")),
                ("rpm abc", path_key(b"etc/abc.conf")),
                ("rpm own", path_key(b"etc/own.conf")),
                ("rpm abd", path_key(b"etc/abd.conf")),
            ],
            "{path}"
        );
        assert_eq!(lists.disowned(), [lists.home(lists.files()[2].package)], "{path}: not signed");
    }
}

/// Bytes that a reader gives, and those of the file.
fn given(bytes: &[u8], read: impl Fn(&[u8], &mut dyn FnMut(&[u8]))) -> (usize, usize) {
    let mut given = 0;
    read(bytes, &mut |value| given += value.len());
    (given, bytes.len())
}

#[test]
fn values_that_share_bytes_are_not_read_many_times() {
    let blobs = [vec![7; 9000], vec![8; 100]];
    // Many cells of a page that are all the same.
    let mut shared = sqlite(&blobs);
    let page = &mut shared[3 * PAGE..4 * PAGE];
    let cell = [page[8], page[9]];
    page[3..5].copy_from_slice(&150_u16.to_be_bytes());
    page[8..308].copy_from_slice(&cell.repeat(150));
    let (bytes, most) = given(&shared, |bytes, sink| crate::content::sqlite::rows(bytes, "Packages", sink));
    assert!(bytes > 0 && bytes <= most, "{bytes} of {most}");

    let mut shared = native(&blobs);
    let slot = shared[32..48].to_vec();
    (1..200).for_each(|number| shared[32 + 16 * number..48 + 16 * number].copy_from_slice(&slot));
    let (bytes, most) = given(&shared, super::native::blobs);
    assert!(bytes > 0 && bytes <= most, "{bytes} of {most}");

    for blob in [vec![7; 190], vec![7; 9000]] {
        let mut shared = berkeley(&[blob], false);
        shared[PAGE + 20..PAGE + 22].copy_from_slice(&120_u16.to_le_bytes());
        let pointers = shared[PAGE + 26..PAGE + 30].to_vec();
        (1..60)
            .for_each(|pair| shared[PAGE + 26 + 4 * pair..PAGE + 30 + 4 * pair].copy_from_slice(&pointers));
        let (bytes, most) = given(&shared, super::berkeley::values);
        assert!(bytes > 0 && bytes <= most, "{bytes} of {most}");
    }
}

proptest! {
    #[test]
    fn damage_never_makes_a_reader_panic(damage in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..30), cut in any::<u16>()) {
        for (path, mut bytes) in databases() {
            for (at, byte) in &damage {
                let at = usize::from(*at) % bytes.len();
                bytes[at] = *byte;
            }
            read(path, &bytes);
            bytes.truncate(usize::from(cut) % bytes.len());
            read(path, &bytes);
        }
    }
}
