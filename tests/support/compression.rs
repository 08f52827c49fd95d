//! The ways in which a layer, or a whole archive, is found compressed.
//!
//! Tools differ in more than the algorithm: pigz and eStargz write many gzip members, zstd:chunked many frames with
//! skippable ones behind them. To a scanner all of them are the same tar.

use std::io::Write as _;

/// How to compress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Plain,
    Gzip,
    /// Several members, cut at no boundary of the tar.
    GzipMembers,
    /// eStargz: a member for each stretch, and an empty member at the end whose header's extra field is the footer.
    Estargz,
    Zstd,
    /// zstd:chunked: several frames, and skippable frames with the table of contents and the footer at the end.
    ZstdChunked,
    Xz,
    Bzip2,
}

/// All of them, for tests that walk the table.
pub(crate) const COMPRESSIONS: &[Compression] = &[
    Compression::Plain,
    Compression::Gzip,
    Compression::GzipMembers,
    Compression::Estargz,
    Compression::Zstd,
    Compression::ZstdChunked,
    Compression::Xz,
    Compression::Bzip2,
];

impl Compression {
    /// The media type's suffix. xz and bzip2 have none that is registered.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Gzip | Self::GzipMembers | Self::Estargz => "+gzip",
            Self::Zstd | Self::ZstdChunked => "+zstd",
            Self::Xz => "+xz",
            Self::Bzip2 => "+bzip2",
        }
    }

    pub(crate) fn compress(self, plain: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain => plain.to_vec(),
            Self::Gzip => gzip(plain),
            Self::GzipMembers => pieces(plain).flat_map(gzip).collect(),
            Self::Estargz => pieces(plain).flat_map(gzip).chain(estargz_footer()).collect(),
            Self::Zstd => zstd(plain),
            Self::ZstdChunked => zstd_chunked(plain),
            Self::Xz => xz(plain),
            Self::Bzip2 => bzip2(plain),
        }
    }
}

/// Three stretches of uneven length.
fn pieces(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (first, rest) = bytes.split_at(bytes.len() / 3);
    let (second, third) = rest.split_at(rest.len() / 2 + 1);
    [first, second, third].into_iter()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// The last 51 bytes of an eStargz blob: an empty member with an extra field `SG` that holds the offset of the table
/// of contents (stargz-snapshotter, docs/estargz.md, "eStargz Footer").
fn estargz_footer() -> Vec<u8> {
    let extra = [b"SG".as_slice(), &22_u16.to_le_bytes(), b"0000000000000000STARGZ"].concat();
    flate2::GzBuilder::new().extra(extra).write(Vec::new(), flate2::Compression::none()).finish().unwrap()
}

fn zstd(plain: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(plain, 3).unwrap()
}

fn zstd_chunked(plain: &[u8]) -> Vec<u8> {
    let mut blob: Vec<u8> = pieces(plain).flat_map(zstd).collect();
    for (number, payload) in [(0_u32, b"{\"version\":1,\"entries\":[]}".as_slice()), (0, &[0; 64])] {
        blob.extend((0x184D_2A50 + number).to_le_bytes());
        blob.extend(u32::try_from(payload.len()).unwrap().to_le_bytes());
        blob.extend(payload);
    }
    blob
}

fn xz(plain: &[u8]) -> Vec<u8> {
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn bzip2(plain: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}
