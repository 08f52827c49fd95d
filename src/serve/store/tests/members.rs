//! What an index has is listed below it, and told of under its name.

use super::engines::on_both;
use super::*;
use crate::serve::config::Receiver;
use crate::serve::messages::{FORMS, host};
use crate::signature::Severity;

/// Somebody who is told of everything.
fn receiver() -> Receiver {
    Receiver {
        name: "r".into(),
        form: &FORMS[0],
        url: crate::secret::Secret::new("http://r.example"),
        key: None,
        least: Severity::Low,
        repositories: Vec::new(),
        pause: 0,
    }
}

/// Has somebody get the messages of a database.
fn listen(store: &Store) {
    store.know(&[&host(&receiver())]).unwrap();
    store.tell(vec![receiver()]);
}

fn member(image: &Reference, platform: Option<&str>) -> Member {
    Member { digest: image.digest().unwrap().to_owned(), platform: platform.map(str::to_owned) }
}

/// Has an index scanned that has `members` and in which this was found; with what else is to do left alone.
fn scan_index(store: &Store, index: &Reference, members: Vec<Member>, fingerprints: &[&str]) {
    store.want(&[Wanted { image: index, settings: "s", priority: 99 }]).unwrap();
    let one = crew("s");
    let job = store.claim(&one, &Avoid::default()).unwrap().unwrap();
    let findings = fingerprints.iter().map(|fingerprint| found(fingerprint)).collect();
    let scanned = Scanned { findings, members, report: Some(vec![1]), ..Scanned::default() };
    store.scanned((&job, &one.worker), index, "s", &scanned).unwrap().unwrap();
}

/// The first letters of the digests of images that `filter` wants.
fn listed(store: &Store, filter: &ImageFilter) -> String {
    let digest = |row: ImageRow| row.name.rsplit(':').next().unwrap()[..1].to_owned();
    store.images(filter, 0, 9).unwrap().into_iter().map(digest).collect()
}

/// Lets the time pass until images without a name are told of.
fn wait(store: &Store) {
    let pass = "UPDATE jobs SET due = due - 600000";
    store.within(|session| session.execute(pass, &[])).unwrap();
    store.ripen().unwrap();
}

/// Does what is to be told, as far as it is its time; the tags and findings of the messages that came of it.
fn messages(store: &Store) -> Vec<(Option<String>, usize)> {
    let one = crew("s");
    let mut all = Vec::new();
    while let Some(job) =
        store.claim(&one, &Avoid { hosts: vec!["r.example".into()], ..Avoid::default() }).unwrap()
    {
        if job.kind == Kind::Tell {
            store.tell_of(&job, &one.worker).unwrap().unwrap();
            continue;
        }
        let message: serde_json::Value = serde_json::from_str(&job.subject).unwrap();
        let tag = message["image"]["tag"].as_str().map(str::to_owned);
        all.push((tag, message["findings"].as_array().unwrap().len()));
        store.done(&job, &one.worker).unwrap().unwrap();
    }
    all
}

#[test]
fn an_index_is_one_image_with_its_platforms() {
    on_both(|store| {
        let (amd, arm, statement) =
            (image("app", None, Some("a")), image("app", None, Some("b")), image("app", None, Some("c")));
        for (image, found) in [(&amd, &["f", "g"][..]), (&arm, &["f"]), (&statement, &[])] {
            scan(store, image, "s", found, 0);
        }
        assert_eq!(listed(store, &ImageFilter::default()), "abc", "nobody knows yet what they belong to");
        assert_eq!(store.secret("f").unwrap().unwrap().images, 2);
        let index = image("app", Some("1"), Some("d"));
        let all = vec![
            member(&amd, Some("linux/amd64")),
            member(&arm, Some("linux/arm64")),
            member(&index, None),
            member(&statement, None),
        ];
        scan_index(store, &index, all.clone(), &["f", "g"]);
        assert_eq!(listed(store, &ImageFilter::default()), "d");
        assert_eq!(store.secret("f").unwrap().unwrap().images, 1);
        let row = store.images(&ImageFilter::default(), 0, 9).unwrap().remove(0);
        let platforms: Vec<_> = row.platforms.iter().map(|row| (row.platform.as_str(), row.image)).collect();
        assert_eq!(platforms, [("linux/amd64", Some(1)), ("linux/arm64", Some(2))]);
        assert_eq!((row.index, store.image(3).unwrap().unwrap().index), (None, Some(row.id)));
        let asked = [
            (ImageFilter { parts: true, ..ImageFilter::default() }, "abcd"),
            (ImageFilter { index: Some(row.id), ..ImageFilter::default() }, "abc"),
            (ImageFilter { digest: arm.digest().map(str::to_owned), ..ImageFilter::default() }, "b"),
        ];
        for (filter, expected) in asked {
            assert_eq!(listed(store, &filter), expected, "{filter:?}");
        }
        // What a tag names is listed, whatever else it belongs to.
        scan(store, &image("other", None, Some("a")), "s", &[], 0);
        store
            .want(&[Wanted { image: &image("app", Some("amd"), Some("a")), settings: "s", priority: 0 }])
            .unwrap();
        assert_eq!(listed(store, &ImageFilter::default()), "ada", "and so is the same one elsewhere");
        // Without the index they are what there is.
        store.delete_image("me", row.id).unwrap();
        assert_eq!(listed(store, &ImageFilter::default()), "abca");
        let places = store.occurrences("f", ("", ""), 9).unwrap();
        let open = places.iter().filter(|place| place.fixed.is_none());
        let open: Vec<_> = open.map(|place| place.reference.clone()).collect();
        assert_eq!(open, ["amd".to_owned(), arm.digest().unwrap().to_owned()], "each where it is");
    });
}

#[test]
fn what_is_told_of_after_its_index_belongs_to_it() {
    on_both(|store| {
        listen(store);
        let (amd, index) = (image("app", None, Some("a")), image("app", Some("1"), Some("d")));
        scan_index(store, &index, vec![member(&amd, Some("linux/amd64"))], &["f"]);
        assert_eq!(messages(store), [(Some("1".into()), 1)]);
        scan(store, &amd, "s", &["f"], 0);
        assert_eq!(listed(store, &ImageFilter::default()), "d");
        let places = store.occurrences("f", ("", ""), 9).unwrap();
        assert_eq!(places.iter().map(|place| place.reference.as_str()).collect::<Vec<_>>(), ["1"]);
        wait(store);
        assert_eq!(messages(store), []);
    });
}

#[test]
fn what_an_index_could_not_be_searched_for_is_known_by_its_image() {
    on_both(|store| {
        let (amd, index) = (image("app", None, Some("a")), image("app", Some("1"), Some("d")));
        let members = vec![member(&amd, Some("linux/amd64"))];
        store.want(&[Wanted { image: &index, settings: "s", priority: 99 }]).unwrap();
        let one = crew("s");
        let job = store.claim(&one, &Avoid::default()).unwrap().unwrap();
        let scanned = Scanned { findings: vec![found("f")], members, gaps: 1, ..Scanned::default() };
        store.scanned((&job, &one.worker), &index, "s", &scanned).unwrap().unwrap();
        let open = |fingerprint: &str| -> Vec<String> {
            let places = store.occurrences(fingerprint, ("", ""), 9).unwrap();
            let open = places.into_iter().filter(|place| place.fixed.is_none());
            open.map(|place| place.reference).collect()
        };
        let state = |fingerprint: &str| store.secret(fingerprint).unwrap().unwrap().state;
        // Found later, in the image of which the index had not all.
        scan(store, &amd, "s", &["f", "g"], 0);
        assert_eq!((open("f"), open("g")), (vec!["1".into()], vec![amd.digest().unwrap().to_owned()]));
        assert_eq!(state("g"), "open");
        // And gone there.
        scan(store, &amd, "t", &["f"], 0);
        assert_eq!((open("f"), open("g"), state("g")), (vec!["1".into()], vec![], "fixed".into()));
    });
}

#[test]
fn one_push_of_an_index_is_one_message_with_its_tag() {
    on_both(|store| {
        listen(store);
        let (amd, arm) = (image("app", None, Some("a")), image("app", None, Some("b")));
        scan(store, &amd, "s", &["f", "g"], 0);
        scan(store, &arm, "s", &["f", "h"], 0);
        assert_eq!(messages(store), [], "their name is waited for");
        // Its scan takes longer than that.
        let index = image("app", Some("1"), Some("d"));
        store.want(&[Wanted { image: &index, settings: "s", priority: 0 }]).unwrap();
        wait(store);
        assert_eq!(messages(store), [], "something of the repository is under way");
        let all = vec![member(&amd, Some("linux/amd64")), member(&arm, Some("linux/arm64"))];
        scan_index(store, &index, all, &["f", "g", "h"]);
        assert_eq!(messages(store), [(Some("1".into()), 3)]);
        wait(store);
        assert_eq!(messages(store), []);
        assert!(store.jobs(None, 0, 9).unwrap().is_empty(), "and nothing is left to do");
    });
}

#[test]
fn what_nothing_names_is_told_of_some_minutes_later() {
    on_both(|store| {
        listen(store);
        scan(store, &image("app", None, Some("a")), "s", &["f"], 0);
        // One that is tagged meanwhile is told of by that name.
        scan(store, &image("other", None, Some("b")), "s", &["f"], 0);
        store
            .want(&[Wanted { image: &image("other", Some("2"), Some("b")), settings: "s", priority: 0 }])
            .unwrap();
        assert_eq!(messages(store), []);
        wait(store);
        assert_eq!(messages(store), [(None, 1), (Some("2".into()), 1)]);
        // One that is forgotten and comes again meanwhile is told of too.
        let again = image("again", None, Some("e"));
        scan(store, &again, "s", &["f"], 0);
        let id = store.images(
            &ImageFilter { digest: again.digest().map(str::to_owned), ..ImageFilter::default() },
            0,
            9,
        );
        store.delete_image("me", id.unwrap()[0].id).unwrap();
        scan(store, &again, "s", &["f"], 0);
        wait(store);
        assert_eq!(messages(store), [(None, 1)]);
        // A job that is dead is waited for by nobody.
        scan(store, &image("third", None, Some("c")), "s", &["f"], 0);
        let broken = image("third", Some("3"), Some("d"));
        store.want(&[Wanted { image: &broken, settings: "s", priority: 0 }]).unwrap();
        let one = crew("s");
        let job = store.claim(&one, &Avoid::default()).unwrap().unwrap();
        let failed = Failed { reason: "it is not there".into(), may_pass: false, unreachable: None };
        store.failed(&job, &one.worker, &failed).unwrap().unwrap();
        wait(store);
        assert_eq!(messages(store), [(None, 1)]);
    });
}
