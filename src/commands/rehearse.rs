//! `opsctl upgrade VERSION --rehearse`: the target release's migrations on a copy that is made from a backup, on a server
//! and a network of its own. The product, its database and its network are not touched.

mod address;
mod lock_times;
mod migration;
mod redirect;
mod report;
mod scratch;

use std::fs::File;
use std::path::{Path, PathBuf};

use tokio::time::Instant;

use self::migration::Migration;
use self::report::{Restored, Tried};
use self::scratch::{Names, Scratch};
use crate::adapters::archive::{self, Summary};
use crate::adapters::backup_shelf::Shelf;
use crate::adapters::compose_services::{ComposeServices, fault as docker_fault};
use crate::adapters::disk::{self, Need};
use crate::adapters::docker::ToolNetwork;
use crate::adapters::dump_backups::{DumpBackups, archive_fault};
use crate::adapters::files;
use crate::adapters::tool_host::ToolHost;
use crate::cli::Upgrade;
use crate::commands::backup::catalogue;
use crate::commands::context::{Context, Outcome};
use crate::commands::current::{self, Found};
use crate::commands::database::{self, Reached};
use crate::commands::install::{Install, Place};
use crate::commands::live;
use crate::commands::restore::check;
use crate::commands::upgrade::{nothing_to_do, target};
use crate::error::{Exit, Failure, Fault};
use crate::interrupt::{Interrupt, Urgency};
use crate::model::manifest::Mode;
use crate::model::release::Version;
use crate::operations::{MigrateBy, upgrade};
use crate::plan::step::Release;
use crate::ports::{Backups as _, Services as _};
use crate::profile::DatabaseMode;
use crate::report::{Event, Reporter as _};

/// What is tried.
struct Rehearsal<'a> {
    context: &'a Context,
    install: Install,
    names: Names,
    services: ComposeServices,
    found: Found,
    target: Release,
    by: MigrateBy,
    archive: PathBuf,
    summary: Summary,
}

/// Tries the migrations of a release on what `backup` (a file, an identifier or `latest`) holds.
pub async fn run(
    context: &Context,
    asked: &Upgrade,
    version: &Version,
    backup: &str,
) -> Result<Outcome, Failure> {
    let place = Place::find(context)?;
    let _only_one = only_one(&place)?;
    let install = Install::open(context, place).await?;
    let names = Names::of(&install.model.project)?;
    let services = live::services(context, &install, &names.operation)?;
    let found = current::look(&install, &services).await?;
    let target = target::resolve(context, &install, version).await?;
    if let Some(outcome) = nothing_to_do(&found, &target) {
        return Ok(outcome);
    }
    let directory = install.place.backup_dir(asked.create.place.backup_dir.as_deref(), &install.variables);
    let (archive, summary) = chosen(&install, &directory, backup)?;
    let by = migrations(&install, &found, &target).map_err(Failure::refused)?;
    let rehearsal = Rehearsal { context, install, names, services, found, target, by, archive, summary };
    rehearsal.with_an_end().await.map_err(|fault| {
        Failure::refused(fault.within("the rehearsal failed; nothing of the product was changed"))
    })
}

/// Two rehearsals of one install would spoil each other's figures, and share their names.
fn only_one(place: &Place) -> Result<File, Failure> {
    let failed = |error: &dyn std::error::Error| {
        Fault::caused_by(format!("cannot keep records in {}", place.state.root().display()), error)
    };
    place.state.create().map_err(|error| failed(&error))?;
    let path = place.state.root().join("rehearsal.lock");
    let file = File::options().write(true).create(true).truncate(false).open(path);
    let file = file.map_err(|error| failed(&error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Failure::new(
            Exit::Locked,
            Fault::new("another rehearsal of this install is running").hint("wait until it has ended"),
        )),
        Err(std::fs::TryLockError::Error(error)) => Err(failed(&error).into()),
    }
}

/// The backup that is tried with, looked at but not read in full yet.
fn chosen(install: &Install, directory: &Path, named: &str) -> Result<(PathBuf, Summary), Failure> {
    let path =
        catalogue::archive(install, directory, named).map_err(|failure| Failure::refused(failure.fault))?;
    let path = std::path::absolute(&path).unwrap_or(path);
    let summary = archive::inspect(&path).map_err(|error| Failure::refused(archive_fault(&path, &error)))?;
    check::same_product(install, &summary).map_err(Failure::refused)?;
    Ok((path, summary))
}

fn migrations(install: &Install, found: &Found, target: &Release) -> Result<MigrateBy, Fault> {
    upgrade::refuse_downgrade(&found.release, target)?;
    current::migrate_by(install).ok_or_else(|| {
        Fault::new("there is nothing to rehearse: the product's description names no migrations")
            .hint("name them in opsctl.toml, under [migrate]")
    })
}

impl Rehearsal<'_> {
    /// Tries it, and removes everything that was made for it: whatever comes of it, and when somebody stops it.
    async fn with_an_end(&self) -> Result<Outcome, Fault> {
        let interrupt = Interrupt::listen(|urgency| {
            if urgency == Urgency::AfterStep {
                anstream::eprintln!("\nstopping the rehearsal and removing what it made");
            }
        })
        .map_err(|error| Fault::caused_by("cannot listen for signals", &error))?;
        let outcome = tokio::select! {
            outcome = self.tried() => outcome,
            () = interrupt.asked() => Err(Fault::new("it was stopped before its end")),
        };
        let cleared = tokio::select! {
            cleared = self.clear() => cleared,
            () = interrupt.insisted() => Err(Fault::new("opsctl was told to leave at once")),
        };
        if let Err(fault) = cleared {
            self.context.warn(format!(
                "what the rehearsal made could not be removed ({fault}): the next one does it"
            ));
        }
        outcome
    }

    async fn clear(&self) -> Result<(), Fault> {
        let cleared = scratch::clear(&self.install.engine, &self.names).await;
        let room = self.room();
        if room.exists() {
            std::fs::remove_dir_all(&room)
                .map_err(|error| Fault::caused_by(format!("could not remove {}", room.display()), &error))?;
        }
        cleared
    }

    /// Where files are kept while it runs.
    fn room(&self) -> PathBuf {
        self.install.place.state.operation(&self.names.operation)
    }

    async fn tried(&self) -> Result<Outcome, Fault> {
        self.clear().await?;
        files::create_private_dir(&self.room())
            .map_err(|error| Fault::caused_by("cannot make room for the rehearsal", &error))?;
        self.check_room().await?;
        let progress = |progress| self.context.report(&Event::Progress(progress));
        self.context.note(&format!("fetching {}", self.target));
        self.services.pull(&self.target, &progress).await?;
        let live = database::reach(&self.install, &self.names.operation).await?;
        self.context.note("starting a scratch server");
        let scratch = scratch::start(&self.install, &self.names, &live).await?;
        self.context.note(&format!("restoring {}", self.archive.display()));
        let restored = self.restore(&scratch, &live).await?;
        self.context.note(&format!("migrating the copy with {}", self.target));
        let migration = Migration {
            context: self.context,
            install: &self.install,
            services: &self.services,
            scratch: &scratch,
            names: &self.names,
            target: &self.target,
            by: &self.by,
            limit: live::limits(&self.install).migrate,
        };
        let ran = migration.run().await?;
        let after = report::state_of(&scratch.database).await?;
        report::outcome(&Tried {
            from: &self.found.release,
            to: &self.target,
            archive: &self.archive,
            restored,
            ran,
            after,
        })
    }

    /// The copy, once more what the migrations may write of it, and the dump that it is loaded from.
    async fn check_room(&self) -> Result<(), Fault> {
        let facts = self.install.engine.facts().await.map_err(|error| docker_fault(&error))?;
        let (unpacked, loaded) = check::sizes(&self.summary);
        let needs = [
            Need { what: "the unpacked dump", place: self.room(), bytes: unpacked },
            Need { what: "the copy", place: facts.root_dir.clone(), bytes: loaded },
            Need { what: "what the migrations write", place: facts.root_dir, bytes: loaded },
        ];
        disk::check(&needs).map(drop).map_err(|fault| fault.hint("make room and try again"))
    }

    async fn restore(&self, scratch: &Scratch, live: &Reached) -> Result<Restored, Fault> {
        let image = database::server_image(&self.install, live.server_major).await?;
        let network = ToolNetwork::Of(scratch.container.clone());
        let within = scratch.within.clone();
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let backups = DumpBackups {
            database: scratch.database.clone(),
            tools: ToolHost::in_image(
                self.install.engine.clone(),
                image,
                network,
                &self.install.model.project,
                within,
                live.server_major,
            ),
            mode: match self.install.mode {
                DatabaseMode::Bundled => Mode::Bundled,
                DatabaseMode::External => Mode::External,
            },
            shelf: Shelf {
                directory: self.archive.parent().map(Path::to_owned).unwrap_or_default(),
                state_dir: self.install.place.state.root().to_owned(),
                needed: Vec::new(),
                operation: scratch.database.operation.clone(),
            },
            release: self.found.for_manifest(),
            actor: self.context.surroundings.actor.clone(),
            exports: Vec::new(),
            scratch: self.room(),
            redactor: self.install.redactor.clone(),
            processors: u32::try_from(processors).unwrap_or(u32::MAX),
        };
        let progress = |progress| self.context.report(&Event::Progress(progress));
        let began = Instant::now();
        let copy = scratch.database.live();
        backups.load(&self.archive, &copy, &progress).await?;
        let found = backups.compare(&self.archive, &copy).await?;
        let state = report::state_of(&scratch.database).await?;
        Ok(Restored { took: began.elapsed(), found, state })
    }
}
