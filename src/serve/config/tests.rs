//! What a configuration means, and each fault of one.

use std::ffi::OsString;

use super::*;

fn variable(name: &str) -> Option<OsString> {
    match name {
        "GOOD" => Some("0123456789abcdef\n".into()),
        "SHORT" => Some("0123".into()),
        _ => None,
    }
}

fn check(text: &str) -> Result<Config, String> {
    let table: Table = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    table.check(&variable).map_err(|faults| faults.to_string())
}

const LEAST: &str = "data = '/d'\n[[registry]]\nname = 'r.example'\n";

#[test]
fn what_is_not_said_is_what_is_safe() {
    let config = check(LEAST).unwrap();
    assert!(config.listen.ip().is_loopback() && config.tokens.is_empty() && config.hooks.is_empty());
    let hook =
        |text: &str| check(&format!("{LEAST}[[hook]]\n{text}")).map(|config| config.hooks[0].proof.clone());
    let proof = |text: &str| format!("{:?}", hook(text).unwrap()).split('(').next().unwrap().to_owned();
    assert_eq!(proof("kind = 'harbor'\nsecret-env = 'GOOD'"), "Header");
    assert_eq!(proof("kind = 'ghcr'\nsecret-env = 'GOOD'"), "Hmac");
    assert_eq!(proof("kind = 'docker-hub'\nsecret-env = 'GOOD'"), "Url");
    assert_eq!(proof("kind = 'auto'\nsecret-env = 'GOOD'"), "Url");
    assert_eq!(proof("kind = 'zot'\nregistry = 'R.example'\nuser = 'u'\nsecret-env = 'GOOD'"), "Basic");
    assert_eq!(proof("kind = 'harbor'\nproof = 'none'"), "None");
    assert!(!format!("{:?}", hook("kind = 'ghcr'\nsecret-env = 'GOOD'")).contains("0123456789abcdef"));
}

#[test]
fn each_fault_is_told() {
    let hook = |text: &str| check(&format!("{LEAST}[[hook]]\n{text}")).unwrap_err();
    for (told, part) in [
        (check("").unwrap_err(), "serve.data"),
        (check("").unwrap_err(), "serve.registry"),
        (check("data = 'd'\n[[registry]]\nname = 'a b'").unwrap_err(), "`a b` is no host"),
        (check("lisen = 'x'").unwrap_err(), "unknown field `lisen`"),
        (check(&format!("listen = 'x'\n{LEAST}")).unwrap_err(), "serve.listen"),
        (check(&format!("listen = '0.0.0.0:1'\n{LEAST}")).unwrap_err(), "make a token"),
        (hook("kind = 'habor'"), "there is no kind `habor`"),
        (hook("kind = 'harbor'"), "secret-file or secret-env"),
        (hook("kind = 'harbor'\nsecret-env = 'NONE'"), "NONE is not set"),
        (hook("kind = 'harbor'\nsecret-env = 'SHORT'"), "shorter than 16"),
        (hook("kind = 'harbor'\nsecret-file = '/nowhere'"), "cannot read /nowhere"),
        (hook("kind = 'harbor'\nproof = 'x'\nsecret-env = 'GOOD'"), "there is no proof `x`"),
        (hook("kind = 'harbor'\nproof = 'hmac'\nsecret-env = 'GOOD'"), "name the header"),
        (hook("kind = 'zot'\nsecret-env = 'GOOD'"), "name no registry"),
        (hook("kind = 'zot'\nregistry = 'x'\nsecret-env = 'GOOD'"), "`x` is not on the list"),
        (hook("kind = 'zot'\nregistry = 'r.example'\nsecret-env = 'GOOD'"), "name the user"),
        (check(&format!("{LEAST}[[token]]\nrole = 'root'")).unwrap_err(), "there is no role `root`"),
    ] {
        assert!(told.contains(part), "{told} / {part}");
    }
    let open = format!("listen = '0.0.0.0:1'\n{LEAST}[[hook]]\nkind = 'harbor'\nproof = 'none'");
    assert!(check(&open).unwrap_err().contains("only this machine"));
}
