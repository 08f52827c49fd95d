//! Content of the kinds that images are full of, with a known number of credentials in it.
//!
//! The kinds differ in what they cost the matcher: source and logs are full of words that rules look for, minified code
//! has lines without end, machine code has few letters, and the last kind is made of nothing but rules' literals.

use layersift::signature::RuleSet;
use layersift::signature::template::expand;

use super::random::Random;

/// A kind of content.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Source code.
    Source,
    /// JSON of short records, as package managers keep it.
    Json,
    /// Lines of a server's log.
    Logs,
    /// One line of short names and punctuation.
    Minified,
    /// Machine code with tables of strings.
    Binary,
    /// Bytes without any pattern, as in compressed files.
    Noise,
    /// Every literal of every rule, over and over, with nothing that matches a pattern: the worst case.
    Keywords,
}

/// Every kind.
pub(crate) const KINDS: [Kind; 7] =
    [Kind::Source, Kind::Json, Kind::Logs, Kind::Minified, Kind::Binary, Kind::Noise, Kind::Keywords];

/// Content and the credentials in it, in order.
pub(crate) struct Content {
    pub(crate) bytes: Vec<u8>,
    pub(crate) secrets: Vec<String>,
}

/// Bytes from one credential to the next.
pub(crate) const SPACING: usize = 1 << 20;

impl Kind {
    /// At least `size` bytes of this kind with a credential in the middle of every [`SPACING`] of them. Contents of
    /// different seeds differ.
    pub(crate) fn content(self, size: usize, seed: u64) -> Content {
        let mut random = Random::new(seed);
        let mut content = Content { bytes: Vec::with_capacity(size + 1024), secrets: Vec::new() };
        let literals = self.literals();
        let mut line = 0;
        while content.bytes.len() < size {
            if content.bytes.len() >= SPACING * content.secrets.len() + SPACING / 2 {
                content.plant(seed);
            }
            line += 1;
            self.line(&mut content.bytes, &mut random, line, &literals);
        }
        content
    }

    fn literals(self) -> Vec<Vec<u8>> {
        let all =
            || RuleSet::embedded().rules().iter().flat_map(|rule| rule.anchor().literals.clone()).collect();
        if matches!(self, Self::Keywords) { all() } else { Vec::new() }
    }

    fn line(self, out: &mut Vec<u8>, random: &mut Random, line: usize, literals: &[Vec<u8>]) {
        match self {
            Self::Source => source(out, random),
            Self::Json => json(out, random),
            Self::Logs => log(out, random, line),
            Self::Minified => minified(out, random),
            Self::Binary => binary(out, random),
            Self::Noise => {
                let start = out.len();
                out.resize(start + 4096, 0);
                random.fill(&mut out[start..]);
            }
            Self::Keywords => {
                // A prime step keeps the literals of one rule apart, which beside each other could make a match.
                out.extend_from_slice(&literals[line * 1009 % literals.len()]);
                out.extend_from_slice(b" ,\n");
            }
        }
    }
}

impl Content {
    fn plant(&mut self, seed: u64) {
        let seed = format!("bench {seed} {}", self.secrets.len());
        let secret = expand("ghp_{base62:30}{github-crc32}", &seed);
        self.bytes.extend_from_slice(format!("\nexport GITHUB_TOKEN={secret}\n").as_bytes());
        self.secrets.push(secret);
    }
}

/// Words of source code, the most usual first.
const WORDS: [&str; 96] = [
    "self",
    "return",
    "name",
    "value",
    "type",
    "data",
    "key",
    "path",
    "error",
    "result",
    "string",
    "file",
    "list",
    "index",
    "default",
    "options",
    "config",
    "args",
    "context",
    "request",
    "response",
    "client",
    "server",
    "node",
    "module",
    "import",
    "class",
    "object",
    "function",
    "parent",
    "children",
    "state",
    "event",
    "handler",
    "message",
    "status",
    "code",
    "length",
    "size",
    "count",
    "start",
    "end",
    "line",
    "token",
    "parser",
    "buffer",
    "stream",
    "encode",
    "decode",
    "header",
    "body",
    "content",
    "url",
    "host",
    "port",
    "user",
    "password",
    "session",
    "cookie",
    "cache",
    "query",
    "table",
    "column",
    "model",
    "field",
    "filter",
    "sort",
    "update",
    "delete",
    "create",
    "insert",
    "select",
    "commit",
    "branch",
    "version",
    "package",
    "require",
    "export",
    "async",
    "await",
    "promise",
    "callback",
    "timeout",
    "retry",
    "secret",
    "private",
    "public",
    "static",
    "access",
    "api",
    "auth",
    "credentials",
    "account",
    "region",
    "bucket",
    "endpoint",
];

fn word(random: &mut Random) -> &'static [u8] {
    random.pick(&WORDS).as_bytes()
}

fn put(out: &mut Vec<u8>, pieces: &[&[u8]]) {
    for piece in pieces {
        out.extend_from_slice(piece);
    }
}

fn source(out: &mut Vec<u8>, random: &mut Random) {
    let indent = &b"                "[..4 * random.below(5)];
    let (a, b, c, d) = (word(random), word(random), word(random), word(random));
    match random.below(6) {
        0 => put(out, &[indent, b"# The ", a, b" of the ", b, b" is not a ", c, b", see ", d, b".\n"]),
        1 => put(out, &[indent, b"def ", a, b"_", b, b"(self, ", c, b"=None):\n"]),
        2 => put(out, &[indent, b"if ", a, b".", b, b" is not None and ", c, b":\n"]),
        3 => put(out, &[indent, b"raise ValueError(\"unknown ", a, b" for ", b, b"\")\n"]),
        4 => put(out, &[indent, b"return ", a, b"(", b, b", ", c, b"[\"", d, b"\"])\n\n"]),
        _ => put(out, &[indent, a, b".", b, b" = self.", c, b"_", d, b"(", a, b")\n"]),
    }
}

fn json(out: &mut Vec<u8>, random: &mut Random) {
    let (a, b, c) = (word(random), word(random), word(random));
    let (major, minor) = (random.below(9).to_string(), random.below(40).to_string());
    put(out, &[b"    \"node_modules/@", a, b"/", b, b"-", c, b"\": {\n      \"version\": \""]);
    put(
        out,
        &[major.as_bytes(), b".", minor.as_bytes(), b".0\",\n      \"dev\": true,\n      \"peer\": { \""],
    );
    put(out, &[c, b"\": \"^", minor.as_bytes(), b".1.", major.as_bytes(), b"\" }\n    },\n"]);
}

fn log(out: &mut Vec<u8>, random: &mut Random, line: usize) {
    let (a, b, c) = (word(random), word(random), word(random));
    let at = format!("2024-03-0{}T{:02}:{:02}:07Z", 1 + line % 9, line % 24, line % 60);
    let end = format!(" {} {}ms\n", [200, 200, 304, 404][random.below(4)], random.below(900));
    put(out, &[at.as_bytes(), b" INFO ", a, b".", b, b" 10.0.0.7 GET /", a, b"/", c, b"?", b, b"=", c]);
    out.extend_from_slice(end.as_bytes());
}

fn minified(out: &mut Vec<u8>, random: &mut Random) {
    let (a, b) = (word(random), word(random));
    let letter = [b"abcdefghijklmnopqrstuvwxyz"[random.below(26)]];
    match random.below(4) {
        0 => put(out, &[&letter, b".", a, b"=function(e,t){return ", &letter, b"(e.", b, b",t)},"]),
        1 => put(out, &[b"if(!", &letter, b")throw Error(\"", a, b"\");"]),
        2 => put(out, &[b"var ", &letter, b"=n(", random.below(999).to_string().as_bytes(), b");"]),
        _ => put(out, &[a, b":", &letter, b"&&", &letter, b".", b, b"||{},"]),
    }
}

fn binary(out: &mut Vec<u8>, random: &mut Random) {
    /// Bytes that are frequent in x86-64 code.
    const OPCODES: [u8; 16] =
        [0x00, 0x48, 0x8b, 0xff, 0x89, 0x24, 0x0f, 0xe8, 0x4c, 0x8d, 0x85, 0xc0, 0x41, 0x83, 0x74, 0x5b];
    for _ in 0..3072 {
        let byte = match random.below(8) {
            0 => random.next().to_le_bytes()[0],
            _ => *random.pick(&OPCODES),
        };
        out.push(byte);
    }
    out.resize(out.len() + 256, 0);
    for _ in 0..48 {
        let (a, b) = (word(random), word(random));
        put(out, &[a, b"_", b, b"\0"]);
    }
}
