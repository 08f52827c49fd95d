//! What a configuration means, and each fault of one.

use std::ffi::OsString;

use super::*;

fn variable(name: &str) -> Option<OsString> {
    match name {
        "GOOD" => Some("0123456789abcdef\n".into()),
        "SHORT" => Some("0123".into()),
        "OTHER" => Some("another one of these tests".into()),
        "LINES" => Some("0123456789\nabcdef 0123456789".into()),
        "SPACE" => Some(" 0123456789abcdef".into()),
        "KEY" => Some(format!("whsec_{}", "QUJD".repeat(8)).into()),
        "NOKEY" => Some("whsec_this is no base64 at all".into()),
        "SHORTKEY" => Some("whsec_QUJDREVGRw==".into()),
        "URL" => Some("https://chat.example/hidden".into()),
        "USERURL" => Some("https://me@chat.example/hidden".into()),
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
        (
            check(&format!("{LEAST}[retention]\naudit-days = 0")).unwrap_err(),
            "serve.retention.audit-days: nothing",
        ),
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
        (with("sweep = '1w'"), "serve.registry 1, sweep: `1w` is no time"),
        (with("sweep = '1m'\nleads-to = ['a/b']"), "`a/b` is no host"),
        (with("[sweep]\nevery = 'often'"), "serve.sweep.every: `often` is no time"),
        (with("[sweep]\nrequests-per-second = 0"), "from 1 to 1000"),
        (notify("kind = 'pager'"), "there is no kind `pager`: there are webhook, cloudevents"),
        (notify("kind = 'webhook'"), "say where its secret is"),
        (notify("kind = 'slack'\nmin-severity = 'worst'"), "serve.notify 1, min-severity: it is low"),
        (notify("kind = 'slack'\nper-minute = 0"), "serve.notify 1, per-minute: `0` is not from 1"),
        (with("[[notify]]\nname = 'a b'\nkind = 'slack'\nurl-env = 'URL'"), "give it a name"),
        (with("[[notify]]\nname = 'a'\nkind = 'slack'"), "say where its url is, with url-file or url-env"),
        (with("[[notify]]\nname = 'a'\nkind = 'slack'\nurl-env = 'GOOD'"), "no address of http"),
        (notify("kind = 'slack'\n[[notify]]\nname = 'n'"), "two have the name `n`"),
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

/// Faults that nobody saw before a delivery or a message failed.
#[test]
fn what_can_never_work_is_a_fault() {
    let with = |text: &str| check(&format!("{LEAST}{text}")).unwrap_err();
    let first = |text: &str| check(&format!("{text}\n{LEAST}")).unwrap_err();
    let hook = |text: &str| with(&format!("[[hook]]\nkind = 'harbor'\n{text}"));
    let good = |text: &str| hook(&format!("secret-env = 'GOOD'\n{text}"));
    let notify = |text: &str| with(&format!("[[notify]]\nname = 'n'\nkind = 'slack'\n{text}"));
    let token = |name: &str, secret: &str| {
        format!("[[token]]\nname = '{name}'\nrole = 'read'\nsecret-env = '{secret}'\n")
    };
    let twice = |kind: &str| format!("[[hook]]\nkind = '{kind}'\nsecret-env = 'GOOD'\n").repeat(2);
    for (told, part) in [
        (first("listen = '127.0.0.1:0'"), "serve.listen: with the port 0"),
        (first("lease-seconds = 0"), "serve.lease-seconds: `0` is not from 1 to 86400"),
        (
            first("drain-seconds = 9223372036854775807"),
            "serve.drain-seconds: `9223372036854775807` is not from 0",
        ),
        (first("max-body-bytes = 0"), "serve.max-body-bytes: `0` is not from 1024"),
        (first("workers = 100000"), "serve.workers: `100000` is not from 0 to 1024"),
        (first("public-url = 'https://'"), "serve.public-url: `https://` is no address"),
        (first("public-url = 'https://l.example/?a=b'"), "is no address that pages can stand below"),
        (
            with("aliases = ['https://r.example']"),
            "serve.registry 1, aliases: `https://r.example` is no name",
        ),
        (with("aliases = ['r.example/team']"), "aliases: `r.example/team` is no name"),
        (
            with("repositories = ['r.example/team/*']"),
            "repositories: `r.example/team/*` is compared with what stands behind the host: write `team/*`",
        ),
        (with("repositories = ['Team/*']"), "repositories: no repository is as `Team/*` says"),
        (with("repositories = ['team/app:1']"), "no repository is as `team/app:1` says"),
        (
            with("[[registry]]\nname = 'R.example'"),
            "serve.registry 2, name: the registry `r.example` is called so",
        ),
        (
            with("[[registry]]\nname = 's.example'\naliases = ['r.example']"),
            "serve.registry 2, aliases: `r.example` is the registry",
        ),
        (good("header = 'X Bad Header'"), "serve.hook 1, header: `X Bad Header` is no name of a header"),
        (good("proof = 'url'\nheader = 'X-Good'"), "serve.hook 1, header: the proof url has no header"),
        (good("user = 'me'"), "serve.hook 1, user: the proof header has no user"),
        (good("proof = 'basic'\nuser = 'a:b'"), "`a:b` is no name of a user"),
        (hook("secret-env = 'LINES'"), "serve.hook 1, secret-env: its secret has a line break"),
        (hook("secret-env = 'SPACE'"), "begins or ends with a space"),
        (hook("proof = 'url'\nsecret-env = 'LINES'"), "no text of one line"),
        (hook("secret-env = 'GOOD'\nsecret-file = 'x'"), "both say where its secret is"),
        (with(&twice("harbor")), "serve.hook 2: the hook 1 is of this kind and has this secret too"),
        (with("[[token]]\nrole = 'read'\nsecret-env = 'GOOD'"), "serve.token 1, name: say who has it"),
        (
            with(&(token("a", "GOOD") + &token("a", "OTHER"))),
            "serve.token 2, name: another token is called `a`",
        ),
        (
            with(&(token("a", "GOOD") + &token("b", "GOOD"))),
            "serve.token 2: its secret is that of the token `a`",
        ),
        (
            with(&format!("{}[[hook]]\nkind = 'harbor'\nsecret-env = 'GOOD'", token("a", "GOOD"))),
            "serve.token 1: its secret is that of the hook 1",
        ),
        (
            notify("url-env = 'URL'\nrepositories = ['team/*']"),
            "serve.notify 1, repositories: `team/*` is of no registry on the list",
        ),
        (
            notify("url-env = 'URL'\nrepositories = ['r.example/team', 's.example/*']"),
            "`s.example/*` is of no registry",
        ),
        (notify("url-env = 'USERURL'"), "serve.notify 1, url-env: what it holds is no address"),
        (notify("url-env = 'URL'\nsecret-env = 'NOKEY'"), "what stands behind whsec_ is not base64"),
        (notify("url-env = 'URL'\nsecret-env = 'SHORTKEY'"), "shorter than 16 bytes"),
    ] {
        assert!(told.contains(part), "{told} / {part}");
        assert!(!told.contains("hidden") && !told.contains("abcdef"), "{told} shows a secret");
    }
}

#[test]
fn what_may_be_meant_is_no_fault() {
    let right = |text: &str| check(&format!("{LEAST}{text}")).unwrap();
    let hook = |kind: &str, more: &str| format!("[[hook]]\nkind = '{kind}'\n{more}\n");
    // One secret at two paths, or shown in two ways; two secrets at one path, so that one can replace the other.
    right(&(hook("harbor", "secret-env = 'GOOD'") + &hook("acr", "secret-env = 'GOOD'")));
    right(&(hook("harbor", "secret-env = 'GOOD'") + &hook("harbor", "proof = 'url'\nsecret-env = 'GOOD'")));
    right(&(hook("harbor", "secret-env = 'GOOD'") + &hook("harbor", "secret-env = 'OTHER'")));
    right(
        "aliases = ['registry', 'registry.internal:5000', '[::1]:5000']\nrepositories = ['*', 'team/*', 'a?b', '*-x']",
    );
    let globs = "['r.example/team/*', '*/team/*', '*', 'r.*', 'r.example/app']";
    let notify = format!(
        "[[notify]]\nname = 'n'\nkind = 'webhook'\nurl-env = 'URL'\nsecret-env = 'KEY'\nrepositories = {globs}"
    );
    // The key is what the base64 says.
    assert_eq!(right(&notify).receivers[0].key.as_ref().unwrap().expose(), "ABC".repeat(8).as_bytes());
    assert!(right("[[notify]]\nname = 'n'\nkind = 'slack'\nurl-env = 'URL'").receivers[0].key.is_none());
}

#[test]
fn all_faults_of_one_table_are_told_at_once() {
    let text = format!(
        "listen = 'x'\nworkers = 9999\n{LEAST}[[hook]]\nkind = 'habor'\nheader = 'a b'\nregistry = 'other'\nper-minute = 0\n\
        proof = 'header'\n[[token]]\nrole = 'root'\n[[notify]]\nkind = 'pager'\nmin-severity = 'x'\nper-minute = 0"
    );
    let told = check(&text).unwrap_err();
    for part in [
        "serve.listen: ",
        "serve.workers: ",
        "serve.hook 1, kind: ",
        "serve.hook 1, header: ",
        "serve.hook 1, registry: ",
        "serve.hook 1, per-minute: ",
        "serve.hook 1: say where its secret is",
        "serve.token 1, name: ",
        "serve.token 1, role: ",
        "serve.token 1: say where its secret is",
        "serve.notify 1, name: ",
        "serve.notify 1, kind: ",
        "serve.notify 1: say where its url is",
        "serve.notify 1, min-severity: ",
        "serve.notify 1, per-minute: ",
    ] {
        assert_eq!(told.lines().filter(|line| line.starts_with(part)).count(), 1, "{part}\n{told}");
    }
    assert_eq!(told.lines().count(), 15, "{told}");
}

#[test]
fn who_can_read_a_secret_is_told_and_what_is_no_folder() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    std::fs::write(&file, "0123456789abcdef").unwrap();
    let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    let cautions = || {
        let hook = format!("{LEAST}[[hook]]\nkind = 'harbor'\nsecret-file = '{}'", file.display());
        check(&hook).unwrap().cautions.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    mode(0o640);
    assert!(cautions().is_empty());
    mode(0o644);
    let told = cautions();
    assert!(told[0].starts_with("serve.hook 1, secret-file: everybody on this machine can read"), "{told:?}");
    for data in [file.clone(), file.join("deeper")] {
        let text = format!("data = '{}'\n[[registry]]\nname = 'r.example'", data.display());
        let told = check(&text).unwrap_err();
        assert!(told.starts_with("serve.data: ") && told.contains("is no folder"), "{told}");
    }
}
