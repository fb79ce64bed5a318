//! The rehearsal of an upgrade of a process with a SQLite file: on a copy of the live store, or of a backup, in a folder of its
//! own.

mod migration;
mod redirect;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::time::Instant;

use self::migration::Migration;
use self::redirect::Redirection;
use super::report::{self, Made, MadeFrom, State, Tried};
use super::{Rehearses, Wanted, chosen, migrations, room, with_an_end};
use crate::adapters::archive::Summary;
use crate::adapters::disk::{self, Need};
use crate::adapters::process_services::ProcessServices;
use crate::adapters::releases::Releases;
use crate::adapters::sqlite::condition::{self, Depth};
use crate::adapters::sqlite::copy;
use crate::adapters::sqlite_database::{SqliteDatabase, working};
use crate::commands::context::{Context, Outcome};
use crate::commands::current::Found;
use crate::commands::embedded::Embedded;
use crate::commands::live::Setting;
use crate::commands::operate;
use crate::commands::place::Place;
use crate::commands::ready::Operable as _;
use crate::commands::restore::check;
use crate::commands::show;
use crate::commands::site::Site as _;
use crate::commands::upgrade::{Upgrades as _, nothing_to_do};
use crate::error::{Failure, Fault};
use crate::model::manifest::Sqlite;
use crate::model::operation::{OperationId, OperationKind};
use crate::model::secret::Secret;
use crate::plan::step::{OneOff, Release};
use crate::ports::{Backups as _, Services as _};
use crate::preflight::store::Soundness;
use crate::profile::{ProcessProfile, Source};
use crate::report::{Event, Reporter as _, quantity};

/// What is tried.
struct Rehearsal<'a> {
    context: &'a Context,
    site: Embedded,
    operation: OperationId,
    found: Found,
    target: Release,
    command: Vec<String>,
    /// The backup that the copy is made from; of the live store where there is none.
    backup: Option<(PathBuf, Summary)>,
}

/// Tries the migrations of a release on the backup that is named, or on a copy of the live store.
pub(super) async fn run(context: &Context, place: Place, wanted: &Wanted<'_>) -> Result<Outcome, Failure> {
    let asked = wanted.asked;
    let site = Embedded::open(context, place).await?;
    let operation = OperationId::parse("rehearsal").ok_or_else(|| Fault::new("no name for a rehearsal"))?;
    let found = site.look(context, &operation).await?;
    let target = site.target(context, wanted.version, asked.sha256).await?;
    if let Some(outcome) = nothing_to_do(&found, &target) {
        return Ok(outcome);
    }
    let backup = wanted.source.map(|named| chosen(&site, asked, named)).transpose()?;
    let live = site.database().live();
    let by = migrations(site.operated(&found, live).migrate, &found, &target)?;
    let command = by.command.unwrap_or_default();
    let rehearsal = Rehearsal { context, site, operation, found, target, command, backup };
    with_an_end(&rehearsal).await
}

impl Rehearses for Rehearsal<'_> {
    fn context(&self) -> &Context {
        self.context
    }

    fn room(&self) -> PathBuf {
        room(&self.site.place, &self.operation)
    }

    async fn tried(&self) -> Result<Outcome, Failure> {
        self.check_room()?;
        let redirection = Redirection::to(&self.copied().file, &self.site, &self.command)?;
        let services = self.services(redirection.environment)?;
        self.context.note(&format!("fetching {}", self.target));
        let progress = |progress| self.context.report(&Event::Progress(progress));
        services.pull(&self.target, &progress).await?;
        let made = self.make_copy().await?;
        self.context.note(&format!("migrating the copy with {}", self.target));
        let migration = Migration {
            context: self.context,
            services: &services,
            one_off: self.one_off(redirection.command),
            limit: self.site.limits().migrate,
        };
        let ran = migration.run().await?;
        if let Some(fault) = report::refused(&ran, &self.target) {
            return Err(fault.into());
        }
        let integrity = Some(self.checked().await?);
        let after = self.facts().await?;
        let live = self.site.database().file;
        let made_from =
            self.backup.as_ref().map_or(MadeFrom::Live(&live), |(archive, _)| MadeFrom::Backup(archive));
        let (from, to) = (&self.found.release, &self.target);
        Ok(report::outcome(&Tried { from, to, made_from, made, ran, integrity, after: state(&after) }))
    }

    /// The migrations of one that was killed may still be running.
    async fn clear(&self) -> Result<(), Fault> {
        if !self.room().exists() {
            return Ok(());
        }
        self.services(Vec::new())?.remove_one_off(&self.one_off(Vec::new()).name).await
    }
}

impl Rehearsal<'_> {
    /// The copy, under the name that the live store has.
    fn copied(&self) -> SqliteDatabase {
        let live = self.site.database();
        let file = self.room().join(live.file.file_name().unwrap_or_default());
        SqliteDatabase { file, ..live }
    }

    fn one_off(&self, command: Vec<String>) -> OneOff {
        OneOff {
            name: self.site.one_off("migrate", self.operation.as_str()),
            service: self.site.profile.service.name.clone(),
            release: self.target.clone(),
            command: Some(command),
            program: None,
        }
    }

    /// The product's, with processes and releases of their own.
    fn services(&self, environment: Vec<(String, Secret)>) -> Result<ProcessServices, Fault> {
        let services = self.site.services(&self.operation)?;
        let room = self.room();
        let releases = Releases {
            records: room.join("brought"),
            profile: Arc::new(self.profile_from_here()),
            http: services.http.clone(),
            install: room.clone(),
        };
        let (run_dir, database) = (room.join("run"), self.copied().file);
        Ok(ProcessServices { run_dir, database, environment, releases, ..services })
    }

    /// Where the release comes from, seen from the rehearsal's folder: one that the install has is copied from there.
    fn profile_from_here(&self) -> ProcessProfile {
        let mut profile = (*self.site.profile).clone();
        let install = &self.site.place.dir;
        let here = install.join("releases");
        let source = &mut profile.runtime.source;
        if here.join(self.target.version.as_str()).is_dir() {
            *source = Some(Source::Folder(here));
        } else if let Some(Source::Folder(folder)) = source {
            *folder = install.join(&folder);
        }
        profile
    }

    /// The copy, once more what the migrations may write of it, and what it is unpacked beside.
    fn check_room(&self) -> Result<(), Fault> {
        let bytes = match &self.backup {
            Some((_, summary)) => check::sizes(summary).1,
            None => condition::size(&self.site.database().file).both(),
        };
        let need = |what| Need { what, place: self.room(), bytes };
        disk::check(&[need("the copy"), need("what the migrations write")])
            .map(drop)
            .map_err(|fault| fault.hint("make room and try again"))
    }

    async fn make_copy(&self) -> Result<Made, Failure> {
        let began = Instant::now();
        let copied = self.copied();
        match &self.backup {
            None => {
                // A reader in the wrong moment would keep another operation from putting the store aside.
                let _held = operate::hold(self.context, &self.site.place, OperationKind::Backup)?;
                let (from, to) = (self.site.database().file, copied.file.clone());
                self.context.note(&format!("copying {}", from.display()));
                working(move || {
                    copy::copy(&from, &to).map_err(|error| error.fault("the store cannot be copied"))
                })
                .await?;
            }
            Some((archive, _)) => {
                self.context.note(&format!("restoring {}", archive.display()));
                let progress = |progress| self.context.report(&Event::Progress(progress));
                let setting = Setting {
                    operation: &self.operation,
                    backup_dir: archive.parent().unwrap_or(archive),
                    release: self.found.for_manifest(),
                    needed: Vec::new(),
                };
                let mut backups = self.site.world(self.context, setting).await?.backups;
                backups.database = copied.clone();
                backups.load(archive, &copied.live(), &progress).await?;
                backups.compare(archive, &copied.live()).await?;
            }
        }
        let took = began.elapsed();
        let facts = self.facts().await?;
        Ok(Made { took, found: show::sqlite(&facts), state: state(&facts) })
    }

    async fn facts(&self) -> Result<Sqlite, Fault> {
        let copied = self.copied();
        copied.facts(&copied.live()).await
    }

    /// What a full check of the migrated copy finds.
    async fn checked(&self) -> Result<String, Fault> {
        let (file, limit) = (self.copied().file, self.site.limits().migrate);
        let found = working(move || {
            condition::soundness(&file, Depth::Full, limit)
                .map_err(|error| error.fault("the migrated copy cannot be checked"))
        });
        match found.await? {
            Soundness::Sound => Ok("ok".to_owned()),
            Soundness::Dangling(rows) => Ok(format!("ok, but {rows} rows refer to rows that are not there")),
            Soundness::NotThrough(limit) => {
                Ok(format!("not checked to the end within {}", quantity::duration(limit)))
            }
            Soundness::Broken(what) => Err(Fault::new(format!("the migrated copy is damaged: {what}"))
                .hint(format!("tell the supplier of {}", self.target))),
        }
    }
}

fn state(facts: &Sqlite) -> State {
    State {
        size_bytes: facts.size_bytes,
        rows: facts.tables.iter().map(|table| (table.name.clone(), table.rows)).collect(),
        migrations: facts.migrations.iter().map(|migration| migration.id.clone()).collect(),
    }
}
