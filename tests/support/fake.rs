//! One stateful world in memory behind all ports, from which one run yields every moment at which opsctl could be killed.
//!
//! What a kill leaves is what is durable at that instant: the install and the journal's bytes. So a run notes both at each
//! boundary: before an effect, inside one that is made of several, after it and before anyone hears of it, and around every
//! append to the journal. No code of opsctl runs between a kill and what is noted, so nothing that unwinds can mend it.

pub(crate) mod backups;
pub(crate) mod databases;
pub(crate) mod install;
pub(crate) mod releases;
pub(crate) mod services;
pub(crate) mod settings;
pub(crate) mod values;

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::time::Duration;

use opsctl::error::Fault;
use opsctl::model::database_name::DatabaseName;
use opsctl::ports::{Clock, World};
use opsctl::profile::ServiceName;
use tokio::time::Instant;

use install::Install;

/// The world of one run of opsctl.
pub(crate) struct Fake {
    install: RefCell<Install>,
    journal: PathBuf,
    began: Instant,
    began_at: Duration,
    moments: RefCell<Vec<Moment>>,
    failing: Cell<Option<usize>>,
    boundaries: Cell<usize>,
}

/// A moment at which opsctl could be killed.
pub(crate) struct Moment {
    /// The install at that moment.
    pub install: Install,
    /// How long the journal was.
    pub journal: usize,
    /// Which moment.
    pub at: At,
}

/// Which kind of moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// Before, inside or after an effect.
    Effect(&'static str),
    /// Just before a line is appended to the journal.
    Append,
}

/// A world whose ports are all one fake.
pub(crate) type FakeWorld<'a> = World<&'a Fake, &'a Fake, &'a Fake, &'a Fake, &'a Fake>;

impl Fake {
    /// A world that begins as `install`; the journal is looked at, never written.
    pub(crate) fn new(install: Install, journal: PathBuf) -> Self {
        Self {
            began_at: install.now,
            install: RefCell::new(install),
            journal,
            began: Instant::now(),
            moments: RefCell::default(),
            failing: Cell::default(),
            boundaries: Cell::default(),
        }
    }

    /// Lets the boundary with this index fail, once: an error before the effect, in its middle, or in place of its answer.
    pub(crate) fn failing_at(self, boundary: usize) -> Self {
        self.failing.set(Some(boundary));
        self
    }

    /// As the ports of a runner.
    pub(crate) fn world(&self) -> FakeWorld<'_> {
        World { services: self, databases: self, backups: self, settings: self, clock: self }
    }

    /// How many boundaries were passed.
    pub(crate) fn boundaries(&self) -> usize {
        self.boundaries.get()
    }

    /// What the run leaves, and the moments at which it could have been killed.
    pub(crate) fn into_parts(self) -> (Install, Vec<Moment>) {
        let now = self.now();
        let mut install = self.install.into_inner();
        install.live_on(now);
        install.check();
        (install, self.moments.into_inner())
    }

    /// Looks at the install as it is now.
    fn look<T>(&self, look: impl FnOnce(&Install) -> T) -> T {
        self.change(|install| look(install))
    }

    /// Changes the install. What is changed within one call cannot be seen half-done.
    fn change<T>(&self, change: impl FnOnce(&mut Install) -> T) -> T {
        let mut install = self.install.borrow_mut();
        install.live_on(self.now());
        change(&mut install)
    }

    /// A boundary of an effect: opsctl can be killed here, or hear that it failed.
    fn boundary(&self, label: &'static str) -> Result<(), Fault> {
        self.note(At::Effect(label));
        let index = self.boundaries.get();
        self.boundaries.set(index + 1);
        if self.failing.get() == Some(index) {
            return Err(Fault::new(format!("made to fail at: {label}")));
        }
        Ok(())
    }

    fn note(&self, at: At) {
        let install = self.change(|install| {
            install.check();
            install.clone()
        });
        let journal = std::fs::metadata(&self.journal).map_or(0, |metadata| metadata.len());
        let journal = usize::try_from(journal).expect("journals are short");
        self.moments.borrow_mut().push(Moment { install, journal, at });
    }

    fn now(&self) -> Duration {
        self.began_at + self.began.elapsed()
    }
}

impl Clock for &Fake {
    /// The runner reads the clock for one thing only: just before it appends to the journal.
    fn now(&self) -> jiff::Timestamp {
        self.note(At::Append);
        timestamp()
    }
}

/// The one moment of all records.
pub(crate) fn timestamp() -> jiff::Timestamp {
    "2026-03-14T12:00:00Z".parse().expect("a timestamp")
}

/// A database's name.
pub(crate) fn database(name: &str) -> DatabaseName {
    DatabaseName::new(name)
}

/// A service's name.
pub(crate) fn service(name: &str) -> ServiceName {
    ServiceName::try_from(name).expect("a service's name")
}
