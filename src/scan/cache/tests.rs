//! Tests of the cache: what it keeps, what it does not, and how it fails.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::findings::Ledger;
use crate::image::{PlaceKind, Step};
use crate::packages::{Lists, PathHashes};
use crate::problem::{Problem, ProblemKind};
use crate::scan::matching::Match;
use crate::signature::Confidence;
use crate::signature::checksum::Fact;
use crate::stream::header::{Kind, Member};
use crate::stream::{Entry, PathIndex, ancestors};

const SECRET: &str = "made-up-secret-of-a-test";

fn rules() -> Arc<RuleSet> {
    RuleSet::embedded()
}

/// The report of a blob with one match, in a file of that path.
fn report(path: &str, content: &[u8]) -> BlobReport {
    let digest = Digest::of(content);
    let what = Sighting {
        rule: 0,
        confidence: Confidence::Likely,
        secret: Secret::new(SECRET),
        facts: Fact::new("issuer", format!("https://{SECRET}@host")).into_iter().collect(),
        parts: Vec::new(),
        owner: None,
    };
    let entry = Entry { path: path.into(), ordinal: 3, kind: Kind::File, link: Vec::new() };
    let found = Match {
        what,
        kind: PlaceKind::File,
        entry: Some(Arc::new(entry)),
        name: Some(format!("a.{SECRET}")),
        range: 4..28,
        line: Some(2),
        inside: None,
        decoded: vec!["base64"],
        mark: None,
    };
    let stored_bytes = content.len() as u64;
    BlobReport {
        digest,
        diff_id: digest,
        tar: true,
        stored_complete: true,
        plain_complete: true,
        ledger: Ledger { blob: "a blob".into(), digest: Some(digest), stored_bytes, ..Ledger::default() },
        matches: vec![found],
        paths: PathIndex::default(),
        hidden: BTreeMap::new(),
        lists: Lists::default(),
        contents: BTreeMap::new(),
        problems: vec![Problem::new(ProblemKind::Damaged, path, format!("at {SECRET}"), "see to it")],
    }
}

fn bytes_below(folder: &Path) -> Vec<u8> {
    let files = fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    files.flatten().collect()
}

fn holds(folder: &Path, text: &str) -> bool {
    bytes_below(folder).windows(text.len()).any(|window| window == text.as_bytes())
}

/// Does something with a session of the cache in a folder.
fn with<T>(folder: &Path, limits: &Limits, act: impl FnOnce(&Cache, &Session<'_>) -> T) -> T {
    let (rules, key) = (rules(), FingerprintKey::default());
    let cache = Cache::open(folder).unwrap();
    act(&cache, &cache.session(&rules, (limits, limits), &key))
}

fn kept(folder: &Path, report: BlobReport) {
    with(folder, &Limits::default(), |_, session| drop(session.keep(report)));
}

fn found(folder: &Path, content: &[u8]) -> Option<BlobReport> {
    with(folder, &Limits::default(), |_, session| session.find(&Digest::of(content), "another name"))
}

#[test]
fn what_was_kept_is_found_as_it_was_returned() {
    let folder = tempfile::tempdir().unwrap();
    let returned =
        with(folder.path(), &Limits::default(), |_, session| session.keep(report("etc/conf", b"one")));
    let found = found(folder.path(), b"one").unwrap();
    assert_eq!(found.ledger.blob, "another name");
    let mut found = found;
    found.ledger.blob.clone_from(&returned.ledger.blob);
    assert_eq!(format!("{found:?}"), format!("{returned:?}"));
    let what = &found.matches[0].what;
    let fresh = Secret::new(SECRET);
    assert_eq!(what.secret.redacted(), fresh.redacted());
    let key = FingerprintKey::default();
    assert_eq!(what.secret.fingerprint(&key), fresh.fingerprint(&key));
}

#[test]
fn no_text_of_a_credential_is_in_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    kept(folder.path(), report("etc/conf", b"one"));
    assert!(holds(folder.path(), "etc/conf"), "the cache is looked into rightly");
    assert!(!holds(folder.path(), SECRET) && !holds(folder.path(), &SECRET[6..]));
}

/// A hard link of that name.
fn link(path: &str) -> Member {
    let (path, link) = (path.as_bytes().to_vec(), b"etc/conf".to_vec());
    Member { path, kind: Kind::Hardlink, size: 0, link, records: BTreeMap::new(), long: false }
}

#[test]
fn a_credential_is_taken_out_of_paths_and_what_is_asked_of_them_stays() {
    for confidence in Confidence::ALL {
        let folder = tempfile::tempdir().unwrap();
        let (path, name) = (format!("etc/{SECRET}/conf.pyc"), format!("srv/{SECRET}"));
        let mut fresh = report(&path, b"one");
        fresh.matches[0].what.confidence = confidence;
        fresh.paths.add(&link(&name), usize::MAX);
        kept(folder.path(), fresh);
        assert!(!holds(folder.path(), SECRET) && !holds(folder.path(), &SECRET[6..]), "{confidence:?}");
        let found = found(folder.path(), b"one").expect("it is kept all the same");
        let shown = String::from_utf8(found.matches[0].entry.as_ref().unwrap().path.clone()).unwrap();
        assert!(shown.starts_with("etc/[redacted") && shown.ends_with("/conf.pyc"), "{shown}");
        let hidden = &found.hidden[&3];
        assert_eq!(hidden.keys, ancestors(path.as_bytes()).collect::<Vec<_>>());
        assert_eq!(hidden.asked, PathHashes::of(path.as_bytes()));
        let link = &found.paths.links()[0];
        assert!(link.path.starts_with(b"srv/[redacted"));
        assert_eq!(link.keys, Some(ancestors(name.as_bytes()).collect()));
    }
}

#[test]
fn a_short_credential_of_a_path_is_nowhere_in_the_cache() {
    const SHORT: &str = "hunter2";
    let mut in_path = report(&format!("etc/{SHORT}"), b"alone").matches.remove(0);
    (in_path.kind, in_path.what.secret) = (PlaceKind::Path, Secret::new(SHORT));
    let folder = tempfile::tempdir().unwrap();
    let mut alone = report("etc/conf", b"alone");
    alone.matches = vec![in_path.clone()];
    kept(folder.path(), alone);
    let mut with_file = report(&format!("etc/{SHORT}"), b"with a file");
    with_file.matches.push(in_path);
    kept(folder.path(), with_file);
    // The place of a file shows its path but for long credentials.
    assert!(found(folder.path(), b"alone").is_some() && found(folder.path(), b"with a file").is_none());
    assert!(!holds(folder.path(), SHORT));
}

#[test]
fn images_are_known_by_all_their_layers() {
    let folder = tempfile::tempdir().unwrap();
    let layers = [Digest::of(b"one"), Digest::of(b"two")];
    let image = KnownImage { name: Some("base:1".into()), manifest: None, steps: 2, history: [7; 32] };
    let whole = with(folder.path(), &Limits::default(), |cache, session| {
        let chains = session.chains(&layers).0;
        session.remember(&chains[1], &image);
        session.remember(&chains[1], &image);
        assert_eq!((session.image(&chains[1]), session.image(&chains[0])), (Some(image.clone()), None));
        assert_ne!(session.chains(&[layers[1], layers[0]]).0[1], chains[1], "their order counts");
        assert_eq!(cache.stats().unwrap().images, 1);
        chains[1]
    });
    let database = rusqlite::Connection::open(Cache::file(folder.path())).unwrap();
    database.execute("UPDATE images SET image = replace(image, 'base:1', 'evil:1')", []).unwrap();
    database.execute("UPDATE images SET image = CAST(image AS BLOB)", []).unwrap();
    with(folder.path(), &Limits::default(), |cache, session| {
        assert_eq!(session.image(&whole), None);
        assert!(cache.notices()[0].contains("not as it was kept"), "{:?}", cache.notices());
        session.remember(&whole, &image);
        database.execute("UPDATE images SET used = used - 200 * 24 * 60 * 60", []).unwrap();
        cache.prune(&Kept::default());
        assert_eq!((session.image(&whole), cache.stats().unwrap().images), (None, 0));
    });
}

#[test]
fn steps_are_known_by_their_texts() {
    let step = |text: &str, empty_layer| Step { created_by: text.into(), empty_layer, ..Step::default() };
    let steps = [step("a", false), step("b", true), step("c", false)];
    let folder = tempfile::tempdir().unwrap();
    with(folder.path(), &Limits::default(), |_, session| {
        let of = |steps: &[Step]| session.history(steps, 2);
        assert_eq!(of(&steps), of(&steps[..2]));
        assert_ne!(of(&steps), of(&[step("a", false), step("b", false)]));
        assert_ne!(of(&steps), of(&[step("ab", false), step("", true)]));
        assert_eq!(of(&steps[..1]), None);
    });
}

#[test]
fn what_another_machine_would_report_otherwise_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut cut = report("a", b"cut");
    cut.stored_complete = false;
    let mut slow = report("a", b"slow");
    let remedy = Limit::FileSeconds.remedy();
    slow.problems.push(Problem::new(ProblemKind::Limit, "a", "it took too long", remedy));
    kept(folder.path(), cut);
    kept(folder.path(), slow);
    assert!(found(folder.path(), b"cut").is_none() && found(folder.path(), b"slow").is_none());
}

#[test]
fn other_rules_limits_and_keys_have_reports_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    kept(folder.path(), report("a", b"one"));
    let digest = Digest::of(b"one");
    let limits = Limits::default().with(Limit::Depth, 3);
    assert!(with(folder.path(), &limits, |_, session| session.find(&digest, "").is_none()));
    let cache = Cache::open(folder.path()).unwrap();
    // What is asked for counts, and what the memory makes of it.
    let (rules, key, default) = (rules(), FingerprintKey::default(), Limits::default());
    for limits in [(&limits, &default), (&default, &limits)] {
        assert!(cache.session(&rules, limits, &key).find(&digest, "").is_none());
    }
    let limits = default;
    let (embedded, ours) = (self::rules(), FingerprintKey::new(b"ours"));
    assert!(cache.session(&embedded, (&limits, &limits), &ours).find(&digest, "").is_none());
    let (none, key) = (RuleSet::default(), FingerprintKey::default());
    assert!(cache.session(&none, (&limits, &limits), &key).find(&digest, "").is_none());
    assert!(cache.session(&embedded, (&limits, &limits), &key).find(&digest, "").is_some());
}

#[test]
fn only_blobs_of_a_known_size_may_be_there() {
    let folder = tempfile::tempdir().unwrap();
    kept(folder.path(), report("a", b"three"));
    with(folder.path(), &Limits::default(), |_, session| {
        assert!(session.may_have(5) && !session.may_have(6));
    });
}

#[test]
fn a_report_that_somebody_changed_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    kept(folder.path(), report("etc/conf", b"one"));
    let database = rusqlite::Connection::open(Cache::file(folder.path())).unwrap();
    let report: Vec<u8> = database.query_row("SELECT report FROM reports", [], |row| row.get(0)).unwrap();
    let at = report.windows(8).position(|window| window == b"etc/conf").unwrap();
    let changed = [&report[..at], b"etc/cone", &report[at + 8..]].concat();
    database.execute("UPDATE reports SET report = ?1", [changed]).unwrap();
    drop(database);
    with(folder.path(), &Limits::default(), |cache, session| {
        assert!(session.find(&Digest::of(b"one"), "").is_none());
        assert!(cache.notices()[0].contains("not as it was kept"), "{:?}", cache.notices());
        assert_eq!(cache.stats().unwrap().reports, 0);
    });
}

#[test]
fn a_damaged_file_is_begun_anew_and_that_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..200_u32 {
        kept(folder.path(), report("a", &number.to_le_bytes()));
    }
    let file = Cache::file(folder.path());
    let whole = fs::read(&file).unwrap();
    let middle = [&whole[..4096], &vec![0xa5; whole.len() - 4096][..]].concat();
    for damage in [b"no database at all, but some text".to_vec(), middle, whole[..whole.len() / 2].to_vec()] {
        fs::write(&file, damage).unwrap();
        with(folder.path(), &Limits::default(), |cache, session| {
            let known = (0..200_u32).filter_map(|n| session.find(&Digest::of(&n.to_le_bytes()), ""));
            assert!(known.count() < 200);
            drop(session.keep(report("a", b"new")));
            assert!(session.find(&Digest::of(b"new"), "").is_some(), "{:?}", cache.notices());
            assert!(cache.notices().iter().any(|notice| notice.contains("anew")), "{:?}", cache.notices());
        });
    }
}

#[test]
fn a_full_disk_is_told_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    kept(folder.path(), report("a", b"one"));
    with(folder.path(), &Limits::default(), |cache, session| {
        cache.place.file().unwrap().fill_up();
        for number in 0..500_u32 {
            let kept = session.keep(report("a", &number.to_le_bytes()));
            assert_eq!(kept.matches.len(), 1);
        }
        assert!(session.find(&Digest::of(b"one"), "").is_some());
        let notices = cache.notices();
        assert!(notices.len() == 1 && notices[0].contains("full"), "{notices:?}");
    });
}

#[test]
fn a_lost_key_makes_everything_unknown() {
    let folder = tempfile::tempdir().unwrap();
    kept(folder.path(), report("a", b"one"));
    fs::write(folder.path().join(KEY), "half").unwrap();
    assert!(found(folder.path(), b"one").is_none());
    kept(folder.path(), report("a", b"one"));
    assert!(found(folder.path(), b"one").is_some());
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_it() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("a/b");
    kept(&cache, report("a", b"one"));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&cache), 0o700);
    for file in fs::read_dir(&cache).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn what_is_old_or_too_much_goes_and_what_was_used_last_stays() {
    let folder = tempfile::tempdir().unwrap();
    with(folder.path(), &Limits::default(), |cache, session| {
        for number in 0..10_u32 {
            drop(session.keep(report("a", &number.to_le_bytes())));
        }
        let stats = cache.stats().unwrap();
        let day = Duration::from_secs(24 * 60 * 60);
        assert_eq!((stats.reports, cache.prune(&Kept::default())), (10, 0));
        assert_eq!(cache.prune(&Kept { age: day, bytes: stats.bytes / 2 }), 5);
        assert!(session.find(&Digest::of(&9_u32.to_le_bytes()), "").is_some());
        assert!(session.find(&Digest::of(&0_u32.to_le_bytes()), "").is_none());
    });
    let database = rusqlite::Connection::open(Cache::file(folder.path())).unwrap();
    database.execute("UPDATE reports SET used = used - 200 * 24 * 60 * 60", []).unwrap();
    with(folder.path(), &Limits::default(), |cache, session| {
        assert!(session.find(&Digest::of(&9_u32.to_le_bytes()), "").is_some());
        assert_eq!(cache.prune(&Kept::default()), 4, "what was just asked for stays");
    });
    Cache::clear(folder.path()).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
