//! Names of credentials, in the spellings of languages.

/// A provider's word and what is said of it: `flickr` and `api key`.
#[derive(Debug, Clone)]
pub(super) struct Name {
    owner: Vec<String>,
    part: Vec<String>,
}

/// What a credential is called beside its provider; the first that a rule asks for is taken.
const PARTS: &[&str] = &[
    "api_key",
    "access_token",
    "client_secret",
    "secret_key",
    "token",
    "secret",
    "password",
    "key",
    "auth_token",
    "webhook",
    "private_key",
    "account_key",
    "license_key",
    "app_id",
    "access_key",
];

impl Name {
    /// A name that says nothing.
    pub(super) fn neutral() -> Self {
        Self { owner: words("backend"), part: words("value") }
    }

    /// A name with a provider's word, and one of `and` unless that is empty.
    pub(super) fn keyed(word: &str, and: &[String]) -> Self {
        let says = |text: &str| and.is_empty() || and.iter().any(|wanted| text.contains(wanted.as_str()));
        // A word that is the whole name, such as `hex_api_key`, needs nothing more.
        if says(word) && ["key", "token", "secret", "pass"].iter().any(|noun| word.contains(noun)) {
            return Self { owner: words(word), part: Vec::new() };
        }
        let part = PARTS.iter().copied().find(|part| says(part)).or(and.first().map(String::as_str));
        Self { owner: words(word), part: words(part.unwrap_or("api_key")) }
    }

    /// A name of which the part says secret.
    pub(super) fn generic(word: &str) -> Self {
        Self { owner: words("orders"), part: words(word) }
    }

    /// Whether provider and part are words of their own.
    pub(super) fn is_split(&self) -> bool {
        !self.part.is_empty()
    }

    /// A template with the names in it.
    pub(super) fn fill(&self, template: &str) -> String {
        let whole: Vec<String> = self.owner.iter().chain(&self.part).cloned().collect();
        let mut text = template.to_owned();
        for (mark, spelling) in [
            ("{SNAKE}", whole.join("_").to_uppercase()),
            ("{snake}", whole.join("_")),
            ("{camel}", camel(&whole, false)),
            ("{Camel}", camel(&whole, true)),
            ("{kebab}", whole.join("-")),
            ("{Kebab}", whole.iter().map(|word| capital(word)).collect::<Vec<_>>().join("-")),
            ("{dot}", whole.join(".")),
            ("{word}", self.owner.join("_")),
            ("{wordCamel}", camel(&self.owner, false)),
            ("{Word}", camel(&self.owner, true)),
            ("{WORD}", self.owner.join("_").to_uppercase()),
            ("{host}", self.owner.join("-")),
            ("{part}", self.part.join("_")),
            ("{partCamel}", camel(&self.part, false)),
            ("{PartCamel}", camel(&self.part, true)),
            ("{PART}", self.part.join("_").to_uppercase()),
        ] {
            text = text.replace(mark, &spelling);
        }
        text
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(['_', '-', '.', ' ']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn camel(words: &[String], first: bool) -> String {
    let spelled = |(at, word): (usize, &String)| if at > 0 || first { capital(word) } else { word.clone() };
    words.iter().enumerate().map(spelled).collect()
}

fn capital(word: &str) -> String {
    let (head, tail) = word.split_at(word.len().min(1));
    head.to_uppercase() + tail
}
