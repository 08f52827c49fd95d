//! Bounds on what a hostile image may cost, as one table.
//!
//! A limit is a value and an error, never a short read: whoever hits one reports a
//! [`Problem`](crate::problem::Problem) that names the flag which raises it. The table [`LIMITS`] gives the command
//! line its flags, the configuration file its keys and the manual its text, so a new limit is one row here.

/// The bounded quantities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// Decompressed bytes of one layer or blob.
    LayerBytes,
    /// Tar entries of one layer or archive.
    LayerEntries,
    /// How many times larger a blob may become by decompression.
    Ratio,
    /// Bytes of one JSON document (manifest, index, config, attestation).
    DocumentBytes,
    /// Bytes of a tar extension header (PAX or GNU long name) that are parsed.
    HeaderBytes,
    /// Bytes of a path inside a layer that are kept.
    PathBytes,
    /// Matches kept of one layer or document.
    Matches,
    /// Nesting of indexes in indexes, of compression around an archive, and of archives and encodings in a file.
    Depth,
    /// Manifests resolved from one input.
    Manifests,
    /// Bytes kept to follow links of one layer.
    LinkBytes,
    /// Memory that decompressing one stream may ask for: the window of zstd, the dictionary of xz.
    WindowBytes,
    /// Bytes of a file that are read as the format that its path names.
    FormatBytes,
    /// Bytes of one list of a package manager.
    ListBytes,
    /// Files and packages kept of the package lists of one layer.
    ListEntries,
    /// Members shown of one file.
    Members,
    /// Bytes shown of one file, at all depths together.
    InnerBytes,
    /// Bytes of one file that are held at a time, because its format cannot be read in one pass.
    WholeBytes,
    /// Seconds that looking into one file may take.
    FileSeconds,
}

/// One row of [`LIMITS`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct LimitRow {
    /// Which quantity.
    pub limit: Limit,
    /// Flag without the leading dashes, and key in the configuration's `[limits]`.
    pub name: &'static str,
    /// What is bounded, for the help.
    pub about: &'static str,
    /// The value unless somebody sets another.
    pub default: u64,
    /// Whether the value is a count of bytes (and may be typed as `64MiB`).
    pub bytes: bool,
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

const fn row(limit: Limit, name: &'static str, default: u64, bytes: bool, about: &'static str) -> LimitRow {
    LimitRow { limit, name, about, default, bytes }
}

/// Every limit with its name, default and text, in the order of [`Limit`].
pub const LIMITS: &[LimitRow] = &[
    row(Limit::LayerBytes, "max-layer-bytes", 256 * GIB, true, "decompressed bytes of one layer"),
    row(Limit::LayerEntries, "max-layer-entries", 12_000_000, false, "tar entries of one layer"),
    row(Limit::Ratio, "max-ratio", 1_100, false, "how many times larger a blob may become by decompression"),
    row(
        Limit::DocumentBytes,
        "max-document-bytes",
        32 * MIB,
        true,
        "bytes of one JSON document of the image",
    ),
    row(Limit::HeaderBytes, "max-header-bytes", MIB, true, "bytes of one tar extension header"),
    row(Limit::PathBytes, "max-path-bytes", 64 * KIB, true, "bytes of one path in a layer"),
    row(Limit::Matches, "max-matches", 20_000, false, "matches kept of one layer"),
    row(Limit::Depth, "max-depth", 16, false, "nesting of indexes, and of archives and encodings in a file"),
    row(Limit::Manifests, "max-manifests", 4_096, false, "manifests resolved from one input"),
    row(
        Limit::LinkBytes,
        "max-link-bytes",
        16 * MIB,
        true,
        "bytes kept to follow the hard links of one layer",
    ),
    row(
        Limit::WindowBytes,
        "max-window-bytes",
        64 * MIB,
        true,
        "memory that decompressing one stream may ask for",
    ),
    row(
        Limit::FormatBytes,
        "max-format-bytes",
        8 * MIB,
        true,
        "bytes of one file that are read as its format has them",
    ),
    row(Limit::ListBytes, "max-list-bytes", 32 * MIB, true, "bytes of one list of a package manager"),
    row(
        Limit::ListEntries,
        "max-list-entries",
        1_000_000,
        false,
        "files and packages kept of the package lists of one layer",
    ),
    row(Limit::Members, "max-members", 1_000_000, false, "members of one archive in a layer"),
    row(Limit::InnerBytes, "max-inner-bytes", 64 * GIB, true, "decoded bytes of one file in a layer"),
    row(
        Limit::WholeBytes,
        "max-whole-bytes",
        32 * MIB,
        true,
        "bytes of one file that are held at a time if its format asks for it",
    ),
    row(Limit::FileSeconds, "max-file-seconds", 900, false, "seconds that looking into one file may take"),
];

/// A value for each row of [`LIMITS`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits([u64; LIMITS.len()]);

impl Limits {
    /// The bound on `limit`.
    pub fn get(&self, limit: Limit) -> u64 {
        self.0[limit as usize]
    }

    /// The bound on `limit`, for lengths and counts held in memory.
    pub fn get_usize(&self, limit: Limit) -> usize {
        usize::try_from(self.get(limit)).unwrap_or(usize::MAX)
    }

    /// The same limits with another value for one of them.
    #[must_use]
    pub fn with(mut self, limit: Limit, value: u64) -> Self {
        self.0[limit as usize] = value;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self(std::array::from_fn(|i| LIMITS[i].default))
    }
}

impl Limit {
    /// What to tell somebody who hit this limit.
    pub fn remedy(self) -> String {
        format!("raise --{} if you trust the image", LIMITS[self as usize].name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (index, row) in LIMITS.iter().enumerate() {
            assert_eq!(row.limit as usize, index, "{}", row.name);
        }
    }

    #[test]
    fn one_limit_is_raised_without_touching_the_others() {
        let limits = Limits::default().with(Limit::Matches, 7);
        assert_eq!(limits.get(Limit::Matches), 7);
        assert_eq!(limits.get(Limit::Depth), Limits::default().get(Limit::Depth));
    }
}
