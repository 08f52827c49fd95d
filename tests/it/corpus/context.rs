//! The surroundings in which credentials stand in files, as templates.
//!
//! `{S}` is the credential. `{SNAKE}`, `{snake}`, `{camel}`, `{Camel}`, `{kebab}` and `{dot}` are the whole name in the
//! spellings of languages; `{word}`, `{Word}`, `{WORD}` the provider alone, `{part}`, `{partCamel}`, `{PART}` the rest.

use super::name::Name;

/// Which credentials stand in a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// Any: the name stands right before the value.
    All,
    /// Those that speak for themselves: there is no name.
    Tokens,
    /// Those that need their provider's word: it stands in the same assignment, call or address, but not in the name.
    Keyed,
}

/// How the text becomes bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Crlf,
    Utf16 {
        big: bool,
    },
    /// In the middle of one line of 20 kB.
    LongLine,
}

pub(super) struct Context {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    pub(super) text: &'static str,
    pub(super) wanted: For,
    pub(super) form: Form,
    /// Letters that a credential cannot have here as they are.
    forbids: &'static str,
}

/// Letters that a shell, an unquoted line, a string or an address would take for its own.
const BARE: &str = " \t\n\"'`#$&;|<>(){}[],\\*!";
const LINE: &str = "\n\"'`#;\\";
const DOUBLE: &str = "\n\"\\$`";
const SINGLE: &str = "\n'\\";
const ESCAPED: &str = "\n\"'\\$`";
const MARKUP: &str = "\n<>&\"";
const URL: &str = " \t\n\"'`#$&;|<>(){}[],\\*!+/=%?:@^~";

const fn plain(name: &'static str, path: &'static str, forbids: &'static str, text: &'static str) -> Context {
    Context { name, path, text, wanted: For::All, form: Form::Plain, forbids }
}

impl Context {
    const fn wanted(self, wanted: For) -> Self {
        Self { wanted, ..self }
    }

    const fn form(self, form: Form) -> Self {
        Self { form, ..self }
    }

    /// The text with a credential in it, unless it would have to be written differently here.
    pub(super) fn fill(&self, name: &Name, secret: &str) -> Option<Vec<u8>> {
        if secret.contains(|letter| self.forbids.contains(letter)) {
            return None;
        }
        let text = name.fill(self.text).replace("{S}", secret);
        Some(encode(text, self.form))
    }
}

/// The bytes of a text in a form.
pub(super) fn encode(text: String, form: Form) -> Vec<u8> {
    match form {
        Form::Plain => text.into_bytes(),
        Form::Crlf => text.replace('\n', "\r\n").into_bytes(),
        Form::Utf16 { big } => text
            .encode_utf16()
            .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect(),
        Form::LongLine => {
            let filler = "{\"id\":1,\"title\":\"entry of a list\",\"tags\":[\"a\",\"b\"]},".repeat(190);
            format!("[{filler}{text},{filler}null]").into_bytes()
        }
    }
}

pub(super) const CONTEXTS: &[Context] = &[
    plain("env", "app/.env", BARE, "NODE_ENV=production\n{SNAKE}={S}\nPORT=8080\n"),
    plain("env quoted", "app/.env.prod", DOUBLE, "PORT=8080\n{SNAKE}=\"{S}\"\n"),
    plain("export", "opt/start.sh", SINGLE, "#!/bin/sh\nexport {SNAKE}='{S}'\nexec ./server\n"),
    plain(
        "JSON",
        "app/config.json",
        DOUBLE,
        "{\n  \"port\": 80,\n  \"{camel}\": \"{S}\",\n  \"debug\": false\n}\n",
    ),
    plain("JSON in one line", "app/a.json", DOUBLE, "{\"port\":80,\"{snake}\":\"{S}\",\"debug\":false}"),
    plain("YAML", "app/config.yaml", LINE, "server:\n  port: 80\n  {snake}: {S}\n  debug: false\n"),
    plain("YAML quoted", "app/values.yml", DOUBLE, "{camel}: \"{S}\"\nreplicas: 2\n"),
    plain("TOML", "app/config.toml", DOUBLE, "[server]\n{snake} = \"{S}\"\nport = 80\n"),
    plain("INI", "etc/app.ini", LINE, "[server]\n{snake} = {S}\ndebug = no\n"),
    plain("properties", "app/application.properties", LINE, "server.port=80\n{dot}={S}\n"),
    plain("Python", "srv/settings.py", DOUBLE, "import os\n\n{SNAKE} = \"{S}\"\n\ndef main():\n    pass\n"),
    plain("Python argument", "srv/a.py", SINGLE, "client = connect(url, {snake}='{S}', timeout=30)\n"),
    plain("Python default", "srv/b.py", DOUBLE, "x = os.environ.get(\"{SNAKE}\", \"{S}\")\n"),
    plain("Python item", "srv/c.py", SINGLE, "os.environ['{SNAKE}'] = '{S}'\n"),
    plain("Go constant", "src/main.go", DOUBLE, "package main\n\nconst {camel} = \"{S}\"\n"),
    plain("Go field", "src/config.go", DOUBLE, "cfg := Config{\n\t{Camel}: \"{S}\",\n}\n"),
    plain("JavaScript", "srv/index.js", SINGLE, "const {camel} = '{S}';\n"),
    plain("TypeScript object", "srv/config.ts", ESCAPED, "export const config = {\n  {camel}: `{S}`,\n};\n"),
    plain("JavaScript default", "srv/env.js", SINGLE, "const v = process.env.{SNAKE} || '{S}';\n"),
    plain("Java", "src/App.java", DOUBLE, "private static final String {SNAKE} = \"{S}\";\n"),
    plain("Kotlin", "src/App.kt", DOUBLE, "const val {SNAKE} = \"{S}\"\n"),
    plain("PHP array", "srv/config.php", SINGLE, "<?php\nreturn [\n    '{snake}' => '{S}',\n];\n"),
    plain("PHP define", "srv/a.php", SINGLE, "<?php\ndefine('{SNAKE}', '{S}');\n"),
    plain("C#", "src/App.cs", DOUBLE, "public const string {Camel} = \"{S}\";\n"),
    plain("Ruby", "srv/app.rb", SINGLE, "Client.configure do |config|\n  config.{snake} = '{S}'\nend\n"),
    plain("Rust", "src/main.rs", DOUBLE, "const {SNAKE}: &str = \"{S}\";\n"),
    plain("option", "opt/deploy.sh", BARE, "./deploy --{kebab} {S} --verbose\n"),
    plain("option with sign", "opt/run.sh", BARE, "./deploy --{kebab}={S} --verbose\n"),
    plain("set before command", "opt/job.sh", BARE, "{SNAKE}={S} ./job --all\n"),
    plain("Dockerfile ENV", "build/Dockerfile", BARE, "FROM debian\nENV {SNAKE}={S} PORT=80\n"),
    plain("Dockerfile ENV of old", "src/Dockerfile", BARE, "FROM debian\nENV {SNAKE} {S}\n"),
    plain("Dockerfile ARG", "Dockerfile", BARE, "ARG {SNAKE}={S}\nRUN make\n"),
    plain("Dockerfile RUN", "a/Dockerfile", BARE, "RUN {SNAKE}={S} make install && make clean\n"),
    plain(
        "compose",
        "docker-compose.yml",
        BARE,
        "services:\n  web:\n    environment:\n      - {SNAKE}={S}\n",
    ),
    plain(
        "Kubernetes",
        "deploy.yaml",
        DOUBLE,
        "        env:\n        - name: {SNAKE}\n          value: \"{S}\"\n",
    ),
    plain("Terraform", "main.tf", DOUBLE, "resource \"x\" \"y\" {\n  {snake} = \"{S}\"\n}\n"),
    plain("helm --set", "opt/helm.sh", BARE, "helm upgrade app ./chart --set {dot}={S}\n"),
    plain("XML element", "conf/app.xml", MARKUP, "<config>\n  <{camel}>{S}</{camel}>\n</config>\n"),
    plain("XML attribute", "conf/b.xml", MARKUP, "<client {camel}=\"{S}\" retries=\"3\"/>\n"),
    plain("XML add", "web.config", MARKUP, "<add key=\"{Camel}\" value=\"{S}\" />\n"),
    plain("plist", "a.plist", MARKUP, "<key>{Camel}</key>\n<string>{S}</string>\n"),
    plain("log", "var/log/app.log", BARE, "2026-11-02T10:00:00Z INFO starting {snake}={S} retries=3\n"),
    plain("URL parameter", "srv/access.log", URL, "GET https://service.io/v1/items?{snake}={S}&limit=10\n"),
    plain("header", "opt/request.http", LINE, "GET / HTTP/1.1\nHost: service.io\nX-{Kebab}: {S}\n\n")
        .form(Form::Crlf),
    plain("curl header", "opt/a.sh", DOUBLE, "curl -s -H \"X-{Kebab}: {S}\" https://service.io/v1\n"),
    plain("curl data", "opt/b.sh", ESCAPED, "curl -d '{\"{camel}\":\"{S}\"}' https://service.io/v1\n"),
    plain("minified", "srv/app.min.js", DOUBLE, MINIFIED),
    plain("CRLF", "app/win.env", BARE, "A=1\n{SNAKE}={S}\nB=2\n").form(Form::Crlf),
    plain("UTF-16 LE", "app/w.json", DOUBLE, "{\"{camel}\": \"{S}\"}\n").form(Form::Utf16 { big: false }),
    plain("UTF-16 BE", "app/w.ini", LINE, "[a]\n{snake} = {S}\nb = c\n").form(Form::Utf16 { big: true }),
    plain("long line", "app/d.json", DOUBLE, "{\"{camel}\":\"{S}\",\"n\":1}").form(Form::LongLine),
    plain("end without newline", "run/env", BARE, "{SNAKE}={S}"),
    plain("JSON in JSON", "a/b.json", ESCAPED, "{\"body\":\"{\\\"{camel}\\\":\\\"{S}\\\",\\\"n\\\":1}\"}\n"),
    plain("escaped line ends", "a/c.json", BARE, "{\"env\":\"HOST=a\\n{SNAKE}={S}\\nPORT=1\"}\n"),
    plain("percent-encoded", "a/d.log", URL, "GET /login?next=%2Fa%3F{snake}%3D{S}%26page%3D1 200\n"),
    plain("unicode escapes", "a/e.json", BARE, "{\"url\":\"a?{snake}\\u003d{S}\\u0026b\\u003d1\"}\n"),
    plain("Markdown", "app/NOTES.md", BARE, "Then set `{SNAKE}={S}` and start it.\n"),
    plain("SQL insert", "db/seed.sql", SINGLE, "INSERT INTO settings VALUES ('{snake}', '{S}');\n"),
    plain("HTML", "srv/a.html", MARKUP, "<input type=\"hidden\" name=\"{snake}\" value=\"{S}\">\n"),
    plain("CSV", "db/a.csv", BARE, "name,value\n{snake},{S}\nother,1\n"),
    plain("text", "app/a.log", " \n", "the new one is {S} since today\n").wanted(For::Tokens),
    plain("line alone", "run/token", "\n", "{S}\n").wanted(For::Tokens),
    plain("whole file", "run/value", "", "{S}").wanted(For::Tokens),
    plain("URL path", "srv/b.log", URL, "POST https://service.io/v1/{S}/send\n").wanted(For::Tokens),
    plain("userinfo", "srv/c.log", URL, "git clone https://{S}@service.io/a.git\n").wanted(For::Tokens),
    plain("bearer", "srv/d.py", DOUBLE, "h = {\"Authorization\": \"Bearer {S}\"}\n").wanted(For::Tokens),
    plain("between zeros", "usr/bin/app", "\n", "\0\0name\0{S}\0\0next\0").wanted(For::Tokens),
    plain("glued to \\n", "a/f.json", ESCAPED, "{\"a\":\"one\\n{S}\\ntwo\"}").wanted(For::Tokens),
    plain("glued to \\t", "a/g.json", ESCAPED, "{\"a\":\"one\\t{S}\\ttwo\"}").wanted(For::Tokens),
    plain("glued to \\u003d", "a/h.json", BARE, "{\"a\":\"x\\u003d{S}\\u0026y\"}").wanted(For::Tokens),
    plain("glued to %3D", "a/i.log", URL, "GET /a%3D{S}%26b 200\n").wanted(For::Tokens),
    plain("in brackets", "a/j.log", BARE, "the key ({S}), [{S}] and <{S}>.\n").wanted(For::Tokens),
    plain("nested YAML", "app/n.yaml", LINE, "{word}:\n  enabled: true\n  {part}: {S}\n").wanted(For::Keyed),
    plain("nested YAML camel", "b.yml", DOUBLE, "app:\n  {word}:\n    {partCamel}: \"{S}\"\n")
        .wanted(For::Keyed),
    plain(
        "nested JSON",
        "app/n.json",
        DOUBLE,
        "{\n  \"{word}\": {\n    \"url\": \"https://a.io\",\n    \"{partCamel}\": \"{S}\"\n  }\n}\n",
    )
    .wanted(For::Keyed),
    plain("nested JSON in one line", "c.json", DOUBLE, "{\"{word}\":{\"{part}\":\"{S}\"}}")
        .wanted(For::Keyed),
    plain("nested TOML", "app/n.toml", DOUBLE, "[{word}]\nenabled = true\n{part} = \"{S}\"\n")
        .wanted(For::Keyed),
    plain("nested INI", "app/n.ini", LINE, "[{word}]\nurl = https://a.io\n{part} = {S}\n").wanted(For::Keyed),
    plain(
        "nested JavaScript",
        "app/n.js",
        SINGLE,
        "module.exports = {\n  {wordCamel}: {\n    {partCamel}: '{S}',\n  },\n};\n",
    )
    .wanted(For::Keyed),
    plain("nested PHP", "app/n.php", SINGLE, "    '{word}' => [\n        '{part}' => '{S}',\n    ],\n")
        .wanted(For::Keyed),
    plain("nested HCL", "n.tf", DOUBLE, "provider \"{word}\" {\n  {part} = \"{S}\"\n}\n").wanted(For::Keyed),
    plain("host and parameter", "a.py", URL, "u = \"https://api.{host}.com/v1/a?{part}={S}&x=1\"\n")
        .wanted(For::Keyed),
    plain(
        "host and header",
        "x.sh",
        DOUBLE,
        "curl -H \"Authorization: Bearer {S}\" https://api.{host}.com/v1/a\n",
    )
    .wanted(For::Keyed),
    plain("header and host", "y.sh", SINGLE, "curl 'https://api.{host}.com/v1/a' -H 'X-Api-Key: {S}'\n")
        .wanted(For::Keyed),
    plain("call by name", "b.py", DOUBLE, "client = {Word}({part}=\"{S}\")\n").wanted(For::Keyed),
    plain("constructor", "b.js", SINGLE, "const client = new {Word}('{S}');\n").wanted(For::Keyed),
    plain("constructor of object", "c.js", SINGLE, "const c = new {Word}({ {partCamel}: '{S}' });\n")
        .wanted(For::Keyed),
    plain("setter", "B.java", DOUBLE, "{wordCamel}.set{PartCamel}(\"{S}\");\n").wanted(For::Keyed),
    plain("member", "d.py", DOUBLE, "{word}.{part} = \"{S}\"\n").wanted(For::Keyed),
    plain("items", "e.py", DOUBLE, "config[\"{word}\"][\"{part}\"] = \"{S}\"\n").wanted(For::Keyed),
];

/// A piece of a bundle: one line without blanks.
const MINIFIED: &str = "!function(e,t){\"use strict\";var n=function(e){return e&&e.default||e},r=t(12),o=t(7);e.exports=\
    function(e){return r.a(e,o)}}(this,1),function(e){var t={retries:3,{camel}:\"{S}\",debug:!1};e.start(t),\
    e.on(\"error\",function(e){console.log(e.message,e.code)}),window.addEventListener(\"load\",function(){e.go()})}(app);";
