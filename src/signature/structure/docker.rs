//! `config.json` of Docker and its like: `auths.HOST.auth`, and the form of old without `auths`.

use super::notation::{Leaf, json};
use super::{Field, Sink};

pub(super) fn read(text: &[u8], sink: &mut Sink<'_>) {
    json(text, &mut |leaf| {
        if let Some(name) = field(leaf) {
            sink(Field {
                name,
                key: leaf.dotted(),
                range: leaf.range.clone(),
                value: leaf.text.clone(),
                decoded: None,
            });
        }
    });
}

fn field(leaf: &Leaf<'_, '_>) -> Option<&'static str> {
    // Without `auths` the registries are the keys of the whole.
    let registry = |key: &[u8]| key.iter().any(|b| matches!(b, b'.' | b':'));
    let login = leaf.ends(&["auths", "*", "*"]) || (leaf.keys.len() == 2 && registry(&leaf.keys[0]));
    let name = match leaf.key().as_str() {
        "auth" => "auth",
        "identitytoken" | "registrytoken" => "identity-token",
        "password" => "password",
        _ => return None,
    };
    login.then_some(name)
}
