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
pub mod hooks;
mod http;
pub mod log;
pub mod metrics;
pub mod store;
pub mod tls;
mod work;

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::json;

use self::config::Config;
use self::log::Log;
use self::metrics::Metrics;
use self::store::{Store, StoreError, WorkerId};
use crate::report::ReportOptions;
use crate::scan::Scanner;

/// A service, which may run.
pub struct Service {
    config: Config,
    store: Arc<Store>,
    scanner: Scanner,
    /// What images are scanned with.
    settings: String,
    report: ReportOptions,
    log: Log,
    metrics: Metrics,
    worker: WorkerId,
    stopping: AtomicBool,
    bell: (Mutex<()>, Condvar),
    guard: http::Guard,
}

/// What a service is made of.
pub struct Surroundings {
    /// How it is set up.
    pub config: Config,
    /// The database.
    pub store: Arc<Store>,
    /// What scans; it needs a cache, in which layers are kept for the images that share them.
    pub scanner: Scanner,
    /// How reports are written.
    pub report: ReportOptions,
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

/// How often is looked for what other versions left behind.
const ADOPTION: Duration = Duration::from_secs(10 * 60);

impl Service {
    /// Puts a service together.
    pub fn new(surroundings: Surroundings) -> Result<Arc<Self>, ServeError> {
        let Surroundings { config, store, scanner, report, log, host } = surroundings;
        let settings = scanner.settings().ok_or(ServeError::NoCache)?;
        let guard = http::Guard::new(&config);
        Ok(Arc::new(Self {
            config,
            store,
            scanner,
            settings,
            report,
            log,
            metrics: Metrics::default(),
            worker: WorkerId::new(&host),
            stopping: AtomicBool::new(false),
            bell: (Mutex::default(), Condvar::new()),
            guard,
        }))
    }

    /// Works, and answers those who connect to `listener` if there is one, until [`Service::stop`] is called. Then jobs have
    /// some time to end; those that do not are given back, and the process has to end.
    pub fn run(self: &Arc<Self>, listener: Option<TcpListener>) -> Result<(), ServeError> {
        let own: Vec<JoinHandle<()>> =
            (0..self.config.workers).map(|_| self.start(Self::work)).collect::<Result<_, _>>()?;
        let heart = self.start(Self::keep)?;
        let fields = json!({"workers": own.len(), "settings": self.settings, "worker": self.worker.as_str()});
        self.log.info("begun", fields);
        match listener {
            Some(listener) => http::serve(Arc::clone(self), listener)?,
            None => self.wait_for_stop(),
        }
        self.drain(&own);
        let released = self.store.release(&self.worker)?;
        self.log.info("ended", json!({"given back": released}));
        let _ = heart.join();
        Ok(())
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

    /// Does one job after another.
    fn work(&self) {
        while !self.is_stopping() {
            let lease = i64::try_from(self.config.lease.as_millis()).unwrap_or(i64::MAX);
            let claimed = self.store.claim(&self.worker, &self.settings, lease);
            let worked = claimed.and_then(|job| job.map(|job| work::work(self, &job)).transpose());
            match worked {
                Ok(Some(())) => {}
                Ok(None) => self.pause(PAUSE.0),
                Err(error) => {
                    self.log.warn("no work", json!({"reason": error.to_string()}));
                    self.pause(PAUSE.1);
                }
            }
        }
    }

    /// Renews what this process holds, and takes over what others left.
    fn keep(&self) {
        let lease = self.config.lease;
        let mut adopted: Option<Instant> = None;
        while !self.is_stopping() {
            let renewed =
                self.store.renew(&self.worker, i64::try_from(lease.as_millis()).unwrap_or(i64::MAX));
            let mut kept = renewed.map(drop);
            if adopted.is_none_or(|adopted| adopted.elapsed() > ADOPTION) {
                adopted = Some(Instant::now());
                kept = kept.and(self.store.adopt(&self.settings).map(drop));
            }
            if let Err(error) = kept {
                self.log.warn("leases cannot be renewed", json!({"reason": error.to_string()}));
            }
            let next = Instant::now() + lease / RENEWALS;
            while !self.is_stopping() && Instant::now() < next {
                self.pause((next - Instant::now()).min(PAUSE.0));
            }
        }
    }

    /// Wakes whoever waits for work.
    fn ring(&self) {
        self.bell.1.notify_all();
    }

    fn pause(&self, most: Duration) {
        let bell = self.bell.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_stopping() {
            drop(self.bell.1.wait_timeout(bell, most));
        }
    }

    fn wait_for_stop(&self) {
        while !self.is_stopping() {
            self.pause(PAUSE.0);
        }
    }

    /// Waits for the workers, for some time, and keeps their leases.
    fn drain(&self, workers: &[JoinHandle<()>]) {
        let end = Instant::now() + self.config.drain;
        while workers.iter().any(|worker| !worker.is_finished()) && Instant::now() < end {
            let lease = i64::try_from(self.config.lease.as_millis()).unwrap_or(i64::MAX);
            // A failure is told by whoever gives the jobs back.
            let _ = self.store.renew(&self.worker, lease);
            thread::sleep(Duration::from_millis(100));
        }
    }
}
