//! What a configuration means, and each fault of one.

use std::ffi::OsString;

use super::*;

fn variable(name: &str) -> Option<OsString> {
    match name {
        "GOOD" => Some("0123456789abcdef\n".into()),
        "SHORT" => Some("0123".into()),
        "URL" => Some("https://chat.example/hidden".into()),
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
        (check(&format!("{LEAST}[retention]\naudit-days = 0")).unwrap_err(), "retention.audit-days"),
        (check(&format!("{LEAST}[retention]\nopen-too = true")).unwrap_err(), "with untagged-days"),
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
        (hook("kind = 'harbor'\nper-minute = 0\nsecret-env = 'GOOD'"), "at least 1"),
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

#[test]
fn each_fault_of_what_the_service_does_by_itself_is_told() {
    let with = |text: &str| check(&format!("{LEAST}{text}")).unwrap_err();
    let first = |text: &str| check(&format!("{text}\n{LEAST}")).unwrap_err();
    let notify = |text: &str| with(&format!("[[notify]]\nname = 'n'\nurl-env = 'URL'\n{text}"));
    for (told, part) in [
        (with("sweep = '1w'"), "serve.registry r.example: sweep: `1w` is no time"),
        (with("sweep = '1m'\nleads-to = ['a/b']"), "`a/b` is no host"),
        (with("[sweep]\nevery = 'often'"), "serve.sweep.every: `often` is no time"),
        (with("[sweep]\nrequests-per-second = 0"), "from 1 to 1000"),
        (notify("kind = 'pager'"), "there is no kind `pager`: there are webhook, cloudevents"),
        (notify("kind = 'webhook'"), "say where its secret is"),
        (notify("kind = 'slack'\nmin-severity = 'worst'"), "min-severity is low"),
        (notify("kind = 'slack'\nper-minute = 0"), "per-minute is from 1"),
        (with("[[notify]]\nname = 'a b'\nkind = 'slack'\nurl-env = 'URL'"), "give it a name"),
        (with("[[notify]]\nname = 'a'\nkind = 'slack'"), "say where its url is, with url-file or url-env"),
        (with("[[notify]]\nname = 'a'\nkind = 'slack'\nurl-env = 'GOOD'"), "no address of http"),
        (notify("kind = 'slack'\n[[notify]]\nname = 'n'"), "two have this name"),
        (first("tls-key = 'x'"), "only together"),
        (first("tls-key = '/nowhere'\ntls-certificate = '/nowhere'"), "cannot read /nowhere"),
        (first("trusted-proxies = ['10.0.0.0/33']"), "`10.0.0.0/33`"),
        (first("trusted-proxies = ['10.0.0.1']"), "make a token"),
        (first("public-url = 'layersift.example'"), "`layersift.example` is no address"),
    ] {
        assert!(told.contains(part), "{told} / {part}");
    }
    let config = check(&format!(
        "{LEAST}sweep = 'never'\nleads-to = ['auth.corp', '10.7.0.0/16']\n[[registry]]\nname = 's.example:5000'\n\
        [sweep]\nevery = '2h'\n[[notify]]\nname = 'n'\nkind = 'slack'\nurl-env = 'URL'"
    ));
    let config = config.unwrap();
    let two_hours = Duration::from_secs(7_200);
    let expected = [("r.example".to_owned(), None), ("s.example:5000".to_owned(), Some(two_hours))];
    assert_eq!(config.sweeps, expected);
    assert_eq!((config.reach.hosts.len(), config.reach.networks.len()), (1, 1));
    assert_eq!(config.reach.registries, ["r.example", "s.example"]);
    assert!(!format!("{:?}", config.receivers).contains("hidden"));
}
