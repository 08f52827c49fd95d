//! The pages of the service in a browser: signing in, what is shown of what was pushed, and who is obeyed.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpStream;

use tempfile::TempDir;

use super::{Hanging, image, layers, token};
use crate::support::browser::Browser;
use crate::support::bundle::Bundle;
use crate::support::compression::Compression;
use crate::support::database::Database;
use crate::support::formats::named;
use crate::support::front::{Act, Front};
use crate::support::image::ImageBuilder;
use crate::support::registry::{Registry, certificates, free_address, run};
use crate::support::scanner::scanner;
use crate::support::service::Service;
use layersift::signature::template::expand;
use serde_json::json;

const READER: &str = "a reader of this test";
const DECIDER: &str = "who decides in this test";
const ADMIN: &str = "an admin of this test";

/// A service with a token of each role, that was told of nothing yet.
struct Desk {
    service: Service,
    registry: Registry,
    _folder: TempDir,
}

impl Desk {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut tokens = String::new();
        for (role, secret) in [("read", READER), ("triage", DECIDER), ("admin", ADMIN)] {
            fs::write(folder.path().join(role), secret).unwrap();
            let _ = write!(
                tokens,
                "[[serve.token]]\nname = 'the {role}'\nrole = '{role}'\nsecret-file = '{role}'\n"
            );
        }
        let registry = Registry::plain();
        let service = Service::start(folder.path(), &free_address(), &[&registry.address], &tokens);
        Self { service, registry, _folder: folder }
    }

    /// Pushes an image, tells of it, and waits until nothing is left to do.
    fn scan(&self, bundle: &Bundle, name: &str) {
        self.registry.push(bundle, name);
        self.told(name);
    }

    /// Tells of an image, and waits until nothing is left to do.
    fn told(&self, name: &str) {
        self.service.tell(&format!("{}/{name}", self.registry.address));
        self.service.wait_for("the queue to be empty", |service| {
            let (_, jobs) = service.ask("GET", "/api/v1/jobs", Some(&format!("Bearer {ADMIN}")), "").unwrap();
            serde_json::from_str::<serde_json::Value>(&jobs).unwrap()["items"] == json!([])
        });
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.service.address())
    }

    /// Signs in with a token, and says what the page is then.
    fn sign_in(&self, browser: &mut Browser, secret: &str) -> String {
        browser.go(&self.url("/"));
        browser.evaluate(&format!("document.getElementById('token').value = {secret:?}"));
        browser.follow("document.querySelector('form.door button').click()");
        text(browser, "h1")
    }

    /// Sends a request as a program does; status, what is set as cookie, and body.
    fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String, String) {
        let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build();
        let mut request = ureq::http::Request::builder().method(method).uri(self.url(path));
        if method == "POST" {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer =
            ureq::Agent::new_with_config(config).run(request.body(body.to_owned()).unwrap()).unwrap();
        let cookie = answer.headers().get("set-cookie").map(|value| value.to_str().unwrap().to_owned());
        let body = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), cookie.unwrap_or_default(), body)
    }

    /// A session of whoever has this token: its cookie, and what its forms hold.
    fn session(&self, secret: &str) -> (String, String) {
        let (status, cookie, _) =
            self.raw("POST", "/sign-in", &[], &format!("token={}", secret.replace(' ', "+")));
        assert_eq!(status, 303);
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let (status, _, page) = self.raw("GET", "/", &[("cookie", &cookie)], "");
        assert_eq!(status, 200, "{page}");
        let (_, mark) = page.split_once("name=\"mark\" value=\"").unwrap();
        (cookie, mark.split('"').next().unwrap().to_owned())
    }
}

fn text(browser: &mut Browser, selector: &str) -> String {
    let text = browser.evaluate(&format!("document.querySelector({selector:?}).textContent.trim()"));
    text.as_str().unwrap().to_owned()
}

/// Nothing went wrong on any page, and nothing but the service was asked for anything.
fn check_quiet(browser: &Browser, desk: &Desk) {
    assert_eq!(browser.errors, [""; 0]);
    // What a browser draws itself, such as the sign of a calendar, it asks itself for.
    let own = |url: &&String| url.starts_with(&desk.url("/")) || url.starts_with("data:");
    let others: Vec<_> = browser.requests.iter().filter(|url| !own(url)).collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn whoever_shows_a_token_sees_what_is_there() {
    let desk = Desk::start();
    let mut browser = Browser::start();
    assert_eq!(desk.sign_in(&mut browser, "another token than those"), "Sign in");
    assert_eq!(text(&mut browser, "[role=alert]"), "This token is not known.");
    assert_eq!(browser.errors.len(), 1, "{:?}", browser.errors);
    assert!(browser.errors[0].contains("401"), "{:?}", browser.errors);
    browser.errors.clear();

    assert_eq!(desk.sign_in(&mut browser, READER), "Overview");
    assert_eq!(text(&mut browser, ".nothing h2"), "Nothing was scanned yet");
    assert_eq!(browser.evaluate("document.cookie"), "", "no script sees the session");
    desk.scan(&image("a"), "team/a:1");
    browser.go(&desk.url("/"));
    assert_eq!(text(&mut browser, ".tile.critical strong"), "2");
    assert!(text(&mut browser, ".halves").contains("team/a:1"));
    browser.follow("document.querySelector('nav a[href=\"/images\"]').click()");
    assert!(text(&mut browser, "table.list").contains("2 critical"));
    browser.follow("document.querySelector('form[action=\"/sign-out\"] button').click()");
    assert_eq!(text(&mut browser, "h1"), "Sign in");
    browser.go(&desk.url("/images?repository=x"));
    assert_eq!(text(&mut browser, "h1"), "Sign in");
    browser.evaluate(&format!("document.getElementById('token').value = {READER:?}"));
    browser.follow("document.querySelector('form.door button').click()");
    assert_eq!(
        browser.evaluate("location.pathname + location.search"),
        "/images?repository=x",
        "back to what was asked for"
    );
    assert_eq!(text(&mut browser, ".nothing"), "No image fits.");
    check_quiet(&browser, &desk);
}

#[test]
fn a_session_is_one_of_a_token_until_it_is_ended() {
    let desk = Desk::start();
    let (cookie, mark) = desk.session(READER);
    let status = |cookie: &str| desk.raw("GET", "/images", &[("cookie", cookie)], "").0;
    assert_eq!(status(&cookie), 200);
    assert_eq!(status(&format!("layersift={}", "0".repeat(64))), 303);
    assert_eq!(status("layersift=../../x"), 303);
    let (set, _) = desk.session(DECIDER);
    assert_ne!(set, cookie);
    let (status_, gone, _) = desk.raw("POST", "/sign-out", &[("cookie", &cookie)], &format!("mark={mark}"));
    assert_eq!((status_, gone.contains("Max-Age=0")), (303, true), "{gone}");
    assert_eq!((status(&cookie), status(&set)), (303, 200));
    // A guess is told from a session that has ended.
    for _ in 0..40 {
        desk.raw("POST", "/sign-in", &[], "token=a+guess+of+somebody");
    }
    let (slowed, _, _) = desk.raw("POST", "/sign-in", &[], &format!("token={}", READER.replace(' ', "+")));
    assert_eq!(slowed, 429, "who guesses waits");
    let desk = Desk::start();
    let (set, _) = desk.session(DECIDER);
    // The API is for tokens, and the pages are for sessions.
    assert_eq!(desk.raw("GET", "/api/v1/images", &[("cookie", &set)], "").0, 401);
    assert_eq!(desk.raw("GET", "/images", &[("authorization", &format!("Bearer {READER}"))], "").0, 303);
}

#[test]
fn over_tls_a_session_is_of_this_host_alone_and_outlives_the_service() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    fs::write(folder.path().join("read"), READER).unwrap();
    let more = "tls-certificate = 'server.pem'\ntls-key = 'server.key'\n\
        [[serve.token]]\nname = 'the reader'\nrole = 'read'\nsecret-file = 'read'";
    let address = free_address();
    let begin = || {
        let service = Service::begin(folder.path(), &address, &["registry.example"], more);
        service.wait_for("somebody to listen", |service| TcpStream::connect(service.address()).is_ok());
        service
    };
    let service = begin();
    let url = format!("https://localhost:{}", address.rsplit(':').next().unwrap());
    let mut browser = Browser::trusting(&folder.path().join("server.pem"));
    let sign_in = |browser: &mut Browser| {
        assert_eq!(text(browser, "h1"), "Sign in");
        browser.evaluate(&format!("document.getElementById('token').value = {READER:?}"));
        browser.follow("document.querySelector('form.door button').click()");
    };
    browser.go(&format!("{url}/images?tag=1"));
    sign_in(&mut browser);
    assert_eq!(browser.evaluate("location.href"), format!("{url}/images?tag=1").as_str());
    assert_eq!(browser.evaluate("[isSecureContext, document.cookie].join()"), "true,");
    let cookies = browser.cookies();
    assert_eq!(cookies.as_array().unwrap().len(), 1, "{cookies}");
    let cookie = &cookies[0];
    let told = ["name", "domain", "path", "sameSite"].map(|part| cookie[part].as_str().unwrap());
    assert_eq!(told, ["__Host-layersift", "localhost", "/", "Strict"]);
    assert_eq!((&cookie["secure"], &cookie["httpOnly"]), (&json!(true), &json!(true)), "{cookie}");
    // Another process with the same database knows it.
    assert!(service.terminate().success());
    let service = begin();
    browser.go(&url);
    assert_eq!(text(&mut browser, "h1"), "Overview");
    browser.follow("document.querySelector('form[action=\"/sign-out\"] button').click()");
    assert_eq!(browser.cookies(), json!([]));
    browser.go(&format!("{url}/jobs"));
    sign_in(&mut browser);
    assert_eq!(text(&mut browser, "h1"), "Jobs");
    assert_ne!(browser.cookies()[0]["value"], cookie["value"], "another session");
    assert_eq!(browser.errors, [""; 0]);
    drop(service);
}

#[test]
fn forms_are_obeyed_from_our_own_pages_and_as_far_as_the_role_goes() {
    let desk = Desk::start();
    desk.service.tell(&format!("{}/absent:1", desk.registry.address));
    let dead = || {
        let (_, jobs) = desk
            .service
            .ask("GET", "/api/v1/jobs?state=dead", Some(&format!("Bearer {READER}")), "")
            .unwrap();
        serde_json::from_str::<serde_json::Value>(&jobs).unwrap()["items"][0]["id"].as_i64()
    };
    desk.service.wait_for("the job to be dead", |_| dead().is_some());
    let path = format!("/jobs/{}/retry", dead().unwrap());
    let (reader, own) = desk.session(READER);
    let (admin, mark) = desk.session(ADMIN);
    let host = desk.service.address().to_owned();
    let sent = |cookie: &str, mark: &str, headers: &[(&str, &str)]| {
        let headers: Vec<_> = headers.iter().copied().chain([("cookie", cookie)]).collect();
        desk.raw("POST", &path, &headers, &format!("mark={mark}")).0
    };
    assert_eq!(sent("", &mark, &[]), 403);
    assert_eq!(sent(&admin, "", &[]), 403);
    assert_eq!(sent(&admin, &own, &[]), 403, "the mark of another session");
    assert_eq!(sent(&admin, &mark, &[("sec-fetch-site", "cross-site")]), 403);
    assert_eq!(sent(&admin, &mark, &[("sec-fetch-site", "same-site")]), 403);
    assert_eq!(sent(&admin, &mark, &[("origin", "http://evil.example")]), 403);
    assert_eq!(sent(&admin, &mark, &[("origin", "null")]), 403);
    assert_eq!(desk.raw("POST", "/sign-in", &[("origin", "http://evil.example")], "token=x").0, 403);
    assert_eq!(sent(&reader, &own, &[]), 403, "a reader only reads");
    assert!(dead().is_some(), "nothing was done so far");
    let ours = format!("http://{host}");
    assert_eq!(sent(&admin, &mark, &[("origin", &ours), ("sec-fetch-site", "same-origin")]), 303);
    assert_eq!(desk.raw("POST", "/sign-in", &[], &format!("token={}", "x".repeat(20_000))).0, 413);
}

#[test]
fn without_tokens_only_this_machine_looks() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    let service = Service::start(folder.path(), &free_address(), &[&registry.address], "");
    let desk = Desk { service, registry, _folder: folder };
    let (status, cookie, _) = desk.raw("GET", "/", &[], "");
    assert_eq!((status, cookie.contains("HttpOnly; SameSite=Strict")), (200, true), "{cookie}");
    assert_eq!(desk.raw("GET", "/", &[("host", "rebound.example")], "").0, 403);
    let mut browser = Browser::start();
    browser.go(&desk.url("/"));
    assert_eq!(text(&mut browser, "h1"), "Overview");
    desk.service.tell(&format!("{}/absent:1", desk.registry.address));
    desk.service.wait_for("the job to be dead", |service| {
        !service.get("/api/v1/jobs?state=dead")["items"].as_array().unwrap().is_empty()
    });
    browser.go(&desk.url("/jobs"));
    assert!(text(&mut browser, ".list").contains("absent:1"));
    browser.follow("document.querySelector('.list form button').click()");
    assert_eq!(text(&mut browser, "h1"), "Jobs");
    browser.go(&desk.url("/sign-in"));
    assert_eq!(text(&mut browser, "h1"), "Overview");
    check_quiet(&browser, &desk);
}

#[test]
fn a_layer_that_failed_says_whom_it_concerns_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    registry.push(&image("a"), "app:1");
    let all = layers(&scanner().args([format!("{}/app:1", registry.address)]).report().json);
    let lost = all[0].clone();
    let front = Front::of(&registry.address, move |asked| {
        if asked.path == lost { Act::Answer(404, Vec::new(), "{}".to_owned()) } else { Act::Pass }
    });
    let service = Service::start(folder.path(), &free_address(), &[&front.address], "");
    service.tell(&format!("{}/app:1", front.address));
    service.scanned(1);
    let mut browser = Browser::start();
    browser.go(&format!("http://{}/", service.address()));
    assert!(text(&mut browser, ".states").contains("(1 layer)"));
    browser.follow("document.querySelector('.states a.critical').click()");
    let told = text(&mut browser, ".list");
    for part in ["Scan a layer", &front.address, "Why it failed:", "What to do:", "Try again", "/app:1"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    browser.follow("document.querySelector('.list a[href^=\"/images/\"]').click()");
    assert!(text(&mut browser, "h1").ends_with("/app:1"));
    assert!(text(&mut browser, "main").contains("1 gap"));
    assert_eq!(browser.errors, [""; 0]);
}

#[test]
fn what_images_are_called_is_shown_and_not_obeyed() {
    let evil = "<img src=x onerror=\"window.owned=1\"><script>window.owned=2</script>'\"";
    let path = "app/<script>window.owned=4<!-- .env";
    let image = ImageBuilder::new()
        .step(&format!("COPY {evil} / # buildkit"), |layer| layer.file(path, token("evil")))
        .name(evil);
    let desk = Desk::start();
    desk.scan(&(named("oci-archive").write)(&[image], Compression::Gzip), "evil:1");
    let mut browser = Browser::start();
    assert_eq!(desk.sign_in(&mut browser, ADMIN), "Overview");
    for page in [
        "/",
        "/images",
        "/images/1",
        "/images/1?row=<script>window.owned=6</script>",
        "/secrets",
        "/secrets?text=<script>window.owned=7</script>\"&severity=<b>&state=<b>&repository=<b>",
        "/audit",
        "/jobs",
        "/images?repository=%3Cscript%3Ewindow.owned%3D5%3C%2Fscript%3E%22%27",
        "/jobs?state=%3Cb%3E",
    ] {
        browser.go(&desk.url(page));
        assert_eq!(browser.evaluate("typeof window.owned"), "undefined", "{page}");
        assert_eq!(browser.evaluate("document.querySelectorAll('script').length"), 1, "{page}");
        assert_eq!(
            browser.evaluate("document.querySelectorAll('main img, main b, [onerror]').length"),
            0,
            "{page}"
        );
    }
    browser.go(&desk.url("/images/1"));
    assert!(text(&mut browser, "main").contains("<script>window.owned=4<!--"));
    check_quiet(&browser, &desk);
}

#[test]
fn it_works_by_keys_and_without_a_script() {
    let desk = Desk::start();
    desk.scan(&image("a"), "team/a:1");
    let mut browser = Browser::start();
    browser.go(&desk.url("/"));
    assert_eq!(browser.evaluate("document.activeElement.id"), "token", "one can begin to write");
    for letter in READER.chars() {
        browser.press(&letter.to_string());
    }
    browser.press_and_follow("Enter");
    assert_eq!(text(&mut browser, "h1"), "Overview");
    browser.press("Tab");
    assert_eq!(browser.evaluate("document.activeElement.className"), "skip");
    for _ in 0..4 {
        browser.press("Tab");
    }
    assert_eq!(browser.evaluate("document.activeElement.textContent"), "Images");
    browser.press_and_follow("Enter");
    assert_eq!(text(&mut browser, "h1"), "Images");
    browser.press("/");
    assert_eq!(browser.evaluate("document.activeElement.id"), "text");
    for letter in "nothing".chars() {
        browser.press(&letter.to_string());
    }
    browser.press_and_follow("Enter");
    assert_eq!(text(&mut browser, ".nothing"), "No image fits.");
    check_quiet(&browser, &desk);

    let mut browser = Browser::start();
    browser.forbid_scripts();
    assert_eq!(desk.sign_in(&mut browser, ADMIN), "Overview");
    assert_eq!(
        browser.evaluate("document.getElementById('theme').offsetHeight"),
        0,
        "what needs a script is not shown"
    );
    browser.follow("document.querySelector('.halves a[href^=\"/images/\"]').click()");
    assert!(text(&mut browser, "h1").contains("team/a:1"));
    browser.follow("document.querySelector('.stack a.row').click()");
    assert_eq!(browser.evaluate("document.querySelectorAll('details.card').length"), 1, "those of one step");
}

#[test]
fn what_is_scanned_is_shown_as_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    registry.push(&image("a"), "app:1");
    let hanging = Hanging::before(&registry);
    let front = &hanging.front.address;
    let service = Service::start(folder.path(), &free_address(), &[front], "");
    let mut browser = Browser::start();
    browser.go(&format!("http://{}/", service.address()));
    service.tell(&format!("{front}/app:1"));
    hanging.wait_for_a_layer(&service);
    let mut shown = json!(null);
    for _ in 0..600 {
        shown = browser
            .evaluate("document.querySelector('.running progress')?.parentElement.textContent ?? null");
        if !shown.is_null() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let shown = shown.as_str().expect("the page shows it without being loaded anew");
    assert!(shown.contains(" of ") && shown.contains(" a second"), "{shown}");
    assert!(text(&mut browser, ".running").contains("/app@sha256:"), "what it is");
    assert_eq!(browser.errors, [""; 0]);
}

/// Images as a company has them: clean ones, some that share a leak, an old one with hundreds.
fn company(desk: &Desk) {
    let slack =
        |name: &str| expand("https://hooks.slack.com/services/T{ALNUM:10}/B{ALNUM:10}/{base62:24}", name);
    let leaves: [(&str, &[&str]); 9] = [
        ("shop/web:2.4.1", &["shared"]),
        ("shop/api:1.0.3", &["shared", "api"]),
        ("shop/worker:1.0.3", &["shared"]),
        ("platform/gateway:edge", &[]),
        ("platform/identity-provider-with-a-rather-long-name:2026.11.26-rc.1", &["identity"]),
        ("data/etl:nightly", &["slack"]),
        ("data/notebook:3", &["slack", "notebook"]),
        ("infra/runner:7", &[]),
        ("infra/backup:2", &["backup"]),
    ];
    for (name, leaks) in leaves {
        let mut image = ImageBuilder::new()
            .step("RUN apt-get update && apt-get install -y ca-certificates # buildkit", |layer| {
                layer.file("etc/motd", name.repeat(500))
            });
        for leak in leaks {
            let content = if *leak == "slack" { slack("alerts") } else { token(leak) };
            let path = format!("app/config/{leak}.env");
            image = image.step("COPY config /app/config # buildkit", |layer| {
                layer.file(&path, format!("TOKEN={content}\n"))
            });
        }
        desk.scan(&(named("oci-archive").write)(&[image], Compression::Gzip), name);
    }
    let (repository, tag) = long();
    let platforms = ["linux/amd64", "linux/arm64", "linux/arm/v7"].map(|platform| {
        let folder = repository.replace("platform", platform);
        let path = format!("{folder}/{tag}.env");
        ImageBuilder::new().platform(platform).step(&format!("COPY {repository} / # buildkit"), |layer| {
            layer.file(&path, format!("TOKEN={}\n", token(platform)))
        })
    });
    let index = (named("buildx-oci").write)(&platforms, Compression::Gzip);
    desk.scan(&index, &format!("{repository}:{tag}"));
    let layout = tempfile::tempdir().unwrap();
    index.write_dir(layout.path());
    for blob in fs::read_dir(layout.path().join("blobs/sha256")).unwrap() {
        let blob = blob.unwrap();
        if fs::read_to_string(blob.path())
            .is_ok_and(|text| text.contains("\"schemaVersion\"") && text.contains("\"layers\""))
        {
            desk.told(&format!("{repository}@sha256:{}", blob.file_name().display()));
        }
    }
    let mut old = ImageBuilder::new();
    for step in 0..5 {
        old = old.step(&format!("COPY services/{step} /srv/services/{step} # buildkit"), |layer| {
            (0..100).fold(layer, |layer, file| {
                let path = format!("srv/services/{step}/module-{file:02}/settings.env");
                layer.file(&path, format!("GITHUB_TOKEN={}\n", token(&format!("{step}-{file}"))))
            })
        });
    }
    let old = old.step("RUN rm -rf /srv/services/0 # buildkit", |layer| layer.whiteout("srv/services/0"));
    desk.scan(&(named("oci-archive").write)(&[old], Compression::Gzip), "legacy/monolith:2019");
    let layout = tempfile::tempdir().unwrap();
    let demonstration = crate::support::root().join("testdata/demo/leaky.tar.gz");
    run("tar", &["-xzf", demonstration.to_str().unwrap()], layout.path());
    desk.registry.copy(&format!("oci:{}", layout.path().display()), "shop/shop:1.4.2", &[]);
    desk.told("shop/shop:1.4.2");
    desk.service.tell(&format!("{}/infra/absent:1", desk.registry.address));
    desk.service.wait_for("a job to fail", |service| {
        let dead =
            service.ask("GET", "/api/v1/jobs?state=dead", Some(&format!("Bearer {ADMIN}")), "").unwrap();
        dead.1.contains("absent")
    });
}

#[test]
fn what_was_not_wholly_looked_at_is_called_so_and_found() {
    let desk = Desk::start();
    let archive = [&b"Rar!\x1a\x07\x01\x00"[..], &[0; 64]].concat();
    let closed = ImageBuilder::new().layer(|layer| layer.file("data.rar", archive));
    desk.scan(&(named("oci-archive").write)(&[closed], Compression::Gzip), "closed:1");
    desk.scan(&image("a"), "leaky:1");
    let mut browser = Browser::start();
    assert_eq!(desk.sign_in(&mut browser, READER), "Overview");
    assert!(text(&mut browser, ".note").starts_with("1 image could not be looked at completely"));
    browser.go(&desk.url("/images"));
    browser.evaluate("document.getElementById('verdict').value = 'incomplete'");
    browser.follow("document.querySelector('form.filter button').click()");
    let shown = text(&mut browser, "table.list tbody");
    assert!(shown.contains("closed:1") && shown.contains("1 gap") && shown.contains("incomplete"), "{shown}");
    assert!(!shown.contains("leaky") && !shown.contains("clean"), "{shown}");
    assert_eq!(browser.evaluate("document.getElementById('verdict').value"), "incomplete");
    check_quiet(&browser, &desk);
}

/// A company's longest names.
fn long() -> (String, String) {
    let part = "a-team-that-likes-to-say-everything-in-its-names";
    (format!("platform/{part}/{part}/{part}/{part}"), format!("2026.11.26-{part}-{part}-rc.1"))
}

#[test]
fn pages_fit_phones_and_desktops_in_light_and_dark() {
    let desk = Desk::start();
    company(&desk);
    let mut browser = Browser::start();
    assert_eq!(desk.sign_in(&mut browser, ADMIN), "Overview");
    browser.go(&desk.url("/images"));
    let address = |browser: &mut Browser, name: &str| {
        let find = format!(
            "[...document.querySelectorAll('a.name')].find(link => link.textContent.includes({name:?})).getAttribute('href')"
        );
        browser.evaluate(&find).as_str().unwrap().to_owned()
    };
    let (old, shop) = (address(&mut browser, "monolith"), address(&mut browser, "shop/shop"));
    let long = address(&mut browser, "a-team-that");
    browser.go(&desk.url(&long));
    let platform =
        browser.evaluate("document.querySelector('dl.facts a[href^=\"/images/\"]').getAttribute('href')");
    let platform = platform.as_str().unwrap().to_owned();
    browser.go(&desk.url("/secrets"));
    let secret = browser.evaluate("document.querySelector('tbody a.name').getAttribute('href')");
    let secret = secret.as_str().unwrap().to_owned();
    let pages = [
        ("overview", "/"),
        ("images", "/images"),
        ("none", "/images?repository=nothing"),
        ("old", &old),
        ("shop", &shop),
        ("long", &long),
        ("platform", &platform),
        ("secrets", "/secrets"),
        ("secret", &secret),
        ("audit", "/audit"),
        ("jobs", "/jobs"),
        ("absent", "/images/999999"),
    ];
    let mut backgrounds = Vec::new();
    for scheme in ["light", "dark"] {
        browser.media("screen", scheme);
        for (size, width, height) in [("phone", 390, 844), ("desktop", 1440, 900)] {
            browser.resize(width, height);
            for (name, path) in pages {
                browser.go(&desk.url(path));
                let wide = browser.evaluate("document.documentElement.scrollWidth").as_u64().unwrap();
                assert!(wide <= u64::from(width), "{path}: {wide} is wider than the screen");
                browser.picture(&format!("{name}-{size}-{scheme}"));
            }
        }
        backgrounds.push(browser.evaluate("getComputedStyle(document.body).backgroundColor"));
    }
    assert_ne!(backgrounds[0], backgrounds[1]);
    browser.evaluate("document.getElementById('theme').click()");
    browser.go(&desk.url("/images"));
    let kept = browser.evaluate("getComputedStyle(document.body).backgroundColor");
    assert_eq!(kept, backgrounds[0], "what was chosen is remembered");
    browser.errors.retain(|error| !error.contains("404"));
    check_quiet(&browser, &desk);
}

#[test]
fn a_credential_is_decided_about_and_opened_again() {
    let desk = Desk::start();
    desk.scan(&image("a"), "team/a:1");
    desk.scan(&image("b"), "team/b:1");
    let mut browser = Browser::start();
    assert_eq!(desk.sign_in(&mut browser, DECIDER), "Overview");
    assert_eq!(text(&mut browser, ".tile.critical strong"), "3");
    browser.follow("document.querySelector('.tile.critical').click()");
    assert_eq!(browser.evaluate("document.querySelectorAll('table.list tbody tr').length"), 3);
    // The one that both images have.
    browser.follow("[...document.querySelectorAll('tbody tr')].find(row => row.textContent.includes('2 images')).querySelector('a').click()");
    let page = browser.evaluate("location.pathname").as_str().unwrap().to_owned();
    assert!(text(&mut browser, "main").contains("in 2 images of 2 repositories"));
    assert!(text(&mut browser, "[aria-label='What to do']").contains("What to do"));
    let decide = |browser: &mut Browser, kind: &str, more: &str| {
        let fill = format!(
            "document.querySelector('[name=kind][value={kind}]').checked = true; \
             document.getElementById('reason').value = 'Because of <b>reasons</b>.'; {more}; \
             document.querySelector('form.triage button').click()"
        );
        browser.follow(&fill);
    };
    decide(&mut browser, "accepted", "document.getElementById('until').value = '2001-01-01'");
    assert!(text(&mut browser, "[role=alert]").contains("one to come"));
    assert_eq!(
        browser.evaluate("document.getElementById('reason').value"),
        "Because of <b>reasons</b>.",
        "what was written is kept"
    );
    browser.errors.retain(|error| !error.contains("422"));
    decide(&mut browser, "accepted", "document.getElementById('until').value = '2999-12-31'");
    assert_eq!(browser.evaluate("location.pathname"), page.as_str());
    let told = text(&mut browser, "main");
    for part in
        ["accepted until 2999-12-31", "Because of <b>reasons</b>.", "the triage", "everywhere", "closed"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    browser.go(&desk.url("/"));
    assert_eq!(text(&mut browser, ".tile.critical strong"), "2");
    browser.go(&desk.url("/images/1"));
    assert_eq!(browser.evaluate("document.querySelectorAll('details.card').length"), 1);
    let past = text(&mut browser, ".past");
    assert!(past.contains("accepted until 2999-12-31"), "{past}");

    browser.go(&desk.url(&page));
    let scope = format!("document.getElementById('scope').value = '{}/team/a'", desk.registry.address);
    decide(&mut browser, "open", &scope);
    assert!(text(&mut browser, "main").contains("open"));
    browser.go(&desk.url("/"));
    assert_eq!(text(&mut browser, ".tile.critical strong"), "3", "open in one repository is open");
    browser.go(&desk.url("/audit"));
    assert_eq!(text(&mut browser, "h1"), "Forbidden");
    browser.errors.retain(|error| !error.contains("403"));

    let mut admin = Browser::start();
    assert_eq!(desk.sign_in(&mut admin, ADMIN), "Overview");
    admin.go(&desk.url("/audit"));
    assert_eq!(admin.evaluate("document.querySelectorAll('tbody tr').length"), 2);
    assert!(text(&mut admin, "tbody").contains("the triage"));
    check_quiet(&browser, &desk);
    check_quiet(&admin, &desk);
}

#[test]
fn who_may_not_decide_does_not_and_what_makes_no_sense_is_refused() {
    let desk = Desk::start();
    desk.scan(&image("a"), "team/a:1");
    let (reader, own) = desk.session(READER);
    let (_, _, list) = desk.raw("GET", "/secrets", &[("cookie", &reader)], "");
    let (_, page) = list.split_once("href=\"/secrets/").unwrap();
    let page = format!("/secrets/{}", &page[..32]);
    let (_, _, shown) = desk.raw("GET", &page, &[("cookie", &reader)], "");
    assert!(!shown.contains("class=\"triage\""), "who only reads has no form");
    let sent = format!("mark={own}&kind=fixed&reason=x&scope=*");
    assert_eq!(desk.raw("POST", &format!("{page}/decide"), &[("cookie", &reader)], &sent).0, 403);
    let (decider, mark) = desk.session(DECIDER);
    for (fields, status) in [
        ("kind=fixed&reason=&scope=*", 422),
        ("kind=nothing&reason=x&scope=*", 422),
        ("kind=fixed&reason=x&scope=<b>", 422),
        ("kind=accepted&reason=x&scope=*&until=tomorrow", 422),
        ("kind=fixed&reason=x&scope=*", 303),
    ] {
        let sent = format!("mark={mark}&{fields}");
        assert_eq!(
            desk.raw("POST", &format!("{page}/decide"), &[("cookie", &decider)], &sent).0,
            status,
            "{fields}"
        );
    }
    let unknown = format!("/secrets/{}/decide", "0".repeat(32));
    let sent = format!("mark={mark}&kind=fixed&reason=x&scope=*");
    assert_eq!(desk.raw("POST", &unknown, &[("cookie", &decider)], &sent).0, 404);
}

#[test]
fn an_image_is_shown_step_by_step_and_its_report_is_to_be_had() {
    let mut many = ImageBuilder::new();
    for step in 0..3 {
        many = many.step(&format!("COPY part{step} / # buildkit"), |layer| {
            (0..40).fold(layer, |layer, file| {
                layer.file(
                    format!("part{step}/{file}.env"),
                    format!("TOKEN={}\n", token(&format!("{step}-{file}"))),
                )
            })
        });
    }
    let desk = Desk::start();
    desk.scan(&(named("oci-archive").write)(&[many], Compression::Gzip), "many:1");
    let mut browser = Browser::start();
    assert_eq!(desk.sign_in(&mut browser, READER), "Overview");
    browser.follow("document.querySelector('.halves a[href^=\"/images/\"]').click()");
    let cards = "document.querySelectorAll('details.card').length";
    assert_eq!(browser.evaluate(cards), 50);
    assert!(text(&mut browser, "#findings").contains("120 credentials in all, of which 1 to 50 are here"));
    browser.follow("document.querySelector('a.next').click()");
    browser.follow("document.querySelector('a.next').click()");
    assert_eq!(browser.evaluate(cards), 20);
    assert_eq!(browser.evaluate("document.querySelector('a.next')"), json!(null));
    browser.follow("document.querySelector('.stack a.row').click()");
    assert_eq!(browser.evaluate(cards), 40, "those of one step");
    assert_eq!(browser.evaluate("document.querySelectorAll('.stack [aria-current]').length"), 1);
    browser.follow("document.querySelector('.files a').click()");
    assert_eq!(browser.evaluate(cards), 1, "the one of a path");
    assert_eq!(browser.evaluate("document.querySelector('details.card').open"), true);
    check_quiet(&browser, &desk);
    let (reader, _) = desk.session(READER);
    for format in layersift::report::FORMATS {
        let path = format!("/images/1/report?format={}", format.name);
        let (status, _, ours) = desk.raw("GET", &path, &[("cookie", &reader)], "");
        let bearer = format!("Bearer {READER}");
        let (_, theirs) = desk.service.ask("GET", &format!("/api/v1{path}"), Some(&bearer), "").unwrap();
        assert_eq!((status, ours.len()), (200, theirs.len()), "{}", format.name);
    }
    for (path, status) in [
        ("/images/1/report?format=x", 404),
        ("/images/2/report?format=json", 404),
        ("/images/x", 404),
        ("/secrets/x", 404),
    ] {
        assert_eq!(desk.raw("GET", path, &[("cookie", &reader)], "").0, status, "{path}");
    }
}

#[test]
fn a_screen_reader_finds_its_way() {
    let desk = Desk::start();
    desk.scan(&image("a"), "team/a:1");
    let mut browser = Browser::start();
    assert_eq!(desk.sign_in(&mut browser, ADMIN), "Overview");
    browser.go(&desk.url("/secrets"));
    let secret = browser.evaluate("document.querySelector('tbody a.name').getAttribute('href')");
    let secret = secret.as_str().unwrap().to_owned();
    let nameless = "[...document.querySelectorAll('button, a, input:not([type=hidden]), select, summary, textarea')].filter(e => \
                    !(e.textContent.trim() || e.getAttribute('aria-label') || \
                      e.closest('label') || (e.id && document.querySelector(`label[for=${e.id}]`)))).map(e => e.outerHTML)";
    for page in ["/", "/secrets", &secret, "/images", "/images/1", "/jobs", "/audit"] {
        browser.go(&desk.url(page));
        assert_eq!(browser.evaluate(nameless), json!([]), "{page}");
        for selector in ["h1", "main", "header", "nav [aria-current=page]"] {
            let count = browser.evaluate(&format!("document.querySelectorAll('{selector}').length"));
            assert!(
                count == 1 || (page == "/jobs" && selector.starts_with("nav") && count == 2),
                "{page} {selector} {count}"
            );
        }
        let ids = "[...document.querySelectorAll('[id]')].length - new Set([...document.querySelectorAll('[id]')].map(e => e.id)).size";
        assert_eq!(browser.evaluate(ids), 0, "{page}: no name is given twice");
    }
}

#[test]
fn what_is_in_postgresql_is_shown_too() {
    let database = Database::start();
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::plain();
    let more = format!("database = '{}'\nseal-key-file = 'proof'", database.url);
    let service = Service::start(folder.path(), &free_address(), &[&registry.address], &more);
    let desk = Desk { service, registry, _folder: folder };
    desk.scan(&image("a"), "team/a:1");
    desk.service.tell(&format!("{}/absent:1", desk.registry.address));
    let (_, cookie, first) = desk.raw("GET", "/", &[], "");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    assert!(first.contains("<strong>2</strong> <span>critical</span>"), "{first}");
    let (_, secret) = first.split_once("href=\"/secrets/").unwrap();
    let secret = format!("/secrets/{}", &secret[..32]);
    let (_, mark) = first.split_once("name=\"mark\" value=\"").unwrap_or(("", ""));
    assert_eq!(mark, "", "nobody signs out who never signed in");
    let (_, _, page) = desk.raw("GET", &secret, &[("cookie", &cookie)], "");
    let (_, mark) = page.split_once("name=\"mark\" value=\"").unwrap();
    let sent = format!("mark={}&kind=fixed&reason=x&scope=*", &mark[..64]);
    assert_eq!(desk.raw("POST", &format!("{secret}/decide"), &[("cookie", &cookie)], &sent).0, 303);
    let (_, _, first) = desk.raw("GET", "/", &[], "");
    assert!(first.contains("<strong>1</strong> <span>critical</span>"), "{first}");
    for path in [
        "/live",
        "/secrets",
        "/secrets?state=closed&severity=critical&sort=severity&text=git&repository=a/b",
        &secret,
        "/images",
        "/images?text=team&tag=1&severity=critical&verdict=incomplete&gaps=1&repository=a/b&after=9",
        "/images/1",
        "/jobs?state=dead",
        "/audit",
    ] {
        let (status, _, page) = desk.raw("GET", path, &[], "");
        assert_eq!(status, 200, "{path}: {page}");
    }
}
