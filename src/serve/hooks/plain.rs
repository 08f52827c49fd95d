//! The plain form, for whatever has none of its own: `{"image": "HOST/PATH:TAG@DIGEST"}`, or several as `images`.

use super::proof::Scheme;
use super::{Dialect, Event, Reading, image, list};

pub(super) const PLAIN: Dialect = Dialect {
    name: "plain",
    about: "images by name: {\"image\": \"HOST/PATH:TAG\"}",
    scheme: Scheme::Hmac(&["x-layersift-signature"]),
    names_registry: true,
    is: |event| event.body.get("image").is_some_and(serde_json::Value::is_string) || event.has("/images/0"),
    read,
};

fn read(event: &Event<'_>) -> Reading {
    let several = list(&event.body, "/images").iter().filter_map(serde_json::Value::as_str);
    let pushes = event.text("/image").into_iter().chain(several).filter_map(image);
    Reading::of(pushes)
}
