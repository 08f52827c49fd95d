//! Stores written by `LevelDB` (through Python's `plyvel`) and `RocksDB` (by its `ldb`).

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;

use super::*;
use crate::content::tests::shown;

/// What is shown of the files of a store, by the ends of their names.
fn store(folder: &Path) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let head = Head { path: name.as_bytes(), bytes: &bytes[..bytes.len().min(512)], size: None };
        if form(&head).is_none() {
            continue;
        }
        let (first, ended) = shown(&LEVELDB, name, &bytes, 4096);
        assert_eq!((&ended, &first.faults), (&Ok(()), &vec![]), "{name}");
        assert_eq!(shown(&LEVELDB, name, &bytes, 7).0.parts, first.parts);
        let text: Vec<u8> = first.parts.into_iter().flat_map(|part| part.1).collect();
        let end = name.rsplit('.').next().unwrap().to_owned();
        all.entry(end).or_insert_with(String::new).push_str(&String::from_utf8_lossy(&text));
    }
    all
}

#[test]
fn tables_and_logs_of_leveldb_are_shown_as_pairs() {
    let folder = tempfile::tempdir().unwrap();
    let script = "import plyvel\ndb = plyvel.DB('db', create_if_missing=True)\n\
        for n in range(2000): db.put(b'_https://a.example\\0\\1key%d' % n, b'\\1value%d.' % n)\n\
        db.put(b'wide', b'\\0' + 'wide text'.encode('utf-16le'))\n\
        db.delete(b'_https://a.example\\0\\1key7')\n\
        db.compact_range()\n\
        db.put(b'big', b'b' * 100000 + b'end')\ndb.put(b'late_password', b'hunter2')\ndb.close()";
    // The Python of the system: that is the one with the package.
    let ran =
        Command::new("/usr/bin/python3").args(["-c", script]).current_dir(folder.path()).status().unwrap();
    assert!(ran.success(), "python3-plyvel is needed: see tests/install.sh");
    let shown = store(&folder.path().join("db"));
    let table = &shown["ldb"];
    assert_eq!(
        (0..2000).filter(|n| *n != 7 && table.contains(&format!("\nkey{n}=value{n}.\n"))).count(),
        1999
    );
    assert!(table.contains("wide=wide text\n"));
    let log = &shown["log"];
    assert!(
        log.contains("late_password=hunter2\n") && log.contains(&format!("big={}end\n", "b".repeat(100_000)))
    );
}

#[test]
fn tables_of_rocksdb_are_shown_as_pairs() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("db");
    let run = |args: &[&str], input: &str| {
        use std::io::Write;
        let mut child = Command::new("ldb")
            .arg(format!("--db={}", database.display()))
            .args(args)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("rocksdb-tools is needed: see tests/install.sh");
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    };
    let pairs = (0..3000).map(|n| format!("key{n} ==> value{n}.\n")).collect::<Vec<_>>().concat();
    run(&["--create_if_missing", "--bulk_load", "--compression_type=snappy", "load"], &pairs);
    run(&["put", "late_password", "hunter2"], "");
    let shown = store(&database);
    let table = &shown["sst"];
    assert_eq!((0..3000).filter(|n| table.contains(&format!("key{n}=value{n}.\n"))).count(), 3000);
    assert!(shown["log"].contains("late_password=hunter2\n"), "{shown:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..3000), foot in proptest::collection::vec(0_u8..0x40, 40), rocks in any::<bool>()) {
        let magic = if rocks { [&4_u32.to_le_bytes()[..], &0x88e2_41b7_85f4_cff7_u64.to_le_bytes()].concat() } else { 0xdb47_7524_8b80_fb57_u64.to_le_bytes().to_vec() };
        let bytes = [&[0][..], &bytes, &[1][..usize::from(rocks)], &foot, &magic].concat();
        let _ = shown(&LEVELDB, "000005.ldb", &bytes, 100);
        let log = [&[0, 0, 0, 0, 200, 0, 1][..], &[0; 12], &[1], &bytes].concat();
        let _ = shown(&LEVELDB, "000005.log", &log, 100);
    }
}
