use proptest::prelude::*;
use serde_json::json;

use super::proof::{Proof, sign};
use super::*;
use crate::secret::Secret;

const A: &str = "sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";
const B: &str = "sha256:0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b";

fn read_with(kind: &str, headers: &[(&str, &str)], body: &Value) -> Result<Reading, Unread> {
    let bytes = body.to_string().into_bytes();
    let header = |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    let dialect = Dialect::named(kind);
    assert!(dialect.is_some() || kind == AUTO, "{kind}");
    super::read(dialect, &Delivery { header: &header, secret: None, body: &bytes, local: false })
}

/// What a body says, as `HOST/PATH:TAG@DIGEST`, whether or not its kind is known.
#[track_caller]
fn pushes(kind: &str, headers: &[(&str, &str)], body: &Value) -> Vec<String> {
    let told = read_with(kind, headers, body).unwrap();
    assert_eq!(read_with(AUTO, headers, body), Ok(told.clone()), "{kind} is recognised");
    told.pushes.iter().map(text_of).collect()
}

fn text_of(push: &Push) -> String {
    let tag = push.tag.as_ref().map_or(String::new(), |tag| format!(":{tag}"));
    let digest = push.digest.as_ref().map_or(String::new(), |digest| format!("@{digest}"));
    format!("{}/{}{tag}{digest}", push.registry.as_deref().unwrap_or("-"), push.repository)
}

fn notification(action: &str, media_type: &str) -> Value {
    json!({
        "id": "320678d8-ca14-430f-8bb6-4ca139cd83f7", "timestamp": "2026-03-09T14:44:26.402973972-08:00",
        "action": action,
        "target": {
            "mediaType": media_type, "size": 708, "digest": A, "length": 708, "repository": "team/app",
            "url": format!("http://registry.example:5000/v2/team/app/manifests/{A}"), "tag": "1.2"
        },
        "request": {
            "id": "6df24a34-0959-4923-81ca-14f09767db19", "addr": "192.168.64.11:42961",
            "host": "registry.example:5000", "method": "PUT", "useragent": "curl/7.38.0"
        },
        "actor": {}, "source": {"addr": "a.local:5000", "instanceID": "a53db899-3b4b-4a62-a067-8dd013beaca4"}
    })
}

#[test]
fn notifications_of_distribution() {
    let manifest = "application/vnd.oci.image.manifest.v1+json";
    let mut nameless = notification("push", "application/vnd.docker.distribution.manifest.list.v2+json");
    nameless["request"] = json!({});
    nameless["target"]["tag"] = json!("");
    let body = json!({"events": [
        notification("push", manifest),
        notification("push", "application/octet-stream"),
        notification("pull", manifest),
        notification("delete", manifest),
        nameless,
    ]});
    let expected =
        [format!("registry.example:5000/team/app:1.2@{A}"), format!("registry.example:5000/team/app@{A}")];
    assert_eq!(pushes("distribution", &[], &body), expected);
    assert_eq!(read_with("gitlab", &[], &body).unwrap().pushes.len(), 2);
}

#[test]
fn harbor_in_both_forms() {
    let data = json!({
        "resources": [{"digest": A, "tag": "latest", "resource_url": "harbor.example/prj/alpine:latest"},
            {"digest": B, "tag": "", "resource_url": format!("harbor.example/prj/alpine@{B}")}],
        "repository": {"date_created": 1_582_634_337, "name": "alpine", "namespace": "prj",
            "repo_full_name": "prj/alpine", "repo_type": "private"}
    });
    let expected =
        [format!("harbor.example/prj/alpine:latest@{A}"), format!("harbor.example/prj/alpine@{B}")];
    let own =
        |kind: &str| json!({"type": kind, "occur_at": 1_582_640_688, "operator": "user", "event_data": data});
    assert_eq!(pushes("harbor", &[], &own("PUSH_ARTIFACT")), expected);
    assert!(pushes("harbor", &[], &own("PULL_ARTIFACT")).is_empty());
    let cloud = |kind: &str| {
        json!({"specversion": "1.0", "id": "4b2f89a6", "source": "/projects/2/webhook/policies/15", "type": kind,
            "datacontenttype": "application/json", "time": "2026-04-03T06:29:43Z", "data": data, "operator": "robot"})
    };
    assert_eq!(pushes("harbor", &[], &cloud("harbor.artifact.pushed")), expected);
    assert!(pushes("harbor", &[], &cloud("harbor.artifact.deleted")).is_empty());
}

#[test]
fn docker_hub_names_tags() {
    let body = json!({
        "callback_url": "https://registry.hub.docker.com/u/svendowideit/testhook/hook/2141b5bi5i5b02bec211i4eeih0242eg11000a/",
        "push_data": {"pushed_at": 1_417_566_161, "pusher": "trustedbuilder", "tag": "latest"},
        "repository": {"name": "testhook", "namespace": "svendowideit", "repo_name": "svendowideit/testhook",
            "repo_url": "https://registry.hub.docker.com/u/svendowideit/testhook/", "status": "Active"}
    });
    assert_eq!(pushes("docker-hub", &[], &body), ["docker.io/svendowideit/testhook:latest"]);
    let official = json!({"push_data": {"tag": "3"}, "repository": {"repo_name": "alpine"}});
    assert_eq!(pushes("docker-hub", &[], &official), ["docker.io/library/alpine:3"]);
}

#[test]
fn packages_of_github() {
    let package = json!({
        "id": 1, "name": "Hello", "namespace": "Octo", "ecosystem": "CONTAINER", "package_type": "CONTAINER",
        "package_version": {
            "id": 2, "version": A, "package_url": "ghcr.io/Octo/Hello:latest",
            "container_metadata": {"tag": {"name": "latest", "digest": A}}
        }
    });
    let body = json!({"action": "published", "registry_package": package, "repository": {}});
    assert_eq!(pushes("ghcr", &[], &body), [format!("ghcr.io/octo/hello:latest@{A}")]);
    let mut bare = package.clone();
    bare["package_version"] = json!({"version": A});
    let body = json!({"action": "published", "package": bare});
    assert_eq!(pushes("ghcr", &[], &body), [format!("ghcr.io/octo/hello@{A}")]);
    bare["package_type"] = json!("npm");
    assert!(pushes("ghcr", &[], &json!({"action": "published", "package": bare})).is_empty());
    assert!(pushes("ghcr", &[], &json!({"zen": "Speak like a human.", "hook_id": 1, "hook": {}})).is_empty());
}

#[test]
fn quay_names_several_tags() {
    let mut body = json!({
        "name": "repository", "repository": "mynamespace/repository", "namespace": "mynamespace",
        "docker_url": "quay.io/mynamespace/repository", "homepage": "https://quay.io/repository/mynamespace/repository",
        "updated_tags": ["latest", "1.2"]
    });
    let expected = ["quay.io/mynamespace/repository:latest", "quay.io/mynamespace/repository:1.2"];
    assert_eq!(pushes("quay", &[], &body), expected);
    body["updated_tags"] = json!({"old": "id of an image"});
    assert_eq!(pushes("quay", &[], &body), ["quay.io/mynamespace/repository:old"]);
}

#[test]
fn ecr_is_found_by_account_and_region() {
    let mut body = json!({
        "version": "0", "id": "13cde686-328b-6117-af20-0e5566167482", "detail-type": "ECR Image Action",
        "source": "aws.ecr", "account": "123456789012", "time": "2026-11-16T01:54:34Z", "region": "us-west-2",
        "resources": [], "detail": {"result": "SUCCESS", "repository-name": "my/repository-name",
            "image-digest": A, "action-type": "PUSH", "image-tag": "latest"}
    });
    let host = "123456789012.dkr.ecr.us-west-2.amazonaws.com";
    assert_eq!(pushes("ecr", &[], &body), [format!("{host}/my/repository-name:latest@{A}")]);
    body["region"] = json!("cn-north-1");
    assert!(pushes("ecr", &[], &body)[0].starts_with("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/"));
    body["detail"]["action-type"] = json!("DELETE");
    assert!(pushes("ecr", &[], &body).is_empty());
}

#[test]
fn azure_by_webhook_and_by_event_grid() {
    let data = json!({
        "id": "cb8c3971-9adc-488b-xxxx-43cbb4974ff5", "timestamp": "2026-11-17T16:52:01.343145347Z", "action": "push",
        "target": {"mediaType": "application/vnd.docker.distribution.manifest.v2+json", "size": 524, "digest": A,
            "length": 524, "repository": "hello-world", "tag": "v1"},
        "request": {"id": "3cbb6949-7549-4fa1-xxxx-a6d5451dffc7", "host": "myregistry.azurecr.io", "method": "PUT"}
    });
    let expected = [format!("myregistry.azurecr.io/hello-world:v1@{A}")];
    assert_eq!(pushes("acr", &[], &data), expected);
    let mut ping = data.clone();
    ping["action"] = json!("ping");
    assert!(pushes("acr", &[], &ping).is_empty());
    let own = |kind: &str, data: &Value| {
        json!([{"id": "1", "topic": "/subscriptions/x", "subject": "hello-world:v1", "eventType": kind,
            "data": data, "dataVersion": "1.0", "metadataVersion": "1", "eventTime": "2026-04-25T21:39:47Z"}])
    };
    assert_eq!(pushes("event-grid", &[], &own("Microsoft.ContainerRegistry.ImagePushed", &data)), expected);
    assert!(pushes("event-grid", &[], &own("Microsoft.ContainerRegistry.ImageDeleted", &data)).is_empty());
    let cloud = json!({"specversion": "1.0", "id": "1", "source": "/subscriptions/x", "subject": "hello-world:v1",
        "type": "Microsoft.ContainerRegistry.ImagePushed", "data": data});
    assert_eq!(pushes("event-grid", &[], &cloud), expected);
    let binary = [("ce-type", "Microsoft.ContainerRegistry.ImagePushed")];
    assert_eq!(read_with("event-grid", &binary, &data).unwrap().pushes.len(), 1);
    let code = json!({"validationCode": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6", "validationUrl": "https://x.example/"});
    let asked =
        read_with("event-grid", &[], &own("Microsoft.EventGrid.SubscriptionValidationEvent", &code)).unwrap();
    assert_eq!(asked.answer, Some(json!({"validationResponse": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"})));
}

#[test]
fn messages_of_artifact_registry() {
    use base64::Engine as _;
    let body = |message: &Value| {
        let data = base64::engine::general_purpose::STANDARD.encode(message.to_string());
        json!({"message": {"data": data, "messageId": "136969346945", "publishTime": "2026-01-01T00:00:00Z"},
            "subscription": "projects/my-project/subscriptions/layersift"})
    };
    let name = "us-east1-docker.pkg.dev/my-project/my-repo/hello-world";
    let mut message =
        json!({"action": "INSERT", "digest": format!("{name}@{A}"), "tag": format!("{name}:1.1")});
    assert_eq!(pushes("artifact-registry", &[], &body(&message)), [format!("{name}:1.1@{A}")]);
    message["action"] = json!("DELETE");
    assert!(pushes("artifact-registry", &[], &body(&message)).is_empty());
    assert!(
        pushes("artifact-registry", &[], &json!({"message": {"data": "%"}, "subscription": "x"})).is_empty()
    );
}

#[test]
fn zot_does_not_say_who_it_is() {
    let data =
        json!({"name": "team/app", "reference": "1.0", "digest": A, "mediaType": "x", "manifest": "{}"});
    let binary = [("ce-type", "zotregistry.image.updated"), ("ce-specversion", "1.0")];
    assert_eq!(pushes("zot", &binary, &data), [format!("-/team/app:1.0@{A}")]);
    let cloud = json!({"specversion": "1.0", "type": "zotregistry.image.updated", "source": "zotregistry.dev",
        "id": "1", "data": {"name": "team/app", "reference": A}});
    assert_eq!(pushes("zot", &[], &cloud), [format!("-/team/app@{A}")]);
    assert!(pushes("zot", &[("ce-type", "zotregistry.repository.created")], &data).is_empty());
}

#[test]
fn artifactory_names_the_file_of_the_manifest() {
    let mut body = json!({
        "domain": "docker", "event_type": "pushed", "subscription_key": "x", "jpd_origin": "https://art.example/artifactory",
        "data": {"repo_key": "docker-local", "path": "hello/latest/list.manifest.json", "name": "list.manifest.json",
            "sha256": &A["sha256:".len()..], "size": 949, "image_name": "hello", "tag": "latest",
            "platforms": [{"architecture": "amd64", "os": "linux"}]}
    });
    assert_eq!(pushes("jfrog", &[], &body), [format!("art.example/docker-local/hello:latest@{A}")]);
    body["data"]["name"] = json!("something.else");
    assert_eq!(pushes("jfrog", &[], &body), ["art.example/docker-local/hello:latest"]);
    body["event_type"] = json!("deleted");
    assert!(pushes("jfrog", &[], &body).is_empty());
}

#[test]
fn packages_of_gitea() {
    let mut body = json!({
        "action": "created",
        "package": {"id": 1, "owner": {"login": "Org", "username": "Org"}, "type": "container", "name": "app",
            "version": "latest", "html_url": "https://git.example:3000/Org/-/packages/container/app/latest"},
        "sender": {}
    });
    assert_eq!(pushes("gitea", &[], &body), ["git.example:3000/org/app:latest"]);
    body["package"]["version"] = json!(A);
    assert_eq!(pushes("gitea", &[], &body), [format!("git.example:3000/org/app@{A}")]);
    body["package"]["type"] = json!("npm");
    assert!(pushes("gitea", &[], &body).is_empty());
}

#[test]
fn the_plain_form_is_a_name() {
    let one = json!({"image": format!("registry.example:5000/team/app:1@{A}")});
    assert_eq!(pushes("plain", &[], &one), [format!("registry.example:5000/team/app:1@{A}")]);
    let several = json!({"images": ["a.example/x", "b.example/y:2", 7, "without-a-host"]});
    assert_eq!(pushes("plain", &[], &several), ["a.example/x", "b.example/y:2"]);
}

#[test]
fn every_dialect_has_a_name_of_its_own_and_refuses_what_is_none_of_its() {
    let mut names: Vec<_> = DIALECTS.iter().map(|dialect| dialect.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), DIALECTS.len());
    for dialect in DIALECTS {
        assert!(dialect.name != AUTO && !dialect.about.is_empty(), "{}", dialect.name);
        let foreign = read_with(dialect.name, &[], &json!({"some": "thing"}));
        assert_eq!(foreign, Err(Unread::Foreign(dialect.name)));
    }
    assert_eq!(read_with(AUTO, &[], &json!([])), Err(Unread::Foreign("any registry")));
    let none = |_: &str| None;
    let broken = super::read(None, &Delivery { header: &none, secret: None, body: b"{", local: false });
    assert_eq!(broken, Err(Unread::NotJson));
}

fn holds(proof: &Proof, headers: &[(&str, &str)], secret: Option<&str>, body: &str) -> bool {
    let header = |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    proof.holds(&Delivery { header: &header, secret, body: body.as_bytes(), local: false })
}

#[test]
fn a_sender_shows_the_secret_or_is_none() {
    let secret = || Secret::new("open sesame, please");
    let header = Proof::Header("authorization".into(), secret());
    assert!(holds(&header, &[("authorization", "open sesame, please")], None, ""));
    assert!(holds(&header, &[("authorization", "Bearer open sesame, please")], None, ""));
    for wrong in ["", "Bearer ", "open sesame", "open sesame, please!", "Bearer Bearer open sesame, please"] {
        assert!(!holds(&header, &[("authorization", wrong)], None, ""), "{wrong}");
    }
    assert!(!holds(&header, &[("x-other", "open sesame, please")], None, ""));

    let url = Proof::Url(secret());
    assert!(holds(&url, &[], Some("open sesame, please"), ""));
    assert!(!holds(&url, &[], Some("open"), "") && !holds(&url, &[], None, ""));

    // "zot:open sesame, please"
    let basic = Proof::Basic("zot".into(), secret());
    assert!(holds(&basic, &[("authorization", "Basic em90Om9wZW4gc2VzYW1lLCBwbGVhc2U=")], None, ""));
    for wrong in ["Basic em90Om9wZW4=", "Basic %", "Basic ", "em90Om9wZW4gc2VzYW1lLCBwbGVhc2U=", ""] {
        assert!(!holds(&basic, &[("authorization", wrong)], None, ""), "{wrong}");
    }
    let here = |local| Delivery { header: &|_| None, secret: None, body: b"", local };
    assert!(Proof::None.holds(&here(true)) && !Proof::None.holds(&here(false)));
}

#[test]
fn a_signature_is_of_this_body_under_this_key() {
    let proof = |key: &str| {
        Proof::Hmac(vec!["x-hub-signature-256".into(), "x-gitea-signature".into()], Secret::new(key))
    };
    let body = "{\"a\":1}";
    let signature = sign(b"the key of the hook", body.as_bytes());
    let github = format!("sha256={signature}");
    for headers in [[("x-hub-signature-256", github.as_str())], [("x-gitea-signature", signature.as_str())]] {
        assert!(holds(&proof("the key of the hook"), &headers, None, body));
        assert!(!holds(&proof("the key of the hook"), &headers, None, "{\"a\":2}"));
        assert!(!holds(&proof("another key"), &headers, None, body));
    }
    // RFC 4231, test case 2.
    let published = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    let jefe = Proof::Hmac(vec!["x".into()], Secret::new("Jefe"));
    assert!(holds(&jefe, &[("x", published)], None, "what do ya want for nothing?"));
    for wrong in ["", "sha256=", "sha1=00", &github[..40], &format!("{github}0"), &"ä".repeat(32)] {
        assert!(
            !holds(&proof("the key of the hook"), &[("x-hub-signature-256", wrong)], None, body),
            "{wrong}"
        );
    }
}

#[test]
fn an_empty_secret_opens_nothing() {
    let empty = || Secret::new("");
    let nothing = sign(b"", b"");
    let headers = [("authorization", "Basic Og=="), ("x", nothing.as_str()), ("y", "")];
    for proof in [
        Proof::Header("y".into(), empty()),
        Proof::Basic(String::new(), empty()),
        Proof::Hmac(vec!["x".into()], empty()),
        Proof::Url(empty()),
    ] {
        assert!(!holds(&proof, &headers, Some(""), ""), "{proof:?}");
    }
}

#[test]
fn nobody_tells_of_more_than_is_taken() {
    let manifest = "application/vnd.oci.image.manifest.v1+json";
    let target = notification("push", manifest);
    let resource = json!({"digest": A, "tag": "1", "resource_url": "harbor.example/prj/app:1"});
    let pushed = json!({"eventType": "Microsoft.ContainerRegistry.ImagePushed", "data": target, "id": "1"});
    let several = |kind: &str, number: usize| match kind {
        "distribution" | "gitlab" => json!({"events": vec![&target; number]}),
        "harbor" => json!({"type": "PUSH_ARTIFACT", "event_data": {
            "repository": {"repo_full_name": "prj/app"}, "resources": vec![&resource; number]}}),
        "quay" => json!({"docker_url": "quay.io/a/b", "updated_tags": vec!["1"; number]}),
        "event-grid" => json!(vec![&pushed; number]),
        "plain" => json!({"images": vec!["r.example/app:1"; number]}),
        _ => Value::Null,
    };
    let mut kinds = 0;
    for dialect in DIALECTS {
        if several(dialect.name, 1).is_null() {
            continue;
        }
        kinds += 1;
        let most = read_with(dialect.name, &[], &several(dialect.name, MOST)).unwrap();
        assert_eq!(most.pushes.len(), MOST, "{}", dialect.name);
        let more = read_with(dialect.name, &[], &several(dialect.name, 2 * MOST));
        assert_eq!(more, Err(Unread::TooMany), "{}", dialect.name);
    }
    assert_eq!(kinds, 6, "those that may tell of several");
}

fn any_json() -> impl Strategy<Value = Value> {
    let words = "events|action|push|target|repository|digest|tag|request|host|type|event_data|resources|data|specversion\
        |push_data|package|package_version|updated_tags|docker_url|detail|source|message|subscription|domain|image|images|x";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "(push|PUSH_ARTIFACT|aws.ecr|harbor.artifact.pushed|created|container|ghcr.io/a/b:c|@|/|:)"
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(words, inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_is_sent_nothing_panics(body in any_json(), kind in "(harbor.|zotregistry.|Microsoft.)[a-z.]{0,8}") {
        for headers in [&[][..], &[("ce-type", kind.as_str())][..]] {
            for dialect in DIALECTS {
                let event = Event { body: body.clone(), header: &|name| {
                    headers.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
                }};
                let _ = (dialect.is)(&event);
                let _ = (dialect.read)(&event);
            }
            let _ = read_with(AUTO, headers, &body);
        }
    }

    #[test]
    fn bytes_that_mean_nothing_are_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let none = |_: &str| None;
        let _ = super::read(None, &Delivery { header: &none, secret: None, body: &body, local: false });
    }
}
