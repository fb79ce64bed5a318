//! `opsctl start` and `opsctl stop`: for products that nothing else starts.

use serde_json::json;

use super::Embedded;
use super::recorded::Recorded;
use crate::adapters::release_link::{ReleaseLink, selected};
use crate::cli::Start;
use crate::commands::context::{Context, Outcome};
use crate::commands::install::Place;
use crate::commands::operate::Turn;
use crate::commands::site::Site as _;
use crate::error::{Failure, Fault};
use crate::gates::{self, Subject};
use crate::model::operation::OperationKind;
use crate::model::release::Version;
use crate::plan::Plan;
use crate::plan::step::{Before, Release, Step};
use crate::ports::{Services as _, Settings as _};
use crate::report::{Event, Reporter as _};

/// Starts the release that is selected; where none is yet, the one that is named.
pub(in crate::commands) async fn start(context: &Context, asked: &Start) -> Result<Outcome, Failure> {
    let place = Place::find(context)?;
    let site = Embedded::required(context, &place, "start")?;
    let turn = Turn::take(context, &place, OperationKind::Start)?;
    let services = site.services(&turn.operation)?;
    let version = which(&site, asked.version.as_deref())?;
    let release = site.release(&version, asked.sha256).await.map_err(Failure::refused)?.ok_or_else(|| {
        Failure::refused(Fault::new(format!("there is no release {version}")).hint(format!(
            "put its files into {}, or say as `source` in opsctl.toml where releases come from",
            place.dir.join("releases").join(version.as_str()).display()
        )))
    })?;
    let progress = |progress| context.report(&Event::Progress(progress));
    let backup_dir = site.place.backup_dir(None, &site.variables);
    let link = ReleaseLink { install: place.dir.clone(), backup_dir };
    let (all, limits) = (site.all(), site.limits());
    let mut recorded = Recorded::begin(context, &place, &turn, starting(&site, &release));
    recorded.step(0, services.pull(&release, &progress)).await?;
    recorded.step(1, link.select(&release)).await?;
    recorded.step(2, services.start(&all, &release)).await?;
    let gates = gates::pass(&services, Subject::Services(&all, &release), &limits, &progress);
    recorded.step(3, gates).await?;
    recorded.end();
    let log = services.log_of(site.profile.service.name.as_str());
    let text = format!(
        "{} {release} serves on port {}; its log is {log}",
        site.profile.product.title, site.profile.service.port
    );
    Ok(Outcome::new(
        text,
        json!({"release": release, "port": site.profile.service.port, "log": log.to_string()}),
    ))
}

/// What a start does, in order.
fn starting(site: &Embedded, release: &Release) -> Plan {
    let services = site.all();
    let steps = vec![
        Step::Pull { release: release.clone() },
        Step::SelectRelease { release: release.clone() },
        Step::Start { services: services.clone(), release: release.clone() },
        Step::PassGates { services, release: release.clone() },
    ];
    let before = Before { release: release.clone(), running: Vec::new(), well: false, safety_backup: None };
    Plan { kind: OperationKind::Start, steps, commit: None, before }
}

/// Which release is meant. Another one than that which is selected is moved to by an upgrade.
fn which(site: &Embedded, named: Option<&str>) -> Result<Version, Failure> {
    let named = named
        .map(Version::parse)
        .transpose()
        .map_err(|error| Failure::usage(Fault::caused_by("the release cannot be understood", &error)))?;
    match (named, selected(&site.place.dir)) {
        (Some(named), Some(selected)) if named != selected => Err(Failure::refused(
            Fault::new(format!("{selected} is selected, and not {named}"))
                .hint(format!("`opsctl upgrade {named}` moves to it, with a way back")),
        )),
        (Some(version), _) | (None, Some(version)) => Ok(version),
        (None, None) => Err(super::nothing_selected()),
    }
}

/// Stops it: it is asked to end and given its time.
pub(in crate::commands) async fn stop(context: &Context) -> Result<Outcome, Failure> {
    let place = Place::find(context)?;
    let site = Embedded::required(context, &place, "stop")?;
    let turn = Turn::take(context, &place, OperationKind::Stop)?;
    let title = &site.profile.product.title;
    context.consent(&format!("Stop {title}?"))?;
    let services = site.services(&turn.operation)?;
    let name = &site.profile.service.name;
    let stopped = match services.version_of(name.as_str())?.or_else(|| selected(&place.dir)) {
        Some(version) => {
            let plan = stopping(&site, site.named(&version));
            let mut recorded = Recorded::begin(context, &place, &turn, plan);
            let stopped = recorded.step(0, services.stop(name)).await?;
            recorded.end();
            stopped
        }
        // Nothing was ever started.
        None => services.stop(name).await?,
    };
    if let Some(note) = stopped {
        context.warn(note);
    }
    Ok(Outcome::new(format!("{title} is stopped"), json!({"stopped": name})))
}

/// What a stop does.
fn stopping(site: &Embedded, release: Release) -> Plan {
    let services = site.all();
    let before = Before { release, running: services.clone(), well: false, safety_backup: None };
    Plan { kind: OperationKind::Stop, steps: vec![Step::Quiesce { services }], commit: None, before }
}
