//! What kind of text a pair stands in, told by the file's name and by the lines around the pair.

use crate::matcher::words::Words;

/// What kind of text a pair stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Setting {
    /// A variable of the environment, an argument of a build, a label.
    Environment,
    /// A configuration file: YAML, JSON, INI, XML, properties, `.env`.
    Config,
    /// A script or a command line of a shell.
    Shell,
    /// The source of a program.
    Source,
    /// A program whose names and lines were shortened, or a binary.
    Minified,
    /// A manual, a readme, a translation, an example that came with a package.
    Documentation,
    /// A note or a readme of one's own: what it says may be in use.
    Prose,
    /// Not known.
    #[default]
    Unknown,
}

static CONFIG: Words = Words::new(
    "yaml yml json ini cfg conf config properties toml xml env tfvars tfstate hcl tf plist reg cnf rc npmrc \
    netrc pypirc service desired settings repo list sources ovpn pgpass htpasswd credentials auth envrc dockercfg gradle",
);
static SHELL: Words = Words::new(
    "sh bash zsh ksh fish ps1 psm1 bat cmd dockerfile containerfile mk makefile fish exp profile bashrc zshrc history \
    bash_history zsh_history ash_history",
);
static SOURCE: Words = Words::new(
    "py pyi js mjs cjs jsx ts tsx java kt kts scala groovy go rs c h cc cpp hpp cxx m mm cs vb fs php phtml rb \
    erb pl pm t lua r jl swift dart ex exs erl hs clj sql vue svelte html htm jsp asp aspx cshtml coffee proto graphql pyx \
    ipynb ejs hbs tpl jinja j2 css scss less tcl el vim pyc class so",
);
static PROSE: Words = Words::new("md markdown rst adoc txt csv eml org wiki");
static DOCUMENTATION: Words = Words::new(
    "1 2 3 4 5 6 7 8 pod html htm man texi info po pot mo xlf xliff example \
    sample tmpl template dist map tex",
);

/// Folders of texts for people.
const FOLDERS: &str =
    "share/doc/ share/man/ /examples/ /example/ share/info/ /locale/ /locales/ /i18n/ /lang/ /translations/";

/// Words of paths of what shows how something is done.
static EXAMPLES: Words = Words::new("example examples sample samples tutorial tutorials quickstart");

/// Folders of texts that came with a package if that is where they stand.
const MANUALS: &str = "/docs/ /doc/";

impl Setting {
    /// The kind of the text around `at`, of a file of that path. A text of an image that is of no file is a step, a
    /// command or a label, however long its line is.
    pub fn of(path: Option<&[u8]>, text: &[u8], at: usize) -> Self {
        let Some(path) = path else {
            return Self::Shell;
        };
        Self::of_path(path).at(text, at)
    }

    /// The kind of the text around `at`, of a file whose path tells this.
    #[must_use]
    pub fn at(self, text: &[u8], at: usize) -> Self {
        match self {
            Self::Source | Self::Unknown | Self::Prose if long_line(text, at) || binary(text, at) => {
                Self::Minified
            }
            Self::Source if quoted_session(text, at) => Self::Documentation,
            other => other,
        }
    }

    /// Whether a file of that path is one of tests.
    pub fn tested(path: &[u8]) -> bool {
        tested(&path[path.len().saturating_sub(512)..].to_ascii_lowercase())
    }

    /// The kind that a file's path tells.
    pub fn of_path(path: &[u8]) -> Self {
        let lower = path[path.len().saturating_sub(512)..].to_ascii_lowercase();
        let file = lower.rsplit(|b| *b == b'/').next().unwrap_or_default();
        let has = |part: &str| memchr::memmem::find(&lower, part.as_bytes()).is_some();
        let begins = |heads: &[&[u8]]| heads.iter().any(|head| file.starts_with(head));
        if begins(&[b".env", b"env."]) && !file.ends_with(b"example") && !file.ends_with(b"sample") {
            return Self::Config;
        }
        let told = begins(&[b"changelog", b"changes", b"news", b"copying", b"license"])
            || (begins(&[b"readme"]) && vendored(&lower))
            || matches!(file, b"metadata" | b"pkg-info")
            || has_word(&lower, &EXAMPLES);
        let shipped = || tested(&lower) || MANUALS.split_ascii_whitespace().any(has);
        if told || FOLDERS.split_ascii_whitespace().any(has) || (vendored(&lower) && shipped()) {
            return Self::Documentation;
        }
        let extension = file.iter().rposition(|b| *b == b'.').map_or(file, |dot| &file[dot + 1..]);
        if SHELL.has(extension) || begins(&[b"dockerfile", b"makefile"]) {
            Self::Shell
        } else if SOURCE.has(extension) {
            Self::Source
        } else if CONFIG.has(extension) {
            Self::Config
        } else if PROSE.has(extension) && !vendored(&lower) {
            Self::Prose
        } else if DOCUMENTATION.has(extension) || PROSE.has(extension) {
            Self::Documentation
        } else if settings(&lower, file) {
            Self::Config
        } else {
            Self::Unknown
        }
    }
}

/// Whether a file without a known ending is one of settings: of the system, or of a home (`.flaskenv`, `.mailrc`).
fn settings(lower: &[u8], file: &[u8]) -> bool {
    let system = lower.starts_with(b"etc/") || memchr::memmem::find(lower, b"/etc/").is_some();
    let dotted = file.starts_with(b".") && (file.ends_with(b"rc") || file.ends_with(b"env"));
    system || dotted
}

/// Whether a path is one of a tree in which packages are installed.
fn vendored(lower: &[u8]) -> bool {
    const TREES: &str = "site-packages/ dist-packages/ node_modules/ /vendor/ vendored/ usr/lib/ usr/share/ /gems/ \
        third_party/ registry/src/";
    TREES.split_ascii_whitespace().any(|tree| memchr::memmem::find(lower, tree.as_bytes()).is_some())
}

/// Whether one of `words` stands between the separators of a path.
fn has_word(lower: &[u8], words: &Words) -> bool {
    let separator = |b: &u8| matches!(b, b'/' | b'_' | b'-' | b'.');
    lower.split(separator).any(|part| words.has(part))
}

/// Whether a path is one of tests.
fn tested(lower: &[u8]) -> bool {
    static WORDS: Words =
        Words::new("test tests testing testdata fixtures fixture spec specs mocks cassettes");
    has_word(lower, &WORDS)
}

/// Bytes to each side in which a line end is looked for.
const LINE: usize = 200;

/// Whether `at` stands in a line that is longer than people write.
fn long_line(text: &[u8], at: usize) -> bool {
    let at = at.min(text.len());
    let (before, after) = (&text[at.saturating_sub(LINE)..at], &text[at..text.len().min(at + LINE)]);
    let ends = |part: &[u8]| part.len() < LINE || part.contains(&b'\n');
    !ends(before) && !ends(after)
}

/// Whether bytes that are no text stand close to `at`.
fn binary(text: &[u8], at: usize) -> bool {
    let at = at.min(text.len());
    // All of them are looked at: that takes many at a time.
    let near = &text[at.saturating_sub(LINE)..text.len().min(at + LINE)];
    near.iter().fold(false, |any, b| any | matches!(b, 0..=8 | 14..=26))
}

/// Whether the line of `at` is one of a session in the comments of a program: `>>> x`, ` * x`.
fn quoted_session(text: &[u8], at: usize) -> bool {
    let before = &text[at.saturating_sub(LINE).min(text.len())..at.min(text.len())];
    let line = before.rsplit(|b| *b == b'\n').next().unwrap_or_default().trim_ascii_start();
    [&b">>> "[..], b"... ", b"* ", b"/// ", b"//! "].iter().any(|mark| line.starts_with(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_tell_the_kind() {
        for (path, setting) in [
            ("app/config.yaml", Setting::Config),
            ("app/.env", Setting::Config),
            ("app/.env.production", Setting::Config),
            ("app/.env.example", Setting::Documentation),
            ("usr/share/doc/x/config.yaml", Setting::Documentation),
            ("app/README.md", Setting::Prose),
            ("usr/lib/node_modules/x/README.md", Setting::Documentation),
            ("srv/passwords.txt", Setting::Prose),
            ("data/iam/examples-1.json", Setting::Documentation),
            ("usr/lib/python3/dist-packages/x/tests/test_a.py", Setting::Documentation),
            ("srv/main.py", Setting::Source),
            ("root/.bashrc", Setting::Shell),
            ("build/Dockerfile.prod", Setting::Shell),
            ("root/.netrc", Setting::Config),
            ("usr/bin/tool", Setting::Unknown),
        ] {
            assert_eq!(Setting::of_path(path.as_bytes()), setting, "{path}");
        }
    }

    #[test]
    fn a_long_line_of_a_program_is_minified() {
        let text = "a".repeat(1000);
        assert_eq!(Setting::of(Some(b"x.js"), text.as_bytes(), 500), Setting::Minified);
        assert_eq!(Setting::of(Some(b"x.json"), text.as_bytes(), 500), Setting::Config);
        assert_eq!(Setting::of(Some(b"x.js"), text.as_bytes(), 50), Setting::Source);
        assert_eq!(Setting::of(None, text.as_bytes(), 500), Setting::Shell);
    }
}
