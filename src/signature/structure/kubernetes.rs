//! Kubernetes: the values of Secrets, and the logins of its command line.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher as _};

use super::notation::{Leaf, yaml};
use super::{Encoding, Sink, Structure, TEXT, VALUE, base64_key, field, key, keys, own};

pub(super) const ROWS: &[Structure] = &[
    own("kubernetes-secret", "manifests of Kubernetes", &["*.yaml", "*.yml", "*.json"], &[VALUE], secrets)
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

/// Whether a content says `kind: Secret` somewhere.
fn may_be_secret(text: &[u8]) -> bool {
    let says = |at: usize| {
        let before = text[at.saturating_sub(32)..at].trim_ascii_end();
        let before = before.strip_suffix(b"\"").or(before.strip_suffix(b"'")).unwrap_or(before);
        let before = before.trim_ascii_end().strip_suffix(b":").unwrap_or_default().trim_ascii_end();
        let before = before.strip_suffix(b"\"").or(before.strip_suffix(b"'")).unwrap_or(before);
        before.ends_with(b"kind") && !text.get(at + 6).is_some_and(u8::is_ascii_alphanumeric)
    };
    memchr::memmem::find_iter(text, b"Secret").any(says)
}

/// Values of `data` and `stringData` of every object whose kind is Secret. In a sorted manifest the kind stands behind
/// the data, so the text is read twice.
fn secrets(text: &[u8], sink: &mut Sink<'_>) {
    let mut objects = HashSet::new();
    yaml(text, &mut |leaf| {
        if *leaf.text == *b"Secret" && leaf.key() == "kind" {
            objects.extend(object(leaf, 1));
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
        if object(leaf, 2).is_some_and(|object| objects.contains(&object)) {
            field(leaf, VALUE, encoding).into_iter().for_each(&mut *sink);
        }
    });
}

/// The object that a scalar belongs to: its document, and a hash of its keys but the last `depth`. None of keys that are
/// longer together than those of any manifest, since they are hashed for each scalar.
fn object(leaf: &Leaf<'_, '_>, depth: usize) -> Option<(usize, u64)> {
    let keys = &leaf.keys[..leaf.keys.len().saturating_sub(depth)];
    if keys.iter().map(|key| key.len() + 1).sum::<usize>() > LONGEST_KEYS {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    for key in keys {
        hasher.write(key);
        hasher.write_u8(0);
    }
    Some((leaf.document, hasher.finish()))
}

/// Bytes of the keys that lead to an object.
const LONGEST_KEYS: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        let mut out = Vec::new();
        secrets(text.as_bytes(), &mut |field| {
            out.push(format!("{}={}", field.key, String::from_utf8_lossy(&field.value)));
        });
        out
    }

    #[test]
    fn only_a_secret_says_that_it_is_one() {
        for text in ["kind: Secret\n", "kind: \"Secret\"", "{\"kind\":\"Secret\"}", "'kind' : 'Secret' # x"] {
            assert!(may_be_secret(text.as_bytes()), "{text}");
        }
        for text in
            ["kind: SecretList", "kind: ExternalSecret", "kinds: Secret", "a Secret of that kind", "Secret"]
        {
            assert!(!may_be_secret(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn keys_without_end_cost_no_time() {
        let key = "k".repeat(4 << 20);
        let leaves = "\"a\":1,".repeat(1 << 18);
        let text = format!("{{\"{key}\":{{\"kind\":\"Secret\",\"data\":{{{leaves}\"b\":\"eA==\"}}}}}}");
        let start = std::time::Instant::now();
        assert_eq!(values(&text), [""; 0]);
        assert!(start.elapsed().as_secs() < 20);
    }

    #[test]
    fn objects_are_told_apart() {
        let text = "data: {a: eA==}\nkind: Secret\n---\ndata: {b: eA==}\nkind: ConfigMap\n---\n\
            items:\n- kind: Secret\n  stringData:\n    c: x\n- kind: SealedSecret\n  data: {d: eA==}\n";
        assert_eq!(values(text), ["data.a=x", "items.0.stringData.c=x"]);
        assert_eq!(values("{\"data\":{\"a\":\"eA==\"},\"kind\":\"Secret\"}"), ["data.a=x"]);
        assert_eq!(values("kind: Secret\ndata:\n  a: {{ .Values.a | b64enc }}\n"), [""; 0]);
    }
}
