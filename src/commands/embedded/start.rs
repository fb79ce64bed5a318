//! `opsctl start`: for products that nothing else starts.

mod taken_back;

use std::io::Write as _;

use serde_json::json;

use super::Embedded;
use super::recorded::Recorded;
use super::store::{self, Known};
use crate::adapters::process_services::ProcessServices;
use crate::adapters::release_link::{ReleaseLink, selected};
use crate::cli::Start;
use crate::commands::context::{Context, Outcome};
use crate::commands::operate::Turn;
use crate::commands::place::Place;
use crate::commands::site::Site as _;
use crate::error::{Failure, Fault};
use crate::gates::{self, Subject};
use crate::interrupt::{Interrupt, Urgency};
use crate::journal::record::Closing;
use crate::model::operation::OperationKind;
use crate::model::release::Version;
use crate::plan::Plan;
use crate::plan::step::{Before, Release, Step};
use crate::ports::{Limits, Services as _, Settings as _};
use crate::report::{Event, Reporter as _};
use taken_back::WayBack;

/// Starts the release that is selected; where none is yet, the one that is named.
pub(in crate::commands) async fn start(context: &Context, asked: &Start) -> Result<Outcome, Failure> {
    let place = Place::find(context)?;
    let site = Embedded::required(context, &place, "start")?;
    let turn = Turn::take(context, &place, OperationKind::Start)?;
    let services = site.services(&turn.operation)?;
    let version = which(&site, asked.version.as_deref())?;
    store::must_be_there(&site, asked.empty_store)?;
    let release = offered(&site, &version, asked).await?;
    site.must_be_as_brought(&version).await?;
    let link = link(&site);
    let way_back = WayBack::from_here(&site, &services, &link, &turn.operation).await?;
    way_back.must_run_nothing_else(&release).await?;
    let interrupt =
        Interrupt::listen(say).map_err(|error| Fault::caused_by("cannot listen for signals", &error))?;
    let mut recorded = Recorded::begin(context, &place, &turn, starting(&site, &release));
    let ended = tokio::select! {
        biased;
        () = interrupt.asked() => None,
        ended = carried_out(context, &site, &way_back, &release, &mut recorded) => Some(ended),
    };
    match ended {
        Some(Ok(())) => {
            recorded.end(Closing::Done);
            Ok(serving(&site, &services, &release))
        }
        Some(Err(failure)) => {
            recorded.end(Closing::Failed);
            Err(way_back.taken(context, &interrupt, failure).await)
        }
        None => {
            recorded.end(Closing::Aborted);
            Err(way_back.taken(context, &interrupt, Fault::new("the start was interrupted").into()).await)
        }
    }
}

fn say(urgency: Urgency) {
    let said = match urgency {
        Urgency::None => return,
        Urgency::AfterStep => "stopping, and taking back what was begun; once more to leave at once",
        Urgency::Now => "leaving; what runs on its own goes on",
    };
    let _ = writeln!(anstream::stderr(), "\n{said}");
}

async fn offered(site: &Embedded, version: &Version, asked: &Start) -> Result<Release, Failure> {
    let offered = site.release(version, asked.sha256).await.map_err(Failure::refused)?;
    offered.ok_or_else(|| Failure::refused(site.no_release(version)))
}

fn link(site: &Embedded) -> ReleaseLink {
    let backup_dir = site.place.backup_dir(None, &site.variables);
    ReleaseLink { install: site.place.dir.clone(), backup_dir }
}

async fn carried_out(
    context: &Context,
    site: &Embedded,
    way_back: &WayBack<'_>,
    release: &Release,
    recorded: &mut Recorded<'_>,
) -> Result<(), Failure> {
    let services = way_back.services;
    let progress = |progress| context.report(&Event::Progress(progress));
    let (all, limits) = (site.all(), limits(site));
    recorded.step(0, services.pull(release, &progress)).await?;
    // What is in its folder may only now be known.
    way_back.must_run_nothing_else(release).await?;
    recorded.step(1, link(site).select(release)).await?;
    recorded.step(2, services.start(&all, release)).await?;
    let gates = gates::pass(services, Subject::Services(&all, release), &limits, &progress);
    recorded.step(3, gates).await
}

/// No canary was proven before: what would have been seen of it has to be seen of the process itself.
fn limits(site: &Embedded) -> Limits {
    let limits = site.limits();
    Limits { stable: limits.stable.max(limits.canary_stable), ..limits }
}

fn serving(site: &Embedded, services: &ProcessServices, release: &Release) -> Outcome {
    let service = &site.profile.service;
    let log = services.log_of(service.name.as_str());
    let title = &site.profile.product.title;
    let text = format!("{title} {release} serves on port {}; its log is {log}", service.port);
    Outcome::new(text, json!({"release": release, "port": service.port, "log": log.to_string()}))
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
        // Selected by a start that was killed: there is no data yet that an upgrade would have to guard.
        (Some(named), Some(_)) if has_no_data(site) => Ok(named),
        (Some(named), Some(selected)) if named != selected => Err(Failure::refused(
            Fault::new(format!("{selected} is selected, and not {named}"))
                .hint(format!("`opsctl upgrade {named}` moves to it, with a way back")),
        )),
        (Some(version), _) | (None, Some(version)) => Ok(version),
        (None, None) => Err(super::nothing_selected()),
    }
}

fn has_no_data(site: &Embedded) -> bool {
    !site.database().file.exists() && Known::of(&site.place.state) == Known::Unknown
}
