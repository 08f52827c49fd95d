//! What to do about a leak, first step first.
//!
//! The first line is always to revoke, because a published image cannot be called back; the last is always to rebuild.
//! Between them stands at most one line for each way in which the credential got into the image, with the names and
//! paths of the first place of that kind. Nothing is known here of the rules, nor of the credential's text.

use super::{Place, State};
use crate::image::PlaceKind;

/// What the advice needs to know of a credential.
#[derive(Debug, Clone, Copy)]
pub struct Credential<'a> {
    /// What it is, for people.
    pub name: &'a str,
    /// Where to revoke it: an address or a sentence.
    pub revoke: Option<&'a str>,
}

/// What to do about `credential`, which stands at `places`.
pub fn fix(credential: &Credential<'_>, places: &[Place]) -> Vec<String> {
    let key_pair = is_key_pair(credential);
    let mut lines = vec![revoke(credential, key_pair)];
    lines.extend(ADVICE.iter().filter_map(|advise| advise(places)));
    if key_pair {
        lines.extend(ssh(places));
    }
    lines.push(
        "Rebuild, push under a new tag, and delete the old image from every registry: its layers and its history \
         keep what was once in them."
            .to_owned(),
    );
    lines
}

/// A way into an image, and how to do without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// How the credential got in.
    pub title: &'static str,
    /// What to do instead.
    pub advice: String,
}

/// Every common way into an image, for somebody who has no report at hand.
pub fn ways(credential: &Credential<'_>) -> Vec<Way> {
    let mount = secret_mount("SECRET");
    let way = |title, advice: String| Way { title, advice };
    let mut ways = vec![
        way("given as a build argument", format!("Its value stays in the history. Remove the ARG, {mount}.")),
        way(
            "set by ENV",
            format!(
                "Everybody who can read the image's configuration reads it. Remove the ENV. If it is needed while \
                 building, {mount}; if it is needed at run time, {AT_RUN_TIME}."
            ),
        ),
        way(
            "written in a RUN line",
            format!("The history keeps the line: {mount} and let the command read $SECRET."),
        ),
        way(
            "copied in",
            "List it in .dockerignore, or copy only what the image needs. A step that needs the file gets it with `RUN \
             --mount=type=secret,id=NAME,target=/PATH …`."
                .to_owned(),
        ),
        way(
            "written by a RUN",
            "Mount the secret for that step only, or do the step in an earlier stage of a multi-stage build and COPY \
             only its result."
                .to_owned(),
        ),
        way(
            "deleted by a later step",
            "It is still there: a later rm does not help, because every layer can be extracted by itself. Leave it out \
             of the step that adds it."
                .to_owned(),
        ),
        way(
            "in a label or an annotation",
            "Take it out: whoever can see the image in a registry reads it without pulling a layer.".to_owned(),
        ),
        way(
            "in the base image",
            "Tell its owner, and build on another one until it is gone there.".to_owned(),
        ),
    ];
    if is_key_pair(credential) {
        ways.push(way("there to reach a private repository while building", SSH_MOUNT.to_owned()));
    }
    ways
}

/// How a container gets a secret.
const AT_RUN_TIME: &str =
    "give it to the container (`docker run --env-file FILE`, or a secret of your orchestrator)";

/// How a build gets the use of a key without the key.
const SSH_MOUNT: &str = "To reach a private repository while building, use `RUN --mount=type=ssh …` and `docker build \
                         --ssh default .`: the key stays outside.";

fn is_key_pair(credential: &Credential<'_>) -> bool {
    credential.name.to_ascii_lowercase().contains("private key")
}

/// A line of advice, if a place of its kind is there.
type Advise = fn(&[Place]) -> Option<String>;

/// The ways into an image. To add one: a function and its name here.
const ADVICE: &[Advise] = &[
    build_argument,
    environment,
    run_line,
    copied,
    git_folder,
    written,
    unknown_step,
    hidden,
    label,
    start_command,
    attestation,
    file_name,
    outside_of_files,
];

fn revoke(credential: &Credential<'_>, key_pair: bool) -> String {
    let what = if key_pair && credential.revoke.is_some() {
        // The rule says where the other half is.
        "Replace this key pair now"
    } else if key_pair {
        "Replace this key pair now, and take its public half out of wherever it is trusted \
         (authorized_keys, deploy keys, certificates)"
    } else {
        "Revoke it now and issue a new one"
    };
    match credential.revoke {
        Some(address) if address.starts_with("https://") => format!("{what}: {address}"),
        Some(sentence) => format!("{what}. {sentence}"),
        None => format!("{what}: everybody who can pull the image has it."),
    }
}

fn build_argument(places: &[Place]) -> Option<String> {
    let place = first(places, is_build_argument)?;
    let variable = variable(place);
    Some(format!(
        "Build argument {variable}: its value stays in the history. Remove the ARG, {}.",
        secret_mount(&variable)
    ))
}

fn environment(places: &[Place]) -> Option<String> {
    let place = first(places, is_environment)?;
    let variable = variable(place);
    let building = if places.iter().any(is_build_argument) {
        "If it is needed while building, the secret mount serves here too".to_owned()
    } else {
        format!("If it is needed while building, {}", secret_mount(&variable))
    };
    Some(format!(
        "ENV {variable}: everybody who can read the image's configuration reads it. Remove the ENV. {building}; if it \
         is needed at run time, {AT_RUN_TIME}."
    ))
}

fn run_line(places: &[Place]) -> Option<String> {
    let argument_steps: Vec<_> =
        places.iter().filter(|place| is_build_argument(place)).map(step_index).collect();
    let place = first(places, |place| {
        place.kind == PlaceKind::History
            && instruction(place) == "RUN"
            && !argument_steps.contains(&step_index(place))
    })?;
    Some(format!(
        "The RUN line of step {} holds it, and the history keeps the line: {} and let the command read $SECRET.",
        step_index(place)?,
        secret_mount("SECRET")
    ))
}

fn copied(places: &[Place]) -> Option<String> {
    let from_context = |place: &Place| is_file(place) && matches!(instruction(place), "COPY" | "ADD");
    let place = first(places, from_context)?;
    let Files { names, were, them } = files(places, from_context)?;
    let mount = file_mount(place)
        .filter(|_| !is_in_git(place))
        .map_or_else(String::new, |mount| format!(" A step that needs the file gets it with {mount}."));
    Some(format!(
        "{names} {were} put there by {}: list {them} in .dockerignore, or copy only what the image needs.{mount}",
        instruction(place)
    ))
}

/// Whether it is a file of a repository, which no step needs as a secret.
fn is_in_git(place: &Place) -> bool {
    is_file(place) && path(place).is_some_and(|path| path.split('/').any(|part| part == ".git"))
}

fn git_folder(places: &[Place]) -> Option<String> {
    first(places, is_in_git)?;
    Some("Keep the repository's history out of the image: list .git in .dockerignore.".to_owned())
}

fn written(places: &[Place]) -> Option<String> {
    let by_run = |place: &Place| is_file(place) && instruction(place) == "RUN";
    let place = first(places, by_run)?;
    let Files { names, were, .. } = files(places, by_run)?;
    let step = step_index(place)?;
    let mount = file_mount(place).map_or_else(String::new, |mount| format!(" for that step only ({mount})"));
    Some(format!(
        "{names} {were} written by the RUN of step {step}: mount the secret{mount}, or do the step in an earlier stage of a \
         multi-stage build and COPY only its result."
    ))
}

fn unknown_step(places: &[Place]) -> Option<String> {
    let unknown = |place: &Place| is_file(place) && place.step.is_none();
    let place = first(places, unknown)?;
    let Files { names, were, them } = files(places, unknown)?;
    let layer = match place.layer.as_ref().and_then(|layer| layer.index) {
        Some(0) => "layer 0, the lowest".to_owned(),
        Some(index) => format!("layer {index}"),
        None => return None,
    };
    Some(format!(
        "{names} {were} put there by {layer}, and the history does not tell which step made that layer: look in the \
         Dockerfile, and tell the owner of the base image if it holds {them} too."
    ))
}

fn hidden(places: &[Place]) -> Option<String> {
    let hidden = |place: &Place| matches!(place.state, Some(State::Deleted | State::Overwritten));
    let place = first(places, hidden)?;
    let (path, layer) = (shown_path(place)?, place.layer.as_ref()?.index?);
    let by = match &place.state_by {
        Some(by) => match &by.step {
            Some(step) => format!("step {} {} it", step.index, done(place)),
            None => format!("layer {} {} it", by.layer, done(place)),
        },
        None => format!("it was {}", place.state?.as_str()),
    };
    Some(format!(
        "Layer {layer} still holds {path} although {by}: a later rm does not help, because every layer can be \
         extracted by itself."
    ))
}

fn label(places: &[Place]) -> Option<String> {
    let place = first(places, |place| matches!(place.kind, PlaceKind::Label | PlaceKind::Annotation))?;
    let name = place.name.as_deref().map_or_else(String::new, |name| format!(" `{}`", shortened(name)));
    Some(format!(
        "Take it out of the {}{name}: whoever can see the image in a registry reads it without pulling a layer.",
        place.kind.as_str()
    ))
}

fn start_command(places: &[Place]) -> Option<String> {
    let place = first(places, |place| {
        use PlaceKind::{Cmd, Config, Entrypoint, Healthcheck, Onbuild};
        matches!(place.kind, Cmd | Entrypoint | Healthcheck | Onbuild | Config)
    })?;
    let what = match place.kind {
        PlaceKind::Config => "image's configuration".to_owned(),
        kind => kind.as_str().to_ascii_uppercase(),
    };
    Some(format!(
        "Take it out of the {what}: give it to the container when it starts, as an environment variable or as a file \
         of a mounted secret."
    ))
}

fn attestation(places: &[Place]) -> Option<String> {
    first(places, |place| place.kind == PlaceKind::Attestation)?;
    Some(
        "The build's attestation repeats it: provenance with mode=max records build arguments and the Dockerfile. What \
         comes by a secret mount is recorded nowhere."
            .to_owned(),
    )
}

fn file_name(places: &[Place]) -> Option<String> {
    let place = first(places, |place| {
        matches!(place.kind, PlaceKind::Path | PlaceKind::Link | PlaceKind::TarHeader)
    })?;
    let what = match place.kind {
        PlaceKind::Path => "the name of a file",
        PlaceKind::Link => "the target of a link",
        _ => "the attributes of a file",
    };
    Some(format!("It stands in {what}, which every layer keeps too: let the build name it otherwise."))
}

fn outside_of_files(places: &[Place]) -> Option<String> {
    first(places, |place| matches!(place.kind, PlaceKind::Padding | PlaceKind::Metadata | PlaceKind::Blob))?;
    Some(
        "It stands in the archive beside the image's files, where no container sees it and everybody with the archive \
         does: find out which tool put it there."
            .to_owned(),
    )
}

fn ssh(places: &[Place]) -> Option<String> {
    let place = first(places, |place| {
        is_file(place) && path(place).is_some_and(|path| path.contains(".ssh/") || path.contains("ssh_host_"))
    })?;
    Some(if path(place)?.contains("ssh_host_") {
        "Host keys must differ from container to container: make them when the container starts (`ssh-keygen -A`)."
            .to_owned()
    } else {
        SSH_MOUNT.to_owned()
    })
}

fn first(places: &[Place], is: impl Fn(&Place) -> bool) -> Option<&Place> {
    places.iter().find(|place| is(place))
}

fn is_file(place: &Place) -> bool {
    place.kind == PlaceKind::File
}

fn is_build_argument(place: &Place) -> bool {
    place.kind == PlaceKind::BuildArg || (place.kind == PlaceKind::History && instruction(place) == "ARG")
}

fn is_environment(place: &Place) -> bool {
    place.kind == PlaceKind::Env || (place.kind == PlaceKind::History && instruction(place) == "ENV")
}

fn instruction(place: &Place) -> &str {
    place.step.as_ref().map_or("", |step| &step.instruction)
}

fn step_index(place: &Place) -> Option<usize> {
    place.step.as_ref().map(|step| step.index)
}

fn path(place: &Place) -> Option<&str> {
    place.path.as_deref()
}

fn done(place: &Place) -> &'static str {
    match place.state {
        Some(State::Overwritten) => "overwrote",
        _ => "deleted",
    }
}

/// The name of the variable of a place, if a shell takes it as one.
fn variable(place: &Place) -> String {
    let is_variable = |name: &&str| {
        name.len() <= 64
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !name.is_empty()
    };
    place.name.as_deref().filter(is_variable).unwrap_or("SECRET").to_owned()
}

fn secret_mount(variable: &str) -> String {
    format!(
        "use `RUN --mount=type=secret,id={variable},env={variable} …` and build with `docker build --secret \
         id={variable},env={variable} .`"
    )
}

/// The secret mount that stands in for a file, if its path needs no quoting.
fn file_mount(place: &Place) -> Option<String> {
    let path = path(place).filter(|path| place.inner.is_empty() && path.len() <= 100)?;
    let safe = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let name = path.rsplit('/').next()?.trim_start_matches('.');
    (path.chars().all(safe) && !name.is_empty())
        .then(|| format!("`RUN --mount=type=secret,id={name},target=/{path} …`"))
}

/// The files of some places in a sentence.
struct Files {
    /// The first path, and how many others there are.
    names: String,
    were: &'static str,
    them: &'static str,
}

fn files(places: &[Place], is: impl Fn(&Place) -> bool) -> Option<Files> {
    let mut all: Vec<_> = places.iter().filter(|place| is(place)).collect();
    let one = shown_path(all.first()?)?;
    all.sort_by_key(|place| path(place));
    all.dedup_by_key(|place| path(place));
    let (were, them) = if all.len() == 1 { ("was", "it") } else { ("were", "them") };
    let names = match all.len() - 1 {
        0 => one,
        1 => format!("{one} and 1 more file"),
        more => format!("{one} and {more} more files"),
    };
    Some(Files { names, were, them })
}

fn shown_path(place: &Place) -> Option<String> {
    path(place).map(|path| format!("`/{}`", shortened(path.trim_start_matches('/'))))
}

/// The end of a long text, which says most of a path.
fn shortened(text: &str) -> String {
    const KEPT: usize = 100;
    match text.char_indices().rev().nth(KEPT) {
        Some((at, _)) => format!("…{}", &text[at..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
