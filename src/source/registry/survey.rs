//! Which logins there are, for somebody who wonders which would be used. Nothing secret leaves from here, and no helper is
//! asked.

use std::path::PathBuf;

use super::credentials::{login, read};
use crate::source::remote::{Remote, RemoteError};

/// What a login file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginsIn {
    /// The file.
    pub file: PathBuf,
    /// Registries, or parts of their paths, of which it holds a login.
    pub registries: Vec<String>,
    /// Those of which it holds an entry that cannot be used.
    pub unusable: Vec<String>,
    /// Registries, each with the program that is asked for its login.
    pub helpers: Vec<(String, String)>,
    /// The program that is asked for all others.
    pub store: Option<String>,
}

/// The login files that there are, in the order in which they are looked into.
pub fn logins(remote: &Remote) -> Vec<Result<LoginsIn, RemoteError>> {
    let program = |helper: &str| format!("docker-credential-{helper}");
    let survey = |file: &PathBuf| {
        let held = match read(file) {
            Ok(held) => held?,
            Err(error) => return Some(Err(error)),
        };
        let mut found = LoginsIn {
            file: file.clone(),
            registries: Vec::new(),
            unusable: Vec::new(),
            helpers: held.cred_helpers.iter().map(|(host, helper)| (host.clone(), program(helper))).collect(),
            store: held.creds_store.as_deref().filter(|store| !store.is_empty()).map(program),
        };
        for (registry, entry) in &held.auths {
            match login(entry) {
                Ok(Some(_)) => found.registries.push(registry.clone()),
                // A helper keeps it.
                Ok(None) => {}
                Err(_) => found.unusable.push(registry.clone()),
            }
        }
        found.registries.sort();
        found.unusable.sort();
        found.helpers.sort();
        Some(Ok(found))
    };
    remote.login_files.iter().filter_map(survey).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_are_named_and_nothing_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let text = r#"{"auths": {"b.example": {"auth": "dXNlcjpwYXNz"}, "a.example": {"username": "u", "password": "p"},
            "kept.example": {}, "odd.example": {"auth": "%"}},
            "credHelpers": {"gcr.io": "gcloud"}, "credsStore": "desktop"}"#;
        std::fs::write(path("config.json"), text).unwrap();
        std::fs::write(path("broken.json"), "{\"auths\": \"dXNlcjpwYXNz\"}").unwrap();
        let files = ["none.json", "config.json", "broken.json"].map(path).to_vec();
        let found = logins(&Remote { login_files: files, ..Remote::default() });
        let [Ok(held), Err(error)] = &found[..] else { panic!("{found:?}") };
        assert_eq!(held.registries, ["a.example", "b.example"]);
        assert_eq!(held.unusable, ["odd.example"]);
        assert_eq!(held.helpers, [("gcr.io".to_owned(), "docker-credential-gcloud".to_owned())]);
        assert_eq!(held.store.as_deref(), Some("docker-credential-desktop"));
        assert!(error.to_string().contains("broken.json") && !format!("{error:?}").contains("dXNlc"));
    }
}
