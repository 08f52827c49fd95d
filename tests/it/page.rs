//! The HTML report in a browser: clicks, keys, filters, widths, print, and images whose names are markup.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::browser::Browser;
use crate::support::compression::Compression;
use crate::support::formats::named;
use crate::support::image::ImageBuilder;
use crate::support::root;
use crate::support::scanner::scanner;
use layersift::signature::template::expand;

/// The page of an image.
fn page(folder: &TempDir, image: &Path) -> PathBuf {
    let page = folder.path().join("report.html");
    let run = scanner().path(image).args(["--format".into(), format!("html={}", page.display())]).run();
    assert_eq!(run.code, 1, "{}", run.stderr);
    page
}

fn demonstration(folder: &TempDir) -> PathBuf {
    page(folder, &root().join("testdata/demo/leaky.tar.gz"))
}

/// Nothing went wrong, and nothing but the page itself was asked for.
fn check_quiet(browser: &Browser, page: &Path) {
    assert_eq!(browser.errors, [""; 0]);
    let own = format!("file://{}", page.display());
    let others: Vec<_> = browser.requests.iter().filter(|url| !url.starts_with(&own)).collect();
    assert!(others.is_empty(), "{others:?}");
}

/// How many findings are to be seen.
fn seen(browser: &mut Browser) -> Value {
    browser.evaluate("[...document.querySelectorAll('.card')].filter(card => card.offsetHeight > 0).length")
}

fn click(browser: &mut Browser, selector: &str) {
    browser.evaluate(&format!("document.querySelector({selector:?}).click()"));
}

#[test]
fn findings_are_filtered_by_clicks_and_keys() {
    let folder = tempfile::tempdir().unwrap();
    let page = demonstration(&folder);
    let mut browser = Browser::start();
    browser.resize(1280, 900);
    browser.open(&page);
    assert_eq!(browser.evaluate("document.getElementById('count').textContent"), "5 of 5 findings");

    click(&mut browser, "[data-severity-filter=high]");
    assert_eq!(seen(&mut browser), 1);
    click(&mut browser, "[data-severity-filter=critical]");
    assert_eq!(seen(&mut browser), 5);
    click(&mut browser, "#clear");
    assert_eq!(seen(&mut browser), 5);

    click(&mut browser, "[data-row='0-0-s5']");
    assert_eq!(seen(&mut browser), 1, "one credential came in with step 5");
    assert_eq!(
        browser.evaluate("document.querySelector('.card:not([hidden]) h3').textContent"),
        "npm access token"
    );
    click(&mut browser, "[data-row='0-0-s5']");
    assert_eq!(seen(&mut browser), 5);

    browser.evaluate("document.activeElement.blur()");
    browser.press("/");
    assert_eq!(browser.evaluate("document.activeElement.id"), "search");
    for letter in "private key".chars() {
        browser.press(&letter.to_string());
    }
    assert_eq!(seen(&mut browser), 1);
    assert_eq!(browser.evaluate("document.getElementById('count').textContent"), "1 of 5 findings");
    for letter in "zzz".chars() {
        browser.press(&letter.to_string());
    }
    assert_eq!(browser.evaluate("document.querySelector('.none').offsetHeight > 0"), true);
    browser.press("Escape");
    assert_eq!(seen(&mut browser), 5);

    browser.evaluate("document.activeElement.blur()");
    browser.press("j");
    browser.press("j");
    assert_eq!(browser.evaluate("document.activeElement.id"), "finding-0-1");
    browser.press("k");
    assert_eq!(browser.evaluate("document.activeElement.id"), "finding-0-0");

    browser.evaluate("state.value = 'hidden', state.dispatchEvent(new Event('change'))");
    assert_eq!(seen(&mut browser), 3, "what the later step deleted");
    browser.evaluate("location.hash = 'finding-0-2'");
    assert_eq!(seen(&mut browser), 5, "a link to what is filtered out shows it");
    check_quiet(&browser, &page);
}

#[test]
fn it_is_dark_and_light_wide_and_narrow_and_printed() {
    let folder = tempfile::tempdir().unwrap();
    let page = demonstration(&folder);
    let mut browser = Browser::start();
    let background = "getComputedStyle(document.body).backgroundColor";
    let mut backgrounds = Vec::new();
    for scheme in ["light", "dark"] {
        browser.media("screen", scheme);
        for (name, width, height) in [("phone", 375, 800), ("desktop", 1280, 1000)] {
            browser.resize(width, height);
            browser.open(&page);
            let wide = browser.evaluate("document.documentElement.scrollWidth");
            assert!(wide.as_u64().unwrap() <= u64::from(width), "{wide} is wider than the screen");
            browser.picture(&format!("{name}-{scheme}"));
        }
        backgrounds.push(browser.evaluate(background));
    }
    assert_ne!(backgrounds[0], backgrounds[1]);
    browser.media("print", "dark");
    assert_eq!(browser.evaluate("document.querySelector('.controls').offsetHeight"), 0);
    assert_eq!(browser.evaluate(background), "rgb(255, 255, 255)");
    assert_eq!(seen(&mut browser), 5);
    browser.picture("print");
    browser.media("screen", "dark");
    click(&mut browser, "#theme");
    assert_eq!(browser.evaluate(background), backgrounds[0]);
    check_quiet(&browser, &page);
}

#[test]
fn it_is_all_there_without_its_script() {
    let folder = tempfile::tempdir().unwrap();
    let page = demonstration(&folder);
    let mut browser = Browser::start();
    browser.forbid_scripts();
    browser.open(&page);
    assert_eq!(seen(&mut browser), 5);
    assert_eq!(browser.evaluate("document.querySelector('.controls').offsetHeight"), 0);
    assert_eq!(browser.evaluate("document.querySelectorAll('.stack .row').length"), 10);
}

#[test]
fn a_screen_reader_finds_its_way() {
    let folder = tempfile::tempdir().unwrap();
    let page = demonstration(&folder);
    let mut browser = Browser::start();
    browser.resize(1280, 900);
    browser.open(&page);
    let nameless = "[...document.querySelectorAll('button, a, input, select, summary, [role=img], article')].filter(e => \
                    !(e.textContent.trim() || e.getAttribute('aria-label') || e.getAttribute('aria-labelledby') || \
                      (e.id && document.querySelector(`label[for=${e.id}]`)))).map(e => e.outerHTML)";
    assert_eq!(browser.evaluate(nameless), json!([]));
    let dangling = "[...document.querySelectorAll('[aria-labelledby]')].filter(e => \
                    !document.getElementById(e.getAttribute('aria-labelledby'))).length";
    assert_eq!(browser.evaluate(dangling), 0);
    for (selector, count) in [("h1", 1), ("main", 1), ("header", 1), ("[role=status]", 1), ("article", 5)] {
        assert_eq!(
            browser.evaluate(&format!("document.querySelectorAll('{selector}').length")),
            count,
            "{selector}"
        );
    }
    let ids = "[...document.querySelectorAll('[id]')].length - new Set([...document.querySelectorAll('[id]')].map(e => e.id)).size";
    assert_eq!(browser.evaluate(ids), 0, "no name is given twice");
    assert_eq!(browser.evaluate("document.documentElement.lang"), "en");
}

#[test]
fn an_image_whose_names_are_markup_is_shown_and_not_obeyed() {
    let evil = "<img src=x onerror=\"window.owned=1\"><script>window.owned=2</script>'\"><svg onload=window.owned=3>";
    let token = expand("ghp_{base62:30}{github-crc32}", "page");
    let path = "app/<script>window.owned=4<!-- .env";
    let image = ImageBuilder::new()
        .step(&format!("COPY {evil} / # buildkit"), |layer| layer.file(path, token))
        .name(evil);
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("<b>evil.tar");
    fs::write(&archive, (named("oci-archive").write)(&[image], Compression::Plain).tar()).unwrap();
    let page = page(&folder, &archive);
    let mut browser = Browser::start();
    browser.open(&page);
    assert_eq!(browser.evaluate("typeof window.owned"), "undefined");
    assert_eq!(browser.evaluate("document.querySelectorAll('script').length"), 1);
    assert_eq!(browser.evaluate("document.querySelectorAll('img, svg:not(.bar):not(.track)').length"), 0);
    let shown = browser.evaluate("document.body.textContent");
    assert!(shown.as_str().unwrap().contains("<script>window.owned=4<!--"), "{shown}");
    check_quiet(&browser, &page);
}
