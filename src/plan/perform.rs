//! The one place where a step meets the ports.

use std::time::Duration;

use crate::error::Fault;
use crate::gates::{self, Subject};
use crate::model::database_name::DatabaseName;
use crate::model::manifest::Reason;
use crate::plan::step::{OneOff, RestorePoint, Step};
use crate::ports::{
    Backups, Clock, CopyState, Databases, InstanceState, Limits, ProgressSink, Services, Settings, World,
};
use crate::profile::ServiceName;
use crate::report::{Progress, Unit};

/// Log lines shown when a migration fails.
const LOG_LINES: usize = 20;

/// How often it is looked whether somebody holds up a migration.
const LOOK_FOR_BLOCKERS: Duration = Duration::from_secs(3);

/// What a step found or made, for a reader; most have nothing to say.
pub type Note = Option<String>;

/// Carries out a step. Each is safe to repeat: what is done already is found and left.
pub async fn perform<S, D, B, E, C>(
    world: &World<S, D, B, E, C>,
    step: &Step,
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
        Step::TakeBackup { id, reason } => backups.take(id, *reason, progress).await.map(Some),
        Step::UnpinBackup { id } => backups.unpin(id).await.map(nothing),
        Step::Prune { keep } => backups.prune(*keep).await,
        Step::CheckBackup { archive } => backups.check(archive, progress).await.map(Some),
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
            RestorePoint::Backup { id, .. } => backups.take(id, Reason::Safety, progress).await.map(Some),
        },
        Step::RemoveVariables { names } => settings.remove_variables(names).await.map(nothing),
        Step::Migrate { one_off, live, .. } => {
            migrate(services, databases, one_off, live, limits, progress).await
        }
        Step::ProveCanary { one_off } => prove(services, one_off, limits, progress).await,
        Step::ConfirmQuiet { services: names, failed } => {
            confirm_quiet(services, names, failed.as_ref()).await.map(nothing)
        }
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
        Step::NotePreviousVersion { version } => settings.note_previous(version).await.map(nothing),
    }
}

fn nothing((): ()) -> Note {
    None
}

/// Fails if somebody started a service again that the operation holds stopped.
async fn confirm_quiet<S: Services>(
    services: &S,
    names: &[ServiceName],
    failed: Option<&DatabaseName>,
) -> Result<(), Fault> {
    for name in names {
        for instance in services.instances(name).await? {
            if matches!(instance.state, InstanceState::Running | InstanceState::Restarting) {
                let fault =
                    Fault::new(format!("somebody started {name} while the operation held it stopped"));
                let kept = |failed| {
                    format!("what it may have written since is in the database {failed}, which is kept")
                };
                return Err(failed
                    .map(kept)
                    .into_iter()
                    .fold(fault, Fault::hint)
                    .hint("leave the product alone until the operation has ended, and try again"));
            }
        }
    }
    Ok(())
}

/// Runs the migrations, or waits for a run that outlived an earlier opsctl: they are never run twice at once.
async fn migrate<S: Services, D: Databases>(
    services: &S,
    databases: &D,
    one_off: &OneOff,
    live: &DatabaseName,
    limits: &Limits,
    progress: ProgressSink<'_>,
) -> Result<Note, Fault> {
    let before = databases.schema(live).await?;
    match services.one_off(&one_off.name).await?.map(|instance| instance.state) {
        None => services.start_one_off(one_off).await?,
        // An earlier opsctl was killed after it had made the container: nobody will ever start this one.
        Some(InstanceState::Created) => {
            services.remove_one_off(&one_off.name).await?;
            services.start_one_off(one_off).await?;
        }
        Some(_) => {}
    }
    let began = tokio::time::Instant::now();
    let (mut looked, mut held_up) = (began, None);
    let ended = loop {
        let instance = services.one_off(&one_off.name).await?.ok_or_else(|| {
            Fault::new(format!("the migration's container {} was removed while it ran", one_off.name))
        })?;
        if let InstanceState::Exited { status } = instance.state {
            break (instance, status);
        }
        if began.elapsed() >= limits.migrate {
            let log = services.log_tail(&instance, LOG_LINES).await;
            let blockers = databases.blockers(live).await.unwrap_or_default();
            services.remove_one_off(&one_off.name).await?;
            let fault =
                Fault::new(format!("the migration did not end within {} s", limits.migrate.as_secs()));
            return Err(fault.evidence(blockers).evidence(log));
        }
        if looked.elapsed() >= LOOK_FOR_BLOCKERS {
            looked = tokio::time::Instant::now();
            held_up = databases.blockers(live).await.ok().and_then(|blockers| blockers.into_iter().next());
        }
        let doing = held_up.as_ref().map_or("migrating".into(), |who| format!("migrating; {who}").into());
        let (done, total) = (began.elapsed().as_secs(), Some(limits.migrate.as_secs()));
        progress(Progress { doing, done, total, unit: Unit::Seconds });
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let (instance, status) = ended;
    if status != 0 {
        let log = services.log_tail(&instance, LOG_LINES).await;
        return Err(gates::ended_badly("the migration", &instance, status).evidence(log));
    }
    services.remove_one_off(&one_off.name).await?;
    let after = databases.schema(live).await?;
    let applied: Vec<String> =
        after.migrations.into_iter().filter(|migration| !before.migrations.contains(migration)).collect();
    Ok(Some(match applied.len() {
        0 => "no new migrations".to_owned(),
        _ => format!("applied {}", applied.join(", ")),
    }))
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
                .hint("`opsctl backup list` shows the backups; after `opsctl abort --leave`, `opsctl restore` loads one")),
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
