//! Quotation marks in all the ways in which texts inside texts write them.

/// A quotation mark: the character and how it is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quote {
    /// `"`, `'` or a back-tick.
    pub(super) mark: u8,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The character itself after this many backslashes.
    Escaped(usize),
    /// The character three times.
    Triple,
    /// An entity of XML, a percent-encoding or an escape of JSON.
    Named(&'static [u8]),
}

/// Backslashes before a mark that are looked at: a text in a text in a text has seven.
const DEEPEST: usize = 7;

const NAMED: &[(&[u8], u8)] = &[
    (b"&quot;", b'"'),
    (b"&#34;", b'"'),
    (b"&#39;", b'\''),
    (b"&apos;", b'\''),
    (b"\\u0022", b'"'),
    (b"\\u0027", b'\''),
    (b"%22", b'"'),
    (b"%27", b'\''),
];

fn is_mark(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

impl Quote {
    /// The mark that begins at `at`.
    pub(super) fn at(text: &[u8], at: usize) -> Option<Self> {
        let rest = text.get(at..)?;
        if matches!(rest.first(), Some(b'&' | b'\\' | b'%'))
            && let Some((name, mark)) = NAMED.iter().find(|(name, _)| rest.starts_with(name))
        {
            return Some(Self { mark: *mark, form: Form::Named(name) });
        }
        let slashes = rest.iter().take(DEEPEST + 1).take_while(|b| **b == b'\\').count();
        let mark = *rest.get(slashes).filter(|b| is_mark(**b))?;
        let triple = slashes == 0 && mark != b'`' && rest.starts_with(&[mark; 3]);
        // Two marks are an empty text, not the start of three.
        let form = if triple { Form::Triple } else { Form::Escaped(slashes) };
        Some(Self { mark, form })
    }

    /// The mark that ends at `end`.
    pub(super) fn ending(text: &[u8], end: usize) -> Option<Self> {
        let before = text.get(..end)?;
        if matches!(before.last(), Some(b';' | b'2' | b'7'))
            && let Some((name, mark)) = NAMED.iter().find(|(name, _)| before.ends_with(name))
        {
            return Some(Self { mark: *mark, form: Form::Named(name) });
        }
        let mark = *before.last().filter(|b| is_mark(**b))?;
        let slashes = before[..end - 1].iter().rev().take(DEEPEST + 1).take_while(|b| **b == b'\\').count();
        Some(Self { mark, form: Form::Escaped(slashes) })
    }

    pub(super) fn len(self) -> usize {
        match self.form {
            Form::Escaped(slashes) => slashes + 1,
            Form::Triple => 3,
            Form::Named(name) => name.len(),
        }
    }

    /// Where the text that this mark opened before `start` ends: the offset of the closing mark. A line end closes no
    /// text, unless three marks opened it; `None` also if the text goes on past `longest` bytes.
    pub(super) fn close(self, text: &[u8], start: usize, longest: usize) -> Option<usize> {
        let body = &text[start..text.len().min(start + longest + self.len())];
        match self.form {
            Form::Triple => memchr::memmem::find(body, &[self.mark; 3]).map(|at| start + at),
            Form::Named(name) => {
                let end = memchr::memmem::find(body, name)?;
                (!body[..end].contains(&b'\n')).then_some(start + end)
            }
            Form::Escaped(slashes) => self.close_escaped(body, slashes).map(|at| start + at),
        }
    }

    fn close_escaped(self, body: &[u8], slashes: usize) -> Option<usize> {
        let (mut at, mut run) = (0, 0);
        while let Some(byte) = body.get(at) {
            match *byte {
                b'\\' => run += 1,
                b'\n' => return None,
                mark if mark == self.mark => {
                    // `'it''s'` of YAML and SQL.
                    if slashes == 0 && mark == b'\'' && at > 0 && body.get(at + 1) == Some(&mark) {
                        at += 1;
                    } else if (slashes == 0 && run % 2 == 0) || (slashes > 0 && run <= slashes) {
                        return Some(at - run.min(slashes));
                    }
                    run = 0;
                }
                _ => run = 0,
            }
            at += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(text: &str) -> Option<&str> {
        let quote = Quote::at(text.as_bytes(), 0)?;
        let end = quote.close(text.as_bytes(), quote.len(), 100)?;
        Some(&text[quote.len()..end])
    }

    #[test]
    fn each_mark_is_closed_by_its_like() {
        for (text, expected) in [
            (r#""a b" c"#, Some("a b")),
            (r#""a\"b" c"#, Some(r#"a\"b"#)),
            (r#""a\\" c"#, Some(r"a\\")),
            (r#"\"a\" "b""#, Some("a")),
            (r#"\\\"a\\\" b"#, Some("a")),
            ("'it''s' x", Some("it''s")),
            ("'' x", Some("")),
            ("'''a'b''' c", Some("a'b")),
            ("&quot;a&quot;", Some("a")),
            ("%22a%22", Some("a")),
            ("\"a\nb\"", None),
            ("\"\"\"a\nb\"\"\"", Some("a\nb")),
            ("\"open", None),
        ] {
            assert_eq!(inside(text), expected, "{text}");
        }
    }
}
