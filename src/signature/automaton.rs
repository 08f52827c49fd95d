//! Patterns, compiled in one way: as they are parsed, with a bound on the automaton.

use regex_automata::meta::Regex;
use regex_automata::util::syntax;

/// Bytes that the automaton of one pattern may have.
const AUTOMATON: usize = 4 << 20;

/// Compiles a pattern, or says why that cannot be.
pub(crate) fn compile_pattern(pattern: &str) -> Result<Regex, String> {
    Regex::builder()
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        // The automaton that matches in one pass costs more memory than it saves time: matches are short, and rare.
        .configure(Regex::config().utf8_empty(false).nfa_size_limit(Some(AUTOMATON)).onepass(false))
        .build(pattern)
        .map_err(|error| match error.size_limit() {
            Some(_) => format!(
                "the pattern is too large: its automaton may have {AUTOMATON} bytes; repeat less or less often"
            ),
            None => error.to_string().replace('\n', " "),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_is_too_large_is_refused() {
        assert!(compile_pattern("[a-z]{100}").is_ok());
        let complaint = compile_pattern("(?:(?:abcdefgh){1000}){1000}").unwrap_err();
        assert!(complaint.contains("too large"), "{complaint}");
    }
}
