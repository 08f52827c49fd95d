//! Kubernetes: the values of Secrets, and the logins of its command line.

use std::collections::HashSet;

use super::notation::{Leaf, yaml};
use super::{Encoding, Sink, Structure, TEXT, VARIABLE, base64_key, field, key, keys, own};

pub(super) const ROWS: &[Structure] = &[
    own("kubernetes-secret", "manifests of Kubernetes", &["*.yaml", "*.yml", "*.json"], &[VARIABLE], secrets)
        .only_if(may_be_secret),
    keys(
        "kubeconfig",
        "logins of Kubernetes' command line",
        &[
            ".kube/config",
            "kubeconfig",
            "*.kubeconfig",
            "kubeconfig.yaml",
            "kubeconfig.yml",
            "kubernetes/*.conf",
            "k3s.yaml",
        ],
        yaml,
        &[
            key(&["users", "*", "user", "token"], "token"),
            key(&["users", "*", "user", "password"], "password"),
            base64_key(&["users", "*", "user", "client-key-data"], TEXT),
            key(&["auth-provider", "config", "access-token"], "token"),
            key(&["auth-provider", "config", "refresh-token"], "token"),
            key(&["auth-provider", "config", "id-token"], "token"),
        ],
    ),
];

/// Whether a content has what every Secret has.
fn may_be_secret(text: &[u8]) -> bool {
    let has = |needle: &[u8]| memchr::memmem::find(text, needle).is_some();
    has(b"Secret") && has(b"kind") && (has(b"data") || has(b"stringData"))
}

/// Values of `data` and `stringData` of every object whose kind is Secret. In a sorted manifest the kind stands behind
/// the data, so the text is read twice.
fn secrets(text: &[u8], sink: &mut Sink<'_>) {
    let mut objects = HashSet::new();
    yaml(text, &mut |leaf| {
        if *leaf.text == *b"Secret" && leaf.key() == "kind" {
            objects.insert(object(leaf, 1));
        }
    });
    if objects.is_empty() {
        return;
    }
    yaml(text, &mut |leaf| {
        let encoding = match leaf.keys.len().checked_sub(2).map(|at| &*leaf.keys[at]) {
            Some(b"data") => Encoding::Base64,
            Some(b"stringData") => Encoding::Plain,
            _ => return,
        };
        if objects.contains(&object(leaf, 2)) {
            field(leaf, VARIABLE, encoding).into_iter().for_each(&mut *sink);
        }
    });
}

/// The object that a scalar belongs to: its document, and its keys but the last `depth`.
fn object(leaf: &Leaf<'_, '_>, depth: usize) -> (usize, Vec<u8>) {
    (leaf.document, leaf.keys[..leaf.keys.len().saturating_sub(depth)].join(&0))
}
