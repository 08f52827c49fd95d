use std::time::Duration;

use super::super::tests::engines;
use super::super::{ImageFilter, Scanned, Store, Wanted};
use super::*;
use crate::serve::store::engine::Value;
use crate::source::registry::{Reference, RepositoryName};

const LEASE: i64 = 60_000;
const HOUR: i64 = 3_600_000;

/// A queue, and what is asked of it.
struct Queue<'s> {
    store: &'s Store,
}

/// Does `test` with an empty queue in each engine.
fn on_both(test: impl Fn(&Queue<'_>)) {
    engines::on_both(|store| test(&Queue { store }));
}

/// A process that scans with `settings`.
fn crew(settings: &str) -> Crew {
    Crew::new(WorkerId::new("host"), settings, Duration::from_secs(60))
}

fn image(repository: &str, tag: Option<&str>, fill: Option<&str>) -> Reference {
    let digest = fill.map(|fill| format!("sha256:{}", fill.repeat(64)));
    let (host, path) = repository.split_once('/').unwrap_or(("r.example", repository));
    Reference::new(RepositoryName::at(host, path).unwrap(), tag, digest.as_deref()).unwrap()
}

fn layers(names: &[&str]) -> Vec<(String, String)> {
    names.iter().map(|name| ((*name).to_owned(), "{}".to_owned())).collect()
}

fn passing(reason: &str) -> Failed {
    Failed { reason: reason.to_owned(), may_pass: true, unreachable: None }
}

fn final_one(reason: &str) -> Failed {
    Failed { may_pass: false, ..passing(reason) }
}

fn away(wait: Option<Duration>) -> Failed {
    Failed { unreachable: Some(Unreachable { wait }), ..passing("away") }
}

impl Queue<'_> {
    fn want(&self, image: &Reference, settings: &str) -> usize {
        self.store.want(&[Wanted { image, settings, priority: 10 }]).unwrap()
    }

    /// An image that is wanted with settings `s`.
    fn wanted(&self, repository: &str, fill: &str) -> Reference {
        let image = image(repository, None, Some(fill));
        self.want(&image, "s");
        image
    }

    fn claim(&self, crew: &Crew) -> Option<Job> {
        self.store.claim(crew, &Avoid::default()).unwrap()
    }

    fn fail(&self, crew: &Crew, job: &Job, failed: &Failed) {
        self.store.failed(job, &crew.worker, failed).unwrap().unwrap();
    }

    fn done(&self, crew: &Crew, job: &Job) {
        self.store.done(job, &crew.worker).unwrap().unwrap();
    }

    /// Has an image wait for these layers.
    fn park(&self, crew: &Crew, job: &Job, names: &[&str]) {
        self.store.park(job, &crew.worker, "s", &layers(names)).unwrap().unwrap();
    }

    /// An image that is wanted with settings `s` and waits for these layers.
    fn waiting(&self, crew: &Crew, (repository, fill): (&str, &str), names: &[&str]) -> (Reference, Job) {
        let image = self.wanted(repository, fill);
        let job = self.claim(crew).unwrap();
        self.park(crew, &job, names);
        (image, job)
    }

    fn scanned(&self, crew: &Crew, job: &Job, image: &Reference, lacks: &[&str]) {
        let lacks = lacks.iter().map(|&name| name.to_owned()).collect();
        let scanned = Scanned { lacks, ..Scanned::default() };
        self.store.scanned((job, &crew.worker), image, &crew.settings, &scanned).unwrap().unwrap();
    }

    /// Lets time pass, as far as the queue can tell, and does what is done now and then.
    fn later(&self, crew: &Crew, held: &[i64], milliseconds: i64) {
        let jobs = "UPDATE jobs SET due = due - $1, lease = lease - $1, since = since - $1";
        let others = "UPDATE workers SET until = until - $1";
        self.store
            .within(|session| {
                session.execute(jobs, values![milliseconds])?;
                session.execute("UPDATE hosts SET until = until - $1", values![milliseconds])?;
                session.execute(others, values![milliseconds])
            })
            .unwrap();
        self.store.beat(crew, held).unwrap();
        self.store.reap().unwrap();
        self.store.ripen().unwrap();
        self.store.heal(&crew.settings).unwrap();
    }

    /// Names and states of all jobs.
    fn states(&self) -> Vec<(String, String)> {
        self.store.jobs(None, 0, 100).unwrap().into_iter().map(|job| (job.name, job.state)).collect()
    }

    fn in_state(&self, state: &str) -> Vec<Waiting> {
        self.store.jobs(Some(state), 0, 100).unwrap()
    }

    fn number(&self, query: &str) -> i64 {
        self.store.reading(|session| session.first(query, &[])).unwrap().map_or(0, |row| row.int(0))
    }

    /// Fails the job `name` until its images go on without it.
    fn give_up(&self, crew: &Crew, name: &str) {
        for _ in 0..pace::EARLY {
            self.later(crew, &[], HOUR);
            let job = self.claim(crew).unwrap();
            assert_eq!(job.name, name);
            self.fail(crew, &job, &passing("no connection"));
        }
    }
}

#[test]
fn what_is_told_many_times_is_one_job() {
    on_both(|queue| {
        let (one, other) = (crew("s"), crew("s"));
        let image = image("app", Some("1"), Some("a"));
        for _ in 0..100 {
            assert_eq!(queue.want(&image, "s"), 1);
        }
        let job = queue.claim(&one).unwrap();
        assert_eq!((job.kind, job.attempts, job.waited, &*job.host), (Kind::Image, 1, false, "r.example"));
        assert_eq!(queue.claim(&other), None, "nobody else gets it");
        assert_eq!(queue.want(&image, "s"), 1);
        queue.scanned(&one, &job, &image, &[]);
        assert_eq!(queue.states(), []);
        assert_eq!(queue.want(&image, "s"), 0, "it is known now");
        assert_eq!(queue.want(&image, "t"), 1, "with other rules it is not");
        let row = &queue.store.images(&ImageFilter::default(), 0, 10).unwrap()[0];
        assert_eq!(
            (row.name.as_str(), row.tags.as_slice()),
            (&*format!("r.example/app@sha256:{}", "a".repeat(64)), &["1".to_owned()][..])
        );
    });
}

#[test]
fn a_tag_that_is_told_of_again_while_it_is_looked_at_is_looked_at_again() {
    on_both(|queue| {
        let (one, tagged) = (crew("s"), image("app", Some("1"), None));
        queue.want(&tagged, "s");
        let job = queue.claim(&one).unwrap();
        assert_eq!(job.kind, Kind::Tag);
        queue.want(&tagged, "s");
        let found = image("app", Some("1"), Some("a"));
        let wanted = Wanted { image: &found, settings: "s", priority: 10 };
        assert_eq!(queue.store.resolved(&job, &one.worker, &wanted, i64::MAX).unwrap(), Ok(()));
        let kinds: Vec<_> = queue.in_state("ready").into_iter().map(|job| job.kind).collect();
        assert_eq!(kinds, ["tag", "image"]);
    });
}

#[test]
fn a_lease_that_is_renewed_lasts_and_one_that_is_not_ends() {
    on_both(|queue| {
        let (one, other) = (crew("s"), crew("s"));
        let image = queue.wanted("app", "a");
        let job = queue.claim(&one).unwrap();
        for _ in 0..5 {
            queue.later(&one, &[job.id], LEASE / 2);
            assert_eq!(queue.claim(&other), None);
        }
        queue.later(&other, &[], LEASE + 1_000);
        let taken = queue.claim(&other).unwrap();
        assert_eq!((taken.id, taken.attempts), (job.id, 2));
        assert_eq!(queue.store.beat(&one, &[job.id]).unwrap().renewed, 0);
        let lost = queue.store.scanned((&job, &one.worker), &image, "s", &Scanned::default()).unwrap();
        assert_eq!(lost, Err(Lost));
        assert_eq!(queue.store.failed(&job, &one.worker, &passing("late")).unwrap(), Err(Lost));
        queue.scanned(&other, &taken, &image, &[]);
    });
}

#[test]
fn a_job_that_its_process_does_not_work_on_any_more_is_not_renewed() {
    on_both(|queue| {
        let (one, other) = (crew("s"), crew("s"));
        queue.wanted("a", "a");
        queue.wanted("b", "b");
        let (forgotten, held) = (queue.claim(&one).unwrap(), queue.claim(&one).unwrap());
        queue.later(&one, &[held.id], LEASE / 2);
        queue.later(&one, &[held.id], LEASE / 2 + 1_000);
        assert_eq!(queue.claim(&other).unwrap().id, forgotten.id);
        assert_eq!(queue.claim(&other), None);
        // What its end could not be noted of is given back at once.
        assert_eq!(queue.store.give_back(&one.worker, &[held.id]).unwrap(), 1);
        assert_eq!(queue.claim(&other).unwrap().id, held.id);
    });
}

#[test]
fn what_is_given_back_was_never_tried() {
    on_both(|queue| {
        let one = crew("s");
        queue.wanted("app", "a");
        for _ in 0..2 * pace::CRASHES {
            assert!(queue.claim(&one).is_some());
            assert_eq!(queue.store.release(&one.worker).unwrap(), 1);
        }
        assert_eq!(queue.number("SELECT crashes + failures FROM jobs"), 0);
    });
}

#[test]
fn what_may_pass_is_tried_for_days_and_then_is_dead_with_its_reason() {
    on_both(|queue| {
        let one = crew("s");
        let image = queue.wanted("app", "a");
        let (mut waited, mut tries, mut longest) = (0, 0, 0);
        while let Some(job) = queue.claim(&one) {
            tries += 1;
            queue.fail(&one, &job, &passing("the registry is away"));
            assert_eq!(queue.claim(&one), None, "not at once");
            let Some(job) = queue.in_state("later").pop() else { break };
            let wait = job.due.unwrap() - queue.number("SELECT {now}");
            (waited, longest) = (waited + wait, longest.max(wait));
            queue.later(&one, &[], wait + 10);
        }
        assert!(waited > 24 * HOUR && longest <= HOUR && tries < 200, "{waited} {longest} {tries}");
        let dead = queue.in_state("dead");
        assert_eq!((dead[0].attempts, dead[0].reason.as_deref()), (tries, Some("the registry is away")));
        assert!(
            queue.store.revive("me", dead[0].id).unwrap() && !queue.store.revive("me", dead[0].id).unwrap()
        );
        let job = queue.claim(&one).unwrap();
        queue.fail(&one, &job, &final_one("there is no such image"));
        assert_eq!(queue.in_state("dead").len(), 1, "what cannot pass is not tried again");
        queue.want(&image, "s");
        let job = queue.claim(&one).expect("who asks again revives it");
        queue.fail(&one, &job, &passing("away"));
        queue.want(&image, "s");
        assert!(queue.claim(&one).is_some(), "and does not wait for the next try");
    });
}

#[test]
fn a_job_that_takes_its_workers_along_is_dead_at_last() {
    on_both(|queue| {
        queue.wanted("app", "a");
        for number in 0..pace::CRASHES {
            let victim = crew("s");
            let job = queue.claim(&victim).unwrap_or_else(|| panic!("{number}"));
            assert_eq!(job.attempts, number + 1);
            queue.later(&crew("s"), &[], LEASE + 1_000);
            queue.later(&crew("s"), &[], HOUR);
        }
        assert_eq!(queue.claim(&crew("s")), None);
        let dead = queue.in_state("dead");
        assert!(dead[0].reason.as_ref().unwrap().contains("stopped in the middle"), "{dead:?}");
    });
}

#[test]
fn a_layer_that_takes_its_workers_along_is_not_tried_for_each_image_that_has_it() {
    on_both(|queue| {
        let one = crew("s");
        queue.wanted("a", "a");
        let image = queue.claim(&one).unwrap();
        queue.park(&one, &image, &["x"]);
        for _ in 0..pace::CRASHES {
            assert_eq!(queue.claim(&crew("s")).unwrap().name, "x");
            queue.later(&one, &[], LEASE + 1_000);
            queue.later(&one, &[], HOUR);
        }
        let joined = queue.claim(&one).unwrap();
        assert_eq!((joined.id, queue.store.given_up(&joined).unwrap().len()), (image.id, 1));
        queue.wanted("b", "b");
        let other = queue.claim(&one).unwrap();
        queue.park(&one, &other, &["x"]);
        assert_eq!(queue.in_state("dead").len(), 1);
        assert_eq!(queue.claim(&one).unwrap().id, other.id, "it does not wait for that layer");
    });
}

#[test]
fn an_image_waits_for_its_layers_and_shares_them() {
    on_both(|queue| {
        let (one, two) = (crew("s"), crew("s"));
        queue.wanted("a", "a");
        queue.wanted("b", "b");
        let (a, b) = (queue.claim(&one).unwrap(), queue.claim(&two).unwrap());
        queue.park(&one, &a, &["x", "y"]);
        queue.park(&two, &b, &["y", "z"]);
        let jobs: Vec<Job> = std::iter::from_fn(|| queue.claim(&one)).collect();
        let names: Vec<_> = jobs.iter().map(|job| job.name.as_str()).collect();
        assert_eq!(names, ["x", "y", "z"], "each layer once, and no image before its layers");
        let ready = || -> Vec<String> { queue.in_state("ready").into_iter().map(|job| job.name).collect() };
        queue.done(&one, &jobs[1]);
        assert!(ready().is_empty());
        queue.done(&one, &jobs[0]);
        assert_eq!(ready(), std::slice::from_ref(&a.name));
        // One that cannot be had does not hold up the image for good.
        queue.fail(&one, &jobs[2], &final_one("gone"));
        assert_eq!(ready(), [a.name.clone(), b.name.clone()]);
        let joined = [queue.claim(&one).unwrap(), queue.claim(&one).unwrap()];
        assert!(joined.iter().all(|job| job.waited && job.settings.as_deref() == Some("s")));
        let given_up = joined.map(|job| queue.store.given_up(&job).unwrap());
        let z = GivenUpLayer { name: "z".to_owned(), reason: "gone".to_owned() };
        assert_eq!(given_up, [vec![], vec![z]], "only of the image that has it");
    });
}

#[test]
fn an_image_that_was_joined_without_a_layer_is_joined_again_with_it() {
    on_both(|queue| {
        let one = crew("s");
        let (image, job) = queue.waiting(&one, ("a", "a"), &["x"]);
        queue.give_up(&one, "x");
        let joined = queue.claim(&one).unwrap();
        assert_eq!(queue.store.given_up(&joined).unwrap()[0].reason, "no connection");
        queue.scanned(&one, &joined, &image, &["x"]);
        assert_eq!(queue.states(), [("x".to_owned(), "later".to_owned())], "it goes on being tried");
        // Nobody says anything, and the registry is there again.
        queue.later(&one, &[], HOUR);
        let layer = queue.claim(&one).unwrap();
        queue.done(&one, &layer);
        queue.later(&one, &[], 0);
        let again = queue.claim(&one).unwrap();
        assert_eq!((again.kind, again.name.as_str()), (Kind::Image, job.name.as_str()));
        assert!(queue.store.given_up(&again).unwrap().is_empty());
        queue.scanned(&one, &again, &image, &[]);
        assert_eq!((queue.want(&image, "s"), queue.number("SELECT count(*) FROM lacks")), (0, 0));
    });
}

#[test]
fn a_layer_that_comes_while_an_image_is_joined_without_it_is_not_lost() {
    on_both(|queue| {
        let one = crew("s");
        let (image, job) = queue.waiting(&one, ("a", "a"), &["x"]);
        queue.give_up(&one, "x");
        let joined = queue.claim(&one).unwrap();
        queue.later(&one, &[joined.id], 0);
        queue.later(&one, &[joined.id], LEASE / 2);
        let dead = queue.in_state("later").pop().unwrap();
        queue
            .store
            .within(|session| session.execute("UPDATE jobs SET due = 0 WHERE id = $1", values![dead.id]))
            .unwrap();
        queue.store.ripen().unwrap();
        let layer = queue.claim(&one).unwrap();
        queue.done(&one, &layer);
        queue.scanned(&one, &joined, &image, &["x"]);
        queue.later(&one, &[], 0);
        assert_eq!(queue.claim(&one).unwrap().name, job.name);
    });
}

#[test]
fn an_image_that_lacks_a_layer_is_scanned_again_when_it_is_told_of_again() {
    on_both(|queue| {
        let one = crew("s");
        let (image, _) = queue.waiting(&one, ("a", "a"), &["x"]);
        let layer = queue.claim(&one).unwrap();
        queue.fail(&one, &layer, &final_one("denied"));
        let joined = queue.claim(&one).unwrap();
        queue.scanned(&one, &joined, &image, &["x"]);
        assert_eq!(queue.want(&image, "s"), 1);
        let again = queue.claim(&one).unwrap();
        queue.park(&one, &again, &["x"]);
        assert_eq!(queue.claim(&one).unwrap().name, "x", "the dead layer is revived");
    });
}

#[test]
fn a_layer_says_which_images_need_it() {
    on_both(|queue| {
        let one = crew("s");
        let told = || {
            let jobs = queue.store.jobs(None, 0, 100).unwrap();
            let layer = jobs.into_iter().find(|job| job.name == "x").unwrap();
            (layer.state, layer.images.into_iter().map(|image| image.name).collect::<Vec<_>>())
        };
        let (first, _) = queue.waiting(&one, ("a", "a"), &["x"]);
        let second = image("b", Some("1"), Some("b"));
        queue.want(&second, "s");
        // The layer comes first.
        let layer = queue.claim(&one).unwrap();
        let job = queue.claim(&one).unwrap();
        queue.park(&one, &job, &["x"]);
        let names = ["r.example/b:1".to_owned(), format!("r.example/a@{}", first.digest().unwrap())];
        let (state, mut needed) = told();
        needed.sort_by(|a, b| b.cmp(a));
        assert_eq!((state.as_str(), &needed[..]), ("running", &names[..]), "they wait for it");
        queue.fail(&one, &layer, &final_one("denied"));
        for _ in 0..2 {
            let joined = queue.claim(&one).unwrap();
            let image = if joined.id == job.id { &second } else { &first };
            queue.scanned(&one, &joined, image, &["x"]);
        }
        let (state, mut shown) = told();
        shown.sort_by(|a, b| b.cmp(a));
        assert_eq!((state.as_str(), &shown[..]), ("dead", &names[..]), "they are shown without it");
    });
}

#[test]
fn what_could_not_be_read_is_read_again_some_times() {
    on_both(|queue| {
        let one = crew("s");
        let image = queue.wanted("a", "a");
        let mut times = 0;
        while let Some(job) = queue.claim(&one) {
            times += 1;
            let scanned = Scanned { unread: Some("cut".to_owned()), ..Scanned::default() };
            queue.store.scanned((&job, &one.worker), &image, "s", &scanned).unwrap().unwrap();
            assert!(
                queue.store.images(&ImageFilter::default(), 0, 1).unwrap()[0].scanned.is_some(),
                "what was found is there"
            );
            queue.later(&one, &[], HOUR);
        }
        assert_eq!((times, queue.states()), (pace::REPEATS + 1, vec![]));
        assert_eq!(queue.want(&image, "s"), 1, "and whenever it is told of again");
    });
}

#[test]
fn other_repositories_that_have_a_layer_are_known() {
    on_both(|queue| {
        let one = crew("s");
        let lacking = queue.wanted("a", "a");
        queue.wanted("other.example/b", "b");
        for job in [queue.claim(&one).unwrap(), queue.claim(&one).unwrap()] {
            queue.park(&one, &job, &["x"]);
        }
        let layer = queue.claim(&one).unwrap();
        let names = |job: &Job| -> Vec<String> {
            queue.store.sources(job).unwrap().iter().map(ToString::to_string).collect()
        };
        assert_eq!(names(&layer), ["other.example/b", "r.example/a"]);
        queue.fail(&one, &layer, &final_one("denied"));
        let joined = queue.claim(&one).unwrap();
        queue.scanned(&one, &joined, &lacking, &["x"]);
        assert_eq!(names(&layer), ["other.example/b", "r.example/a"], "also of those that lack it already");
    });
}

#[test]
fn a_host_that_fails_is_left_in_peace_and_tried_by_one() {
    on_both(|queue| {
        let one = crew("s");
        for (repository, fill) in [("a", "a"), ("b", "b"), ("c", "c"), ("other.example/d", "d")] {
            queue.wanted(repository, fill);
        }
        let failing = queue.claim(&one).unwrap();
        assert_eq!(failing.host, "r.example");
        queue.fail(&one, &failing, &away(Some(Duration::from_secs(100))));
        let others: Vec<Job> = std::iter::from_fn(|| queue.claim(&one)).collect();
        assert_eq!(others.iter().map(|job| &*job.host).collect::<Vec<_>>(), ["other.example"]);
        queue.later(&one, &[others[0].id], 90_000);
        assert_eq!(queue.claim(&one), None, "as long as it asked for");
        queue.later(&one, &[others[0].id], 11_000);
        let probe = queue.claim(&one).unwrap();
        assert_eq!((&*probe.host, probe.host_failures), ("r.example", 1));
        assert_eq!(queue.claim(&one), None, "nobody else until it answers");
        queue.store.done(&probe, &one.worker).unwrap().unwrap();
        assert_eq!(std::iter::from_fn(|| queue.claim(&one)).count(), 2, "then all");
    });
}

#[test]
fn a_process_passes_by_hosts_that_hold_enough_of_it() {
    on_both(|queue| {
        let one = crew("s");
        for (repository, fill) in [("a", "a"), ("b", "b"), ("other.example/c", "c")] {
            queue.wanted(repository, fill);
        }
        let avoid = Avoid { hosts: vec!["r.example".to_owned()], ..Avoid::default() };
        assert_eq!(queue.store.claim(&one, &avoid).unwrap().unwrap().host, "other.example");
        assert_eq!(queue.store.claim(&one, &avoid).unwrap(), None);
        assert!(queue.claim(&one).is_some());
    });
}

#[test]
fn pushes_come_before_what_is_looked_for_again() {
    on_both(|queue| {
        let one = crew("s");
        let sweep = image("other.example/sweep", None, Some("a"));
        queue.store.want(&[Wanted { image: &sweep, settings: "s", priority: 0 }]).unwrap();
        queue.wanted("push", "b");
        assert!(queue.claim(&one).unwrap().name.contains("push"));
        assert!(queue.claim(&one).unwrap().name.contains("sweep"));
    });
}

#[test]
fn images_are_left_to_those_who_are_there_and_taken_from_those_who_are_gone() {
    on_both(|queue| {
        let (old, new) = (crew("s"), crew("t"));
        queue.wanted("a", "a");
        queue.store.beat(&old, &[]).unwrap();
        let fleets = queue.store.beat(&new, &[]).unwrap().fleets;
        assert_eq!(fleets, ["s"]);
        let avoid = Avoid { fleets: fleets.clone(), ..Avoid::default() };
        assert_eq!(queue.store.claim(&new, &avoid).unwrap(), None);
        let job = queue.claim(&old).unwrap();
        queue.park(&old, &job, &["x"]);
        assert_eq!(queue.store.claim(&new, &avoid).unwrap(), None, "nor its layers");
        assert_eq!(queue.store.adopt("t", &fleets).unwrap(), 0);
        // Nobody scans with these settings any more.
        queue.store.release(&old.worker).unwrap();
        assert_eq!(queue.store.beat(&new, &[]).unwrap().fleets, [""; 0]);
        assert_eq!(queue.store.adopt("t", &[]).unwrap(), 1);
        let taken = queue.claim(&new).unwrap();
        assert_eq!((taken.kind, taken.waited), (Kind::Image, false));
        assert_eq!(queue.store.forget_orphans("t", &[]).unwrap(), 1);
        assert_eq!(queue.states().len(), 1, "nobody waits for the layer any more");
    });
}

#[test]
fn who_is_told_of_an_image_that_others_scan_with_older_rules_has_it_scanned_again() {
    on_both(|queue| {
        let (old, new) = (crew("s"), crew("t"));
        let image = queue.wanted("a", "a");
        let job = queue.claim(&old).unwrap();
        assert_eq!(queue.want(&image, "t"), 1);
        queue.scanned(&old, &job, &image, &[]);
        let avoid = Avoid { fleets: vec!["t".to_owned()], ..Avoid::default() };
        assert_eq!(queue.store.claim(&old, &avoid).unwrap(), None);
        let again = queue.claim(&new).unwrap();
        assert_eq!((again.settings.as_deref(), again.waited), (Some("t"), false));
        queue.scanned(&new, &again, &image, &[]);
        assert_eq!((queue.states(), queue.want(&image, "t")), (vec![], 0));
    });
}

#[test]
fn the_oldest_job_says_how_far_behind_the_queue_is() {
    on_both(|queue| {
        let one = crew("s");
        assert_eq!(queue.store.depth().unwrap(), Depth::default());
        queue.wanted("a", "a");
        let back = "UPDATE jobs SET created = created - 5000";
        queue.store.within(|session| session.execute(back, &[])).unwrap();
        queue.wanted("b", "b");
        let depth = queue.store.depth().unwrap();
        assert_eq!(depth.jobs, [("image".to_owned(), "ready".to_owned(), 2)]);
        assert!(depth.oldest >= 5_000 && depth.oldest < 60_000, "{depth:?}");
        queue.claim(&one).unwrap();
        assert!(queue.store.depth().unwrap().oldest < 5_000);
    });
}

/// What a process that scans with `t` claims, as the values of [`take::CLAIM`].
fn claimed() -> [Value; 5] {
    let lots = |lots: &[&str]| crate::serve::store::engine::list(lots);
    ["w".into(), 1_i64.into(), lots(&["layer t", "tag "]), lots(&["image s"]), lots(&[])]
}

#[test]
fn what_is_for_others_is_not_walked_through_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::in_file(&folder.path().join("db")).unwrap();
    let plan = format!("EXPLAIN QUERY PLAN {}", *take::CLAIM);
    let plan = store.reading(|session| session.query(&plan, &claimed())).unwrap();
    let steps: Vec<String> = plan.iter().map(|row| row.text(3)).collect();
    let ready: Vec<&String> = steps.iter().filter(|step| step.contains("jobs_ready")).collect();
    let by = |condition: &str| ready.iter().filter(|step| step.contains(condition)).count();
    // The first lot of a host, the next one, and the first job of a lot.
    assert_eq!((ready.len(), by("(host=?)"), by("<expr>>?"), by("<expr>=?")), (3, 1, 1, 1), "{steps:#?}");
    let sorts = steps.iter().filter(|step| step.contains("TEMP B-TREE")).count();
    let scans = steps.iter().filter(|step| step.contains("SCAN jobs")).count();
    assert!(sorts <= 1 && scans == 0, "only what was chosen of each lot is sorted: {steps:#?}");
}

#[test]
fn what_is_for_others_is_not_walked_through_on_a_server() {
    engines::on_server(|store| {
        store.know(&["r.example"]).unwrap();
        let jobs = "INSERT INTO jobs (kind, name, subject, settings, priority, host, state, again, attempts, due, lease, created)
            SELECT kind, kind || number, '', settings, priority, 'r.example', 'ready', 0, 0, number, 0, 0
            FROM generate_series(1, 5000) AS number,
                (VALUES ('image', 's', 10), ('layer', 's', 11), ('layer ', 't', 1)) AS k (kind, settings, priority)";
        let rows = store
            .within(|session| {
                session.execute(jobs, &[])?;
                session.execute("UPDATE jobs SET kind = 'layer' WHERE kind = 'layer '", &[])?;
                session.execute("ANALYZE jobs", &[])?;
                let plan = format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {}", *take::CLAIM);
                session.query(&plan, &claimed())
            })
            .unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.text(0)).collect();
        let count = |line: &String, before: &str| -> usize {
            let rest = line.split(before).nth(1).unwrap_or_default();
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
            digits.parse().unwrap_or(0)
        };
        let looked_at = |line| count(line, "(actual rows=") + count(line, "Rows Removed by Filter: ");
        assert!(plan.iter().any(|line| line.contains("jobs_ready")), "{plan:#?}");
        assert!(plan.iter().map(looked_at).sum::<usize>() < 200, "of 15,000 jobs: {plan:#?}");
    });
}

#[test]
fn a_kind_of_job_that_a_newer_version_knows_is_left_to_that() {
    on_both(|queue| {
        let insert = "INSERT INTO jobs (kind, name, subject, settings, priority, host, state, again, attempts, due, lease, created)
            VALUES ('dream', 'n', '', NULL, 0, 'r.example', 'ready', 0, 0, 0, 0, 0)";
        queue.store.within(|session| session.execute(insert, &[])).unwrap();
        assert_eq!(queue.store.claim(&crew("s"), &Avoid::default()).unwrap(), None);
        assert_eq!(queue.store.jobs(Some("ready"), 0, 9).unwrap().len(), 1);
    });
}
