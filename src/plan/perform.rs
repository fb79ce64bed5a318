//! The one place where a step meets the ports.

mod migrate;
mod quiet;
mod refusals;
mod rotation;
mod run_once;

use crate::error::Fault;
use crate::explain::Topic;
use crate::gates::{self, Subject};
use crate::model::database_name::DatabaseName;
use crate::model::manifest::Reason;
use crate::plan::perform::migrate::{Migration, migrate};
use crate::plan::perform::quiet::{confirm_quiet, mark_stopped};
use crate::plan::perform::refusals::{compare_refusals, mark_refusals};
use crate::plan::perform::rotation::{prove_on_record, prove_window, rehash, set_password};
use crate::plan::step::{OneOff, RestorePoint, Step};
use crate::ports::{Backups, Clock, CopyState, Databases, Limits, ProgressSink, Services, Settings, World};

/// Log lines shown when a migration fails.
const LOG_LINES: usize = 20;

/// What a step found or made, for a reader; most have nothing to say.
pub type Note = Option<String>;

/// What the journal adds to what the world shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Earlier {
    /// Whether an opsctl that is gone may have begun the step.
    pub in_doubt: bool,
    /// What an earlier step noted for this one to compare with.
    pub reading: Note,
}

/// Carries out a step. Each is safe to repeat: what is done already is found and left.
pub async fn perform<S, D, B, E, C>(
    world: &World<S, D, B, E, C>,
    step: &Step,
    earlier: &Earlier,
    limits: &Limits,
    progress: ProgressSink<'_>,
) -> Result<Note, Fault>
where
    S: Services,
    D: Databases,
    B: Backups,
    E: Settings,
    C: Clock,
{
    let World { services, databases, backups, settings, .. } = world;
    match step {
        Step::Pull { release } => services.pull(release, progress).await.map(Some),
        Step::Keep { release } => services.keep(release).await.map(nothing),
        Step::TakeBackup { id, reason, of } => {
            backups.take(id, *reason, of.as_ref(), progress).await.map(Some)
        }
        Step::UnpinBackup { id } => backups.unpin(id).await.map(nothing),
        Step::Prune { keep } => backups.prune(*keep).await,
        Step::CheckBackup { archive } => backups.check(archive, progress).await.map(Some),
        Step::CreateEmpty { database } => databases.create_empty(database).await.map(nothing),
        Step::LoadBackup { archive, into } => backups.load(archive, into, progress).await.map(nothing),
        Step::CompareLoaded { archive, database } => backups.compare(archive, database).await.map(Some),
        Step::Quiesce { services: names } => {
            let mut notes = Vec::new();
            for name in names {
                notes.extend(services.stop(name).await?);
            }
            Ok((!notes.is_empty()).then(|| notes.join("; ")))
        }
        Step::TakeRestorePoint { live, point, .. } => match point {
            RestorePoint::Clone { database } => databases.copy(live, database).await.map(nothing),
            RestorePoint::Backup { id, .. } => {
                backups.take(id, Reason::Safety, None, progress).await.map(Some)
            }
        },
        Step::RemoveVariables { names } => settings.remove_variables(names).await.map(nothing),
        Step::Migrate { one_off, live, .. } => {
            migrate((services, databases), Migration { one_off, live }, earlier, limits, progress).await
        }
        Step::ProveCanary { one_off } => prove(services, one_off, limits, progress).await,
        Step::ConfirmQuiet { services: names, failed } => {
            confirm_quiet(services, names, failed.as_ref(), earlier).await.map(nothing)
        }
        Step::MarkStopped { services: names } => mark_stopped(services, names).await,
        Step::RemoveOneOff { name } => services.remove_one_off(name).await.map(nothing),
        Step::MarkWrites { live } => databases.write_mark(live).await.map(|mark| Some(mark.0)),
        Step::SelectRelease { release } => settings.select(release).await.map(nothing),
        Step::RestoreSettings { release } => settings.restore(release).await,
        Step::Swap { live, incoming, outgoing } => {
            databases.swap(live, incoming, outgoing).await.map(nothing)
        }
        Step::ReturnToRestorePoint { live, point, failed } => {
            return_to(databases, backups, live, point, failed, progress).await
        }
        Step::ReplaceInPlace { archive, live } => {
            backups.replace_in_place(archive, live, progress).await.map(nothing)
        }
        Step::Start { services: names, release } => services.start(names, release).await.map(nothing),
        Step::PassGates { services: names, release } => {
            gates::pass(services, Subject::Services(names, release), limits, progress).await.map(nothing)
        }
        Step::ScanData => services.scan(progress).await,
        Step::DropDatabase { database } => databases.drop(database).await.map(nothing),
        Step::SetWindow { secret, window } => settings.set_window(secret, window).await.map(nothing),
        Step::Recreate { replicas, release, which } => {
            services.recreate(replicas, release, *which).await.map(nothing)
        }
        Step::ProveWindow { secret, window, services: names, among } => {
            prove_window(services, secret, window, names, *among).await
        }
        Step::SetPassword { secret } => set_password(settings, databases, secret).await,
        Step::TryKey { path } => services.try_key(path).await.map(Some),
        Step::MarkRefusals => Ok(mark_refusals(services).await),
        Step::CompareRefusals => compare_refusals(services, earlier).await,
        Step::Rehash { one_off, live, count, .. } => {
            rehash(services, databases, one_off, (live, count.as_deref()), limits, progress).await
        }
        Step::ProveOnRecord { live, query, before } => prove_on_record(databases, live, query, before).await,
        // The runner stops here; to go on is all that is left to do.
        Step::Pause { .. } => Ok(None),
        Step::NotePreviousVersion { version } => settings.note_previous(version).await.map(nothing),
    }
}

fn nothing((): ()) -> Note {
    None
}

/// Starts the new release where no client can reach it, and lets it pass the gates and its own preflight.
async fn prove<S: Services>(
    services: &S,
    one_off: &OneOff,
    limits: &Limits,
    progress: ProgressSink<'_>,
) -> Result<Note, Fault> {
    services.remove_one_off(&one_off.name).await?;
    services.start_one_off(one_off).await?;
    gates::pass(services, Subject::Canary(one_off), limits, progress).await?;
    let note = match services.one_off(&one_off.name).await? {
        Some(instance) => services.preflight(&instance).await?,
        None => return Err(Fault::new(format!("the canary {} was removed while it ran", one_off.name))),
    };
    services.remove_one_off(&one_off.name).await?;
    Ok(note)
}

/// Goes back to a restore point, unless the server shows that nothing was changed since.
async fn return_to<D: Databases, B: Backups>(
    databases: &D,
    backups: &B,
    live: &DatabaseName,
    point: &RestorePoint,
    failed: &DatabaseName,
    progress: ProgressSink<'_>,
) -> Result<Note, Fault> {
    let went_back = || Ok(Some(format!("the failed database is kept as {failed}")));
    if databases.exists(failed).await? {
        return went_back();
    }
    match point {
        RestorePoint::Clone { database: copy } => match databases.changed_since_copy(live, copy).await? {
            // It was whole before anything could change the data: whoever removed it was not opsctl.
            CopyState::NoCopy => Err(Fault::new(format!("the restore point {copy} is gone: somebody removed it"))
                .hint("the data is as the failed release left it, and is not served")
                .hint("`opsctl backup list` shows the backups; after `opsctl abort --leave`, `opsctl restore` loads one")
                .explained(Topic::RestorePointGone)),
            CopyState::Unchanged => Ok(Some("the database was not changed".to_owned())),
            CopyState::Changed => {
                databases.swap(live, copy, failed).await?;
                went_back()
            }
        },
        RestorePoint::Backup { id, side } => {
            let archive = backups.archive_of(id);
            backups.check(&archive, progress).await?;
            backups.load(&archive, side, progress).await?;
            backups.compare(&archive, side).await?;
            databases.swap(live, side, failed).await?;
            went_back()
        }
    }
}
