//! What is around the program: the terminal, the way to registries, logins, and engines on this machine.

use std::env::{split_paths, var_os};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use anstream::{AutoStream, ColorChoice};
use layersift::secret::Secret;
use layersift::source::engine::{self, Address, Engine};
use layersift::source::registry::{LoginsIn, logins as login_files};
use layersift::source::{Remote, trusted_authorities};

use super::{Patient, Row};
use crate::cli::terminal::{is_dumb, shows_unicode};

pub(super) fn terminal(patient: &Patient<'_>) -> Vec<Row> {
    let color = match patient.config.settings.color {
        ColorChoice::Auto => AutoStream::choice(&io::stdout()) != ColorChoice::Never,
        choice => choice != ColorChoice::Never,
    };
    let width = terminal_size::terminal_size().map(|(width, _)| format!(", {} columns", width.0));
    let output = if io::stdout().is_terminal() {
        format!("a terminal{}", width.unwrap_or_default())
    } else {
        "a file or a pipe".to_owned()
    };
    let progress = io::stderr().is_terminal() && !is_dumb();
    vec![
        Row::fine("output", output),
        Row::fine("colours", if color { "yes" } else { "no" }),
        Row::fine("characters", if shows_unicode() { "UTF-8" } else { "ASCII, by the locale" }),
        Row::fine("progress", if progress { "drawn" } else { "not drawn" }),
    ]
}

pub(super) fn network(patient: &Patient<'_>) -> Vec<Row> {
    let remote = &patient.config.settings.remote;
    let proxies = &remote.proxies;
    let named = [("HTTP_PROXY", &proxies.http), ("HTTPS_PROXY", &proxies.https), ("ALL_PROXY", &proxies.all)];
    let mut rows: Vec<_> = named
        .into_iter()
        .filter_map(|(name, proxy)| Some(Row::fine(name, address(proxy.as_ref()?))))
        .collect();
    if rows.is_empty() {
        rows.push(Row::absent("proxy", "none"));
    }
    if !proxies.none_for.is_empty() {
        rows.push(Row::fine("NO_PROXY", &*proxies.none_for));
    }
    let remedy = "mend what --registry-ca, --registry-cert and --registry-key name; SSL_CERT_FILE can name the system's";
    rows.push(match trusted_authorities(remote) {
        Ok([0, 0]) => Row::broken(
            "authorities",
            "none: no registry can be trusted",
            "install ca-certificates, or name some with SSL_CERT_FILE or --registry-ca",
        ),
        Ok([system, own]) => {
            Row::fine("authorities", format!("{system} of the system, {own} of --registry-ca"))
        }
        Err(error) => Row::broken("authorities", error.to_string(), remedy),
    });
    for (name, is_there) in
        [("SSL_CERT_FILE", Path::is_file as fn(&Path) -> bool), ("SSL_CERT_DIR", Path::is_dir)]
    {
        let Some(value) = var_os(name).filter(|value| !value.is_empty()) else { continue };
        let shown = PathBuf::from(&value).display().to_string();
        let there = split_paths(&value).any(|path| is_there(&path));
        rows.push(if there {
            Row::fine(name, shown)
        } else {
            Row::broken(name, format!("{shown} is not there"), "correct the variable, or unset it")
        });
    }
    for (host, mirror) in &remote.mirrors {
        rows.push(Row::fine("mirror", format!("{mirror} before {host}")));
    }
    rows
}

/// The address of a proxy without the login that may be in it.
fn address(proxy: &Secret) -> String {
    let text = String::from_utf8_lossy(proxy.expose()).into_owned();
    match text.rsplit_once('@') {
        Some((_, host)) => format!("{host}, with a login"),
        None => text,
    }
}

pub(super) fn logins(patient: &Patient<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    if let Some(user) = &patient.config.settings.username {
        rows.push(Row::fine("--username", user));
    }
    for found in login_files(&patient.config.settings.remote) {
        match found {
            Ok(found) => rows.extend(file(&found)),
            Err(error) => rows.push(Row::broken("file", error.to_string(), error.remedy())),
        }
    }
    if rows.is_empty() {
        rows.push(Row::absent(
            "logins",
            "none: registries are asked as anybody; `docker login` or `podman login` makes one",
        ));
    }
    rows
}

fn file(found: &LoginsIn) -> Vec<Row> {
    let registries =
        if found.registries.is_empty() { "no login".to_owned() } else { found.registries.join(", ") };
    let mut rows = vec![Row::fine("file", format!("{}: {registries}", found.file.display()))];
    for registry in &found.unusable {
        rows.push(Row::broken(
            "login",
            format!("what it holds of {registry} is no login"),
            "log in to that registry again",
        ));
    }
    let others = found.store.iter().map(|program| ("all others", program));
    let helpers = found.helpers.iter().map(|(registry, program)| (registry.as_str(), program)).chain(others);
    for (registry, program) in helpers {
        rows.push(match in_path(program) {
            Some(path) => Row::fine("helper", format!("{} for {registry}", path.display())),
            None => Row::broken(
                "helper",
                format!("{program}, for {registry}, is not in PATH"),
                "install it, or take it out of the file",
            ),
        });
    }
    rows
}

fn in_path(program: &str) -> Option<PathBuf> {
    split_paths(&var_os("PATH")?).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Where engines would be asked for images.
pub(super) fn engines(patient: &Patient<'_>) -> Vec<Row> {
    Engine::ALL.iter().map(|engine| row(*engine, &patient.config.settings.remote)).collect()
}

fn row(of: Engine, remote: &Remote) -> Row {
    let name = of.name();
    match engine::address(of, remote) {
        Ok(Some(Address { text, named: true, is_there: Some(false) })) => Row::broken(
            name,
            format!("{text} is not there"),
            "start the engine, or correct the variable or the context that names it",
        ),
        Ok(Some(Address { text, named: true, .. })) => Row::fine(name, text),
        Ok(Some(Address { text, .. })) => Row::fine(name, format!("listens on {text}")),
        Ok(None) => Row::absent(
            name,
            format!("no socket; `{name} save NAME | layersift scan -` needs its client only"),
        ),
        Err(error) => Row::broken(name, error.to_string(), error.remedy()),
    }
}
