//! How registries and engines are reached, as it is typed and as the environment says it.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{anyhow, bail};
use layersift::secret::Secret;
use layersift::source::{Engines, Input, Proxies, Remote};
use layersift::stream::read_bounded;
use zeroize::Zeroizing;

use super::settings::{List, SWITCH, Setting, Settings};
use super::values::{number, switch};

/// More than any password.
const LONGEST_PASSWORD: u64 = 64 << 10;

/// The settings that say how registries are reached.
pub(crate) const REGISTRY_SETTINGS: &[&str] = &[
    "plain-http",
    "registry-ca",
    "registry-cert",
    "registry-key",
    "registry-mirror",
    "registry-timeout",
    "registry-retries",
    "username",
];

pub(super) const PLAIN_HTTP: Setting = Setting {
    name: "plain-http",
    about: "Talk to registries without TLS; those on this machine are, if they have none",
    set: |settings, text| switch(text).map(|on| settings.remote.plain_http = on),
    ..SWITCH
};

pub(super) const REGISTRY_CA: Setting = Setting {
    name: "registry-ca",
    value: "FILE",
    about: "Trust the certificates in this PEM file, too; may be repeated",
    values: Vec::new,
    list: Some(List::Paths),
    set: |settings, text| {
        settings.remote.authorities.push(text.into());
        Ok(())
    },
    ..SWITCH
};

pub(super) const REGISTRY_CERT: Setting = Setting {
    name: "registry-cert",
    value: "FILE",
    about: "Show registries the client certificate in this PEM file",
    values: Vec::new,
    list: Some(List::Path),
    set: |settings, text| {
        settings.remote.certificate = Some(text.into());
        Ok(())
    },
    ..SWITCH
};

pub(super) const REGISTRY_KEY: Setting = Setting {
    name: "registry-key",
    value: "FILE",
    about: "The private key of the client certificate, in PEM",
    values: Vec::new,
    list: Some(List::Path),
    set: |settings, text| {
        settings.remote.key = Some(text.into());
        Ok(())
    },
    ..SWITCH
};

pub(super) const REGISTRY_MIRROR: Setting = Setting {
    name: "registry-mirror",
    value: "HOST=MIRROR,…",
    about: "Ask this mirror before the registry, as in docker.io=mirror.example/hub; may be repeated",
    values: Vec::new,
    list: Some(List::Names),
    set: |settings, text| {
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let pair = item.split_once('=').filter(|(host, mirror)| !host.is_empty() && !mirror.is_empty());
            let pair = pair.filter(|_| !item.contains(char::is_whitespace) && !item.contains("://"));
            let (host, mirror) =
                pair.ok_or("expected HOST=MIRROR, for example docker.io=mirror.example/hub")?;
            settings.remote.mirrors.push((host.to_owned(), mirror.to_owned()));
        }
        Ok(())
    },
    ..SWITCH
};

pub(super) const REGISTRY_TIMEOUT: Setting = Setting {
    name: "registry-timeout",
    value: "SECONDS",
    about: "How long a registry or an engine may give nothing, or next to nothing [default: 60]",
    values: Vec::new,
    set: |settings, text| {
        let seconds: u32 = number(text)?;
        settings.remote.timeout = Duration::from_secs(seconds.max(1).into());
        Ok(())
    },
    ..SWITCH
};

pub(super) const REGISTRY_RETRIES: Setting = Setting {
    name: "registry-retries",
    value: "N",
    about: "How often to try again what may pass: cuts, time-outs, too many requests [default: 5]",
    values: Vec::new,
    set: |settings, text| number(text).map(|retries| settings.remote.retries = retries),
    ..SWITCH
};

pub(super) const USERNAME: Setting = Setting {
    name: "username",
    value: "NAME",
    about: "Log in as this user; the password comes from --password-stdin or LAYERSIFT_PASSWORD",
    values: Vec::new,
    set: |settings, text| {
        if text.is_empty() || text.contains(|c: char| c == ':' || c.is_whitespace() || c.is_control()) {
            return Err("a user's name has no colon and no blanks".into());
        }
        settings.username = Some(text.to_owned());
        Ok(())
    },
    ..SWITCH
};

/// Fills in what other programs' variables say: proxies, where logins are kept, and where engines are.
pub(super) fn look_around(remote: &mut Remote, variable: &dyn Fn(&str) -> Option<OsString>) {
    let text = |name: &str| {
        // Programs agree on both spellings; that in small letters is the older one.
        let found = variable(&name.to_lowercase()).or_else(|| variable(name));
        found.and_then(|value| value.into_string().ok())
    };
    // A server that runs programs for requests sets HTTP_PROXY from a header of theirs (CVE-2016-5385).
    let http = if variable("REQUEST_METHOD").is_some() { None } else { text("HTTP_PROXY") };
    remote.proxies = Proxies {
        http: http.map(Secret::new),
        https: text("HTTPS_PROXY").map(Secret::new),
        all: text("ALL_PROXY").map(Secret::new),
        none_for: text("NO_PROXY").unwrap_or_default(),
    };
    let folder = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = folder("HOME").or_else(|| folder("USERPROFILE"));
    let in_home = |path: &str| home.as_ref().map(|home| home.join(path));
    let files = [
        folder("REGISTRY_AUTH_FILE"),
        folder("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")),
        folder("XDG_CONFIG_HOME")
            .or_else(|| in_home(".config"))
            .map(|folder| folder.join("containers/auth.json")),
        folder("DOCKER_CONFIG").or_else(|| in_home(".docker")).map(|folder| folder.join("config.json")),
    ];
    remote.login_files = files.into_iter().flatten().collect();
    let word = |name: &str| {
        variable(name).and_then(|value| value.into_string().ok()).filter(|value| !value.is_empty())
    };
    remote.engines = Engines {
        docker_host: word("DOCKER_HOST"),
        docker_context: word("DOCKER_CONTEXT"),
        docker_config: folder("DOCKER_CONFIG").or_else(|| in_home(".docker")),
        docker_tls: word("DOCKER_TLS_VERIFY").is_some(),
        docker_certificates: folder("DOCKER_CERT_PATH"),
        podman_host: word("CONTAINER_HOST"),
        podman_connection: word("CONTAINER_CONNECTION"),
        podman_config: folder("XDG_CONFIG_HOME")
            .or_else(|| in_home(".config"))
            .map(|folder| folder.join("containers")),
        runtime: folder("XDG_RUNTIME_DIR"),
    };
}

/// The password that standard input holds: all of it but the line break at its end.
pub(super) fn password_from_stdin() -> anyhow::Result<Secret> {
    let bytes = read_bounded(&mut io::stdin(), LONGEST_PASSWORD)?.map(Zeroizing::new);
    let bytes = bytes.ok_or_else(|| anyhow!("--password-stdin: that is too long for a password"))?;
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let password = line.strip_suffix(b"\r").unwrap_or(line);
    if password.is_empty() {
        bail!("--password-stdin: standard input is empty");
    }
    Ok(Secret::new(password))
}

/// How to reach the registries of `inputs`, with the login that was given for them.
pub(super) fn remote(
    settings: &Settings,
    password: Option<Secret>,
    inputs: &[Input],
) -> anyhow::Result<Remote> {
    let mut remote = settings.remote.clone();
    match (&settings.username, password) {
        (None, None) => {}
        (Some(_), None) => bail!("--username needs a password: give --password-stdin, or LAYERSIFT_PASSWORD"),
        (None, Some(_)) => bail!("a password needs a user: give --username"),
        (Some(user), Some(password)) => {
            let mut registries: Vec<&str> = inputs.iter().filter_map(Input::registry).collect();
            registries.sort_unstable();
            registries.dedup();
            if registries.len() > 1 {
                bail!(
                    "one login is for one registry, and these images are of {}; put a login for each into a file, and name it \
                     with REGISTRY_AUTH_FILE",
                    registries.join(" and ")
                );
            }
            remote.login = Some((user.clone(), password));
        }
    }
    Ok(remote)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(variables: &[(&str, &str)]) -> Remote {
        let mut remote = Remote::default();
        let variable = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        look_around(&mut remote, &variable);
        remote
    }

    #[test]
    fn logins_are_looked_for_where_other_tools_keep_them() {
        let files = |variables: &[(&str, &str)]| -> Vec<String> {
            around(variables).login_files.iter().map(|file| file.display().to_string()).collect()
        };
        assert_eq!(
            files(&[("HOME", "/home/a"), ("XDG_RUNTIME_DIR", "/run/a")]),
            [
                "/run/a/containers/auth.json",
                "/home/a/.config/containers/auth.json",
                "/home/a/.docker/config.json"
            ]
        );
        assert_eq!(
            files(&[
                ("HOME", "/h"),
                ("REGISTRY_AUTH_FILE", "/x.json"),
                ("DOCKER_CONFIG", "/d"),
                ("XDG_CONFIG_HOME", "/c")
            ]),
            ["/x.json", "/c/containers/auth.json", "/d/config.json"]
        );
        assert!(files(&[]).is_empty());
    }

    #[test]
    fn proxies_are_taken_from_both_spellings() {
        let proxies = around(&[("HTTPS_PROXY", "a"), ("https_proxy", "b"), ("NO_PROXY", "c")]).proxies;
        assert_eq!(proxies.https.unwrap().expose(), b"b");
        assert_eq!((proxies.none_for.as_str(), proxies.all.is_none()), ("c", true));
        let cgi = around(&[("HTTP_PROXY", "a"), ("REQUEST_METHOD", "GET")]).proxies;
        assert!(cgi.http.is_none());
    }

    #[test]
    fn one_login_is_for_one_registry() {
        let settings = Settings { username: Some("a".into()), ..Settings::default() };
        let inputs = |names: &[&str]| -> Vec<Input> {
            names.iter().map(|name| Input::parse(name.into()).unwrap()).collect()
        };
        let with = |names: &[&str]| {
            remote(&settings, Some(Secret::new("b")), &inputs(names)).map(|remote| remote.login)
        };
        assert!(with(&["r.example/a", "r.example/b:1", "x.tar"]).unwrap().is_some());
        insta::assert_snapshot!(with(&["r.example/a", "alpine"]).unwrap_err(), @"one login is for one registry, and these images are of docker.io and r.example; put a login for each into a file, and name it with REGISTRY_AUTH_FILE");
        insta::assert_snapshot!(remote(&settings, None, &[]).unwrap_err(), @"--username needs a password: give --password-stdin, or LAYERSIFT_PASSWORD");
        insta::assert_snapshot!(remote(&Settings::default(), Some(Secret::new("b")), &[]).unwrap_err(), @"a password needs a user: give --username");
    }
}
