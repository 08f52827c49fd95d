//! What messages look like to those who get them.

use serde_json::Value;

use super::*;
use crate::secret::Secret;

fn message(findings: usize) -> Message {
    let told = |number: usize| Told {
        fingerprint: format!("{number:064x}"),
        rule: "github-pat".into(),
        name: "GitHub token".into(),
        severity: "critical".into(),
        redacted: "ghp_…1234".into(),
        place: "/a`b <!channel> @all\n&".into(),
        places: 1,
    };
    Message {
        id: "msg_0123".into(),
        receiver: "r".into(),
        made: 1_764_000_000_000,
        turn: false,
        test: false,
        image: Subject {
            id: 7,
            registry: "r.example".into(),
            repository: "team/app".into(),
            tag: Some("1".into()),
            digest: format!("sha256:{}", "0a".repeat(32)),
        },
        findings: (0..findings).map(told).collect(),
        more: 3,
    }
}

fn written(form: &str, message: &Message) -> (Vec<(&'static str, String)>, Value) {
    let form = FORMS.iter().find(|known| known.name == form).unwrap();
    let Written { headers, body } = (form.write)(message, Some("https://l.example/"));
    (headers, serde_json::from_slice(&body).unwrap())
}

#[test]
fn every_form_tells_of_the_image_and_its_findings() {
    for form in FORMS {
        let Written { headers, body } = (form.write)(&message(2), None);
        let text = String::from_utf8(body).unwrap();
        assert!(text.contains("r.example/team/app"), "{}", form.name);
        assert!(text.contains("ghp_…1234"), "{}", form.name);
        assert!(headers.iter().any(|(name, _)| *name == "content-type"), "{}", form.name);
    }
    let (_, own) = written("webhook", &message(2));
    assert_eq!((&own["type"], &own["timestamp"]), (&json!("image.findings"), &json!("2025-11-24T16:00:00Z")));
    assert_eq!(own["data"]["image"]["page"], "https://l.example/images/7");
    assert_eq!((own["data"]["findings"].as_array().unwrap().len(), &own["data"]["more"]), (2, &json!(3)));
}

#[test]
fn a_test_says_that_it_is_one() {
    for form in FORMS {
        let body = |test| (form.write)(&Message { test, ..message(1) }, None).body;
        let (test, real) = (String::from_utf8(body(true)).unwrap(), String::from_utf8(body(false)).unwrap());
        assert!(test.contains("test") && !real.contains("test"), "{}: {test}", form.name);
    }
}

#[test]
fn events_have_the_same_attributes_in_both_modes() {
    let (headers, data) = written("cloudevents", &message(1));
    let (_, structured) = written("cloudevents-structured", &message(1));
    assert_eq!(structured["data"], data);
    for (name, value) in headers.iter().filter_map(|(name, value)| Some((name.strip_prefix("ce-")?, value))) {
        assert_eq!(structured[name], **value, "{name}");
    }
    for required in ["specversion", "id", "source", "type"] {
        assert!(structured[required].as_str().is_some_and(|value| !value.is_empty()), "{required}");
    }
}

#[test]
fn a_text_calls_nobody_and_ends_where_it_should() {
    let (_, body) = written("slack", &message(12));
    let text = body["text"].as_str().unwrap();
    assert!(text.starts_with("*layersift*: 15 new findings in `r.example/team/app:1`\n"), "{text}");
    assert!(text.contains("`/a'b &lt;!channel&gt; @all"), "{text}");
    assert!(text.ends_with("\n• and 5 more\nhttps://l.example/images/7"), "{text}");
    // An odd number of them would leave one open.
    assert!(text.lines().all(|line| line.matches('`').count() % 2 == 0), "{text}");
    assert_eq!(text.lines().count(), 1 + 10 + 2, "{text}");
}

#[test]
fn a_signature_is_that_of_the_standard() {
    // The example of the specification's reference libraries.
    // Put together here, so that nobody takes it for one that is in use.
    let key = Secret::new(["whsec_", "MfKQ9r8GKYqrTwjU", "PD8ILPZIo2LaLaSw"].concat());
    let body = b"{\"test\": 2432232314}";
    let key = signing_key(&key).unwrap();
    let [id, time, signature] = webhook::signed("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body, &key);
    assert_eq!(id, ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned()));
    assert_eq!(time, ("webhook-timestamp", "1614265330".to_owned()));
    assert_eq!(signature.1, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[test]
fn a_key_in_base64_is_that_or_none() {
    let key = |text: &str| signing_key(&Secret::new(text)).map(|key| key.expose().to_vec());
    assert_eq!(key("a key as it is"), Ok(b"a key as it is".to_vec()));
    let padded = format!("whsec_{}==", "QUJD".repeat(8) + "QQ");
    assert_eq!(key(&padded), Ok([b"ABC".repeat(8).as_slice(), b"A"].concat()));
    assert_eq!(key(padded.trim_end_matches('=')), key(&padded));
    for wrong in ["whsec_", "whsec_QUJD", "whsec_no base64 at all, but long", "whsec_ÄÖÜÄÖÜÄÖÜÄÖÜ"]
    {
        assert!(key(wrong).is_err(), "{wrong}");
    }
}
