//! Patterns, parsed in one way: for bytes, with ASCII classes and no Unicode case folding.

use regex_syntax::hir::{Hir, HirKind};

/// Parses a pattern the way it is compiled.
pub(crate) fn parse_pattern(pattern: &str) -> Result<Hir, String> {
    let parsed = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern);
    parsed.map_err(|error| match error {
        regex_syntax::Error::Parse(error) => told(pattern, error.span().start.offset, error.kind()),
        regex_syntax::Error::Translate(error) => told(pattern, error.span().start.offset, error.kind()),
        other => other.to_string().replace('\n', " "),
    })
}

/// What is wrong, and before which part of the pattern.
fn told(pattern: &str, at: usize, what: &dyn std::fmt::Display) -> String {
    let rest: String = pattern.get(at..).unwrap_or_default().chars().take(24).collect();
    if rest.is_empty() { format!("{what}, at the end of it") } else { format!("{what}, at `{rest}`") }
}

/// The names of all groups of a pattern.
pub(super) fn capture_names(hir: &Hir) -> Vec<String> {
    match hir.kind() {
        HirKind::Capture(capture) => {
            let own = capture.name.iter().map(ToString::to_string);
            own.chain(capture_names(&capture.sub)).collect()
        }
        HirKind::Repetition(repetition) => capture_names(&repetition.sub),
        HirKind::Concat(pieces) | HirKind::Alternation(pieces) => {
            pieces.iter().flat_map(capture_names).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_told_in_one_line_with_its_place() {
        let complaint = |pattern: &str| parse_pattern(pattern).unwrap_err();
        insta::assert_snapshot!(complaint("ab(c"), @"unclosed group, at `(c`");
        insta::assert_snapshot!(complaint(r"a\p{Greek}"), @r"Unicode not allowed here, at `\p{Greek}`");
        insta::assert_snapshot!(complaint("a(?=b)"), @"look-around, including look-ahead and look-behind, is not supported, at `(?=b)`");
    }
}
