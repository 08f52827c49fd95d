//! The expressions by which Betterleaks drops findings, as far as they are conditions that rules have here.
//!
//! An expression drops a finding if it is true, so each part between `||` is a condition of its own: one that is
//! understood is kept, and any other is told. Understood are the least entropy of the credential, and lists of patterns or
//! words that the credential, the match, its line or its path contain.

use super::super::Allow;

/// What an expression says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Filter {
    /// Least entropy of the credential.
    pub(super) entropy: Option<f64>,
    /// Lists in the syntax of their origin.
    pub(super) allow: Vec<Allow>,
    /// Parts that are not understood.
    pub(super) rest: Vec<String>,
}

/// Deepest nesting of parentheses that is followed.
const DEEPEST: usize = 32;

/// Reads an expression.
pub(super) fn parse(text: &str) -> Filter {
    let mut filter = Filter::default();
    let plain = without_comments(text);
    alternatives(&plain, 0, &mut filter);
    filter
}

fn alternatives(text: &str, depth: usize, filter: &mut Filter) {
    for part in split(text, "||") {
        let part = part.trim();
        let inner = part.strip_prefix('(').and_then(|part| part.strip_suffix(')'));
        match inner.filter(|inner| depth < DEEPEST && balanced(inner)) {
            Some(inner) => alternatives(inner, depth + 1, filter),
            None => condition(part, filter),
        }
    }
}

fn condition(part: &str, filter: &mut Filter) {
    if let Some(bits) = entropy(part) {
        filter.entropy = Some(filter.entropy.map_or(bits, |other: f64| other.max(bits)));
    } else if let Some(allow) = list(part) {
        filter.allow.push(allow);
    } else if !part.is_empty() {
        filter.rest.push(part.split_whitespace().collect::<Vec<_>>().join(" "));
    }
}

/// `entropy(finding["secret"]) <= 3.5`
fn entropy(part: &str) -> Option<f64> {
    let rest = part.strip_prefix("entropy(finding[\"secret\"])")?.trim_start();
    let bits = rest.strip_prefix("<=").or_else(|| rest.strip_prefix('<'))?;
    bits.trim().parse().ok()
}

/// `matchesAny(finding["line"], [`a`, "b"])` and `containsAny(…)`
fn list(part: &str) -> Option<Allow> {
    let (name, arguments) = part.strip_suffix(')')?.split_once('(')?;
    let arguments = split(arguments, ",");
    let (what, items) = arguments.split_first()?;
    let items = items.join(",");
    let items = items.trim().strip_prefix('[')?.strip_suffix(']')?;
    let texts: Vec<String> = split(items, ",")
        .into_iter()
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(literal)
        .collect::<Option<_>>()?;
    let mut allow = Allow::default();
    let place = match (name.trim(), what.trim()) {
        ("matchesAny", "finding[\"secret\"]") => &mut allow.secret,
        ("matchesAny", "finding[\"match\"]") => &mut allow.matched,
        ("matchesAny", "finding[\"line\"]") => &mut allow.line,
        ("matchesAny", "attributes[\"path\"]") => &mut allow.path,
        ("containsAny", "finding[\"secret\"]") => &mut allow.words,
        _ => return None,
    };
    *place = texts;
    (allow.patterns().next().is_some() || !allow.words.is_empty()).then_some(allow)
}

/// The text of a string: as it is between backticks, with escapes between quotes.
fn literal(text: &str) -> Option<String> {
    if let Some(raw) = text.strip_prefix('`').and_then(|text| text.strip_suffix('`')) {
        return (!raw.contains('`')).then(|| raw.to_owned());
    }
    // Strings with escapes are those of JSON.
    text.starts_with('"').then(|| serde_json::from_str(text).ok()).flatten()
}

/// The parts of a text between separators that stand in no string and no brackets.
fn split<'t>(text: &'t str, separator: &str) -> Vec<&'t str> {
    let (mut parts, mut from) = (Vec::new(), 0);
    walk(text, &mut |at, depth| {
        if depth == 0 && at >= from && text[at..].starts_with(separator) {
            parts.push(&text[from..at]);
            from = at + separator.len();
        }
    });
    parts.push(&text[from..]);
    parts
}

/// Whether every bracket is closed, and none that was not opened.
fn balanced(text: &str) -> bool {
    let mut least = 0;
    let end = walk(text, &mut |_, depth| least = least.min(depth));
    least >= 0 && end == 0
}

/// Goes over all that stands in no string, with the depth of brackets before it; gives the depth at the end.
fn walk(text: &str, each: &mut dyn FnMut(usize, i32)) -> i32 {
    let (mut depth, mut quote, mut escaped) = (0_i32, None, false);
    for (at, c) in text.char_indices() {
        match quote {
            Some('"') if escaped => escaped = false,
            Some('"') if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None => {
                each(at, depth);
                match c {
                    '"' | '`' | '\'' => quote = Some(c),
                    '(' | '[' | '{' => depth += 1,
                    ')' | ']' | '}' => depth -= 1,
                    _ => {}
                }
                if depth < 0 {
                    each(at, depth);
                }
            }
        }
    }
    depth
}

/// The text without what stands behind `//`, but for that in strings.
fn without_comments(text: &str) -> String {
    let mut starts = Vec::new();
    walk(text, &mut |at, _| {
        if text[at..].starts_with("//") {
            starts.push(at);
        }
    });
    let (mut out, mut from) = (String::new(), 0);
    for at in starts {
        if at >= from {
            out.push_str(&text[from..at]);
            from = text[at..].find('\n').map_or(text.len(), |end| at + end);
        }
    }
    out + &text[from..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn conditions_that_rules_have_are_understood() {
        let text = r#"
            // Nothing that is too plain.
            entropy(finding["secret"]) <= 3.5 || (
              matchesAny(finding["secret"], [`^a||b$`, "\\d\"]"])
              || containsAny(finding["secret"], ["one", `two // three`])
            ) || matchesAny(attributes["path"], [
              `(?:^|/)tests?/`, // of tests
            ]) || matchesAny(finding["line"], ["x"]) || matchesAny(finding["match"], ["y"])
        "#;
        let filter = parse(text);
        assert_eq!((filter.entropy, filter.rest.as_slice()), (Some(3.5), [].as_slice()));
        let [secret, two, path, line, matched] = &filter.allow[..] else { panic!("{filter:?}") };
        assert_eq!(secret.secret, words(&["^a||b$", "\\d\"]"]));
        assert_eq!(two.words, words(&["one", "two // three"]));
        assert_eq!(path.path, words(&["(?:^|/)tests?/"]));
        assert_eq!((&line.line, &matched.matched), (&words(&["x"]), &words(&["y"])));
    }

    #[test]
    fn what_is_not_understood_is_kept_as_it_is() {
        for text in [
            "tokenRatio(finding[\"secret\"]) >= 2.1",
            "!matchesAny(finding[\"secret\"], [\"a\"])",
            "matchesAny(finding[\"secret\"], [\"a\"]) && size > 3",
            "matchesAny(finding[\"other\"], [\"a\"])",
            "matchesAny(finding[\"secret\"], names)",
            "entropy(finding[\"match\"]) < 3",
            "matchesAny(finding[\"secret\"], [`a)",
            ")(",
            "(a) && (b)",
        ] {
            let filter = parse(text);
            assert_eq!((filter.rest, filter.allow.len(), filter.entropy), (words(&[text]), 0, None));
        }
        assert_eq!(parse(" // nothing\n"), Filter::default());
    }

    #[test]
    fn nesting_without_end_ends() {
        let deep = format!("{}a{}", "(".repeat(100_000), ")".repeat(100_000));
        assert_eq!(parse(&deep).rest.len(), 1);
    }
}
