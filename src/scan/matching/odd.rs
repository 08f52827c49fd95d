//! Credentials in every odd form in which texts hold them in pieces: found whole, surely, on their line, whatever the chunks.

use super::tests::chunk;
use super::*;
use crate::matcher::resolve;
use crate::signature::RuleSet;
use crate::signature::template::expand;
use crate::stream::header::Kind;

/// Ways to write a token, of which `A`, `B` and `C` are the pieces, with the path of the file and the line of `A`.
const FORMS: &[(&str, &str, u64)] = &[
    ("a.js", "const t = \"⟦A⟧\" + \"⟦B⟧⟦C⟧\";", 1),
    ("a.js", "\n\nconst t =\n  \"⟦A⟧\" +\n  \"⟦B⟧\" +\n  \"⟦C⟧\";\n", 4),
    ("A.java", "class A {\n  String t = \"⟦A⟧\"\n      + \"⟦B⟧\" // half\n      + \"⟦C⟧\";\n}", 2),
    ("a.java", "builder\n  .token(\"⟦A⟧\" /* one */ + /* two */ \"⟦B⟧⟦C⟧\")", 2),
    ("a.php", "<?php $t = '⟦A⟧' . '⟦B⟧' . '⟦C⟧';", 1),
    ("a.pl", "my $t = \"⟦A⟧\".'⟦B⟧⟦C⟧';", 1),
    ("a.lua", "local t = \"⟦A⟧\" .. \"⟦B⟧⟦C⟧\"", 1),
    ("a.vb", "t = \"⟦A⟧\" & _\r\n    \"⟦B⟧⟦C⟧\"", 1),
    ("a.c", "static const char t[] = \"⟦A⟧\" \"⟦B⟧\" \"⟦C⟧\";", 1),
    ("a.c", "const char *t =\n\t\"⟦A⟧\"\n\t\"⟦B⟧\"\n\t\"⟦C⟧\";", 2),
    ("a.cc", "out << \"⟦A⟧\" << \"⟦B⟧⟦C⟧\" << std::endl;", 1),
    ("a.py", "t = (\"⟦A⟧\"\n     \"⟦B⟧\"\n     f'⟦C⟧')\n", 1),
    ("a.py", "t = \"⟦A⟧\" \\\n    \"⟦B⟧⟦C⟧\"\n", 1),
    ("a.go", "t := \"⟦A⟧\" +\n\t`⟦B⟧⟦C⟧`\n", 1),
    ("a.ex", "t = \"⟦A⟧\" <> \"⟦B⟧⟦C⟧\"", 1),
    ("a.hs", "t = \"⟦A⟧\" ++ \"⟦B⟧⟦C⟧\"", 1),
    ("a.sql", "SELECT '⟦A⟧' || '⟦B⟧⟦C⟧';", 1),
    ("a.sql", "SELECT CONCAT('⟦A⟧', '⟦B⟧', '⟦C⟧');", 1),
    ("a.rs", "const T: &str = concat!(\"⟦A⟧\", \"⟦B⟧\", \"⟦C⟧\");", 1),
    ("a.js", "const t = [\"⟦A⟧\", \"⟦B⟧\", \"⟦C⟧\"].join('');", 1),
    ("a.py", "t = \"\".join([\n    \"⟦A⟧\",\n    \"⟦B⟧⟦C⟧\",\n])", 2),
    ("a.php", "$t = implode('', array('⟦A⟧', '⟦B⟧⟦C⟧'));", 1),
    ("a.tf", "t = join(\"\", [\"⟦A⟧\", \"⟦B⟧⟦C⟧\"])", 1),
    ("a.sh", "export T=\"⟦A⟧\"'⟦B⟧⟦C⟧'", 1),
    ("a.sh", "export T=⟦A⟧\\\n⟦B⟧\\\n⟦C⟧\nexport U=v\n", 1),
    ("a.sh", "#!/bin/sh\r\nexport T=⟦A⟧\\\r\n⟦B⟧⟦C⟧\r\n", 2),
    ("a.sh", "curl -H \"Authorization: Bearer ⟦A⟧\\\n⟦B⟧⟦C⟧\" https://a.invalid/", 1),
    ("Dockerfile", "FROM a\nENV A=b \\\n    T=⟦A⟧\\\n⟦B⟧⟦C⟧ \\\n    C=d\n", 3),
    ("Makefile", "T := ⟦A⟧\\\n⟦B⟧⟦C⟧\n", 1),
    ("a.properties", "a=b\nt=⟦A⟧\\\n    ⟦B⟧\\\n    ⟦C⟧\nc=d\n", 2),
    ("a.yaml", "t: \"⟦A⟧\\\n    ⟦B⟧⟦C⟧\"\n", 1),
    ("a.js", "const t = \"⟦A⟧\\\n⟦B⟧⟦C⟧\";", 1),
    ("mail.eml", "the key that was asked for last week, by all of those in here: ⟦A⟧=\n⟦B⟧⟦C⟧ is it\n", 1),
];

/// Tokens of several rules, with where they are cut.
const TOKENS: &[(&str, usize, usize)] = &[
    ("ghp_{base62:30}{github-crc32}", 4, 20),
    ("ghp_{base62:30}{github-crc32}", 2, 5),
    ("ghp_{base62:30}{github-crc32}", 23, 31),
    ("ghp_{base62:30}{github-crc32}", 27, 35),
    ("AKIA{aws-key-id}", 4, 9),
    ("glpat-{base64url:20}", 6, 12),
    ("sk_live_{base62:24}", 8, 15),
    ("xoxb-{digits:12}-{digits:13}-{base62:24}", 5, 18),
    ("SG.{base64url:22}.{base64url:43}", 10, 30),
];

/// What is found in a text that is cut into chunks at these places.
fn found(matcher: &Matcher, path: &str, text: &[u8], borders: &[usize]) -> Vec<Match> {
    let mut found = Vec::new();
    let mut from = 0;
    for border in borders.iter().copied().chain([text.len()]) {
        let mut chunk = chunk(text, from..border);
        let entry = Entry { path: path.as_bytes().to_vec(), ordinal: 0, kind: Kind::File, link: Vec::new() };
        chunk.segments[0].entry = Some(Arc::new(entry));
        found.extend(matches(matcher, &chunk, &Limits::default()).found);
        from = border;
    }
    tidy(&mut found);
    resolve(found, matcher.rules())
}

fn told(found: &[Match]) -> Vec<(String, Range<u64>, Confidence)> {
    let told = |found: &Match| {
        let secret = String::from_utf8_lossy(found.what.secret.expose()).into_owned();
        (secret, found.range.clone(), found.what.confidence)
    };
    found.iter().map(told).collect()
}

#[test]
fn tokens_in_pieces_are_found_whole_and_on_their_line() {
    let matcher = Matcher::new(RuleSet::embedded());
    let mut missed = Vec::new();
    for (number, (template, first, second)) in TOKENS.iter().enumerate() {
        let token = expand(template, &format!("odd{number}"));
        let (a, b, c) = (&token[..*first], &token[*first..*second], &token[*second..]);
        for (path, form, line) in FORMS {
            let text = form.replace("⟦A⟧", a).replace("⟦B⟧", b).replace("⟦C⟧", c);
            // A mail program breaks its lines at this length.
            let text = text.find("=\n").map_or(&*text, |end| &text[end.saturating_sub(75)..]);
            let all = found(&matcher, path, text.as_bytes(), &[]);
            let hit = all.iter().find(|found| found.what.secret.expose() == token.as_bytes());
            let right =
                hit.is_some_and(|hit| hit.line == Some(*line) && hit.what.confidence >= Confidence::Likely);
            if !right {
                missed.push(format!("{template} in {path}: {text:?}: {:?}", told(&all)));
            }
            let at = text.find(a).unwrap();
            for border in [at, at + 1, at + a.len(), at + a.len() + 1, at + a.len() + 3, at + a.len() + 6] {
                let border = border.min(text.len());
                let cut = found(&matcher, path, text.as_bytes(), &[border]);
                assert_eq!(told(&cut), told(&all), "{path}: {text:?} cut at {border}");
            }
        }
    }
    assert!(missed.is_empty(), "{} missed:\n{}", missed.len(), missed.join("\n"));
}

#[test]
fn a_password_in_pieces_is_judged_as_one() {
    let matcher = Matcher::new(RuleSet::embedded());
    let (a, b) = ("Xk9mQ2vT", "Lp7wR4zB");
    for (path, text) in [
        ("a.js", format!("const dbPassword = \"{a}\" + \"{b}\";")),
        ("a.sh", format!("export DB_PASSWORD={a}\\\n{b}\n")),
        ("a.properties", format!("db.password={a}\\\n   {b}\n")),
    ] {
        let all = found(&matcher, path, text.as_bytes(), &[]);
        let secrets: Vec<String> = told(&all).into_iter().map(|(secret, ..)| secret).collect();
        assert_eq!(secrets, [format!("{a}{b}")], "{text}");
    }
}

#[test]
fn what_only_stands_side_by_side_is_no_token() {
    let matcher = Matcher::new(RuleSet::embedded());
    let token = expand("ghp_{base62:30}{github-crc32}", "odd");
    let (a, b) = token.split_at(10);
    for text in [
        format!("t = [\"{a}\", \"{b}\"]"),
        format!("t = \"{a}\" + x + \"{b}\""),
        format!("t = \"{a} \" + \"{b}\""),
        format!("t = f(\"{a}\"); \"{b}\""),
        format!("export T={a} \\\n{b}"),
        format!("export T={a}\\\n  {b}"),
        format!("t: {a}=\n{b}"),
        format!("t = \"{a}\\n\" \"{b}\""),
    ] {
        assert_eq!(told(&found(&matcher, "a.sh", text.as_bytes(), &[])), [], "{text:?}");
    }
    for text in ["password = \"Xk9mQ2vT\" \"Lp7wR4zB\"", "f \"token\" \"a1b2c3d4e5f6a7b8c9d0\""] {
        let found = found(&matcher, "a.sh", text.as_bytes(), &[]);
        assert!(found.iter().all(|found| found.decoded.is_empty()), "{text}: {:?}", told(&found));
    }
}

/// Ways to write a block of PEM, from its lines.
type Written = fn(&[&str]) -> String;

const BLOCKS: &[(&str, Written)] = &[
    ("a.json", |lines| format!("{{\"key\": [\n  \"{}\"\n]}}", lines.join("\",\n  \""))),
    ("a.json", |lines| format!("{{\"key\": [\"{}\"].join(\"\\n\")}}", lines.join("\",\""))),
    ("a.json", |lines| format!("{{\"key\": \"{}\\n\"}}", lines.join("\\n"))),
    ("a.json", |lines| format!("{{\"key\": \"{}\\r\\n\"}}", lines.join("\\r\\n"))),
    ("a.yaml", |lines| format!("key: |\n    {}\nb: c\n", lines.join("\n    "))),
    ("a.yaml", |lines| format!("key: >-\n  {}\n", lines.join("\n\n  "))),
    ("a.yaml", |lines| format!("key:\n  - {}\n", lines.join("\n  - "))),
    ("a.yaml", |lines| format!("key:\n  - \"{}\"\n", lines.join("\"\n  - \""))),
    ("a.yaml", |lines| format!("key: \"{}\\n\"\n", lines.join("\\n\\\n  "))),
    ("a.properties", |lines| format!("key={}\n", lines.join("\\n\\\n    "))),
    ("a.properties", |lines| format!("key={}\n", lines.join("\\\n    "))),
    ("a.c", |lines| format!("const char *key =\n  \"{}\\n\";\n", lines.join("\\n\"\n  \""))),
    ("a.c", |lines| format!("#define KEY \"{}\\n\"\n", lines.join("\\n\" \\\n  \""))),
    ("a.c", |lines| format!("const char *key = \"{}\\n\";\n", lines.join("\\n\\\n"))),
    ("a.go", |lines| format!("var key = \"{}\\n\"\n", lines.join("\\n\" +\n\t\""))),
    ("a.go", |lines| format!("var key = `{}\n`\n", lines.join("\n"))),
    ("A.java", |lines| format!("String key = \"{}\\n\";\n", lines.join("\\n\"\n    + \""))),
    ("A.java", |lines| {
        format!("new StringBuilder().append(\"{}\\n\");\n", lines.join("\\n\")\n  .append(\""))
    }),
    ("a.py", |lines| format!("key = ('{}\\n')\n", lines.join("\\n'\n       '"))),
    ("a.py", |lines| format!("key = \"{}\\n\"\n", lines.join("\\n\" \\\n  \""))),
    ("a.py", |lines| format!("key = '\\n'.join([\n  '{}',\n])\n", lines.join("',\n  '"))),
    ("a.js", |lines| format!("const key = '{}\\n';\n", lines.join("\\n' +\n  '"))),
    ("a.js", |lines| format!("const key = ['{}'].join('\\n');\n", lines.join("', '"))),
    ("a.php", |lines| format!("$key = \"{}\\n\";\n", lines.join("\\n\" .\n  \""))),
    ("a.php", |lines| format!("$key = \"{}\\n\";\n", lines.join("\\n\";\n$key .= \""))),
    ("a.vb", |lines| format!("key = \"{}\"\n", lines.join("\" & vbCrLf & _\n  \""))),
    ("a.rb", |lines| format!("key = \"{}\\n\"\n", lines.join("\\n\" \\\n  \""))),
    ("a.lua", |lines| format!("key = \"{}\\n\"\n", lines.join("\\n\" ..\n  \""))),
    ("a.rs", |lines| format!("const KEY: &str = concat!(\n  \"{}\\n\",\n);\n", lines.join("\\n\",\n  \""))),
    ("a.ps1", |lines| format!("$key = \"{}\"\n", lines.join("`n"))),
    ("a.sh", |lines| format!("cat > key <<EOF\n{}\nEOF\n", lines.join("\n"))),
    ("a.sh", |lines| format!("cat > key <<-EOF\n\t{}\n\tEOF\n", lines.join("\n\t"))),
    ("a.sh", |lines| format!("echo \"{}\" > key\n", lines.join("\n"))),
    ("a.sh", |lines| format!("printf '%s\\n' '{}' > key\n", lines.join("' '"))),
    ("a.sh", |lines| format!("echo '{}' >> key\n", lines.join("' >> key\necho '"))),
    (".env", |lines| format!("KEY=\"{}\"\n", lines.join("\\n"))),
    (".env", |lines| format!("KEY={}\n", lines.join(" "))),
    (".env", |lines| format!("KEY={}\n", lines.concat())),
    (".env", |lines| format!("KEY='{}\n'\n", lines.join("\n"))),
    ("a.ini", |lines| format!("key = {}\n", lines.join("\n\t"))),
    ("a.xml", |lines| format!("<key>\n    {}\n</key>\n", lines.join("\n    "))),
    ("a.xml", |lines| format!("<key>{}</key>\n", lines.join("&#10;"))),
    ("a.xml", |lines| format!("<key>{}</key>\n", lines.join("&#xD;&#xA;"))),
    ("a.sql", |lines| format!("INSERT INTO a VALUES ('{}');\n", lines.join("\\n"))),
    ("a.eml", |lines| lines.join("\n").replace('=', "=3D")),
    ("a.eml", |lines| format!("> {}\n", lines.join("\n> "))),
    ("a.url", |lines| format!("key={}", lines.join("%0A"))),
    ("a.tf", |lines| format!("key = <<EOT\n{}\nEOT\n", lines.join("\n"))),
    ("a.md", |lines| format!("    {}\n", lines.join("\n    "))),
    ("a.cfg", |lines| format!("; {}\n", lines.join("\n; "))),
    ("a.asm", |lines| format!("db \"{}\", 10\n", lines.join("\", 10\ndb \""))),
];

#[test]
fn private_keys_in_any_writing_are_proven() {
    let matcher = Matcher::new(RuleSet::embedded());
    let mut missed = Vec::new();
    for kind in ["RSA PRIVATE KEY", "EC PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY"] {
        let block = format!("-----BEGIN {kind}-----\n{{pem-key}}\n-----END {kind}-----");
        let block = expand(&block, "odd");
        let lines: Vec<&str> = block.lines().collect();
        for (number, (path, write)) in BLOCKS.iter().enumerate() {
            let text = write(&lines);
            let all = found(&matcher, path, text.as_bytes(), &[]);
            let start = text.find("-----BEGIN").unwrap() as u64;
            let end = text.find(" PRIVATE KEY-----").unwrap();
            let end = text[end + 1..].rfind("PRIVATE KEY-----").unwrap() + end + 1 + "PRIVATE KEY-----".len();
            let line = text[..text.find("-----BEGIN").unwrap()].matches('\n').count() as u64 + 1;
            let right = all.iter().any(|found| {
                found.range == (start..end as u64)
                    && found.line == Some(line)
                    && found.what.confidence == Confidence::Confirmed
            });
            if !right {
                missed.push(format!("{kind} in {path} ({number}): {}", &text[..text.len().min(160)]));
            }
        }
    }
    assert!(missed.is_empty(), "{} missed:\n{}", missed.len(), missed.join("\n"));
}
