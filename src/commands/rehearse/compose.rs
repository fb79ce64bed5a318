//! The rehearsal of an upgrade of a Compose product with PostgreSQL: on a copy that is made from a backup, on a server and a
//! network of its own.

mod address;
mod migration;
mod redirect;
mod scratch;

use std::path::{Path, PathBuf};

use tokio::time::Instant;

use self::migration::Migration;
use self::scratch::{Names, Scratch};
use super::report::{self, Made, MadeFrom, Tried};
use super::{Rehearses, Wanted, chosen, migrations, room, with_an_end};
use crate::adapters::archive::Summary;
use crate::adapters::backup_shelf::Shelf;
use crate::adapters::compose_services::{ComposeServices, fault as docker_fault};
use crate::adapters::disk::{self, Need};
use crate::adapters::docker::ToolNetwork;
use crate::adapters::dump_backups::DumpBackups;
use crate::adapters::postgres::properties::database_facts;
use crate::adapters::postgres::rows::row_counts;
use crate::adapters::product_database::{self, ProductDatabase};
use crate::adapters::tool_host::ToolHost;
use crate::commands::context::{Context, Outcome};
use crate::commands::current::{self, Found};
use crate::commands::database::{self, Reached};
use crate::commands::install::Install;
use crate::commands::live;
use crate::commands::place::Place;
use crate::commands::restore::check;
use crate::commands::upgrade::{nothing_to_do, target};
use crate::error::{Failure, Fault};
use crate::model::manifest::Mode;
use crate::operations::MigrateBy;
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

/// Tries the migrations of a release on a backup: the newest one if none is named.
pub(super) async fn run(context: &Context, place: Place, wanted: &Wanted<'_>) -> Result<Outcome, Failure> {
    let install = Install::open(context, place).await?;
    let names = Names::of(&install.model.project)?;
    let services = live::services(context, &install, &names.operation)?;
    let found = current::look(&install, &services).await?;
    let target = target::resolve(context, &install, wanted.version).await?;
    if let Some(outcome) = nothing_to_do(&found, &target) {
        return Ok(outcome);
    }
    let (archive, summary) = chosen(&install, wanted.asked, wanted.source.unwrap_or("latest"))?;
    let by = migrations(current::migrate_by(&install), &found, &target)?;
    let rehearsal = Rehearsal { context, install, names, services, found, target, by, archive, summary };
    with_an_end(&rehearsal).await
}

impl Rehearses for Rehearsal<'_> {
    fn context(&self) -> &Context {
        self.context
    }

    fn room(&self) -> PathBuf {
        room(&self.install.place, &self.names.operation)
    }

    async fn tried(&self) -> Result<Outcome, Failure> {
        self.check_room().await?;
        let progress = |progress| self.context.report(&Event::Progress(progress));
        self.context.note(&format!("fetching {}", self.target));
        self.services.pull(&self.target, &progress).await?;
        let live = database::reach(&self.install, &self.names.operation).await?;
        self.context.note("starting a scratch server");
        let scratch = scratch::start(&self.install, &self.names, &live).await?;
        self.context.note(&format!("restoring {}", self.archive.display()));
        let made = self.restore(&scratch, &live).await?;
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
        if let Some(fault) = report::refused(&ran, &self.target) {
            return Err(fault.into());
        }
        let after = state_of(&scratch.database).await?;
        Ok(report::outcome(&Tried {
            from: &self.found.release,
            to: &self.target,
            made_from: MadeFrom::Backup(&self.archive),
            made,
            ran,
            integrity: None,
            after,
        }))
    }

    async fn clear(&self) -> Result<(), Fault> {
        scratch::clear(&self.install.engine, &self.names).await
    }
}

impl Rehearsal<'_> {
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

    async fn restore(&self, scratch: &Scratch, live: &Reached) -> Result<Made, Fault> {
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
        let state = state_of(&scratch.database).await?;
        Ok(Made { took: began.elapsed(), found, state })
    }
}

/// Looks at the copy.
async fn state_of(database: &ProductDatabase) -> Result<report::State, Fault> {
    let session = database.session(&database.live()).await?;
    let facts = database_facts(&session).await.map_err(|error| product_database::fault(&error))?;
    let rows = row_counts(&session).await.map_err(|error| product_database::fault(&error))?;
    let rows = rows.into_iter().map(|table| (format!("{}.{}", table.schema, table.name), table.rows));
    let migrations = database.migrations(&session).await?;
    Ok(report::State { size_bytes: facts.size_bytes, rows: rows.collect(), migrations })
}
