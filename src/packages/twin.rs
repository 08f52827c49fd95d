//! Files that a language makes of a source file: which one that was is told by the path.

use super::split;

/// The source file of a compiled Python file: `a/b.py` for `a/__pycache__/b.cpython-312.opt-1.pyc`, and for `a/b.pyc`.
pub fn source_of(path: &[u8]) -> Option<Vec<u8>> {
    let (folder, name) = split(path);
    let stem = name.strip_suffix(b".pyc").or_else(|| name.strip_suffix(b".pyo"))?;
    let (parent, last) = split(folder);
    let (folder, module) = if last == b"__pycache__" {
        (parent, stem.split(|byte| *byte == b'.').next().unwrap_or_default())
    } else {
        (folder, stem)
    };
    let slash: &[u8] = if folder.is_empty() { b"" } else { b"/" };
    (!module.is_empty()).then(|| [folder, slash, module, b".py"].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compiled_file_names_its_source() {
        for (path, source) in [
            ("a/__pycache__/b.cpython-312.pyc", Some("a/b.py")),
            ("a/__pycache__/b.cpython-312.opt-1.pyc", Some("a/b.py")),
            ("__pycache__/b.cpython-312.pyc", Some("b.py")),
            ("a/b.pyc", Some("a/b.py")),
            ("a/b.py", None),
            ("a/.pyc", None),
        ] {
            assert_eq!(source_of(path.as_bytes()), source.map(|source| source.as_bytes().to_vec()), "{path}");
        }
    }
}
