//! Regular expressions of Go (RE2) in the syntax of rules, which is that of the crate `regex` on bytes.
//!
//! Most of both is the same. What differs is rewritten so that it means the same: quoted runs (`\Q…\E`), octal escapes,
//! brackets and operators that mean themselves inside a class, braces that repeat nothing, angle brackets that Go lets be
//! escaped, letters and classes beyond ASCII. Which group is the credential is settled here too, because groups are
//! counted by their parentheses. What neither syntax has (look-around, references back) is refused with its reason.

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

/// A pattern that was rewritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Translated {
    /// The pattern. If it was given a group, that is `(?<secret>…)`, and no other has this name.
    pub(super) pattern: String,
    /// Groups that capture.
    pub(super) groups: usize,
}

/// Rewrites `pattern`; its capturing group number `secret`, counted from 1, becomes the group `secret`.
pub(super) fn translate(pattern: &str, secret: Option<usize>) -> Result<Translated, String> {
    let mut work = Work {
        rest: pattern.chars().peekable(),
        out: String::with_capacity(pattern.len()),
        groups: 0,
        secret,
    };
    while let Some(c) = work.rest.next() {
        work.outside(c)?;
    }
    Ok(Translated { pattern: work.out, groups: work.groups })
}

struct Work<'p> {
    rest: Peekable<Chars<'p>>,
    out: String,
    groups: usize,
    secret: Option<usize>,
}

/// A part of a class.
enum Item {
    Range(char, char),
    /// A class of its own in the syntax of rules, with its ASCII letters spelled out where that can be.
    Class {
        short: String,
        ascii: Option<&'static str>,
    },
    /// A class of Unicode.
    Unicode(String),
}

impl Work<'_> {
    fn outside(&mut self, c: char) -> Result<(), String> {
        match c {
            '\\' => self.escape(),
            '[' => self.class(),
            '(' => self.group(),
            '{' => {
                if self.repeats() {
                    self.out.push('{');
                } else {
                    self.out.push_str(r"\{");
                }
                Ok(())
            }
            '.' | '*' | '+' | '?' | '|' | ')' | '^' | '$' | '}' => {
                self.out.push(c);
                Ok(())
            }
            c => {
                self.literal(c);
                Ok(())
            }
        }
    }

    /// Whether what follows a `{` makes it a repetition: `3}`, `3,}` or `3,5}`.
    fn repeats(&self) -> bool {
        let inside: String = self.rest.clone().take(12).take_while(|c| *c != '}').collect();
        let closed = self.rest.clone().nth(inside.chars().count()) == Some('}');
        let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let (least, most) = inside.split_once(',').unwrap_or((&inside, ""));
        closed && number(least) && (most.is_empty() || number(most))
    }

    fn skip(&mut self, characters: usize) {
        for _ in 0..characters {
            self.rest.next();
        }
    }

    /// A character that means itself.
    fn literal(&mut self, c: char) {
        // What is an operator in classes alone means itself here.
        if "-&~#".contains(c) {
            self.out.push(c);
        } else if c.is_ascii() {
            push_ascii(&mut self.out, c);
        } else {
            let _ = write!(self.out, "(?u:{c})");
        }
    }

    fn escape(&mut self) -> Result<(), String> {
        let c = self.rest.next().ok_or("a backslash at its end")?;
        match c {
            'Q' => self.quoted(),
            'A' | 'z' | 'b' | 'B' | 'd' | 'D' | 's' | 'S' | 'w' | 'W' => {
                self.out.push('\\');
                self.out.push(c);
            }
            'p' | 'P' => {
                let class = self.unicode(c)?;
                let _ = write!(self.out, "(?u:{class})");
            }
            c => {
                let c = self.escaped(c)?;
                self.literal(c);
            }
        }
        Ok(())
    }

    /// What stands between `\Q` and `\E`, or the end.
    fn quoted(&mut self) {
        while let Some(c) = self.rest.next() {
            if c == '\\' && self.rest.peek() == Some(&'E') {
                self.rest.next();
                return;
            }
            self.literal(c);
        }
    }

    /// The character that an escape stands for, inside of a class and outside.
    fn escaped(&mut self, c: char) -> Result<char, String> {
        Ok(match c {
            'a' => '\u{7}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            'x' => return self.hexadecimal(),
            '1'..='7' if !matches!(self.rest.peek(), Some('0'..='7')) => {
                return Err(format!("`\\{c}` refers to a group before it, which no such engine can do"));
            }
            '0'..='7' => {
                let mut value = u32::from(c) - u32::from('0');
                for _ in 0..2 {
                    let Some(digit) = self.rest.peek().and_then(|c| c.to_digit(8)) else { break };
                    value = value * 8 + digit;
                    self.rest.next();
                }
                char::from_u32(value).ok_or("an octal escape of no character")?
            }
            c if c.is_ascii_alphanumeric() => return Err(format!("there is no escape `\\{c}`")),
            c => c,
        })
    }

    fn hexadecimal(&mut self) -> Result<char, String> {
        let digits: String = if self.rest.peek() == Some(&'{') {
            self.rest.next();
            let digits = self.rest.clone().take(8).take_while(char::is_ascii_hexdigit).collect::<String>();
            self.skip(digits.len() + 1);
            digits
        } else {
            (0..2).filter_map(|_| self.rest.next_if(char::is_ascii_hexdigit)).collect()
        };
        let value = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
        value.ok_or_else(|| "`\\x` without the number of a character".to_owned())
    }

    /// A class by its Unicode name, after `\p` or `\P`.
    fn unicode(&mut self, letter: char) -> Result<String, String> {
        let first = self.rest.next().ok_or("`\\p` without a name")?;
        let name: String = if first == '{' {
            let name: String = self.rest.clone().take_while(|c| *c != '}').collect();
            self.skip(name.chars().count() + 1);
            name
        } else {
            first.into()
        };
        let (negated, name) = name.strip_prefix('^').map_or((false, name.as_str()), |name| (true, name));
        let letter = if (letter == 'P') ^ negated { 'P' } else { 'p' };
        Ok(format!("\\{letter}{{{name}}}"))
    }

    fn group(&mut self) -> Result<(), String> {
        let ahead: String = self.rest.clone().take(4).collect();
        let starts = |start: &str| ahead.starts_with(start);
        if ["?=", "?!", "?<=", "?<!"].iter().any(|start| starts(start)) {
            return Err("it looks ahead or behind, which no such engine can do".into());
        }
        if !starts("?") || starts("?P<") || starts("?<") {
            let mut name = String::new();
            if starts("?") {
                self.rest.by_ref().find(|c| *c == '<');
                name = self.rest.by_ref().take_while(|c| *c != '>').collect();
            }
            self.groups += 1;
            if self.secret == Some(self.groups) {
                self.out.push_str("(?<secret>");
            } else if name.is_empty() || name == "secret" {
                self.out.push_str("(?:");
            } else {
                let _ = write!(self.out, "(?<{name}>");
            }
            return Ok(());
        }
        // Flags, which are the same in both.
        self.out.push('(');
        while let Some(c) = self.rest.next_if(|c| matches!(c, '?' | 'i' | 'm' | 's' | 'U' | '-')) {
            self.out.push(c);
        }
        match self.rest.next() {
            Some(c @ (':' | ')')) => self.out.push(c),
            _ => return Err("a group with flags that there are not".into()),
        }
        Ok(())
    }

    fn class(&mut self) -> Result<(), String> {
        let negated = self.rest.next_if_eq(&'^').is_some();
        let mut items = Vec::new();
        loop {
            match self.rest.peek() {
                None => return Err("a class that is not closed".into()),
                Some(']') if !items.is_empty() => break,
                Some(_) => items.push(self.item()?),
            }
        }
        self.rest.next();
        self.write_class(negated, &items);
        Ok(())
    }

    fn item(&mut self) -> Result<Item, String> {
        let c = self.rest.next().ok_or("a class that is not closed")?;
        if c == '[' && self.rest.peek() == Some(&':') {
            let name: String = self.rest.clone().skip(1).take_while(|c| *c != ':').take(12).collect();
            let behind: String = self.rest.clone().skip(1 + name.chars().count()).take(2).collect();
            if behind == ":]" {
                self.skip(name.chars().count() + 3);
                return Ok(Item::Class { short: format!("[:{name}:]"), ascii: None });
            }
        }
        let low = match (c, self.rest.peek().copied()) {
            ('\\', Some(letter @ ('d' | 's' | 'w' | 'D' | 'S' | 'W'))) => {
                self.rest.next();
                let ascii = match letter {
                    'd' => Some("0-9"),
                    's' => Some(r"\t\n\f\r\x20"),
                    'w' => Some("0-9A-Za-z_"),
                    _ => None,
                };
                return Ok(Item::Class { short: format!("\\{letter}"), ascii });
            }
            ('\\', Some(letter @ ('p' | 'P'))) => {
                self.rest.next();
                return Ok(Item::Unicode(self.unicode(letter)?));
            }
            (c, _) => self.member(c)?,
        };
        let mut ahead = self.rest.clone();
        if ahead.next() != Some('-') || matches!(ahead.next(), None | Some(']')) {
            return Ok(Item::Range(low, low));
        }
        self.rest.next();
        let c = self.rest.next().ok_or("a class that is not closed")?;
        let high = self.member(c)?;
        if high < low {
            return Err(format!("a range that runs backwards, from `{low}` to `{high}`"));
        }
        Ok(Item::Range(low, high))
    }

    fn member(&mut self, c: char) -> Result<char, String> {
        match c {
            '\\' => {
                let c = self.rest.next().ok_or("a backslash at its end")?;
                self.escaped(c)
            }
            c => Ok(c),
        }
    }

    fn write_class(&mut self, negated: bool, items: &[Item]) {
        let wide = items.iter().any(|item| match item {
            Item::Range(_, high) => !high.is_ascii(),
            Item::Unicode(_) => true,
            Item::Class { .. } => false,
        });
        let out = &mut self.out;
        out.push_str(if wide { "(?u:[" } else { "[" });
        out.push_str(if negated { "^" } else { "" });
        for item in items {
            match item {
                Item::Range(low, high) => {
                    push_member(out, *low);
                    if high != low {
                        out.push('-');
                        push_member(out, *high);
                    }
                }
                Item::Class { ascii: Some(ascii), .. } if wide => out.push_str(ascii),
                Item::Class { short, .. } if wide && !short.starts_with('[') => {
                    let ascii = match short.as_str() {
                        r"\D" => "[^0-9]",
                        r"\S" => r"[^\t\n\f\r\x20]",
                        _ => "[^0-9A-Za-z_]",
                    };
                    out.push_str(ascii);
                }
                Item::Class { short, .. } | Item::Unicode(short) => out.push_str(short),
            }
        }
        out.push_str(if wide { "])" } else { "]" });
    }
}

fn push_member(out: &mut String, c: char) {
    if c.is_ascii() { push_ascii(out, c) } else { out.push(c) }
}

fn push_ascii(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str(r"\n"),
        '\r' => out.push_str(r"\r"),
        '\t' => out.push_str(r"\t"),
        c if c.is_ascii_control() => {
            let _ = write!(out, r"\x{:02x}", u32::from(c));
        }
        c => {
            if regex_syntax::is_meta_character(c) {
                out.push('\\');
            }
            out.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::automaton::compile_pattern;
    use super::*;

    fn pattern(go: &str) -> String {
        translate(go, None).unwrap().pattern
    }

    /// Each row: a pattern of Go, what it matches whole, and what it does not, by the documentation of RE2's syntax.
    const MEANINGS: &[(&str, &[&str], &[&str])] = &[
        (r"\Qa.b*\Ec", &["a.b*c"], &["axbbc"]),
        (r"\Qa.b", &["a.b"], &["axb"]),
        (r"a\<b\>c", &["a<b>c"], &["abc"]),
        (r"\101\x42\x{43}", &["ABC"], &["101"]),
        (r"a{,3}", &["a{,3}"], &["aaa"]),
        (r"a{2}{x}", &["aa{x}"], &["aax"]),
        (r"{{[a-z]+}}", &["{{abc}}"], &["abc"]),
        (r"[[a]+", &["[a["], &["b"]),
        (r"[]a]+", &["]a"], &["b"]),
        (r"[^]a]", &["b"], &["]", "a"]),
        (r"[a&&b]+", &["a&b"], &["c"]),
        (r"[a~~b]+", &["a~b"], &["c"]),
        (r"[!--]+", &["!#-"], &["a"]),
        (r"[\w.-]+", &["a-b.c_"], &["a b"]),
        (r"[\d-]+", &["1-2"], &["a"]),
        (r"[[:alpha:]_]+", &["ab_"], &["1"]),
        (r"[[:^alpha:]]+", &["12"], &["a"]),
        (r"é+", &["éé"], &["e"]),
        (r"[é-ü]", &["ö"], &["o"]),
        (r"(?i)É", &["é"], &["e"]),
        (r"[^é]", &["e"], &["é"]),
        (r"\pL\p{Greek}\PN", &["aαb"], &["1αb", "aab"]),
        (r"\p{^L}", &["1"], &["a"]),
        (r"[\p{L}\d]+", &["aé1"], &["-"]),
        (r"[\pL\W]", &["a", "-"], &["1"]),
        (r"a b#c", &["a b#c"], &["ab"]),
        (r"\A(?P<x>a)(?<y>b)\z", &["ab"], &["a"]),
        (r"(?i:a)(?s-i:b.)", &["Ab\n"], &["AB\n"]),
        (r"\-\_\/\@\ ", &["-_/@ "], &["a"]),
        (r"[\x60\x27]", &["`", "'"], &["a"]),
    ];

    #[test]
    fn every_pattern_means_what_it_meant() {
        for (go, matching, other) in MEANINGS {
            let pattern = pattern(go);
            let regex = compile_pattern(&format!("^(?:{pattern})$"))
                .unwrap_or_else(|error| panic!("{go} became {pattern}: {error}"));
            for text in *matching {
                assert!(
                    regex.is_match(text.as_bytes()),
                    "{go} became {pattern}, which does not match {text}"
                );
            }
            for text in *other {
                assert!(!regex.is_match(text.as_bytes()), "{go} became {pattern}, which matches {text}");
            }
        }
    }

    #[test]
    fn groups_are_counted_by_their_parentheses() {
        let one = translate(r"(?i)\((a)[(](?:b)(?P<secret>c)(?P<n>d)", Some(2)).unwrap();
        assert_eq!(one.groups, 3);
        assert_eq!(one.pattern, r"(?i)\((?:a)[\(](?:b)(?<secret>c)(?<n>d)");
        assert_eq!(translate("(?P<secret>a)", None).unwrap().pattern, "(?:a)");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_pattern_or_refused(go in r"[\\\[\]{}()?:<>P^$.*+|&~\-,0-9a-zA-Zé ]{0,40}") {
            for group in [None, Some(1)] {
                if let Ok(translated) = translate(&go, group) {
                    // Whether it is one is said by who parses it.
                    let _ = super::super::super::pattern::parse_pattern(&translated.pattern);
                }
            }
        }
    }

    #[test]
    fn what_neither_has_is_refused_with_its_reason() {
        let error = |go: &str| translate(go, None).unwrap_err();
        for go in ["a(?=b)", "a(?!b)", "(?<=a)b", "(?<!a)b"] {
            assert!(error(go).contains("looks ahead or behind"), "{go}");
        }
        assert!(error(r"(a)\1").contains("refers to a group"));
        assert!(error(r"\y").contains("no escape"));
        assert!(error("[a").contains("not closed"));
        assert!(error("[b-a]").contains("backwards"));
        assert!(error("(?x)a").contains("flags"));
        assert!(error("a\\").contains("backslash"));
    }
}
