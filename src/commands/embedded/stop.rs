//! `opsctl stop`: for products that nothing else stops.

use serde_json::json;

use super::Embedded;
use super::recorded::Recorded;
use crate::adapters::release_link::selected;
use crate::commands::context::{Context, Outcome};
use crate::commands::operate::Turn;
use crate::commands::place::Place;
use crate::error::Failure;
use crate::journal::record::Closing;
use crate::model::operation::OperationKind;
use crate::plan::Plan;
use crate::plan::step::{Before, Release, Step};
use crate::ports::Services as _;

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
            let stopped = recorded.step(0, services.stop(name)).await;
            recorded.end(if stopped.is_ok() { Closing::Done } else { Closing::Failed });
            stopped?
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
