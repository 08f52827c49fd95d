//! The service under load: how many events become durable in a second, how many jobs are done, what a job costs in the queue,
//! and what an image takes in the database. `cargo bench -- serve [postgres://USER@HOST/DATABASE] [PART...]`: with
//! `SQLite` in a folder of its own, or with a database on a server, which is **emptied** for it (by `psql`).
//!
//! Layers are next to nothing, so that what is measured is what stands around them. The registry is one of this program's own,
//! which answers from memory; each count is checked at the end.

mod registry;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use divan::Bencher;
use divan::counter::ItemsCount;
use layersift::digest::Digest;
use layersift::findings::policy::Policy;
use layersift::findings::suppress::Suppressions;
use layersift::report::ReportOptions;
use layersift::scan::cache::Cache;
use layersift::scan::{Options, Scanner};
use layersift::serve::config::Table;
use layersift::serve::judge::Judge;
use layersift::serve::log::Log;
use layersift::serve::store::{Avoid, Crew, Found, ImageFilter, Kind, Scanned, Store, Wanted, WorkerId};
use layersift::serve::{Service, Surroundings};
use layersift::signature::RuleSet;
use layersift::source::registry::{Reference, RepositoryName};

use self::registry::Registry;
use crate::support::archive::{files, gzip};
use crate::support::content::KINDS;

/// Events of a measurement, and images that share a layer.
const EVENTS: usize = 1_000;
/// Images whose jobs are done, with and without a real service around the queue.
const IMAGES: (usize, usize) = (2_000, 300);
/// Jobs of another version, and those that are taken beside them.
const OTHERS: usize = 100_000;
const TAKEN: usize = 200;
/// Images of which a database is made that is weighed; what each has.
const WEIGHED: usize = 100_000;
const LAYERS: usize = 10;
const FINDINGS: usize = 3;
/// Bytes of a kept report: as of an image of Debian and Python with few findings.
const REPORT: usize = 4_000;

const HOST: &str = "127.0.0.1:9";
const PROOF: &str = "not a secret, just a bench";

/// Where the database of a measurement is.
struct Place<'p> {
    folder: tempfile::TempDir,
    url: Option<&'p str>,
}

impl<'p> Place<'p> {
    fn new(url: Option<&'p str>) -> Self {
        Self { folder: tempfile::tempdir().expect("there is room for files"), url }
    }

    /// A database with nothing in it.
    fn store(&self) -> Arc<Store> {
        let store = if let Some(url) = self.url {
            ask(url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
            Store::on_server(url)
        } else {
            Store::in_file(&self.folder.path().join(Digest::of(&unique()).hex()))
        };
        let store = store.expect("the database works");
        store.know(&[HOST]).expect("the database works");
        Arc::new(store)
    }
}

fn unique() -> [u8; 16] {
    use std::time::{SystemTime, UNIX_EPOCH};
    SystemTime::now().duration_since(UNIX_EPOCH).map_or([0; 16], |now| now.as_nanos().to_le_bytes())
}

/// What `psql` says to a statement.
fn ask(url: &str, statement: &str) -> String {
    let output = Command::new("psql").args(["-qAtX", "-c", statement, url]).output().expect("psql is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Measures with a database and so many workers or connections.
type Measure = fn(&Place<'_>, usize);

/// What is measured, each by its name, and with which numbers.
const PARTS: &[(&str, Measure, &[usize])] = &[
    ("events", events, &[1, 8]),
    ("queue", queue, &[1, 2, 4]),
    ("fleets", fleets, &[1]),
    ("shared", shared, &[1]),
    ("service", service, &[1, 2, 4]),
    ("weigh", weigh, &[1]),
    ("layer", layer, &[1]),
];

/// Prints the figures of the parts that are named, or of all; with `SQLite`, or with the database of which there is the
/// address.
pub(crate) fn run(arguments: &[String]) {
    let (urls, names): (Vec<_>, Vec<_>) = arguments.iter().partition(|argument| argument.contains("://"));
    let place = || Place::new(urls.first().map(|url| url.as_str()));
    for (name, measure, numbers) in PARTS {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            numbers.iter().for_each(|number| measure(&place(), *number));
        }
    }
}

fn image(number: usize) -> Reference {
    let name = RepositoryName::at(HOST, "team/app").expect("it is a name");
    let digest = Digest::of(&number.to_le_bytes()).to_string();
    Reference::new(name, Some("1"), Some(&digest)).expect("it is a reference")
}

fn crew() -> Crew {
    Crew::new(WorkerId::new("bench"), "settings", Duration::from_secs(60))
}

fn a_second(count: usize, time: Duration) -> f64 {
    // Counts are small.
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / time.as_secs_f64()
}

/// Events over HTTP, each in a transaction of its own that is on the disk before it is answered.
fn events(place: &Place<'_>, connections: usize) {
    let store = place.store();
    let (service, address) = begin(place, &store, 0, HOST);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for part in 0..connections {
            let address = &address;
            scope.spawn(move || {
                let agent = ureq::Agent::new_with_defaults();
                for number in (part..EVENTS).step_by(connections) {
                    let body = format!("{{\"image\": \"{}\"}}", image(number));
                    let sent =
                        agent.post(format!("http://{address}/hooks/plain")).header("authorization", PROOF);
                    sent.send(body).expect("it is answered with 2xx");
                }
            });
        }
    });
    let time = began.elapsed();
    assert_eq!(store.depth().expect("it counts").jobs, [("image".to_owned(), "ready".to_owned(), 1_000)]);
    service.end();
    println!("events durable, {connections} connections: {:.0} a second", a_second(EVENTS, time));
}

/// Jobs of images with one shared layer and one of their own, with nothing to do for them.
fn queue(place: &Place<'_>, workers: usize) {
    let store = place.store();
    want(&store, IMAGES.0);
    let crew = crew();
    let began = Instant::now();
    let done: usize = std::thread::scope(|scope| {
        let own: Vec<_> = (0..workers).map(|_| scope.spawn(|| do_all(&store, &crew))).collect();
        own.into_iter().map(|thread| thread.join().expect("it works")).sum()
    });
    let time = began.elapsed();
    // Each image passes twice; one that finds all its layers scanned passes without waiting.
    assert!(done > 2 * IMAGES.0 && store.depth().expect("it counts").jobs.is_empty());
    println!("jobs of the queue alone, {workers} workers: {:.0} a second", a_second(done, time));
}

/// What it costs to take a job beside very many that are for others.
fn fleets(place: &Place<'_>, _: usize) {
    let store = place.store();
    for settings in ["old", "settings"] {
        // Those of one version, and behind them those of the other.
        let numbers = if settings == "old" { 0..OTHERS } else { OTHERS..OTHERS + TAKEN };
        let images: Vec<Reference> = numbers.map(image).collect();
        let wanted = |image| Wanted { image, settings, priority: 10 };
        store.want(&images.iter().map(wanted).collect::<Vec<_>>()).expect("the database works");
    }
    let avoid = Avoid { fleets: vec!["old".to_owned()], ..Avoid::default() };
    let began = Instant::now();
    for _ in 0..TAKEN {
        let job = store.claim(&crew(), &avoid).expect("the database works").expect("there is one");
        assert_eq!(job.settings.as_deref(), Some("settings"));
    }
    let took = began.elapsed() / u32::try_from(TAKEN).unwrap_or(1);
    println!("a job taken beside {OTHERS} of another version: {} µs", took.as_micros());
}

fn want(store: &Store, count: usize) {
    let images: Vec<Reference> = (0..count).map(image).collect();
    let wanted = |image| Wanted { image, settings: "settings", priority: 10 };
    let wanted: Vec<_> = images.iter().map(wanted).collect();
    assert_eq!(store.want(&wanted).expect("the database works"), count);
}

/// Does all jobs that there are; returns how many.
fn do_all(store: &Store, crew: &Crew) -> usize {
    let mut done = 0;
    let mut idle = Instant::now();
    // What was scanned is not asked for again.
    let mut known = BTreeSet::new();
    // Others may still bring forth jobs.
    while idle.elapsed() < Duration::from_millis(100) {
        let Some(job) = store.claim(crew, &Avoid::default()).expect("the database works") else { continue };
        let worker = &crew.worker;
        let ended = if job.kind == Kind::Layer {
            known.insert(job.name.clone());
            store.done(&job, worker)
        } else {
            let image = Reference::from_json(&job.subject).expect("it is a reference");
            if job.waited {
                store.scanned((&job, worker), &image, "settings", &scanned(0))
            } else {
                let names = ["layer shared".to_owned(), format!("layer {}", job.id)];
                let missing = names.into_iter().filter(|name| !known.contains(name));
                let layers: Vec<_> = missing.map(|name| (name, "{}".to_owned())).collect();
                store.park(&job, worker, "settings", &layers)
            }
        };
        ended.expect("the database works").expect("nobody else has it");
        done += 1;
        idle = Instant::now();
    }
    done
}

/// What a scan finds in an image that shares most of its layers and findings with others.
fn scanned(number: usize) -> Scanned {
    let digest = |kind: &str, number: usize| Digest::of(format!("{kind} {number}").as_bytes()).to_string();
    let layer = |layer: usize| {
        if layer < LAYERS - 1 { (number / 50) * LAYERS + layer } else { number * LAYERS + layer }
    };
    let found = |finding: usize| Found {
        fingerprint: digest("finding", number / 10 * FINDINGS + finding).replace("sha256:", ""),
        rule: "github-pat".to_owned(),
        name: "GitHub personal access token (classic)".to_owned(),
        severity: "critical".to_owned(),
        verdict: "fail".to_owned(),
        redacted: "ghp_…".to_owned(),
        place: format!("layer {finding}: /srv/app/config/production/settings-{number}.yaml, line 12"),
        places: 1,
        ..Found::default()
    };
    Scanned {
        findings: (0..FINDINGS).map(found).collect(),
        layers: (0..LAYERS).map(|at| (digest("layer", layer(at)), digest("diff", layer(at)))).collect(),
        report: Some(noise(number, REPORT)),
        ..Scanned::default()
    }
}

/// Bytes that cannot be compressed.
fn noise(seed: usize, bytes: usize) -> Vec<u8> {
    (0..)
        .flat_map(|block: usize| *Digest::of(format!("{seed} {block}").as_bytes()).bytes())
        .take(bytes)
        .collect()
}

/// A layer that many images wait for.
fn shared(place: &Place<'_>, _: usize) {
    let (store, crew) = (place.store(), crew());
    want(&store, EVENTS);
    let layers = [("layer shared".to_owned(), "{}".to_owned())];
    let images: Vec<_> = (0..EVENTS)
        .map(|_| {
            store.claim(&Crew::clone(&crew), &Avoid::default()).expect("it works").expect("there is one")
        })
        .filter(|job| job.kind == Kind::Image)
        .collect();
    let began = Instant::now();
    for job in &images {
        store.park(job, &crew.worker, "settings", &layers).expect("it works").expect("nobody else has it");
    }
    let parked = began.elapsed();
    let layer = store.claim(&crew, &Avoid::default()).expect("it works").expect("there is one");
    let began = Instant::now();
    store.done(&layer, &crew.worker).expect("it works").expect("nobody else has it");
    let woken = began.elapsed();
    let ready = store.jobs(Some("ready"), 0, 2 * EVENTS).expect("it works").len();
    assert_eq!((images.len(), ready), (EVENTS, EVENTS));
    println!("a layer that {EVENTS} images wait for: {parked:.1?} to wait, {woken:.1?} to wake them");
}

/// The whole service, with a registry that answers from memory.
fn service(place: &Place<'_>, workers: usize) {
    let registry = Registry::of_tiny_images(IMAGES.1);
    let store = place.store();
    store.know(&[registry.address.as_str()]).expect("it works");
    let (service, address) = begin(place, &store, workers, &registry.address);
    let agent = ureq::Agent::new_with_defaults();
    let began = Instant::now();
    for number in 0..IMAGES.1 {
        let body = format!("{{\"image\": \"{}/app:{number}\"}}", registry.address);
        let sent = agent.post(format!("http://{address}/hooks/plain")).header("authorization", PROOF);
        sent.send(body).expect("it is answered with 2xx");
    }
    while !store.depth().expect("it counts").jobs.is_empty() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let time = began.elapsed();
    let images = store.images(&ImageFilter::default(), 0, 2 * IMAGES.1).expect("it works");
    assert!(
        images.len() == IMAGES.1 && images.iter().all(|image| image.scanned.is_some() && image.gaps == 0)
    );
    service.end();
    // A tag, an image twice, a layer of its own.
    println!("images of two tiny layers, {workers} workers: {:.0} a second", a_second(IMAGES.1, time));
}

/// A service that runs.
struct Running {
    service: Arc<Service>,
    thread: std::thread::JoinHandle<()>,
}

impl Running {
    fn end(self) {
        self.service.stop();
        self.thread.join().expect("it ends well");
    }
}

fn begin(place: &Place<'_>, store: &Arc<Store>, workers: usize, registry: &str) -> (Running, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a port");
    let address = listener.local_addr().expect("it has one").to_string();
    let mut table = format!("listen = '{address}'\ndata = 'd'\nworkers = {workers}\n");
    let _ = write!(table, "[[registry]]\nname = '{registry}'\n[[hook]]\nkind = 'plain'\nproof = 'header'\n");
    table.push_str("header = 'Authorization'\nsecret-env = 'PROOF'\n");
    let table: Table = toml::from_str(&table).expect("it is a configuration");
    let config = table.check(&|_| Some(PROOF.into())).expect("it is right");
    let cache = match place.url {
        Some(_) => Cache::shared(&[7; 32], store.reports()),
        None => Cache::open(&place.folder.path().join(Digest::of(&unique()).hex())).expect("there is room"),
    };
    let options = Options {
        jobs: 1,
        scans_at_once: workers.max(1),
        cache: Some(Arc::new(cache)),
        ..Options::default()
    };
    let surroundings = Surroundings {
        config,
        configuration: None,
        store: Arc::clone(store),
        scanner: Scanner::new(RuleSet::embedded(), options),
        report: ReportOptions::default(),
        judge: Judge::new(
            b"",
            Suppressions::default(),
            Policy::new(Vec::new(), jiff::civil::date(2026, 11, 26)),
        ),
        log: Log::to(std::io::sink()),
        host: "bench".to_owned(),
    };
    let service = Service::new(surroundings).expect("it is whole");
    let own = Arc::clone(&service);
    let thread = std::thread::spawn(move || own.run(Some(listener)).expect("it runs"));
    (Running { service, thread }, address)
}

/// Bytes of an image in the database.
fn weigh(place: &Place<'_>, _: usize) {
    let (store, crew) = (place.store(), crew());
    for part in 0..WEIGHED / EVENTS {
        let images: Vec<Reference> = (part * EVENTS..(part + 1) * EVENTS).map(image).collect();
        let wanted = |image| Wanted { image, settings: "settings", priority: 10 };
        store.want(&images.iter().map(wanted).collect::<Vec<_>>()).expect("it works");
        for number in part * EVENTS..(part + 1) * EVENTS {
            let job = store.claim(&crew, &Avoid::default()).expect("it works").expect("there is one");
            let image = Reference::from_json(&job.subject).expect("it is a reference");
            store
                .scanned((&job, &crew.worker), &image, "settings", &scanned(number))
                .expect("it works")
                .expect("own");
        }
    }
    if let Some(url) = place.url {
        let tables = "SELECT relname || ' ' || pg_total_relation_size(oid) / 100000 FROM pg_class
            WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_total_relation_size(oid) > 1000000 ORDER BY 1";
        println!("bytes an image: {}", ask(url, tables).replace('\n', ", "));
    } else {
        drop(store);
        let size = |entry: std::io::Result<std::fs::DirEntry>| entry?.metadata().map(|data| data.len());
        let files = std::fs::read_dir(place.folder.path()).expect("it is there");
        let bytes: u64 = files.map(|entry| size(entry).expect("it is there")).sum();
        println!("bytes an image: {}", bytes / WEIGHED as u64);
    }
}

/// The scan of a layer of 10 MB, of which the queue may cost no more than a twentieth.
fn layer(_: &Place<'_>, _: usize) {
    let packed = gzip(&files(&KINDS[0].content(10_000_000, 1), 16 << 10));
    let registry = Registry::of_layer(packed.clone());
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let folder = tempfile::tempdir().expect("there is room");
        let cache = Cache::open(Path::new(folder.path())).expect("there is room");
        let options = Options { jobs: 1, cache: Some(Arc::new(cache)), ..Options::default() };
        let scanner = Scanner::new(RuleSet::embedded(), options);
        let name = RepositoryName::at(&registry.address, "app").expect("it is a name");
        let layer =
            layersift::scan::Layer { digest: Digest::of(&packed).to_string(), size: packed.len() as u64 };
        let began = Instant::now();
        scanner.map_layer(&name, &layer, &()).expect("it is scanned");
        best = best.min(began.elapsed());
    }
    println!("a layer of 10 MB, one thread: {best:.1?}");
}

/// A job from its event to its end, in `SQLite`.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn jobs(bencher: Bencher<'_, '_>) {
    const COUNT: usize = 20;
    let place = Place::new(None);
    bencher.counter(ItemsCount::new(COUNT)).bench(|| {
        let store = place.store();
        want(&store, COUNT);
        assert_eq!(do_all(&store, &crew()), 3 * COUNT + 1);
    });
}
