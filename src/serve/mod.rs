//! The service: registries tell it of each push, and it scans what was pushed.
//!
//! `hooks` understands what registries tell, `allowed` decides which registries it may be about, `store` keeps jobs and
//! findings, `work` does the jobs, `http` answers. A [`Service`] is made of its surroundings (database, scanner, log,
//! listener) and knows nothing of command lines and the environment.
//!
//! Scanning is synchronous and needs processors, so it has threads of its own; only the connections of `http` are
//! asynchronous, and what they ask of the database runs beside them.

pub mod allowed;
pub mod config;
mod forget;
mod held;
mod histogram;
pub mod hooks;
mod http;
pub mod judge;
mod listing;
pub mod log;
pub mod messages;
pub mod metrics;
pub mod store;
mod sweep;
pub mod tls;
mod watched;
mod work;

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::json;

use self::config::Config;
use self::held::Held;
use self::judge::Judge;
use self::log::Log;
use self::metrics::Metrics;
use self::store::{Avoid, Crew, Depth, Job, Store, StoreError, WorkerId};
use self::watched::Watched;
use crate::report::ReportOptions;
use crate::scan::Scanner;

/// A service, which may run.
pub struct Service {
    config: Config,
    configuration: Option<PathBuf>,
    store: Arc<Store>,
    scanner: Scanner,
    /// This process, as others see it.
    crew: Crew,
    report: ReportOptions,
    judge: Judge,
    log: Log,
    metrics: Metrics,
    held: Held,
    watched: Watched,
    /// What others scan with. Held while a job is taken, so that workers do so one after another.
    fleets: Mutex<Vec<String>>,
    /// How much there is to do, and when that was asked.
    depth: Mutex<Option<(Instant, Arc<Depth>)>>,
    stopping: AtomicBool,
    ended: AtomicBool,
    bell: (Mutex<()>, Condvar),
    guard: http::Guard,
}

/// What a service is made of.
pub struct Surroundings {
    /// How it is set up.
    pub config: Config,
    /// The file that says so, for the log.
    pub configuration: Option<PathBuf>,
    /// The database.
    pub store: Arc<Store>,
    /// What scans; it needs a cache, in which layers are kept for the images that share them.
    pub scanner: Scanner,
    /// How reports are written.
    pub report: ReportOptions,
    /// What hides and judges findings, which the scanner does not.
    pub judge: Judge,
    /// Where to tell what happens.
    pub log: Log,
    /// The name of the machine.
    pub host: String,
}

/// Why a service ends on its own.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The scanner has no cache.
    #[error("the service needs a cache for what layers yield")]
    NoCache,
    /// Its fingerprints were made with another key.
    #[error(
        "the fingerprints in the database were made with another key ({there}, and this process has {here}), so that decisions \
         would no longer count and every finding would be new: set LAYERSIFT_FINGERPRINT_KEY as it was when the database was begun \
         (not at all, if it was not set then), the same for every service and worker; or begin with an empty database"
    )]
    OtherKey {
        /// The check of the key that they were made with.
        there: String,
        /// That of the key of this process.
        here: String,
    },
    /// The database does not work.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system does not give what is needed.
    #[error("cannot begin: {0}")]
    System(#[from] std::io::Error),
}

/// How long a worker without work waits before it looks again, and after the database failed.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// Leases end after so many times the time between two renewals.
const RENEWALS: u32 = 3;

/// How often in a row is looked for what others left, of which some is taken at a time.
const ROUNDS: usize = 20;

/// How often is looked for layers that other versions left behind.
const ORPHANS: Duration = Duration::from_secs(10 * 60);

/// How long it is believed how much there is to do, which takes long to count if it is much.
const DEPTH: Duration = Duration::from_secs(5);

/// The paths of the interface, with the names of their parts in braces.
pub fn routes() -> impl Iterator<Item = &'static str> {
    http::paths()
}

impl Service {
    /// Puts a service together.
    pub fn new(surroundings: Surroundings) -> Result<Arc<Self>, ServeError> {
        let Surroundings { config, configuration, store, scanner, report, judge, log, host } = surroundings;
        let settings = scanner.settings().ok_or(ServeError::NoCache)?;
        if let Some(here) = &report.tool.fingerprint_key
            && let Some(there) = store.made_with(here)?
        {
            return Err(ServeError::OtherKey { there, here: here.clone() });
        }
        let guard = http::Guard::new(&config);
        let crew = Crew::new(WorkerId::new(&host), &settings, config.lease);
        let hosts = config.registries.iter().map(|registry| registry.name.clone());
        let hosts: Vec<String> = hosts.chain(config.receivers.iter().map(messages::host)).collect();
        store.know(&hosts.iter().map(String::as_str).collect::<Vec<_>>())?;
        store.tell(config.receivers.clone());
        Ok(Arc::new(Self {
            config,
            configuration,
            store,
            scanner,
            crew,
            report,
            judge,
            log,
            metrics: Metrics::default(),
            held: Held::default(),
            watched: Watched::default(),
            fleets: Mutex::default(),
            depth: Mutex::default(),
            stopping: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            bell: (Mutex::default(), Condvar::new()),
            guard,
        }))
    }

    /// Works, and answers those who connect to `listener` if there is one, until [`Service::stop`] is called. Then jobs have
    /// some time to end; those that do not are given back, and the process has to end.
    pub fn run(self: &Arc<Self>, listener: Option<TcpListener>) -> Result<(), ServeError> {
        let works = self.config.workers > 0;
        let heart = if works {
            self.beat()?;
            Some(self.start(Self::keep)?)
        } else {
            None
        };
        let own: std::io::Result<Vec<JoinHandle<()>>> =
            (0..self.config.workers).map(|_| self.start(Self::work)).collect();
        let shown = |path: &PathBuf| path.display().to_string();
        let data = Some(&self.config.data).filter(|_| self.config.database.is_none());
        let fields = json!({
            "workers": self.config.workers, "settings": self.crew.settings, "worker": self.crew.worker.as_str(),
            "configuration": self.configuration.as_ref().map(shown), "data": data.map(shown), "lists": self.judge.files(),
        });
        self.log.info("begun", fields);
        let answered = own.and_then(|own| {
            let answered = listener.map_or(Ok(()), |listener| http::serve(Arc::clone(self), listener));
            self.wait_for_stop(&answered);
            self.stop();
            self.drain(&own);
            answered
        });
        self.stop();
        self.ended.store(true, Ordering::Release);
        self.ring();
        if let Some(heart) = heart {
            // It tells what went wrong itself.
            let _ = heart.join();
        }
        let released = if works { self.store.release(&self.crew.worker)? } else { 0 };
        self.log.info("ended", json!({"given back": released}));
        Ok(answered?)
    }

    /// Has [`Service::run`] come to an end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.ring();
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    fn start(self: &Arc<Self>, run: fn(&Self)) -> std::io::Result<JoinHandle<()>> {
        let this = Arc::clone(self);
        thread::Builder::new().name("worker".to_owned()).spawn(move || run(&this))
    }

    /// How much there is to do, as it was some seconds ago at most.
    fn depth(&self) -> Result<Arc<Depth>, StoreError> {
        let mut known = self.depth.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some((asked, depth)) if asked.elapsed() < DEPTH => Ok(Arc::clone(depth)),
            _ => {
                let depth = Arc::new(self.store.depth()?);
                *known = Some((Instant::now(), Arc::clone(&depth)));
                Ok(depth)
            }
        }
    }

    /// Does one job after another.
    fn work(&self) {
        // One of the workers without work looks each second, whichever it is.
        let pause = PAUSE.0 * u32::try_from(self.config.workers).unwrap_or(1);
        while !self.is_stopping() {
            match self.claim().and_then(|job| job.map(|job| self.do_job(&job)).transpose()) {
                Ok(Some(())) => {}
                Ok(None) => self.pause(pause),
                Err(error) => {
                    self.log.warn("no work", json!({"reason": error.to_string()}));
                    self.pause(PAUSE.1);
                }
            }
        }
    }

    /// Takes the next job. Where there are several registries, one of them never holds all workers.
    fn claim(&self) -> Result<Option<Job>, StoreError> {
        let fleets = self.fleets.lock().unwrap_or_else(PoisonError::into_inner);
        let several = self.config.registries.len() > 1;
        let most = if several { self.config.workers.saturating_sub(1).max(1) } else { usize::MAX };
        let avoid = Avoid { fleets: fleets.clone(), hosts: self.held.busy(most) };
        let job = self.store.claim(&self.crew, &avoid)?;
        if let Some(job) = &job {
            self.held.take(job);
        }
        Ok(job)
    }

    fn do_job(&self, job: &Job) -> Result<(), StoreError> {
        let done = work::work(self, job);
        match &done {
            Ok(()) => self.held.end(job),
            Err(_) => self.held.owe(job),
        }
        self.ring();
        done
    }

    /// Keeps what this process holds, and looks after what others left, until all is over.
    fn keep(&self) {
        let between = self.config.lease / RENEWALS;
        let (mut beat, mut orphans) = (Instant::now() + between, None);
        let mut said = Instant::now();
        while self.wait_until(Instant::now() + PAUSE.0.min(between)) {
            if let Some(steps) = self.watched.due() {
                // It is for people who look, and comes again.
                let _ = self.store.note_progress(&self.crew.worker, &steps);
            }
            let ripe = self.store.ripen();
            if matches!(ripe, Ok(1..)) {
                self.ring();
            }
            if Instant::now() < beat {
                continue;
            }
            beat = Instant::now() + between;
            // If nobody could say anything for longer than a lease, nobody is gone for that reason.
            let silent = said.elapsed() > self.config.lease;
            let mut kept = self.beat().and_then(|()| {
                said = Instant::now();
                if silent { Ok(()) } else { self.look_after() }
            });
            if orphans.is_none_or(|looked: Instant| looked.elapsed() > ORPHANS) {
                orphans = Some(Instant::now());
                let fleets = self.fleets.lock().unwrap_or_else(PoisonError::into_inner).clone();
                kept = kept.and(self.store.forget_orphans(&self.crew.settings, &fleets).map(drop));
                kept = kept.and(self.store.reopen());
                kept = kept.and(self.store.want_forgotten(&self.config.retention));
                kept = kept.and(self.store.want_judged(self.judge.today().name()).map(drop));
            }
            kept = kept.and(self.arm());
            if let Err(error) = kept {
                self.log.warn("leases cannot be renewed", json!({"reason": error.to_string()}));
            }
        }
    }

    /// Renews what this process holds, and gives back what it owes.
    fn beat(&self) -> Result<(), StoreError> {
        let heard = self.store.beat(&self.crew, &self.held.ids())?;
        *self.fleets.lock().unwrap_or_else(PoisonError::into_inner) = heard.fleets;
        let owed = self.held.owed();
        if !owed.is_empty() {
            self.store.give_back(&self.crew.worker, &owed)?;
            self.held.settled(&owed);
        }
        Ok(())
    }

    /// Takes over what others left, and has those images joined again that can be whole now.
    fn look_after(&self) -> Result<(), StoreError> {
        let fleets = self.fleets.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.store.reap()?;
        for _ in 0..ROUNDS {
            let adopted = self.store.adopt(&self.crew.settings, &fleets)?;
            if adopted == 0 && self.store.heal(&self.crew.settings)? == 0 {
                break;
            }
            self.ring();
        }
        Ok(())
    }

    /// Begins the sweeps whose time has come.
    fn arm(&self) -> Result<(), StoreError> {
        let millis = |every: Duration| i64::try_from(every.as_millis()).unwrap_or(i64::MAX / 4);
        let sweeps = self.config.sweeps.iter().map(|(name, every)| (name.as_str(), every.map(millis)));
        self.store.arm(&sweeps.collect::<Vec<_>>())
    }

    /// Has every registry looked through now, as whoever begins this process wants it.
    pub fn sweep_now(&self) -> Result<(), StoreError> {
        self.store
            .sweep_now("local", &self.config.sweeps.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>())
    }

    /// Wakes whoever waits for work.
    fn ring(&self) {
        self.bell.1.notify_all();
    }

    /// Waits for something to do, but not at the end.
    fn pause(&self, most: Duration) {
        let bell = self.bell.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_stopping() {
            drop(self.bell.1.wait_timeout(bell, most));
        }
    }

    /// Waits, but not when all is over; false then.
    fn wait_until(&self, when: Instant) -> bool {
        let mut bell = self.bell.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.ended.load(Ordering::Acquire) {
            let left = when.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            bell = self.bell.1.wait_timeout(bell, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    /// Waits for the stop, unless something `failed` that the service cannot do without.
    fn wait_for_stop<T, E>(&self, failed: &Result<T, E>) {
        while failed.is_ok() && !self.is_stopping() {
            self.pause(PAUSE.0);
        }
    }

    /// Gives the workers some time.
    fn drain(&self, workers: &[JoinHandle<()>]) {
        let end = Instant::now() + self.config.drain;
        while workers.iter().any(|worker| !worker.is_finished()) && Instant::now() < end {
            thread::sleep(Duration::from_millis(100));
        }
    }
}
