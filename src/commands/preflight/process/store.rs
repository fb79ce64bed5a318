//! Looking at the store.

use std::path::Path;
use std::time::Duration;

use tokio::time::sleep;

use super::ProcessSurvey;
use super::host::folder_of;
use crate::adapters::archive::{self, Origin, Summary};
use crate::adapters::catalogue::{Catalogue, Record};
use crate::adapters::disk::{self, Need};
use crate::adapters::holders;
use crate::adapters::process_services::{Run, one_offs};
use crate::adapters::sqlite::condition::{Depth, size, soundness};
use crate::adapters::sqlite::head::{network_of, unwritable};
use crate::adapters::sqlite_database::working;
use crate::commands::embedded::store::Known;
use crate::commands::preflight::host::failing;
use crate::commands::preflight::outlook::ALONE;
use crate::error::Fault;
use crate::model::manifest::{Database, Manifest, Reason};
use crate::preflight::Judgement;
use crate::preflight::host::Holder;
use crate::preflight::store::{self as judge, SchemaOfBackup, Schemas, Soundness};
use crate::report::quantity;

/// How long the store may be read to find out whether it is sound: nobody should wait long for a preflight.
const SOUND_LIMIT: Duration = Duration::from_secs(2);

/// Whoever only looks into the store for a moment has closed it by then.
const MOMENT: Duration = Duration::from_millis(400);

pub(super) async fn file(survey: &ProcessSurvey<'_>) -> Judgement {
    let file = survey.database().file;
    if !file.exists() {
        return absent(survey, &file);
    }
    match survey.try_condition().await {
        Ok(Ok(found)) => {
            let tables = quantity::counted(found.tables as u64, "table", "tables");
            Judgement::pass(format!("{}, {}, {tables}", file.display(), quantity::bytes(found.size.store)))
        }
        Ok(Err(fault)) => failing(fault),
        Err(skipped) => skipped,
    }
}

/// A product makes its store when it first starts. Where there were data before, they are gone.
fn absent(survey: &ProcessSurvey<'_>, file: &Path) -> Judgement {
    let evidence = format!("{} is not there", file.display());
    let was_started = survey.run().is_ok_and(|run| run.is_some_and(|run| run.session.is_some()));
    if was_started || Known::of(&survey.place.state) != Known::Unknown {
        return Judgement::fail(evidence, "was it moved? `file` in opsctl.toml names it")
            .and("`opsctl backup list` shows what can be restored");
    }
    Judgement::skipped(format!("{evidence} yet: the product was never started"))
}

pub(super) fn place(survey: &ProcessSurvey<'_>) -> Judgement {
    let file = survey.database().file;
    let folder = folder_of(&file);
    match network_of(folder) {
        Ok(network) => judge::place(&folder.display().to_string(), network, unwritable(&file).as_deref()),
        Err(error) => Judgement::skipped(format!("{}: {error}", folder.display())),
    }
}

/// An operation opens the store itself, and sees to it that nobody else does.
pub(super) async fn open(survey: &ProcessSurvey<'_>) -> Judgement {
    let file = survey.database().file;
    if survey.beside_operation {
        return Judgement::skipped(ALONE);
    }
    if !file.exists() {
        return Judgement::skipped("see store-file: it is not there");
    }
    let session = match survey.run() {
        Ok(run) => run.and_then(|run| run.session),
        Err(skipped) => return skipped,
    };
    let ours = |holder: &Holder| session == Some(holder.session);
    match lasting(&file, ours).await {
        Ok(holders) => match left_over(survey, &holders) {
            Some((run, holder)) => judge::open_in_left_over(&run.name, &holder),
            None => judge::open(&holders, ours, own(session)),
        },
        Err(fault) => Judgement::skipped(fault.to_string()),
    }
}

fn own(session: Option<u32>) -> judge::Own {
    match session {
        None => judge::Own::Stopped,
        Some(leader) if holders::shows_files(leader) => judge::Own::Seen,
        Some(_) => judge::Own::Hidden,
    }
}

/// What opsctl itself started to run once, and an operation that was cut short has left.
fn left_over(survey: &ProcessSurvey<'_>, holders: &[Holder]) -> Option<(Run, Holder)> {
    let runs = one_offs(&survey.run_dir(), &survey.profile.service).ok()?;
    runs.into_iter().find_map(|run| {
        let holder = holders.iter().find(|holder| run.session == Some(holder.session))?;
        Some((run, holder.clone()))
    })
}

async fn lasting(file: &Path, ours: impl Fn(&Holder) -> bool) -> Result<Vec<Holder>, Fault> {
    let look = || {
        let file = file.to_owned();
        working(move || {
            holders::of_file(&file).map_err(|error| {
                Fault::caused_by(format!("it cannot be seen who has {} open", file.display()), &error)
            })
        })
    };
    let first = look().await?;
    if first.iter().all(&ours) {
        return Ok(first);
    }
    sleep(MOMENT).await;
    Ok(look().await?.into_iter().filter(|holder| first.contains(holder)).collect())
}

pub(super) async fn sound(survey: &ProcessSurvey<'_>) -> Judgement {
    let (condition, run) = match (survey.condition().await, survey.run()) {
        (Ok(condition), Ok(run)) => (condition, run),
        (Err(skipped), _) | (_, Err(skipped)) => return skipped,
    };
    // Without a write-ahead log, who reads keeps the product from writing for as long as it takes.
    if condition.journal_mode() != "wal" && run.is_some_and(|run| run.session.is_some()) {
        return Judgement::skipped(
            "it has no write-ahead log, and a check would hold up the product: `opsctl backup` checks a copy",
        );
    }
    soundly(survey, Depth::Quick, SOUND_LIMIT).await
}

/// Reads the store to find out whether it is sound, for so long at most.
pub(in crate::commands) async fn soundly(
    survey: &ProcessSurvey<'_>,
    depth: Depth,
    limit: Duration,
) -> Judgement {
    if survey.beside_operation {
        return Judgement::skipped(ALONE);
    }
    let file = survey.database().file;
    let size = size(&file).store;
    let read = working(move || {
        soundness(&file, depth, limit).map_err(|error| error.fault("the store cannot be checked"))
    });
    match read.await {
        Ok(found) => match (&found, depth) {
            // Whoever asked for a proof has none.
            (Soundness::NotThrough(limit), Depth::Full) => Judgement::fail(
                format!("{} could not be read within {}", quantity::bytes(size), quantity::duration(*limit)),
                "is the disk overloaded? `opsctl backup` checks a copy",
            ),
            _ => judge::sound(&found, size),
        },
        Err(fault) => failing(&fault),
    }
}

pub(super) async fn log(survey: &ProcessSurvey<'_>) -> Judgement {
    match survey.condition().await {
        Ok(found) => judge::log(found.journal_mode(), found.size.store, found.size.log),
        Err(skipped) => skipped,
    }
}

pub(in crate::commands) async fn schema(survey: &ProcessSurvey<'_>) -> Judgement {
    let condition = match survey.condition().await {
        Ok(condition) => condition,
        Err(skipped) => return skipped,
    };
    let backup = survey.last_manifest().await.and_then(|manifest| match &manifest.database {
        Database::Sqlite(facts) => Some(SchemaOfBackup {
            id: manifest.id.to_string(),
            hash: facts.schema_hash.clone(),
            applied: facts.migrations.iter().map(|migration| migration.id.clone()).collect(),
        }),
        Database::Postgresql(_) => None,
    });
    judge::schema(&Schemas {
        hash: condition.schema_hash.clone(),
        applied: condition.migrations.clone(),
        backup,
    })
}

/// What an upgrade copies: the store beside itself, and once more for the backup.
pub(super) fn room(survey: &ProcessSurvey<'_>) -> Judgement {
    let file = survey.database().file;
    let size = size(&file);
    let bytes = size.both();
    if bytes == 0 {
        return Judgement::skipped("see store-file: it is not there");
    }
    let need = |what, place: &Path| Need { what, place: place.to_owned(), bytes };
    let needs = [
        need("the restore point", folder_of(&file)),
        need("the backup", &survey.backup_dir()),
        need("its copy", survey.place.state.root()),
    ];
    match disk::check(&needs) {
        Ok(fits) => Judgement::pass(format!("at most {}", fits.join("; at most "))),
        Err(fault) => {
            let said = [vec![fault.what], fault.evidence].concat().join("; ");
            Judgement::fail(
                said,
                "make room: `opsctl backup prune`, remove old folders in `releases`, or a larger disk",
            )
        }
    }
}

impl ProcessSurvey<'_> {
    /// The manifest of the newest backup of the release that runs; none where there is no such backup that can be read, or
    /// where it holds what was live until this store was begun.
    pub(in crate::commands) async fn last_manifest(&self) -> Option<Manifest> {
        let release = &self.found().await.ok()?.release.version;
        let catalogue = Catalogue::open(self.place.state.root()).ok()?;
        let of_this = |record: &&Record| record.release.as_ref() == Some(release);
        let readable =
            |record: &Record| match archive::inspect(&catalogue.path_of(record.id, &self.backup_dir())) {
                Ok(Summary { origin: Origin::Opsctl(manifest), .. }) => Some(*manifest),
                _ => None,
            };
        let newest = catalogue.records().iter().rev().filter(of_this).find_map(readable);
        newest.filter(|manifest| manifest.reason != Reason::Archive)
    }
}
