//! The real world for an operation: adapters put together for one install.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::adapters::archive::{self, Summary};
use crate::adapters::backup_shelf::Shelf;
use crate::adapters::compose_services::ComposeServices;
use crate::adapters::dump_backups::{DumpBackups, archive_fault};
use crate::adapters::env_settings::EnvSettings;
use crate::adapters::env_store::EnvStore;
use crate::adapters::fingerprint_key;
use crate::adapters::http::Http;
use crate::adapters::image_program::ImageProgram;
use crate::adapters::postgres::error::PgError;
use crate::adapters::postgres::server::databases;
use crate::adapters::product_database::{self, ProductDatabase};
use crate::commands::context::Context;
use crate::commands::current::{self, Found};
use crate::commands::database::{self, Reached};
use crate::commands::install::Install;
use crate::commands::place::Place;
use crate::commands::ready::Operable;
use crate::commands::restore::check;
use crate::commands::site::{Kept, Site};
use crate::error::{Exit, Failure, Fault};
use crate::model::backup_id::BackupId;
use crate::model::compose_model::{RestartPolicy, Service};
use crate::model::conninfo::{ConnInfo, Host};
use crate::model::database_name::{DatabaseName, DatabasePurpose};
use crate::model::fingerprint::FingerprintKey;
use crate::model::manifest::{self, Mode};
use crate::model::operation::OperationId;
use crate::model::redaction::Redactor;
use crate::model::secret::Secret;
use crate::operations::{DataCheck, Product as Operated};
use crate::plan::by_hand::{ByHand, Handbook};
use crate::ports::{Clock, Limits, World};
use crate::profile::{DatabaseMode, Hooks, Product, ServiceName};

/// The world that operations on a Compose product with PostgreSQL act on.
pub type LiveWorld = World<ComposeServices, ProductDatabase, DumpBackups, EnvSettings, SystemClock>;

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
}

/// The variable that holds the key for requests that only an administrator may make.
pub const PLATFORM_KEY: &str = "OPSCTL_PLATFORM_KEY";

/// What an operation needs to know beside the install.
pub struct Setting<'a> {
    /// Its identifier.
    pub operation: &'a OperationId,
    /// Where backups are.
    pub backup_dir: &'a Path,
    /// What runs, for the manifests of backups.
    pub release: manifest::Release,
    /// Backups that an operation could still go back to, and which.
    pub needed: Vec<(BackupId, OperationId)>,
}

/// Builds the services alone: for commands that need no database.
pub fn services(
    context: &Context,
    install: &Install,
    operation: &OperationId,
) -> Result<ComposeServices, Fault> {
    let http = Http::new().map_err(|error| Fault::caused_by("cannot ask over HTTP", &error))?;
    Ok(ComposeServices {
        engine: install.engine.clone(),
        engine_settings: install.engine_settings.clone(),
        compose: install.compose.clone(),
        project: install.model.project.clone(),
        profile: install.profile.clone(),
        started_with_engine: those(install, |service| service.restart == RestartPolicy::Always),
        scaled_by_files: those(install, |service| service.replicas != 1),
        operation: operation.clone(),
        scratch: install.place.state.operation(operation),
        redactor: install.redactor.clone(),
        http,
        platform_key: platform_key(context, install),
        fingerprints: fingerprint_key::of(install.place.state.root())?,
    })
}

/// The product's services of which something holds in the resolved model.
fn those(install: &Install, holds: impl Fn(&Service) -> bool) -> Vec<ServiceName> {
    let of_model = |name: &&ServiceName| install.model.services.get(name.as_str()).is_some_and(&holds);
    install.profile.stop_order().into_iter().filter(of_model).cloned().collect()
}

/// Builds the world for an operation.
pub async fn world(context: &Context, install: &Install, setting: Setting<'_>) -> Result<LiveWorld, Fault> {
    let Reached { database, tools, .. } = database::reach(install, setting.operation).await?;
    let scratch: PathBuf = install.place.state.operation(setting.operation);
    let image = setting.release.image_id.clone();
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let backups = DumpBackups {
        database: database.clone(),
        tools,
        mode: match install.mode {
            DatabaseMode::Bundled => Mode::Bundled,
            DatabaseMode::External => Mode::External,
        },
        shelf: Shelf {
            directory: setting.backup_dir.to_owned(),
            state_dir: install.place.state.root().to_owned(),
            needed: setting.needed,
            operation: setting.operation.clone(),
        },
        release: setting.release,
        actor: context.surroundings.actor.clone(),
        exports: install.profile.database.exports.clone(),
        scratch: scratch.clone(),
        redactor: install.redactor.clone(),
        processors: u32::try_from(processors).unwrap_or(u32::MAX),
    };
    let services = services(context, install, setting.operation)?;
    let mut settings = settings(context, install, setting.backup_dir, scratch, services.fingerprints.clone());
    settings.generator = image.and_then(|image| image.parse().ok()).map(|image| ImageProgram {
        engine: install.engine.clone(),
        image,
        operation: setting.operation.to_string(),
        project: install.model.project.clone(),
    });
    Ok(World { services, databases: database, backups, settings, clock: SystemClock })
}

/// Builds the settings alone; `fingerprints` is the key that the services have too.
pub fn settings(
    context: &Context,
    install: &Install,
    backup_dir: &Path,
    scratch: PathBuf,
    fingerprints: FingerprintKey,
) -> EnvSettings {
    EnvSettings {
        store: EnvStore::at(&install.env_file),
        release: install.profile.release.clone(),
        variables: install.profile.variables.clone(),
        install: install.place.dir.clone(),
        backup_dir: backup_dir.to_owned(),
        scratch,
        environment: context.surroundings.environment.clone(),
        fingerprints,
        redactor: install.redactor.clone(),
        generator: None,
    }
}

/// The key from the environment, else from the setting that the profile names.
fn platform_key(context: &Context, install: &Install) -> Option<Secret> {
    let named = install.profile.scan.as_ref().and_then(|scan| scan.token_variable.as_ref());
    let key =
        context.surroundings.variable(PLATFORM_KEY).or_else(|| named.and_then(|name| install.variable(name)));
    key.map(Secret::new)
}

impl Kept for Install {
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

impl Site for Install {
    type Services = ComposeServices;
    type Databases = ProductDatabase;
    type Backups = DumpBackups;
    type Settings = EnvSettings;

    fn hooks(&self) -> &Hooks {
        &self.profile.hooks
    }

    fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    fn limits(&self) -> Limits {
        limits(self)
    }

    fn backup_dir<'w>(&self, world: &'w LiveWorld) -> &'w Path {
        &world.backups.shelf.directory
    }

    fn by_hand(&self, world: &LiveWorld) -> Box<dyn Handbook> {
        Box::new(by_hand(self, &world.databases.info, &world.backups.shelf.directory))
    }

    /// Other machines may operate the same database: the server itself keeps them apart.
    async fn lock(&self, world: &LiveWorld, host: &str) -> Result<(), Failure> {
        let database = &world.databases;
        let holder = format!("{}@{host}", database.application());
        let live = database.live();
        let info = database.reachable().await?;
        database.lock.take(&info, &live, &holder).await.map_err(|error| {
            let fault = product_database::fault(&error);
            match error {
                PgError::InUse { .. } => Failure::new(Exit::Locked, fault),
                _ => fault.into(),
            }
        })
    }

    async fn clear_tools(&self, world: &LiveWorld) -> Result<(), Fault> {
        let state = &self.place.state;
        let recorded =
            |operation: &str| OperationId::parse(operation).is_some_and(|id| state.journal(&id).exists());
        world.services.clear_tools(recorded).await
    }

    async fn clear_one_offs(&self, world: &LiveWorld) {
        let _ = world.services.clear_one_offs().await;
    }
}

impl Operable for Install {
    async fn open(context: &Context, place: Place) -> Result<Self, Failure> {
        Self::open(context, place).await
    }

    async fn look(&self, context: &Context, operation: &OperationId) -> Result<Found, Failure> {
        current::look(self, &services(context, self, operation)?).await
    }

    async fn world(&self, context: &Context, setting: Setting<'_>) -> Result<LiveWorld, Fault> {
        world(context, self, setting).await
    }

    fn live(&self, world: &LiveWorld) -> DatabaseName {
        world.databases.live()
    }

    fn operated(&self, found: &Found, live: DatabaseName) -> Operated {
        let services = self.profile.stop_order().into_iter();
        Operated {
            release: found.release.clone(),
            services: services.filter(|name| self.is_there(name)).cloned().collect(),
            running: found.running.clone(),
            well: found.wellness(),
            live,
            migrate: current::migrate_by(self),
            data_check: if self.profile.scan.is_some() { DataCheck::Described } else { DataCheck::None },
        }
    }

    async fn made(
        &self,
        world: &LiveWorld,
        purposes: &[DatabasePurpose],
    ) -> Result<Vec<DatabaseName>, Failure> {
        let (session, live) = (world.databases.maintenance().await?, world.databases.live());
        let found = databases(&session, live.as_str()).await;
        let found = found.map_err(|error| product_database::fault(&error))?;
        let mut names: Vec<DatabaseName> = found.into_iter().map(|listed| listed.name).collect();
        names.retain(|name| name.made_from(&live).is_some_and(|made| purposes.contains(&made.purpose)));
        names.sort();
        Ok(names)
    }

    fn one_off(&self, role: &str, stamp: &str) -> String {
        format!("{}-opsctl-{role}-{stamp}", self.model.project)
    }

    fn summary(&self, archive: &Path) -> Result<Summary, Failure> {
        let summary =
            archive::inspect(archive).map_err(|error| Failure::refused(archive_fault(archive, &error)))?;
        check::same_product(self, &summary).map_err(Failure::refused)?;
        Ok(summary)
    }
}

/// How a person does what opsctl could not.
pub fn by_hand(install: &Install, info: &ConnInfo, backup_dir: &Path) -> ByHand {
    let compose = install.compose.typed();
    let bundled = install.profile.database.bundled.as_ref().filter(|_| install.mode == DatabaseMode::Bundled);
    let within = bundled.map(|bundled| ["exec".to_owned(), "-T".to_owned(), bundled.service.to_string()]);
    let tools = within.map(|exec| compose.iter().cloned().chain(exec).collect()).unwrap_or_default();
    let mut connection = if bundled.is_some() { Vec::new() } else { place_of(info) };
    connection.extend(["--username".to_owned(), info.user.clone()]);
    let release = &install.profile.release;
    ByHand {
        compose,
        tools,
        connection,
        env_file: install.env_file.clone(),
        version_variable: release.version_variable.to_string(),
        pin_variable: release.pin_variable.as_ref().map(ToString::to_string),
        backup_dir: backup_dir.to_owned(),
    }
}

fn place_of(info: &ConnInfo) -> Vec<String> {
    let (host, port) = match info.hosts.first() {
        Some(Host::Tcp { name, port, .. }) => (name.clone(), *port),
        Some(Host::Socket { directory, port }) => (directory.display().to_string(), *port),
        None => return Vec::new(),
    };
    vec!["--host".to_owned(), host, "--port".to_owned(), port.to_string()]
}

/// How long things may take with this product.
pub fn limits(install: &Install) -> Limits {
    let health = &install.profile.health;
    Limits {
        start: health.start_timeout,
        stable: health.watch_for,
        canary_stable: health.stable_for,
        migrate: install.profile.migrate.as_ref().map_or(health.start_timeout, |migrate| migrate.timeout),
    }
}
