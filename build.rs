//! Reads the rule files of `signatures/`, so that a new provider is one new file and nothing else, and derives what patterns
//! look for, so that the program need not do it each time it starts. And names the program by its own source, so that no
//! other program takes what it left in a cache for its own.

use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use serde_json::{Value, json};

/// What the library derives from patterns.
#[expect(dead_code, reason = "the library uses more of it")]
#[allow(unreachable_pub, reason = "what is public there is not here")]
#[path = "src/signature"]
mod signature {
    mod context;
    pub(crate) mod literal;
    pub(crate) mod pattern;
}

use self::signature::literal::{self, Anchor};
use self::signature::pattern::parse_pattern;

fn main() -> io::Result<()> {
    let root =
        env::var_os("CARGO_MANIFEST_DIR").ok_or_else(|| io::Error::other("cargo sets CARGO_MANIFEST_DIR"))?;
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    let root = Path::new(&root);
    rules(&root.join("signatures"), Path::new(&out))?;
    println!("cargo::rerun-if-changed=signatures");
    println!("cargo::rustc-env=LAYERSIFT_ENGINE={:016x}", engine(root)?);
    Ok(())
}

/// Writes the rules of `folder` to a file in `out`, unless they are there.
fn rules(folder: &Path, out: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    files_below(folder, &mut files)?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let texts = files.iter().map(fs::read_to_string).collect::<Result<Vec<_>, _>>()?;
    // What is derived depends on this program too.
    let made_of = format!("{files:?}{texts:?}{:?}", fs::metadata(env::current_exe()?)?.modified()?);
    let (rules, made) = (out.join("signatures"), out.join("signatures.made"));
    let hash = format!("{:016x}", hash(made_of.as_bytes()));
    if rules.is_file() && fs::read_to_string(&made).is_ok_and(|made| made == hash) {
        return Ok(());
    }
    let all = files.iter().zip(&texts).map(|(path, text)| file(path, text)).collect::<Result<Vec<_>, _>>()?;
    // Turned over, because examples as they are would make the program itself look like one that leaks.
    let lines: Vec<String> = all.iter().map(Value::to_string).collect();
    let turned: Vec<u8> = lines.join("\n").bytes().map(|byte| !byte).collect();
    fs::write(rules, turned)?;
    fs::write(made, hash)
}

/// One file in the form of `src/signature/embedded.rs`.
fn file(path: &Path, text: &str) -> io::Result<Value> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let wrong = |error: String| io::Error::other(format!("{name}: {error}"));
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| wrong(error.to_string()))?;
    let mut file = serde_json::to_value(table).map_err(|error| wrong(error.to_string()))?;
    for rule in file.get_mut("rule").and_then(Value::as_array_mut).into_iter().flatten() {
        let anchor = anchor(rule).map_err(|error| wrong(format!("rule {}: {error}", rule["id"])))?;
        *rule = json!({ "anchor": anchor, "entry": rule.take() });
    }
    file["name"] = json!(name);
    Ok(file)
}

/// What is looked for to find where the pattern of a rule may match.
fn anchor(rule: &Value) -> Result<Option<Anchor>, String> {
    let Some(pattern) = rule["pattern"].as_str() else { return Ok(None) };
    let hir = parse_pattern(pattern)?;
    let keywords = rule["keywords"].as_array().into_iter().flatten();
    let keywords: Vec<String> = keywords.filter_map(|word| word.as_str().map(str::to_owned)).collect();
    if keywords.is_empty() {
        let none = "no literal of three bytes stands in every match: give `keywords`, or `words` and `value`";
        return literal::derive(&hir).map(Some).ok_or_else(|| none.to_owned());
    }
    Ok(Some(literal::given(&hir, &keywords)))
}

/// A hash of all that the program is made of: its source, and the versions of what it depends on.
fn engine(root: &Path) -> io::Result<u64> {
    let mut files = vec![root.join("Cargo.lock")];
    files_below(&root.join("src"), &mut files)?;
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files.iter().filter(|file| file.is_file()) {
        let text = fs::read(file)?;
        let name = file.strip_prefix(root).unwrap_or(file);
        hasher.write(name.as_os_str().as_encoded_bytes());
        hasher.write_usize(text.len());
        hasher.write(&text);
    }
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=Cargo.lock");
    Ok(hasher.finish())
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files_below(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
