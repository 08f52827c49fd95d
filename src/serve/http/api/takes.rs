//! What a parameter or a part of a path may be. It is checked before a route is asked, and the document that describes the
//! interface says the same.

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::findings::suppress::day;
use crate::report::{FORMATS, Format};

/// What somebody may write.
#[derive(Debug, Clone, Copy)]
pub(super) enum Takes {
    /// Anything.
    Text,
    /// One of these words.
    Words(&'static [&'static str]),
    /// The name of a format of reports.
    Format,
    /// A whole number from the one to the other.
    Number(i64, i64),
    /// The number of something that is kept.
    Id,
    /// The digest of a layer or an image.
    Digest,
    /// A fingerprint, or its first digits.
    Fingerprint,
    /// A day, or milliseconds since 1970.
    Moment,
    /// What a page gave as `next`: a number, …
    Next,
    /// … a number and what stands behind it, …
    NextOfTwo,
    /// … or a repository and what stands behind it.
    NextPlace,
}

/// Digits of a fingerprint: as many as tables show, and all of them.
const FINGERPRINT: std::ops::RangeInclusive<usize> = 12..=32;

/// Digits of a number that is given as `next` or as a time, at most.
const DIGITS: usize = 18;

/// What a part of a path takes, by the name that routes give it.
pub(super) fn of_part(name: &str) -> Takes {
    match name {
        "id" => Takes::Id,
        "digest" => Takes::Digest,
        "fingerprint" => Takes::Fingerprint,
        _ => Takes::Text,
    }
}

impl Takes {
    /// Why `text` is none of what `name` takes, if it is none.
    pub(super) fn check(self, name: &str, text: &str) -> Result<(), String> {
        let next = || format!("`{name}` is what a page gave as `next`");
        let right = |right: bool, why: &dyn Fn() -> String| if right { Ok(()) } else { Err(why()) };
        match self {
            Self::Text => Ok(()),
            Self::Words(words) => {
                right(words.contains(&text), &|| format!("`{name}` is one of {}", words.join(", ")))
            }
            Self::Format => right(Format::named(text).is_some(), &|| {
                format!("`{name}` is one of {}", formats().join(", "))
            }),
            Self::Number(least, most) => {
                let number = text.parse::<i64>().is_ok_and(|number| (least..=most).contains(&number));
                right(number, &|| format!("`{name}` is a number from {least} to {most}"))
            }
            Self::Id => right(text.parse::<i64>().is_ok_and(|number| number >= 0), &|| {
                format!("`{name}` is a number")
            }),
            Self::Digest => right(text.parse::<Digest>().is_ok(), &|| {
                format!("`{name}` is `sha256:` and 64 hexadecimal digits")
            }),
            Self::Fingerprint => {
                let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
                right(digits && FINGERPRINT.contains(&text.len()), &|| {
                    "a fingerprint is 32 hexadecimal digits, of which the first 12 are enough".to_owned()
                })
            }
            Self::Moment => right(is_number(text) || day(text).is_some(), &|| {
                format!("`{name}` is a day such as 2026-11-01, or a number of milliseconds since 1970")
            }),
            Self::Next => right(is_number(text), &next),
            Self::NextOfTwo => {
                let word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
                let both = text.split_once('-').is_some_and(|(number, rest)| is_number(number) && word(rest));
                right(both, &next)
            }
            Self::NextPlace => {
                let place = |(place, rest): (&str, &str)| {
                    !place.is_empty() && !rest.is_empty() && !rest.starts_with(' ')
                };
                right(text.split_once(' ').is_some_and(place), &next)
            }
        }
    }

    /// The same as a schema.
    pub(super) fn schema(self) -> Value {
        let pattern = |pattern: &str| json!({"type": "string", "pattern": pattern});
        match self {
            Self::Text => json!({"type": "string"}),
            Self::Words(words) => json!({"type": "string", "enum": words}),
            Self::Format => json!({"type": "string", "enum": formats()}),
            Self::Number(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
            Self::Id => json!({"type": "integer", "minimum": 0, "maximum": i64::MAX}),
            Self::Digest => pattern("^sha256:[0-9a-f]{64}$"),
            Self::Fingerprint => pattern("^[0-9A-Fa-f]{12,32}$"),
            Self::Moment => json!({
                "type": "string",
                "anyOf": [{"format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}, {"pattern": "^[0-9]{1,18}$"}]
            }),
            Self::Next => pattern("^[0-9]{1,18}$"),
            Self::NextOfTwo => pattern("^[0-9]{1,18}-[0-9A-Za-z]*$"),
            Self::NextPlace => pattern("^[^ ]+ [^ ]"),
        }
    }
}

fn formats() -> Vec<&'static str> {
    FORMATS.iter().map(|format| format.name).collect()
}

fn is_number(text: &str) -> bool {
    (1..=DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_described_is_what_is_checked() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let (short, long) = ("0123456789ab", "0".repeat(32));
        let texts = [
            "",
            " ",
            "0",
            "1",
            "7",
            "1000",
            "1001",
            "-1",
            "1.5",
            "999999999999999999",
            "9999999999999999999",
            "high",
            "HIGH",
            "json",
            "xml",
            &digest,
            &digest[..70],
            short,
            &short[1..],
            &long,
            "0123456789aBcDeF",
            "2026-11-01",
            "2026-13-01",
            "2026-02-30",
            "26-11-01",
            "7-0a",
            "7-",
            "-0a",
            "7-0a-",
            "r.example/app 1",
            "r.example/app ",
            " 1",
            "ä",
            "1\n",
        ];
        let all = [
            Takes::Text,
            Takes::Words(&["high", "low"]),
            Takes::Format,
            Takes::Number(1, 1000),
            Takes::Id,
            Takes::Digest,
            Takes::Fingerprint,
            Takes::Moment,
            Takes::Next,
            Takes::NextOfTwo,
            Takes::NextPlace,
        ];
        for takes in all {
            let schema = takes.schema();
            let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
            let is_number = schema["type"] == "integer";
            let mut right = 0;
            for text in texts {
                // A number in a query is written as JSON writes it.
                let number = text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number));
                let value = if is_number { number } else { json!(text) };
                let checked = takes.check("name", text);
                assert_eq!(checked.is_ok(), validator.is_valid(&value), "{takes:?} {text:?} {checked:?}");
                right += usize::from(checked.is_ok());
            }
            assert!(right > 0, "{takes:?}");
        }
    }
}
