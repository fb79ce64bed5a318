//! `opsctl rotate --status`: which value of a secret is where, by fingerprints.

use serde_json::{Value, json};

use super::{login, look};
use crate::adapters::compose_services::ComposeServices;
use crate::adapters::env_settings::EnvSettings;
use crate::commands::context::{Context, Outcome};
use crate::commands::install::Install;
use crate::commands::place::Place;
use crate::commands::{live, operate, show};
use crate::error::Failure;
use crate::journal::read;
use crate::journal::record::{Progress, Record};
use crate::model::fingerprint::Fingerprint;
use crate::model::operation::{OperationId, OperationKind};
use crate::plan::rotation::{Among, DualSecret, Held, Window};
use crate::plan::step::Step;
use crate::ports::Services;
use crate::profile::SecretVariable;

/// Looks at every secret that can be rotated.
pub(super) async fn run(context: &Context) -> Result<Outcome, Failure> {
    let place = Place::find(context)?;
    let install = Install::open(context, place).await?;
    let operation = OperationId::new(jiff::Timestamp::now(), OperationKind::Rotate);
    let services = live::services(context, &install, &operation)?;
    let unfinished = operate::unfinished(&install.place.state)?
        .filter(|progress| progress.planned.plan.kind == OperationKind::Rotate);
    // What an unfinished rotation keeps beside the settings is with its own files.
    let owner = unfinished.as_ref().map_or(&operation, |progress| &progress.planned.operation);
    let scratch = install.place.state.operation(owner);
    let fingerprints = services.fingerprints.clone();
    let settings = live::settings(context, &install, &install.place.dir, scratch, fingerprints);
    let (mut lines, mut data) = (Vec::new(), Vec::new());
    for secret in &install.profile.secrets {
        let Some(rotation) = &secret.rotation else { continue };
        let dual = look::dual(&install, secret, rotation);
        let open = unfinished.as_ref().filter(|progress| is_of(progress, &dual));
        let (shown, value) = one(&install, &services, &settings, (secret, &dual), open).await?;
        lines.extend(shown);
        data.push(value);
    }
    if lines.is_empty() {
        lines.push(format!("{} has no secret that can be rotated", install.profile.product.title));
    }
    Ok(Outcome::new(lines.join("\n"), json!({"secrets": data})))
}

async fn one(
    install: &Install,
    services: &ComposeServices,
    settings: &EnvSettings,
    (secret, dual): (&SecretVariable, &DualSecret),
    open: Option<&Progress>,
) -> Result<(Vec<String>, Value), Failure> {
    let in_settings = settings.held(dual)?;
    let mut table = show::table([secret.name.as_str(), "value", "value before"]);
    table.add_row([
        &place_of_settings(install),
        &shown(in_settings.current.as_ref()),
        &shown(in_settings.previous.as_ref()),
    ]);
    // What is kept beside the settings is in no container.
    let beside = dual.previous.is_none();
    let as_settings = |held: &Held| {
        held.current == in_settings.current && (beside || held.previous == in_settings.previous)
    };
    let mut replicas = Vec::new();
    let given = login::server(install, dual).into_iter();
    for service in given.chain(look::having(install, install.profile.start_order().into_iter(), dual)) {
        for (index, held) in services.held(service, dual, Among::Replicas).await?.iter().enumerate() {
            let replica = format!("{service} {}", index + 1);
            table.add_row([&replica, &shown(held.current.as_ref()), &shown(held.previous.as_ref())]);
            replicas.push(json!({"service": service, "replica": index + 1, "held": described(held),
                "as_settings": as_settings(held)}));
        }
    }
    let mut lines = vec![show::lines(&table)];
    let stands = match open {
        Some(progress) => in_words(install, progress, dual),
        None if in_settings.previous.is_some() => {
            format!("{} is set, and no rotation of opsctl is under way", dual.place_before())
        }
        None => "no rotation is under way".to_owned(),
    };
    lines.push(stands);
    let value = json!({"name": secret.spoken(), "variable": secret.name, "settings": described(&in_settings),
        "replicas": replicas, "operation": open.map(|progress| &progress.planned.operation),
        "paused": open.is_some_and(|progress| progress.paused.is_some()),
        "open_since": open.and_then(|progress| open_since(install, progress))});
    Ok((lines, value))
}

fn in_words(install: &Install, progress: &Progress, dual: &DualSecret) -> String {
    let operation = &progress.planned.operation;
    let stands = if progress.paused.is_some() { "is paused" } else { "did not end" };
    let since = open_since(install, progress).map_or_else(
        || "no new value was made".to_owned(),
        |since| {
            let what =
                if dual.login.is_some() { "a new value is in the settings" } else { "both values are taken" };
            format!("{what} since {}", since.strftime("%Y-%m-%d %H:%M:%S UTC"))
        },
    );
    format!("operation {operation} {stands}; {since}\n{}", show::progress(progress))
}

/// When the window was opened, if it was.
fn open_since(install: &Install, progress: &Progress) -> Option<jiff::Timestamp> {
    let opening = progress
        .planned
        .plan
        .steps
        .iter()
        .position(|step| matches!(step, Step::SetWindow { window: Window::Opened { .. }, .. }))?;
    let (entries, _) = read(&install.place.state.journal(&progress.planned.operation)).ok()?;
    entries
        .iter()
        .find(|entry| matches!(entry.record, Record::Finished { step, .. } if step == opening))
        .map(|entry| entry.at)
}

fn is_of(progress: &Progress, dual: &DualSecret) -> bool {
    let of = |step: &Step| matches!(step, Step::SetWindow { secret, .. } if secret.name == dual.name);
    progress.planned.plan.steps.iter().any(of)
}

fn place_of_settings(install: &Install) -> String {
    let name = install.env_file.file_name().unwrap_or(install.env_file.as_os_str());
    name.to_string_lossy().into_owned()
}

fn shown(value: Option<&Fingerprint>) -> String {
    value.map_or("-".to_owned(), ToString::to_string)
}

fn described(held: &Held) -> Value {
    json!({"current": held.current, "previous": held.previous})
}
