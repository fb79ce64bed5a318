//! `opsctl rotate`: give a secret another value.

mod login;
mod look;
mod status;
mod store;

use serde_json::json;

use crate::adapters::catalogue::Catalogue;
use crate::adapters::consent;
use crate::adapters::dump_backups::catalogue_fault;
use crate::cli::{PauseAfter, Rotate};
use crate::commands::backup;
use crate::commands::context::{Context, Outcome};
use crate::commands::install::Install;
use crate::commands::operate::{self, Purpose};
use crate::commands::place::Place;
use crate::commands::ready::ready;
use crate::commands::site::Kind;
use crate::commands::{pauses, preflight, show, unfinished};
use crate::error::{Failure, Fault};
use crate::model::backup_id::BackupId;
use crate::model::operation::OperationKind;
use crate::operations::rotate::{self, Guard, Refusals, Rehashing, Request, Way};
use crate::plan::rotation::{Halt, PausePoint};
use crate::ports::Databases;
use crate::preflight::Check;
use crate::profile::{self, Profile, Rotation, SecretVariable, VariableName};

/// An install, ready for a rotation.
type Ready = crate::commands::ready::Ready<Install>;

/// What a rotation stands on: a file that others cannot read, and a database that takes the re-hash.
const CHECKS: [Check; 5] =
    [Check::EnvMode, Check::EnvFiles, Check::EnvDuplicates, Check::DbWritable, Check::DbPooler];

/// Does what was asked.
pub async fn run(context: &Context, asked: Rotate) -> Result<Outcome, Failure> {
    if asked.abort {
        return unfinished::abort_rotation(context).await;
    }
    let place = Place::find(context)?;
    if Kind::at(context, &place)? == Kind::Process {
        return store::run(context, place, &asked).await;
    }
    if asked.status {
        return status::run(context).await;
    }
    let backup_dir = asked.create.place.backup_dir.clone();
    let ready: Ready =
        ready(context, place, OperationKind::Rotate, Purpose::of_plan(asked.plan), backup_dir.as_deref())
            .await?;
    ready.warn_of_drift(context);
    let (secret, rotation) = chosen(context, &ready.install.profile, asked.secret.as_deref())?;
    let accepted = accepted(&asked.accept, rotation)?;
    if matches!(rotation.way, profile::Way::DatabaseLogin { .. }) {
        login::refuse_elsewhere(&ready.install, secret).map_err(Failure::refused)?;
    }
    let found = look::before(context, &ready, secret, rotation).await?;
    let product = ready.product();
    let hazards = rotate::hazards(&product, ready.found.trouble.as_deref(), &found, &accepted);
    rotate::refusal(&secret.name, hazards).map_err(Failure::refused)?;
    preflight::must_hold(context, &ready.install, &CHECKS).await?;
    look::try_key(&ready, rotation).await.map_err(Failure::refused)?;
    let Some(old) = found.settings.current.clone() else {
        return Err(Failure::refused(Fault::new(format!("{} is not set", secret.name))));
    };
    let (plan, question, end) = if let Some(way) = way(context, &ready, &asked, rotation).await? {
        let request = Request {
            secret: found.secret.clone(),
            old,
            guard: guard(context, &ready, &asked)?,
            replicas: look::replicas(&found),
            way,
            canary: rotation.canary.clone(),
            refusals: refusals(context, &ready),
        };
        let end = rotated(&ready, secret, &request.way);
        (rotate::plan(&product, &request), question(&ready, secret, &request), end)
    } else {
        let request = login::request(&ready.install, &found, old, rotation);
        login::warn_of_others(context, &ready, &found).await;
        let (question, end) = (login::question(&ready, &request), login::changed(&ready, secret, &request));
        (rotate::plan_login(&product, &request), question, end)
    };
    if asked.plan {
        return Ok(show::plan(&plan));
    }
    context.note(&show::steps(&plan));
    context.consent(&question)?;
    let ended = operate::run(context, &ready.install, &ready.world, &ready.turn, plan).await?;
    let waiting = pauses::through(context, &ready.install, &ready.world, &ready.turn, ended).await?;
    Ok(waiting.unwrap_or(end))
}

/// What becomes of what depends on the old value; `None` for a password of the database server, which takes one at a time.
async fn way(
    context: &Context,
    ready: &Ready,
    asked: &Rotate,
    rotation: &Rotation,
) -> Result<Option<Way>, Failure> {
    match &rotation.way {
        profile::Way::DualWindow { rehash, count } => {
            let (project, stamp) = (&ready.install.model.project, operate::stamp(&ready.turn.operation));
            let rehash = Rehashing {
                service: rehash.service.clone(),
                program: rehash.command.clone(),
                name: format!("{project}-opsctl-rehash-{stamp}"),
                count: count.clone(),
            };
            Ok(Some(Way::DualWindow { rehash, pauses: pauses_of(context, asked.pause_after) }))
        }
        profile::Way::Replaced { .. } | profile::Way::DatabaseLogin { .. } if asked.pause_after.is_some() => {
            Err(Failure::usage(
                Fault::new("there is nothing to wait for: one value is taken at a time")
                    .hint("leave out --pause-after"),
            ))
        }
        profile::Way::DatabaseLogin { .. } => Ok(None),
        profile::Way::Replaced { on_record: None } => Ok(Some(Way::Replaced { on_record: None })),
        profile::Way::Replaced { on_record: Some(query) } => {
            let live = ready.world.databases.live();
            let before = ready.world.databases.on_record(&live, query).await?;
            Ok(Some(Way::Replaced { on_record: Some((query.clone(), before)) }))
        }
    }
}

/// Whether the rate of refusals can be compared; if not, that is said once.
fn refusals(context: &Context, ready: &Ready) -> Refusals {
    let profile = &ready.install.profile;
    if profile.requests.is_some() {
        return Refusals::Counted;
    }
    let title = &profile.product.title;
    context.note(&format!(
        "the rate of refused requests is not compared: the description of {title} does not say where they are counted ([requests])"
    ));
    Refusals::Unknown
}

fn rotated(ready: &Ready, secret: &SecretVariable, way: &Way) -> Outcome {
    let mut text = format!("{} has a new value, which every replica has alone", secret.name);
    text.push_str(match way {
        Way::DualWindow { .. } => {
            "; the old one is taken nowhere any more\n\
             backups from before hold keys under the old value: `opsctl backup` takes a new one"
        }
        Way::Replaced { on_record: Some(_) } => {
            "\nwhat is on record of the old one stays there; `opsctl backup` takes a copy of both"
        }
        Way::Replaced { on_record: None } => "",
    });
    Outcome::new(text, json!({"operation": ready.turn.operation, "secret": secret.name}))
}

/// The secret that is meant, and how it is rotated.
fn chosen<'p>(
    context: &Context,
    profile: &'p Profile,
    asked: Option<&str>,
) -> Result<(&'p SecretVariable, &'p Rotation), Failure> {
    let known: Vec<(&SecretVariable, &Rotation)> =
        profile.secrets.iter().filter_map(|secret| Some((secret, secret.rotation.as_ref()?))).collect();
    let names: Vec<String> = known.iter().map(|(secret, _)| secret.spoken()).collect();
    let can_be = match names.as_slice() {
        [] => format!("the description of {} says of no secret how it is rotated", profile.product.title),
        names => format!("these can be rotated: {}", names.join(", ")),
    };
    let place = match asked {
        Some(asked) => {
            known.iter().position(|(secret, _)| secret.spoken() == asked || secret.name.as_str() == asked)
        }
        None if context.asks() && !known.is_empty() => consent::choose("Which secret?", &names),
        None => return Err(Failure::usage(Fault::new("which secret is not said").hint(can_be))),
    };
    match (place, asked) {
        (Some(place), _) => Ok(known[place]),
        (None, Some(asked)) => {
            Err(Failure::usage(Fault::new(format!("{asked} cannot be rotated")).hint(can_be)))
        }
        (None, None) => Err(Failure::usage(Fault::new("no secret was chosen; nothing was changed"))),
    }
}

/// What is accepted must be something that can be lost: a name that was mistyped is no consent.
fn accepted(asked: &[String], rotation: &Rotation) -> Result<Vec<VariableName>, Failure> {
    let known = |name: &String| rotation.derived.iter().find(|derived| derived.name.as_str() == name);
    asked
        .iter()
        .map(|name| {
            known(name).map(|derived| derived.name.clone()).ok_or_else(|| {
                Failure::usage(Fault::new(format!(
                    "--accept {name}: nothing is derived from the secret by that name"
                )))
            })
        })
        .collect()
}

/// The backup that stands behind the re-hash: one that is taken first, or the newest verified one.
fn guard(context: &Context, ready: &Ready, asked: &Rotate) -> Result<Guard, Failure> {
    if !asked.skip_backup {
        let id = backup::next_id(context, &ready.install)?;
        return Ok(Guard::Taken { id, keep: backup::keep(&ready.install, asked.create.keep)? });
    }
    match newest_verified(ready)? {
        Some(id) => Ok(Guard::Present(id)),
        None => Err(Failure::refused(
            Fault::new("there is no verified backup to stand behind a rotation")
                .hint("leave out --skip-backup: one is taken then"),
        )),
    }
}

fn newest_verified(ready: &Ready) -> Result<Option<BackupId>, Failure> {
    let catalogue =
        Catalogue::open(ready.install.place.state.root()).map_err(|error| catalogue_fault(&error))?;
    let Some(newest) = catalogue.records().iter().rfind(|record| record.verified.is_some()) else {
        return Ok(None);
    };
    let archive = ready.directory.join(newest.id.file_name());
    if archive.is_file() {
        return Ok(Some(newest.id));
    }
    Err(Failure::refused(
        Fault::new(format!("the newest verified backup is not there: {}", archive.display()))
            .hint("is the disk mounted, and was it moved? put it back, or name its folder by --backup-dir")
            .hint("leave out --skip-backup: one is taken then"),
    ))
}

/// It stops where that was asked for; a person is asked at the other place, and where it cannot be undone.
fn pauses_of(context: &Context, asked: Option<PauseAfter>) -> Vec<(PausePoint, Halt)> {
    let asked = asked.map(|asked| match asked {
        PauseAfter::Dual => PausePoint::Dual,
        PauseAfter::Rehash => PausePoint::Rehash,
    });
    [PausePoint::Dual, PausePoint::Rehash]
        .into_iter()
        .filter_map(|point| match asked {
            Some(asked) if asked == point => Some((point, Halt::Stop)),
            _ => context.asks().then_some((point, Halt::Ask)),
        })
        .collect()
}

fn question(ready: &Ready, secret: &SecretVariable, request: &Request) -> String {
    let title = &ready.install.profile.product.title;
    let name = &secret.name;
    let id = match &request.guard {
        Guard::Taken { id, .. } => format!("backup {id}, taken first,"),
        Guard::Present(id) => format!("backup {id}"),
    };
    match request.way {
        Way::DualWindow { .. } => {
            format!("Rotate {name} of {title}? Its re-hash cannot be undone: {id} stands behind it")
        }
        Way::Replaced { .. } => format!("Rotate {name} of {title}? {id} stands behind it"),
    }
}
