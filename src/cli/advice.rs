//! What to do next, said where the program cannot go on: to somebody who types it for the first time.
//!
//! The library says what is wrong. Here is what a person may have meant, by what was typed and by what is in the folder.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;

use clap::error::{ContextKind, ErrorKind};
use layersift::scan::ScanError;
use layersift::signature::nearest;
use layersift::source::{Input, SourceError};

/// Entries of a folder that are compared with a name.
const ENTRIES: usize = 10_000;
/// What a folder has from which an image is built.
const BUILT_FROM: [&str; 4] = ["Dockerfile", "Containerfile", "compose.yaml", "docker-compose.yml"];

/// Why `input`, which was typed as `typed`, cannot be scanned, and what to do.
pub(crate) fn cannot_scan(input: &Input, typed: &OsStr, error: &ScanError) -> String {
    let ScanError::Source(source) = error else { return error.to_string() };
    match (input, source) {
        (Input::Stdin, SourceError::NotAnImage { found, .. }) => piped(found),
        (Input::Path(path), SourceError::Unreadable { source, .. })
            if source.kind() == io::ErrorKind::NotFound =>
        {
            format!("{error}; {}", missing(path))
        }
        (Input::Path(path), SourceError::NotAnImage { found, remedy, .. }) => {
            let remedy = another_use(path, found).unwrap_or_else(|| remedy.clone());
            format!("{} is not a saved image: {found}. {remedy}", path.display())
        }
        (Input::Name(_), _) if is_one_word(typed) => {
            let typed = typed.to_string_lossy();
            format!("there is no file `{typed}` here, so it was taken for the name of an image. {error}")
        }
        _ => error.to_string(),
    }
}

fn piped(found: &str) -> String {
    if found == "it is empty" {
        return "nothing came in on standard input: see what the command before the pipe says by itself, for example \
                `docker save NAME -o app.tar`"
            .to_owned();
    }
    format!(
        "what comes in on standard input is not a saved image: {found}. Pipe one in, as in `docker save NAME | \
         layersift scan -`"
    )
}

/// What may have been meant by a path that is not there.
fn missing(path: &Path) -> String {
    let text = path.to_string_lossy();
    if let Some((_, name)) = text.split_once("://") {
        return format!("an image in a registry is named without what stands before the host: `{name}`");
    }
    if let Some(near) = near(path) {
        return format!("did you mean `{near}`?");
    }
    if !text.contains(['/', '\\']) && text.to_lowercase() != text && text.contains(':') {
        return "if it is an image in a registry: their names have small letters only".to_owned();
    }
    "save an image with `docker save NAME -o FILE`, or scan it while it is saved: `docker save NAME | layersift scan -`"
        .to_owned()
}

/// The entry of the same folder whose name is nearest.
fn near(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = fs::read_dir(folder).ok()?.take(ENTRIES);
    let names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    let near = nearest(path.file_name()?.to_str()?, names.iter().map(String::as_str))?;
    Some(path.with_file_name(near).display().to_string())
}

/// What else than a scan something may be for.
fn another_use(path: &Path, found: &str) -> Option<String> {
    let has = |name: &&str| path.join(name).exists();
    if let Some(name) = BUILT_FROM.iter().find(|name| has(name)) {
        return Some(format!(
            "It has a {name}: build the image, and scan that, as in `docker build -t app . && docker save app | \
             layersift scan -`"
        ));
    }
    let is_report = found == "it is JSON" && path.extension().is_some_and(|end| end == "json");
    is_report.then(|| {
        "If it is a report, `layersift policy check`, `layersift explain --report` and `layersift diff` read it".to_owned()
    })
}

/// Whether a name could as well be that of a file.
fn is_one_word(typed: &OsStr) -> bool {
    typed.to_str().is_some_and(|text| !text.contains(['/', ':', '@']))
}

/// What to add to a complaint about the command line.
pub(crate) fn on_usage(error: &clap::Error, arguments: &[String]) -> Option<String> {
    let named = |name: &str| arguments.first().is_some_and(|argument| argument == name);
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let typed = error.get(ContextKind::InvalidSubcommand)?.to_string();
            let is_image = Path::new(&typed).exists() || typed.contains(['.', ':', '/']);
            is_image.then(|| format!("to scan an image, write `layersift scan {typed}`"))
        }
        ErrorKind::MissingRequiredArgument if named("scan") => Some(
            "name an image, as in `layersift scan app.tar`, or `-` for one that is piped in: `docker save NAME | layersift \
             scan -`"
                .to_owned(),
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_not_there_is_compared_with_its_neighbours() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("application.tar"), "").unwrap();
        let told = |name: &str| missing(&folder.path().join(name));
        assert!(told("aplication.tar").contains("application.tar`?"), "{}", told("aplication.tar"));
        assert!(told("other").contains("docker save NAME"), "{}", told("other"));
        assert!(missing(Path::new("https://r.example/app:1")).contains("`r.example/app:1`"));
        assert!(missing(Path::new("Shop:1")).contains("small letters"));
    }

    #[test]
    fn what_is_no_image_may_be_something_else() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(another_use(folder.path(), "a folder"), None);
        fs::write(folder.path().join("Dockerfile"), "").unwrap();
        assert!(another_use(folder.path(), "a folder").unwrap().contains("docker build"));
        assert!(another_use(Path::new("report.json"), "it is JSON").unwrap().contains("policy check"));
        assert_eq!(another_use(Path::new("a.txt"), "it is JSON"), None);
    }

    #[test]
    fn a_pipe_that_gives_nothing_points_before_the_pipe() {
        assert!(piped("it is empty").contains("before the pipe"));
        assert!(piped("it is a program").contains("docker save NAME | layersift"));
    }
}
