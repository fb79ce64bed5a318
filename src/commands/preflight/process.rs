//! An install of a product that runs as a process, under examination.

mod environment;
mod host;
mod product;
pub(in crate::commands) mod store;

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::OnceCell;

use super::Examined;
use super::outlook::{ALONE, Known, Outlook, without};
use crate::adapters::process_services::{ProcessServices, Run, run_of};
use crate::adapters::sqlite::condition::{self, Condition};
use crate::adapters::sqlite_database::{SqliteDatabase, working};
use crate::commands::context::Context;
use crate::commands::current::Found;
use crate::commands::embedded::Embedded;
use crate::commands::place::Place;
use crate::commands::ready::Operable as _;
use crate::error::Fault;
use crate::preflight::{Check, Judgement, Kind};
use crate::profile::ProcessProfile;

/// Why what only Compose and containers have is not looked at.
const NO_CONTAINERS: &str = "the product runs as a process, without Docker";

/// An install under examination. What its checks have in common is found out once, when the first of them asks.
pub(in crate::commands) struct ProcessSurvey<'a> {
    outlook: Outlook<'a>,
    /// The install, where somebody read it already.
    given: Option<&'a Embedded>,
    /// What is known of the product.
    pub(in crate::commands) profile: Arc<ProcessProfile>,
    site: OnceCell<Result<Embedded, Fault>>,
    found: OnceCell<Result<Found, Fault>>,
    condition: OnceCell<Result<Condition, Fault>>,
}

impl<'a> ProcessSurvey<'a> {
    /// As one finds it: an operation that runs on it is somebody else's.
    pub(in crate::commands) fn beside(
        context: &'a Context,
        place: Place,
        profile: Arc<ProcessProfile>,
    ) -> Self {
        Self::new(Outlook::beside(context, place), profile)
    }

    fn new(outlook: Outlook<'a>, profile: Arc<ProcessProfile>) -> Self {
        Self {
            outlook,
            given: None,
            profile,
            site: OnceCell::new(),
            found: OnceCell::new(),
            condition: OnceCell::new(),
        }
    }

    /// An install that was read already.
    pub(in crate::commands) fn of(context: &'a Context, site: &'a Embedded) -> Self {
        let outlook = Outlook::new(context, site.place.clone());
        Self { given: Some(site), ..Self::new(outlook, site.profile.clone()) }
    }

    /// The install. It cannot be read where its environment file cannot.
    pub(in crate::commands) async fn site(&self) -> Known<'_, Embedded> {
        if let Some(site) = self.given {
            return Ok(site);
        }
        let read = || async {
            Embedded::read(self.context, &self.place, self.profile.clone()).map_err(|failure| failure.fault)
        };
        let read = self.site.get_or_init(read).await;
        read.as_ref().map_err(|fault| without("the install cannot be read", fault))
    }

    pub(in crate::commands) async fn services(&self) -> Result<ProcessServices, Judgement> {
        let site = self.site().await?;
        site.services(&self.operation).map_err(|fault| without("the process cannot be asked", &fault))
    }

    /// The run of the product's process; none if it was never started.
    pub(in crate::commands) fn run(&self) -> Result<Option<Run>, Judgement> {
        run_of(&self.run_dir(), &self.profile.service, self.profile.service.name.as_str())
            .map_err(|fault| without("it cannot be told what runs", &fault))
    }

    /// Where it is noted what was started, and where the logs are.
    pub(in crate::commands) fn run_dir(&self) -> PathBuf {
        self.place.state.root().join("run")
    }

    pub(in crate::commands) async fn found(&self) -> Known<'_, Found> {
        let site = self.site().await?;
        let look =
            || async { site.look(self.context, &self.operation).await.map_err(|failure| failure.fault) };
        let found = self.found.get_or_init(look).await;
        found.as_ref().map_err(|fault| without("it cannot be told what runs", fault))
    }

    /// The database, which is known from the description alone.
    pub(in crate::commands) fn database(&self) -> SqliteDatabase {
        SqliteDatabase::of(&self.place.dir, &self.profile)
    }

    /// What a look at the store tells, or why it cannot be looked at.
    pub(in crate::commands) async fn try_condition(&self) -> Result<&Result<Condition, Fault>, Judgement> {
        if self.beside_operation {
            return Err(Judgement::skipped(ALONE));
        }
        let look = || async {
            let database = self.database();
            let looked = move || condition::condition(&database.file, &database.applied);
            working(move || looked().map_err(|error| error.fault("the store cannot be used"))).await
        };
        Ok(self.condition.get_or_init(look).await)
    }

    pub(in crate::commands) async fn condition(&self) -> Known<'_, Condition> {
        self.try_condition().await?.as_ref().map_err(|fault| without("see store-file", fault))
    }
}

/// How the log of the product's process is seen.
pub(in crate::commands) fn logs_typed(services: &ProcessServices) -> String {
    services.log_of(services.profile.service.name.as_str()).typed()
}

impl<'a> Deref for ProcessSurvey<'a> {
    type Target = Outlook<'a>;

    fn deref(&self) -> &Outlook<'a> {
        &self.outlook
    }
}

impl DerefMut for ProcessSurvey<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.outlook
    }
}

impl Examined for ProcessSurvey<'_> {
    fn kind(&self) -> Kind {
        Kind::Process
    }

    async fn judge(&self, check: Check) -> Judgement {
        match check {
            Check::HostEngine | Check::HostCompose | Check::HostNetwork | Check::EnvCompose => {
                Judgement::skipped(NO_CONTAINERS)
            }
            Check::HostResources => host::resources(),
            Check::HostRoom => host::room(self),
            Check::HostInodes => host::inodes(self),
            Check::HostClock => host::clock(self).await,
            Check::HostPorts => host::ports(self),
            Check::HostBackups => super::host::backups_in(&self.backup_dir()),
            Check::EnvFile => super::environment::file(self),
            Check::EnvRequired => environment::required(self),
            Check::EnvNames => environment::names(self),
            Check::EnvDuplicates => super::environment::duplicates(self),
            Check::EnvPlaceholders => environment::placeholders(self),
            Check::EnvMode => super::environment::mode(self),
            Check::EnvFiles => environment::files(self),
            Check::EnvRunning => environment::running(self).await,
            Check::EnvRemoved => Judgement::skipped("the description names no setting that was removed"),
            Check::EnvPrevious => Judgement::skipped("secrets of such a product are not rotated by opsctl"),
            Check::ReleasePresent => product::present(self).await,
            Check::ReleaseWhole => product::whole(self).await,
            Check::ReleaseArchitecture => product::architecture(self).await,
            Check::ReleaseVersion => product::told_version(self).await,
            Check::StoreFile => store::file(self).await,
            Check::StorePlace => store::place(self),
            Check::StoreOpen => store::open(self).await,
            Check::StoreSound => store::sound(self).await,
            Check::StoreLog => store::log(self).await,
            Check::StoreSchema => store::schema(self).await,
            Check::StoreRoom => store::room(self),
            Check::ProductOperation => super::product::operation(self),
            Check::ProductHealth => product::health(self).await,
            Check::ProductVersion => product::version(self).await,
            Check::ProductReplicas => Judgement::skipped("the product is one process"),
            Check::ProductMonitoring | Check::ProductPreflight => {
                Judgement::skipped("the description of such a product names none")
            }
            Check::ProductBackup => super::product::backup(self),
            other if !other.is_for(Kind::Process) => super::not_for(other),
            _ => Judgement::skipped("`opsctl verify` proves it"),
        }
    }
}
