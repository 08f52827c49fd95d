//! The page as text; in a browser it is tried by the integration tests.

use super::super::sample;
use super::*;

fn written(outcomes: &[Outcome], options: &ReportOptions) -> String {
    let mut out = Vec::new();
    write(&mut out, outcomes, options).expect("a vector takes everything");
    String::from_utf8(out).expect("UTF-8")
}

/// The page without its style and script.
fn body(page: &str) -> String {
    let (_, body) = page.split_once("</head>").expect("a head");
    let (body, _) = body.split_once("<script>").expect("a script");
    body.to_owned()
}

#[test]
fn it_looks_like_this() {
    let mut outcome = sample::full();
    outcome.findings.truncate(1);
    let mut options = ReportOptions::default();
    options.tool.version = "1.2.3".into();
    insta::assert_snapshot!(body(&written(&[outcome], &options)));
}

/// A thousand findings of which each has eight more places, and `advice` for the one of that index.
fn a_thousand(advice: impl Fn(usize) -> Vec<String>) -> Outcome {
    let mut outcome = sample::full();
    outcome.findings = vec![outcome.findings[0].clone(); 1_000];
    for (index, finding) in outcome.findings.iter_mut().enumerate() {
        finding.fix = advice(index);
        let place = finding.places[1].clone();
        finding.places.extend(vec![place; 8]);
    }
    outcome
}

#[test]
fn a_thousand_findings_fit_into_five_megabytes() {
    let long = |index| format!("Do this with `a command --and=options` and then {index}. ").repeat(25);
    for (name, distinct) in [("the same advice", 0), ("advice of their own", 1)] {
        let mut outcome = a_thousand(|index| (0..5).map(|line| long(line + 5 * index * distinct)).collect());
        for step in outcome.findings.iter_mut().flat_map(|finding| &mut finding.places) {
            let step = step.step.as_mut().expect("the sample has steps");
            step.created_by = "RUN make everything && ".repeat(150);
        }
        let page = written(&[outcome], &ReportOptions::default());
        assert!(page.len() <= LARGEST, "{name}: {} bytes", page.len());
        assert_eq!(page.matches("<article").count(), 1_000, "{name}");
        assert!(page.contains("Texts are cut to"), "{name}: that is told");
    }
}

#[test]
fn advice_that_many_share_is_there_once_and_whole() {
    let advice = "Do this with `a command --and=options`, and then some more. ".repeat(20);
    let page = written(&[a_thousand(|_| vec![advice.clone(), "Rebuild.".into()])], &ReportOptions::default());
    let shown = "Do this with <code>a command --and=options</code>, and then some more. ".repeat(20);
    assert_eq!(page.matches(&shown).count(), 1);
    assert!(page.contains("<li id=\"advice-0-0\""));
    assert_eq!(page.matches("<a href=\"#advice-0-0\">").count(), 1_000);
    assert_eq!(page.matches("<li>Rebuild.</li>").count(), 1_000);
    assert!(page.len() <= LARGEST && !page.contains("Texts are cut to"), "{} bytes", page.len());
}

#[test]
fn what_is_left_out_is_counted() {
    let mut outcome = sample::full();
    let (finding, step) = (outcome.findings[0].clone(), outcome.images[0].steps[0].clone());
    outcome.findings = vec![finding; 5_002];
    outcome.findings[0].places = vec![outcome.findings[0].places[0].clone(); 25];
    outcome.problems = vec![sample::gap(); 503];
    outcome.images[0].steps.extend((3..700).map(|index| crate::image::Step { index, ..step.clone() }));
    let page = written(&[outcome], &ReportOptions::default());
    for told in ["and 2 more findings", "and 23 more; the json", "and 3 more; the json", "and 200 more steps"]
    {
        assert!(page.contains(told), "{told}");
    }
}

#[test]
fn nothing_of_the_image_is_markup_and_nothing_is_loaded() {
    let evil = "\"'><script>alert(1)</script><img src=//evil.example onerror=alert(2)>{{ 7 * 7 }}";
    let mut outcome = sample::hostile();
    outcome.source = evil.into();
    for image in &mut outcome.images {
        image.names = vec![evil.into()];
        image.steps.iter_mut().for_each(|step| step.created_by = evil.into());
    }
    for finding in &mut outcome.findings {
        finding.rule = evil.into();
        finding.revoke = Some(format!("https://{evil}"));
        for place in &mut finding.places {
            place.path = Some(evil.into());
            place.image = Some(evil.into());
        }
    }
    let page = written(&[outcome], &ReportOptions::default());
    let body = body(&page);
    for markup in ["<script", "<img", "javascript:"] {
        assert!(!body.contains(markup), "{markup}");
    }
    assert!(body.contains("{{ 7 * 7 }}"), "no value is a template");
    assert_eq!(page.matches("<script>").count(), 1);
    for loaded in [" src=", "url(", "@import", "<link", "<iframe", " style=", " onclick="] {
        let ours = page.replace("&lt;img src=", "");
        assert!(!ours.contains(loaded), "{loaded}");
    }
}

#[test]
fn a_deep_path_is_drawn_flat() {
    let mut outcome = sample::full();
    let deep = "a/".repeat(3_000) + "key";
    outcome.findings[0].places[1].path = Some(deep);
    let page = written(&[outcome], &ReportOptions::default());
    assert!(page.len() < 200_000, "{} bytes", page.len());
}

#[test]
fn without_a_finding_it_says_what_that_means() {
    let clean = written(&[sample::clean()], &ReportOptions::default());
    assert!(clean.contains("class=\"verdict clean\"") && !clean.contains("role=\"search\""));
    let mut gap = sample::clean();
    gap.problems.push(sample::gap());
    assert!(written(&[gap], &ReportOptions::default()).contains("class=\"verdict unsure\""));
    assert!(written(&[], &ReportOptions::default()).contains("0 images"));
}
