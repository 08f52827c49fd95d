use proptest::prelude::*;

use super::*;

fn context(setting: Setting, quoted: bool) -> Context {
    Context { setting, style: Style::Equals, quoted, bare: !quoted, literal: true }
}

fn tier(name: &str, value: &str, setting: Setting) -> Option<Confidence> {
    judge(name, value.as_bytes(), &context(setting, true)).map(|judgement| judgement.confidence)
}

/// A value that looks drawn, of a length.
fn drawn(length: usize) -> String {
    "aQ7xZ2mK9vR4tW8bN3pL6yH1cF5sD0gJ".chars().cycle().take(length).collect()
}

#[test]
fn secrets_of_each_role_are_likely_where_they_are_set() {
    let hex = "9f3a7c1b5d2e8f4a6b0c3d7e1f5a9b2c";
    let base = drawn(32);
    for (name, value) in [
        ("DB_PASSWORD", "Summer2024!"),
        ("DB_PASSWORD", "tiger42"),
        ("password", "blueWhale77"),
        ("password", "kX9#mP2$vL"),
        ("MYSQL_PWD", "xq7vbn2m"),
        ("CLIENT_SECRET", &base),
        ("JWT_SECRET", "Tr0ub4dor&Co-77"),
        ("GITHUB_TOKEN", &base),
        ("api_key", hex),
        ("X-Api-Key", "1f0e8a52-7c3b-4d19-9a60-52bd7f3e8c41"),
        ("_auth", "ZGVwbG95ZXI6VHI0aWwtbWl4ISE="),
        ("DATABASE_URL", "postgres://app:blueWhale77@db.internal/app"),
        ("connectionString", "Server=db;User Id=app;Password=blueWhale77;"),
        ("passphrase", "Tr4il-mix!!"),
    ] {
        for setting in [Setting::Environment, Setting::Config, Setting::Source] {
            assert_eq!(tier(name, value, setting), Some(Confidence::Likely), "{name}={value} {setting:?}");
        }
    }
}

#[test]
fn what_is_no_secret_is_none() {
    for (name, value) in [
        ("password", "password"),
        ("DB_PASSWORD", "db_password"),
        ("CONFIG_KEY_PAYLOAD_SIGNING_KEY", "hostSettings:mailEventsPayloadSigningKey"),
        ("stripe_secret_key", "stripe_publishable_key"),
        ("password", "changeme"),
        ("password", "base64"),
        ("credentials", "e.crossOrigin==="),
        ("password", "${PASSWORD}"),
        ("password", "Enter your password"),
        ("password", "Contrase\u{f1}a"),
        ("password", "passwordField"),
        ("password", "/run/secrets/db"),
        ("password", "$2b$12$aZ./3aZ./3aZ./3aZ./3aZ./3aZ./3aZ./3aZ./3aZ./3aZ./3aZ"),
        ("POSTGRES_PASSWORD_FILE", "/run/secrets/x7Kq9mP2"),
        ("SSH_AUTH_SOCK", "/tmp/ssh-aQ7xZ2mK9v/agent.1"),
        ("KEYCLOAK_VERSION", "24.0.1"),
        ("TOKENIZERS_PARALLELISM", "false"),
        ("GPG_KEY", "9F3A7C1B5D2E8F4A6B0C3D7E1F5A9B2C9F3A7C1B"),
        ("token", "identifier"),
        ("token", "getUserAccessTokenFromStorage"),
        ("api_key", "apiKeyFromEnvironment"),
        ("api_key", "1234567890"),
        ("token_url", "https://login.invalid/oauth/token"),
        ("DATABASE_URL", "postgres://db.internal/app"),
        ("DATABASE_URL", "postgres://user:password@localhost/app"),
        ("public_key", "aQ7xZ2mK9vR4tW8bN3pL6yH1cF5sD0gJ"),
        ("secret", "true"),
        ("password", "caching_sha2_password"),
        ("autocomplete_password", "new-password"),
    ] {
        assert_eq!(tier(name, value, Setting::Source), None, "{name}={value}");
    }
}

#[test]
fn a_doubtful_place_or_name_asks_for_review() {
    let value = drawn(32);
    assert_eq!(tier("api_key", &value, Setting::Documentation), Some(Confidence::Review));
    assert_eq!(tier("test_api_key", &value, Setting::Config), Some(Confidence::Review));
    assert_eq!(tier("STRIPE_KEY", &value, Setting::Environment), Some(Confidence::Likely));
    assert_eq!(tier("password", "Summer2024!", Setting::Minified), Some(Confidence::Review));
    let bare = judge("password", b"tiger42", &context(Setting::Source, false)).unwrap();
    assert_eq!(bare.confidence, Confidence::Review);
}

#[test]
fn an_expression_is_no_value() {
    let given = Context { literal: false, ..context(Setting::Config, true) };
    assert_eq!(judge("password", b"Summer2024!", &given), None);
}

proptest! {
    #[test]
    fn no_pair_makes_it_panic(name in "\\PC{0,40}", value in proptest::collection::vec(any::<u8>(), 0..80)) {
        judge(&name, &value, &context(Setting::Config, true));
    }

    #[test]
    fn random_tokens_are_found(value in "[A-Za-z0-9]{32}") {
        prop_assume!(placeholder(value.as_bytes()).is_none() && distinct(value.as_bytes()) > 12);
        prop_assert!(judge("api_key", value.as_bytes(), &context(Setting::Config, true)).is_some(), "{}", value);
    }
}

#[test]
fn names_in_a_list_are_no_pair() {
    let tier = |value: &str, style| {
        let context = Context { style, ..context(Setting::Config, true) };
        judge("api_key", value.as_bytes(), &context).map(|judgement| judgement.confidence)
    };
    for name in ["kms.CfnReplicaKeyProps", "apigatewayv2.ApiKey#fromApiKeyId", "CREDENTIALS_STS_ASSUME_ROLE"]
    {
        assert_eq!(tier(name, Style::Listed), None, "{name}");
    }
    assert_eq!(tier("CREDENTIALS_STS_ASSUME_ROLE", Style::Pair), None);
    assert_eq!(tier(&drawn(32), Style::Listed), Some(Confidence::Likely));
}
