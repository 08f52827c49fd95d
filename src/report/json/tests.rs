//! The JSON formats against their schema.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::report::{JSON_SCHEMA, ToolRules, jsonl, sample};

fn options(show_secrets: bool, rules: Option<ToolRules>) -> ReportOptions {
    let mut options = ReportOptions { show_secrets, ..ReportOptions::default() };
    options.tool.fingerprint_key = rules.as_ref().map(|_| "0a1b2c3d".into());
    options.tool.rules = rules;
    options
}

fn parsed(outcomes: &[Outcome], options: &ReportOptions) -> Value {
    let mut out = Vec::new();
    write(&mut out, outcomes, options).expect("a vector takes everything");
    serde_json::from_slice(&out).expect("valid JSON")
}

/// Documents that together hold every field with a value, and every optional one without.
fn documents() -> Vec<Value> {
    let rules = Some(ToolRules { count: 60, fingerprint: Some("f00".into()) });
    let outcomes = [sample::full(), sample::hostile(), sample::clean()];
    vec![
        parsed(&[sample::full()], &options(true, rules.clone())),
        parsed(&[sample::clean()], &options(false, None)),
        parsed(&[Outcome::default()], &options(false, None)),
        parsed(&outcomes, &options(true, rules)),
        parsed(&[], &options(false, None)),
    ]
}

fn schema() -> Value {
    serde_json::from_str(JSON_SCHEMA).expect("the schema is JSON")
}

fn validator(schema: &Value) -> jsonschema::Validator {
    jsonschema::draft202012::meta::validate(schema).expect("the schema is a schema");
    jsonschema::draft202012::new(schema).expect("the schema compiles")
}

fn complaints(validator: &jsonschema::Validator, document: &Value) -> Vec<String> {
    let errors = validator.iter_errors(document);
    errors.map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn documents_follow_the_schema() {
    let validator = validator(&schema());
    for document in documents() {
        assert_eq!(complaints(&validator, &document), [""; 0]);
    }
}

#[test]
fn a_field_that_the_schema_does_not_know_is_refused_everywhere() {
    let validator = validator(&schema());
    let document = parsed(&[sample::full()], &options(true, None));
    for pointer in object_pointers(&document) {
        let mut changed = document.clone();
        let object = changed.pointer_mut(&pointer).and_then(Value::as_object_mut);
        object.expect("a pointer to an object").insert("unknown".into(), Value::Null);
        assert!(!validator.is_valid(&changed), "{pointer}");
    }
}

#[test]
fn every_property_of_the_schema_is_documented_and_written_with_a_value() {
    let (schema, documents) = (schema(), documents());
    let one = |document: &&Value| document.get("reports").is_none();
    for (name, kept) in [("report", true), ("reports", false)] {
        let documents: Vec<_> = documents.iter().filter(|document| one(document) == kept).collect();
        unwritten(&schema, &schema["$defs"][name], &documents, name);
    }
}

#[test]
fn lines_follow_the_schema_too() {
    let mut schema = schema();
    schema.as_object_mut().expect("an object").remove("oneOf");
    schema["$ref"] = "#/$defs/line".into();
    let validator = validator(&schema);
    let mut types = BTreeSet::new();
    for show_secrets in [false, true] {
        let outcomes = [sample::full(), sample::hostile(), Outcome::default()];
        let mut out = Vec::new();
        jsonl::write(&mut out, &outcomes, &options(show_secrets, None)).expect("a vector takes everything");
        for line in String::from_utf8(out).expect("UTF-8").lines() {
            let line: Value = serde_json::from_str(line).expect("each line is JSON");
            assert_eq!(complaints(&validator, &line), [""; 0]);
            types.insert(line["type"].as_str().expect("a type").to_owned());
        }
    }
    assert_eq!(
        types.into_iter().collect::<Vec<_>>(),
        ["coverage", "finding", "image", "policy", "problem", "stale", "summary", "suppressed"]
    );
}

#[test]
fn a_secret_is_written_without_loss() {
    use base64::prelude::{BASE64_STANDARD, Engine};

    let document = parsed(&[sample::full()], &options(true, None));
    let [text, bytes] = [0, 1].map(|index| &document["findings"][index]);
    assert_eq!(text["secret"], sample::token());
    assert_eq!(text["secret_encoding"], "utf-8");
    assert_eq!(bytes["secret_encoding"], "base64");
    assert_eq!(BASE64_STANDARD.decode(bytes["secret"].as_str().expect("text")).expect("base64"), [0xff; 48]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a whole document")]
fn a_report_looks_like_this() {
    let mut outcome = sample::full();
    outcome.images.truncate(1);
    outcome.findings.truncate(1);
    outcome.suppression.findings.truncate(1);
    outcome.coverage.blobs.truncate(1);
    let mut out = Vec::new();
    let options = ReportOptions {
        tool: crate::report::Tool { version: "0.0.0".into(), ..crate::report::Tool::default() },
        ..ReportOptions::default()
    };
    write(&mut out, &[outcome], &options).expect("a vector takes everything");
    insta::assert_snapshot!(String::from_utf8(out).expect("UTF-8"), @r#"
    {
      "schema": "layersift.report/v1",
      "tool": {
        "name": "layersift",
        "version": "0.0.0",
        "rules": null,
        "fingerprint_key": null
      },
      "image": {
        "source": "app.tar",
        "format": "docker-archive",
        "manifests": [
          {
            "names": [
              "app:1.0"
            ],
            "platform": "linux/amd64",
            "manifest": "sha256:05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f",
            "config": "sha256:b79606fb3afea5bd1609ed40b622142f1c98125abcfe89a76a661b0e8e343910",
            "created": "2026-10-01T08:00:00Z",
            "base": {
              "name": "debian:12",
              "digest": "sha256:cae662172fd450bb0cd710a769079c05bfc5d8e35efa6576edc7d0377afdd4a2",
              "layers": 1,
              "steps": 2,
              "from": "given"
            },
            "layers": [
              {
                "index": 0,
                "blob": "sha256:6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                "digest": "sha256:6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                "diff_id": "sha256:df087996d45b03e7eb8c133c0298fd98d35113fca26aaba58612fef3cc212cad",
                "size": 3250000,
                "media_type": "application/vnd.oci.image.layer.v1.tar+gzip",
                "step": 1
              },
              {
                "index": 1,
                "blob": "sha256:4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a",
                "digest": "sha256:4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a",
                "diff_id": "sha256:df087996d45b03e7eb8c133c0298fd98d35113fca26aaba58612fef3cc212cad",
                "size": 3250000,
                "media_type": "application/vnd.oci.image.layer.v1.tar+gzip",
                "step": 2
              }
            ],
            "history": [
              {
                "index": 0,
                "instruction": "ENV",
                "created_by": "ENV GITHUB_TOKEN=[redacted ghp_A1…A1b2 (40 bytes)]",
                "empty_layer": true,
                "layer": null
              },
              {
                "index": 1,
                "instruction": "COPY",
                "created_by": "COPY .env /app/ # buildkit",
                "empty_layer": false,
                "layer": 0
              },
              {
                "index": 2,
                "instruction": "RUN",
                "created_by": "RUN /bin/sh -c rm -f /app/.env # buildkit",
                "empty_layer": false,
                "layer": 1
              }
            ]
          }
        ]
      },
      "summary": {
        "findings": 1,
        "by_severity": {
          "critical": 1,
          "high": 0,
          "medium": 0,
          "low": 0
        },
        "hidden": 3,
        "hidden_shipped": 1,
        "suppressed": {
          "findings": 0,
          "ignore_file": 0,
          "inline": 0,
          "baseline": 0,
          "places": 2,
          "new_places": 0,
          "expired": 1,
          "unused": 1,
          "gone": 1
        },
        "gaps": 1,
        "notes": 1,
        "complete": false
      },
      "findings": [
        {
          "id": "0123456789ab",
          "rule": "github-pat",
          "provider": "GitHub",
          "name": "GitHub personal access token (classic)",
          "severity": "critical",
          "confidence": "confirmed",
          "fingerprint": "5c58b25c7949c01ba2bd9ff20ad5e533",
          "origin": "own",
          "redacted": "ghp_A1…A1b2 (40 bytes)",
          "facts": [],
          "parts": [
            {
              "name": "app id",
              "rule": null,
              "value": "123456",
              "redacted": null,
              "places": [
                {
                  "kind": "env",
                  "image": "app:1.0",
                  "path": null,
                  "inner": [],
                  "name": "GITHUB_TOKEN",
                  "line": null,
                  "offset": null,
                  "decoded": [],
                  "layer": null,
                  "step": {
                    "index": 0,
                    "instruction": "ENV",
                    "created_by": "ENV GITHUB_TOKEN=[redacted ghp_A1…A1b2 (40 bytes)]"
                  },
                  "state": null,
                  "state_by": null,
                  "shipped_by": null,
                  "origin": "base",
                  "platform": "linux/amd64"
                }
              ]
            },
            {
              "name": "key",
              "rule": "private-key",
              "value": null,
              "redacted": "… (11 bytes)",
              "places": [
                {
                  "kind": "file",
                  "image": "app:1.0",
                  "path": "app/backup.tar",
                  "inner": [
                    ".env"
                  ],
                  "name": null,
                  "line": 3,
                  "offset": 57,
                  "decoded": [
                    "utf-16le"
                  ],
                  "layer": {
                    "index": 0,
                    "digest": "sha256:6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                    "diff_id": "sha256:df087996d45b03e7eb8c133c0298fd98d35113fca26aaba58612fef3cc212cad"
                  },
                  "step": {
                    "index": 1,
                    "instruction": "COPY",
                    "created_by": "COPY .env /app/ # buildkit"
                  },
                  "state": "deleted",
                  "state_by": {
                    "layer": 1,
                    "step": {
                      "index": 2,
                      "instruction": "RUN",
                      "created_by": "RUN /bin/sh -c rm -f /app/backup.tar # buildkit"
                    }
                  },
                  "shipped_by": "dpkg made-up",
                  "origin": "own",
                  "platform": "linux/amd64"
                }
              ]
            }
          ],
          "why": "Acts as the user on every repository that the token's scopes allow.",
          "revoke": "https://github.com/settings/tokens",
          "fix": [
            "Revoke it now: https://github.com/settings/tokens",
            "Rebuild."
          ],
          "known": {
            "by": "known.json",
            "first_seen": "2026-10-01",
            "reason": "waits for the vendor"
          },
          "verdict": {
            "action": "fail",
            "rule": "no deleted files either",
            "at": "layersift.toml:7",
            "places": [
              1
            ]
          },
          "places": [
            {
              "kind": "env",
              "image": "app:1.0",
              "path": null,
              "inner": [],
              "name": "GITHUB_TOKEN",
              "line": null,
              "offset": null,
              "decoded": [],
              "layer": null,
              "step": {
                "index": 0,
                "instruction": "ENV",
                "created_by": "ENV GITHUB_TOKEN=[redacted ghp_A1…A1b2 (40 bytes)]"
              },
              "state": null,
              "state_by": null,
              "shipped_by": null,
              "origin": "base",
              "platform": "linux/amd64"
            },
            {
              "kind": "file",
              "image": "app:1.0",
              "path": "app/backup.tar",
              "inner": [
                ".env"
              ],
              "name": null,
              "line": 3,
              "offset": 57,
              "decoded": [
                "utf-16le"
              ],
              "layer": {
                "index": 0,
                "digest": "sha256:6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                "diff_id": "sha256:df087996d45b03e7eb8c133c0298fd98d35113fca26aaba58612fef3cc212cad"
              },
              "step": {
                "index": 1,
                "instruction": "COPY",
                "created_by": "COPY .env /app/ # buildkit"
              },
              "state": "deleted",
              "state_by": {
                "layer": 1,
                "step": {
                  "index": 2,
                  "instruction": "RUN",
                  "created_by": "RUN /bin/sh -c rm -f /app/backup.tar # buildkit"
                }
              },
              "shipped_by": null,
              "origin": "own",
              "platform": "linux/amd64"
            }
          ]
        }
      ],
      "suppressed": [
        {
          "partly": true,
          "causes": [
            {
              "by": "ignore-file",
              "at": "../.layersiftignore:7",
              "reason": "a key of the tests",
              "expires": "2027-01-31",
              "places": [
                0,
                1
              ],
              "new_places": []
            }
          ],
          "id": "0123456789ab",
          "rule": "github-pat",
          "provider": "GitHub",
          "name": "GitHub personal access token (classic)",
          "severity": "critical",
          "confidence": "confirmed",
          "fingerprint": "5c58b25c7949c01ba2bd9ff20ad5e533",
          "origin": "own",
          "redacted": "ghp_A1…A1b2 (40 bytes)",
          "facts": [],
          "parts": [
            {
              "name": "app id",
              "rule": null,
              "value": "123456",
              "redacted": null,
              "places": [
                {
                  "kind": "env",
                  "image": "app:1.0",
                  "path": null,
                  "inner": [],
                  "name": "GITHUB_TOKEN",
                  "line": null,
                  "offset": null,
                  "decoded": [],
                  "layer": null,
                  "step": {
                    "index": 0,
                    "instruction": "ENV",
                    "created_by": "ENV GITHUB_TOKEN=[redacted ghp_A1…A1b2 (40 bytes)]"
                  },
                  "state": null,
                  "state_by": null,
                  "shipped_by": null,
                  "origin": "base",
                  "platform": "linux/amd64"
                }
              ]
            },
            {
              "name": "key",
              "rule": "private-key",
              "value": null,
              "redacted": "… (11 bytes)",
              "places": [
                {
                  "kind": "file",
                  "image": "app:1.0",
                  "path": "app/backup.tar",
                  "inner": [
                    ".env"
                  ],
                  "name": null,
                  "line": 3,
                  "offset": 57,
                  "decoded": [
                    "utf-16le"
                  ],
                  "layer": {
                    "index": 0,
                    "digest": "sha256:6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                    "diff_id": "sha256:df087996d45b03e7eb8c133c0298fd98d35113fca26aaba58612fef3cc212cad"
                  },
                  "step": {
                    "index": 1,
                    "instruction": "COPY",
                    "created_by": "COPY .env /app/ # buildkit"
                  },
                  "state": "deleted",
                  "state_by": {
                    "layer": 1,
                    "step": {
                      "index": 2,
                      "instruction": "RUN",
                      "created_by": "RUN /bin/sh -c rm -f /app/backup.tar # buildkit"
                    }
                  },
                  "shipped_by": "dpkg made-up",
                  "origin": "own",
                  "platform": "linux/amd64"
                }
              ]
            }
          ],
          "why": "Acts as the user on every repository that the token's scopes allow.",
          "revoke": "https://github.com/settings/tokens",
          "fix": [
            "Revoke it now: https://github.com/settings/tokens",
            "Rebuild."
          ],
          "known": {
            "by": "known.json",
            "first_seen": "2026-10-01",
            "reason": "waits for the vendor"
          },
          "verdict": {
            "action": "fail",
            "rule": "no deleted files either",
            "at": "layersift.toml:7",
            "places": [
              1
            ]
          },
          "places": [
            {
              "kind": "env",
              "image": "app:1.0",
              "path": null,
              "inner": [],
              "name": "GITHUB_TOKEN",
              "line": null,
              "offset": null,
              "decoded": [],
              "layer": null,
              "step": {
                "index": 0,
                "instruction": "ENV",
                "created_by": "ENV GITHUB_TOKEN=[redacted ghp_A1…A1b2 (40 bytes)]"
              },
              "state": null,
              "state_by": null,
              "shipped_by": null,
              "origin": "base",
              "platform": "linux/amd64"
            },
            {
              "kind": "file",
              "image": "app:1.0",
              "path": "app/backup.tar",
              "inner": [
                ".env"
              ],
              "name": null,
              "line": 3,
              "offset": 57,
              "decoded": [
                "utf-16le"
              ],
              "layer": {
                "index": 0,
                "digest": "sha256:6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                "diff_id": "sha256:df087996d45b03e7eb8c133c0298fd98d35113fca26aaba58612fef3cc212cad"
              },
              "step": {
                "index": 1,
                "instruction": "COPY",
                "created_by": "COPY .env /app/ # buildkit"
              },
              "state": "deleted",
              "state_by": {
                "layer": 1,
                "step": {
                  "index": 2,
                  "instruction": "RUN",
                  "created_by": "RUN /bin/sh -c rm -f /app/backup.tar # buildkit"
                }
              },
              "shipped_by": null,
              "origin": "own",
              "platform": "linux/amd64"
            }
          ]
        }
      ],
      "stale": {
        "expiring": [
          {
            "at": "../.layersiftignore:7",
            "reason": "a key of the tests",
            "expires": "2027-01-31",
            "findings": 2
          }
        ],
        "expired": [
          {
            "at": "../.layersiftignore:12",
            "reason": "until the vendor answers",
            "expires": "2026-10-31",
            "findings": 1
          }
        ],
        "unused": [
          {
            "at": "../.layersiftignore:20",
            "reason": "gone since 2.0"
          }
        ],
        "gone": [
          {
            "fingerprint": "0123456789abcdef0123456789abcdef",
            "rule": "jwt"
          }
        ]
      },
      "policy": {
        "fails": true,
        "rules": [
          {
            "name": "no deleted files either",
            "at": "layersift.toml:7",
            "action": "fail",
            "expires": null,
            "expired": false,
            "findings": 1
          },
          {
            "name": "--own-only",
            "at": "layersift.toml:12",
            "action": "pass",
            "expires": "2026-10-31",
            "expired": true,
            "findings": 0
          },
          {
            "name": "what no other rule matches",
            "at": null,
            "action": "warn",
            "expires": null,
            "expired": false,
            "findings": 1
          }
        ]
      },
      "problems": [
        {
          "kind": "damaged",
          "gap": true,
          "place": "blobs/sha256/damaged",
          "message": "the archive ends in the middle of a blob",
          "remedy": "save the image again"
        },
        {
          "kind": "note",
          "gap": false,
          "place": "app:1.0",
          "message": "the history names more layers than the image has",
          "remedy": "none of the steps is attributed"
        }
      ],
      "coverage": {
        "blobs": [
          {
            "blob": "blobs/sha256/layer",
            "digest": "sha256:dac1d7cfa95021764849fd102524e141488c5e3a90f861dbb5a12d9ac8584f85",
            "diff_id": "sha256:df087996d45b03e7eb8c133c0298fd98d35113fca26aaba58612fef3cc212cad",
            "role": "layer",
            "form": "tar+gzip",
            "verified": true,
            "stored_bytes": 3250000,
            "plain_bytes": 9500000,
            "entries": 1234,
            "matched_bytes": 9500000,
            "skipped": []
          }
        ],
        "totals": {
          "blobs": 1,
          "stored_bytes": 3250000,
          "plain_bytes": 9500000,
          "entries": 1234,
          "matched_bytes": 9500000,
          "skipped_bytes": 0,
          "verified": true
        }
      }
    }
    "#);
}

fn object_pointers(value: &Value) -> Vec<String> {
    let children = |items: Vec<(String, &Value)>| -> Vec<String> {
        let deeper = items.into_iter().flat_map(|(key, value)| {
            let inner = object_pointers(value).into_iter();
            inner.map(move |pointer| format!("/{key}{pointer}"))
        });
        deeper.collect()
    };
    match value {
        Value::Object(map) => {
            let mut pointers = children(map.iter().map(|(k, v)| (k.clone(), v)).collect());
            pointers.push(String::new());
            pointers
        }
        Value::Array(items) => children(items.iter().enumerate().map(|(i, v)| (i.to_string(), v)).collect()),
        _ => Vec::new(),
    }
}

/// Walks `node` of the schema and the values that it describes together.
fn unwritten(schema: &Value, node: &Value, values: &[&Value], at: &str) {
    if let Some(name) = node["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/")) {
        unwritten(schema, &schema["$defs"][name], values, at);
    }
    for alternative in node["anyOf"].as_array().into_iter().flatten() {
        unwritten(schema, alternative, values, at);
    }
    let items = values.iter().filter_map(|value| value.as_array()).flatten().collect::<Vec<_>>();
    if node["items"].is_object() {
        assert!(!items.is_empty(), "{at} is always empty");
        unwritten(schema, &node["items"], &items, &format!("{at}[]"));
    }
    for (name, property) in node["properties"].as_object().into_iter().flatten() {
        let at = format!("{at}.{name}");
        let values: Vec<_> =
            values.iter().filter_map(|value| value.get(name)).filter(|value| !value.is_null()).collect();
        assert!(!values.is_empty(), "{at} is never written");
        assert!(property.get("description").or(property.get("$ref")).is_some(), "{at} is not documented");
        unwritten(schema, property, &values, &at);
    }
}
