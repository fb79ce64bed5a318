//! Installs of products that are one process and one SQLite file.

mod offers;
mod recorded;
pub(super) mod start;
pub(super) mod status;
pub(super) mod stop;
pub(super) mod store;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::adapters::archive::{self, Origin, Summary};
use crate::adapters::backup_shelf::Shelf;
use crate::adapters::copy_backups::{CopyBackups, other_kind};
use crate::adapters::dump_backups::archive_fault;
use crate::adapters::http::Http;
use crate::adapters::process_services::ProcessServices;
use crate::adapters::release_link::{self, ReleaseLink};
use crate::adapters::releases::Releases;
use crate::adapters::sqlite_database::SqliteDatabase;
use crate::commands::context::Context;
use crate::commands::current::{Found, Source};
use crate::commands::install::variables;
use crate::commands::live::{Setting, SystemClock};
use crate::commands::place::Place;
use crate::commands::ready::Operable;
use crate::commands::restore::check;
use crate::commands::site::{Kept, Site, WorldOf};
use crate::commands::ways_back;
use crate::error::{Failure, Fault};
use crate::gates::{self, Subject};
use crate::model::database_name::{DatabaseName, DatabasePurpose};
use crate::model::manifest::{Database, Digest};
use crate::model::operation::OperationId;
use crate::model::redaction::Redactor;
use crate::model::release::Version;
use crate::model::secret::Secret;
use crate::operations::{DataCheck, MigrateBy, Product as Operated};
use crate::plan::by_hand::{Handbook, ProcessByHand};
use crate::plan::step::Release;
use crate::ports::{Instance, InstanceState, Limits, Services as _, World};
use crate::profile::{self, Hooks, ProcessProfile, Product, ProfileError, ServiceName};

/// The world that operations on such an install act on.
pub type EmbeddedWorld = World<ProcessServices, SqliteDatabase, CopyBackups, ReleaseLink, SystemClock>;

/// An install, with all that its files say.
pub struct Embedded {
    /// Where it is.
    pub place: Place,
    /// What is known of the product.
    pub profile: Arc<ProcessProfile>,
    /// What the environment file and the process environment assign.
    pub variables: BTreeMap<String, String>,
    /// What the environment file alone assigns: the product's process is given it.
    environment: BTreeMap<String, String>,
    /// Takes secrets out of texts.
    pub redactor: Redactor,
    http: OnceLock<Http>,
}

impl Embedded {
    /// The install at a place, if it is one of this kind.
    pub fn at(context: &Context, place: &Place) -> Result<Option<Self>, Failure> {
        Self::described(place)?.map(|profile| Self::read(context, place, Arc::new(profile))).transpose()
    }

    /// The description of the install at a place, if that is one of this kind.
    pub fn described(place: &Place) -> Result<Option<ProcessProfile>, Failure> {
        let path = place.dir.join(profile::FILE_NAME);
        // Whoever reads it for another kind of product tells what is wrong with it.
        let Ok(text) = std::fs::read_to_string(&path) else { return Ok(None) };
        let unusable = |error: ProfileError| {
            let fault = Fault::caused_by("the product's description cannot be used", &error);
            Failure::usage(if error.hint.is_empty() { fault } else { fault.hint(error.hint) })
        };
        if let Some(unknown) = ProfileError::of_unknown_kind(&path, &text) {
            return Err(unusable(unknown));
        }
        if !ProcessProfile::is_meant_by(&text) {
            return Ok(None);
        }
        ProcessProfile::parse(&text, &path).map(Some).map_err(unusable)
    }

    /// The install that a description is of.
    pub fn read(context: &Context, place: &Place, profile: Arc<ProcessProfile>) -> Result<Self, Failure> {
        let env_file = place.dir.join(&profile.runtime.env_file);
        let environment = variables(&env_file, &BTreeMap::new())?;
        let variables = variables(&env_file, &context.surroundings.environment)?;
        let redactor = Redactor::learn(variables.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let (place, http) = (place.clone(), OnceLock::new());
        Ok(Self { place, profile, variables, environment, redactor, http })
    }

    /// The install at a place; one of another kind is refused.
    pub fn required(context: &Context, place: &Place, what: &str) -> Result<Self, Failure> {
        Self::at(context, place)?.ok_or_else(|| {
            Failure::usage(Fault::new(format!("`opsctl {what}` is for products that run as a process")).hint(
                "Compose starts and stops this one: `docker compose up --detach`, `docker compose stop`",
            ))
        })
    }

    /// What the environment file alone assigns.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// The database.
    pub fn database(&self) -> SqliteDatabase {
        SqliteDatabase::of(&self.place.dir, &self.profile)
    }

    /// The process and the releases.
    pub fn services(&self, operation: &OperationId) -> Result<ProcessServices, Fault> {
        let secret = |(name, value): (&String, &String)| (name.clone(), Secret::new(value.clone()));
        let releases = self.releases()?;
        Ok(ProcessServices {
            install: self.place.dir.clone(),
            run_dir: self.place.state.root().join("run"),
            profile: self.profile.clone(),
            database: self.database().file,
            environment: self.environment.iter().map(secret).collect(),
            http: releases.http.clone(),
            releases,
            operation: operation.clone(),
            redactor: self.redactor.clone(),
        })
    }

    fn releases(&self) -> Result<Releases, Fault> {
        Ok(Releases {
            install: self.place.dir.clone(),
            records: self.place.state.root().join("releases"),
            profile: self.profile.clone(),
            http: self.http()?,
        })
    }

    /// Made once: it reads every certificate of the machine.
    fn http(&self) -> Result<Http, Fault> {
        if let Some(http) = self.http.get() {
            return Ok(http.clone());
        }
        let http = Http::new().map_err(|error| Fault::caused_by("cannot ask over HTTP", &error))?;
        Ok(self.http.get_or_init(|| http).clone())
    }

    /// A release by its version, with what is in it; `None` where it is not to be had. `sha256` is that of its archive.
    pub async fn release(&self, version: &Version, sha256: Option<Digest>) -> Result<Option<Release>, Fault> {
        let found = self.releases()?.offered(version, sha256).await?;
        Ok(found.map(|offer| Release {
            digest: Some(offer.digest),
            image_id: offer.content,
            ..self.named(version)
        }))
    }

    /// A release by its version alone.
    fn named(&self, version: &Version) -> Release {
        let image = format!("{}:{version}", self.profile.product.name);
        Release { version: version.clone(), image, digest: None, image_id: None, pin: None }
    }

    /// Whether a release is in the install.
    pub fn is_here(&self, version: &Version) -> Result<bool, Fault> {
        Ok(self.releases()?.dir(version).is_dir())
    }

    /// A release that is here, by its version; nothing is asked over the network.
    async fn release_here(&self, version: &Version) -> Result<Release, Failure> {
        let folder = self.releases()?.dir(version);
        let missing = || {
            let fault = Fault::new(format!("the release {version} is not in {}", folder.display()));
            let fault = fault.hint("put its files back there");
            Failure::refused(match self.profile.runtime.source {
                Some(_) => {
                    fault.hint(format!("or have it brought from `source` again: `opsctl start {version}`"))
                }
                None => fault,
            })
        };
        if !self.is_here(version)? {
            return Err(missing());
        }
        self.release(version, None).await?.ok_or_else(missing)
    }

    /// How a person does what opsctl could not.
    pub fn handbook(&self, backup_dir: &Path) -> ProcessByHand {
        ProcessByHand {
            install: self.place.dir.clone(),
            databases: self.database().directory().to_owned(),
            backup_dir: backup_dir.to_owned(),
        }
    }

    /// The services: there is one.
    pub fn all(&self) -> Vec<ServiceName> {
        vec![self.profile.service.name.clone()]
    }
}

fn nothing_selected() -> Failure {
    Failure::refused(
        Fault::new("no release is selected, and nothing runs")
            .hint("put one into `releases/VERSION`, and `opsctl start VERSION`"),
    )
}

impl Kept for Embedded {
    fn place(&self) -> &Place {
        &self.place
    }

    fn product(&self) -> &Product {
        &self.profile.product
    }

    fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }
}

impl Site for Embedded {
    type Services = ProcessServices;
    type Databases = SqliteDatabase;
    type Backups = CopyBackups;
    type Settings = ReleaseLink;

    fn hooks(&self) -> &Hooks {
        &self.profile.hooks
    }

    fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    fn limits(&self) -> Limits {
        let health = &self.profile.health;
        Limits {
            start: health.start_timeout,
            stable: health.watch_for,
            canary_stable: health.stable_for,
            migrate: self.profile.migrate.as_ref().map_or(health.start_timeout, |migrate| migrate.timeout),
        }
    }

    fn backup_dir<'w>(&self, world: &'w EmbeddedWorld) -> &'w Path {
        &world.backups.shelf.directory
    }

    fn by_hand(&self, world: &EmbeddedWorld) -> Box<dyn Handbook> {
        Box::new(self.handbook(&world.backups.shelf.directory))
    }

    /// A file is on one machine, whose operations the install's own lock keeps apart.
    async fn lock(&self, _: &WorldOf<Self>, _: &str) -> Result<(), Failure> {
        Ok(())
    }

    async fn clear_tools(&self, _: &WorldOf<Self>) -> Result<(), Fault> {
        Ok(())
    }

    async fn clear_one_offs(&self, world: &WorldOf<Self>) {
        world.services.clear_one_offs().await;
    }

    async fn drop_old_releases(&self, world: &WorldOf<Self>) -> Result<Vec<String>, Fault> {
        let services = &world.services;
        let history = ways_back::release_history(&self.place.state)?;
        let needed = [
            release_link::selected(&self.place.dir),
            services.version_of(self.profile.service.name.as_str())?,
            world.settings.previous(),
            history.before_last_upgrade,
            history.left_last,
        ];
        let needed = needed.into_iter().flatten().collect();
        let dropped = services.releases.drop_old(needed, history.failed).await?;
        Ok(dropped.iter().map(ToString::to_string).collect())
    }
}

impl Operable for Embedded {
    async fn open(context: &Context, place: Place) -> Result<Self, Failure> {
        Self::at(context, &place)?.ok_or_else(|| {
            Failure::refused(Fault::new("what runs the product is described otherwise than a moment ago"))
        })
    }

    async fn look(&self, _: &Context, operation: &OperationId) -> Result<Found, Failure> {
        let services = self.services(operation)?;
        let name = &self.profile.service.name;
        let instance = services.instances(name).await?.into_iter().next();
        // One that has just fallen over and is about to be started again is meant to run.
        let is_up = |instance: &Instance| {
            matches!(instance.state, InstanceState::Running | InstanceState::Restarting)
        };
        let running = instance.filter(is_up);
        let selected = release_link::selected(&self.place.dir);
        let by_process = if running.is_some() { services.version_of(name.as_str())? } else { None };
        let (version, source) = match (by_process, selected.clone()) {
            (Some(version), _) => (version, Source::Image),
            (None, Some(version)) => (version, Source::Environment),
            (None, None) => return Err(nothing_selected()),
        };
        let release = self.release_here(&version).await?;
        let mut drift = Vec::new();
        if let Some(selected) = selected.as_ref().filter(|selected| **selected != release.version) {
            drift.push(format!("{release} runs, and `current` selects {selected}"));
        }
        let trouble = if running.is_none() {
            Some("it is not running".to_owned())
        } else {
            let all = [name.clone()];
            let seen = gates::glance(&services, Subject::Services(&all, &release)).await;
            seen.unwrap_or_else(|fault| Some(fault.to_string()))
        };
        let running = running.is_some().then(|| name.clone()).into_iter().collect();
        Ok(Found { release, source, running, trouble, selected, drift })
    }

    async fn world(&self, context: &Context, setting: Setting<'_>) -> Result<EmbeddedWorld, Fault> {
        let database = self.database();
        let backups = CopyBackups {
            database: database.clone(),
            shelf: Shelf {
                directory: setting.backup_dir.to_owned(),
                state_dir: self.place.state.root().to_owned(),
                needed: setting.needed,
                operation: setting.operation.clone(),
            },
            product: self.profile.product.name.to_string(),
            release: setting.release,
            actor: context.surroundings.actor.clone(),
            scratch: self.place.state.operation(setting.operation),
        };
        let services = self.services(setting.operation)?;
        let settings =
            ReleaseLink { install: self.place.dir.clone(), backup_dir: setting.backup_dir.to_owned() };
        Ok(World { services, databases: database, backups, settings, clock: SystemClock })
    }

    fn live(&self, world: &EmbeddedWorld) -> DatabaseName {
        world.databases.live()
    }

    fn operated(&self, found: &Found, live: DatabaseName) -> Operated {
        let migrate = self.profile.migrate.as_ref().map(|migrate| MigrateBy {
            service: self.profile.service.name.clone(),
            command: Some(migrate.command.clone()),
        });
        Operated {
            release: found.release.clone(),
            services: self.all(),
            running: found.running.clone(),
            well: found.wellness(),
            live,
            migrate,
            data_check: DataCheck::None,
        }
    }

    async fn made(
        &self,
        world: &EmbeddedWorld,
        purposes: &[DatabasePurpose],
    ) -> Result<Vec<DatabaseName>, Failure> {
        let beside = world.databases.beside()?.into_iter();
        Ok(beside.filter(|made| purposes.contains(&made.purpose)).map(|made| made.name).collect())
    }

    fn one_off(&self, role: &str, stamp: &str) -> String {
        format!("opsctl-{role}-{stamp}")
    }

    fn summary(&self, archive: &Path) -> Result<Summary, Failure> {
        let summary =
            archive::inspect(archive).map_err(|error| Failure::refused(archive_fault(archive, &error)))?;
        if !matches!(&summary.origin, Origin::Opsctl(manifest) if matches!(manifest.database, Database::Sqlite(_)))
        {
            return Err(Failure::refused(other_kind()));
        }
        check::same_product(self, &summary).map_err(Failure::refused)?;
        Ok(summary)
    }
}
