//! Documents of all kinds and the texts that they give.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

/// `kind name pointer text`, a line each.
fn lines(kind: DocumentKind, document: &Json) -> Vec<String> {
    let line = |text: Text| {
        let name = text.name.unwrap_or_else(|| "-".to_owned());
        let step = text.step.map(|step| format!(" step {step}")).unwrap_or_default();
        format!("{} {name} {} {}{step}", text.kind.as_str(), text.pointer, text.text)
    };
    let list = texts(kind, document.to_string().as_bytes()).unwrap();
    list.into_iter().map(line).collect()
}

#[test]
fn every_field_of_a_config_has_its_kind_and_name() {
    let config = json!({
        "architecture": "amd64",
        "config": {
            "Cmd": ["app", "--token", "abc", "--pass=x", "-v", "--quiet"],
            "Entrypoint": null,
            "Env": ["PATH=/bin:/sbin", "EMPTY=", "ODD"],
            "Healthcheck": {"Test": ["CMD-SHELL", "curl -u a:b"], "Retries": 3},
            "Labels": {"a.b/c": "d"},
            "OnBuild": ["RUN x"],
            "User": "me",
            "Volumes": {"/data": {}},
        },
        "history": [{"created_by": "RUN a"}, {"comment": "b", "empty_layer": true, "author": "c", "new": ["d"]}],
        "unheard": {"of": [[{"here": "e"}]]},
    });
    insta::assert_snapshot!(lines(DocumentKind::Config, &config).join("\n"), @r"
    config architecture /architecture amd64
    cmd - /config/Cmd/0 app
    cmd - /config/Cmd/1 --token
    cmd --token /config/Cmd/2 abc
    cmd --pass /config/Cmd/3 x
    cmd - /config/Cmd/4 -v
    cmd - /config/Cmd/5 --quiet
    env PATH /config/Env/0 /bin:/sbin
    env - /config/Env/2 ODD
    healthcheck Retries /config/Healthcheck/Retries 3
    healthcheck - /config/Healthcheck/Test/0 CMD-SHELL
    healthcheck - /config/Healthcheck/Test/1 curl -u a:b
    label - /config/Labels/a.b~1c a.b/c
    label a.b/c /config/Labels/a.b~1c d
    onbuild OnBuild /config/OnBuild/0 RUN x
    config User /config/User me
    config - /config/Volumes/~1data /data
    history created_by /history/0/created_by RUN a step 0
    history author /history/1/author c step 1
    history comment /history/1/comment b step 1
    history new /history/1/new/0 d step 1
    config here /unheard/of/0/0/here e
    ");
}

#[test]
fn go_reads_keys_in_any_case_and_so_do_we() {
    let config = json!({"CONFIG": {"env": ["A=b"], "labels": {"x": "y"}}});
    assert_eq!(lines(DocumentKind::Config, &config), ["env A /CONFIG/env/0 b", "label x /CONFIG/labels/x y"]);
}

#[test]
fn a_legacy_layer_has_two_sets_of_parameters() {
    let layer = json!({"id": "0a", "container_config": {"Env": ["A=b"]}, "comment": "c"});
    assert_eq!(
        lines(DocumentKind::LegacyLayer, &layer),
        ["metadata comment /comment c", "config A /container_config/Env/0 b", "metadata id /id 0a"]
    );
}

#[test]
fn annotations_are_named_wherever_they_stand() {
    let index = json!({
        "schemaVersion": 2,
        "annotations": {"a~/b": "1"},
        "manifests": [{"digest": "d", "annotations": {"ref": "2"}}],
    });
    assert_eq!(
        lines(DocumentKind::Index, &index),
        [
            "annotation - /annotations/a~0~1b a~/b",
            "annotation a~/b /annotations/a~0~1b 1",
            "annotation ref /manifests/0/annotations/ref 2",
            "metadata digest /manifests/0/digest d",
            "metadata schemaVersion /schemaVersion 2",
        ]
    );
}

#[test]
fn provenance_gives_build_arguments_files_and_commands() {
    let dockerfile = "FROM scratch\nARG TOKEN=t";
    let exec = json!({"meta": {"args": ["/bin/sh", "-c", "make"], "env": ["A=b"]}});
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicate": {
            "buildConfig": {"llbDefinition": [
                {"op": {"Op": {"exec": exec}}},
                {"op": {"Op": {"file": {"actions": [{"Action": {"mkfile": {"data": STANDARD.encode("f")}}}]}}}},
            ]},
            "invocation": {"parameters": {"args": {"build-arg:TOKEN": "t", "label:x": "l"}}},
            "metadata": {"https://mobyproject.org/buildkit@v1#metadata": {"source": {"infos": [
                {"data": STANDARD.encode(dockerfile), "filename": "Dockerfile"},
            ]}}},
        },
    });
    let list = lines(DocumentKind::Statement, &statement);
    let ends = |end: &str| list.iter().any(|line| line.ends_with(end));
    assert!(ends("/exec/meta/args/2 make"), "{list:#?}");
    assert!(ends("A /predicate/buildConfig/llbDefinition/0/op/Op/exec/meta/env/0 b"), "{list:#?}");
    assert!(ends("/mkfile/data f"), "{list:#?}");
    assert!(ends("attestation TOKEN /predicate/invocation/parameters/args/build-arg:TOKEN t"), "{list:#?}");
    assert!(ends(&format!("/source/infos/0/data {dockerfile}")), "{list:#?}");
}

#[test]
fn the_payload_of_an_envelope_is_opened() {
    let inner = json!({"predicate": {"build-arg:A": "b"}}).to_string();
    let envelope = json!({"payload": STANDARD.encode(inner), "payloadType": "application/vnd.in-toto+json"});
    assert_eq!(
        lines(DocumentKind::Statement, &envelope)[1],
        "attestation A /payload/predicate/build-arg:A b"
    );
    for payload in ["not base64", "bm90IGpzb24="] {
        let list = lines(DocumentKind::Statement, &json!({"payload": payload}));
        assert_eq!(list.len(), 1);
        assert!(list[0].ends_with(" not base64") || list[0].ends_with(" not json"), "{list:?}");
    }
}

#[test]
fn envelopes_in_envelopes_are_opened_twice() {
    let mut document = json!({"a": "b"});
    for _ in 0..5 {
        document = json!({"payload": STANDARD.encode(document.to_string())});
    }
    let list = lines(DocumentKind::Statement, &document);
    assert!(list[0].starts_with("attestation payload /payload/payload/payload "), "{list:?}");
}

#[test]
fn a_repeated_key_hides_nothing() {
    let list = texts(DocumentKind::Config, br#"{"config":{"Env":["A=1"],"Env":["A=2"]}}"#).unwrap();
    assert_eq!(list.iter().map(|text| text.text.as_str()).collect::<Vec<_>>(), ["1", "2"]);
}

#[test]
fn a_nesting_bomb_is_an_error_after_the_texts_before_it() {
    let bomb = format!(r#"{{"a":"b","c":{}}}"#, "[".repeat(100_000));
    let mut seen = 0;
    let walked = each_text(DocumentKind::Json, bomb.as_bytes(), &mut |_| seen += 1);
    assert!(matches!(walked, Err(DocumentError::Syntax { .. })));
    assert_eq!(seen, 1);
}

#[test]
fn long_names_and_pointers_are_shortened_and_texts_are_not() {
    let key = "é".repeat(5000);
    let list = texts(DocumentKind::Json, json!({&key: {&key: "value"}}).to_string().as_bytes()).unwrap();
    let value = list.last().unwrap();
    assert_eq!(value.text, "value");
    assert_eq!(value.name.as_ref().unwrap().len(), 256);
    assert!(value.pointer.len() < 1100 && value.pointer.ends_with('…'));
    assert_eq!(list[0].text, key);
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf =
        prop_oneof![Just(Json::Null), any::<u32>().prop_map(Json::from), "[ -~é]{1,12}".prop_map(Json::from)];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let key = prop_oneof!["[a-z0-9=-]{1,8}", Just("annotations".to_owned()), Just("config".to_owned())];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::btree_map(key, inner, 0..5)
                .prop_map(|fields| fields.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

/// Every leaf with its pointer, by the pointers of `serde_json`.
fn naive(value: &Json, pointer: &str, out: &mut Vec<(String, String)>) {
    match value {
        Json::String(text) => out.push((pointer.to_owned(), text.clone())),
        Json::Number(number) => out.push((pointer.to_owned(), number.to_string())),
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                naive(item, &format!("{pointer}/{index}"), out);
            }
        }
        Json::Object(fields) => {
            for (key, field) in fields {
                let plain = key.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
                let pointer = format!("{pointer}/{key}");
                if !plain {
                    out.push((pointer.clone(), key.clone()));
                }
                naive(field, &pointer, out);
            }
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn no_text_is_left_out(document in any_json()) {
        let mut expected = Vec::new();
        naive(&document, "", &mut expected);
        let found = texts(DocumentKind::Json, document.to_string().as_bytes()).unwrap();
        let found: Vec<_> = found.into_iter().map(|text| (text.pointer, text.text)).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = texts(DocumentKind::Config, &bytes);
    }
}
