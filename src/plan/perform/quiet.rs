//! Whether what an operation holds stopped stood still all the time.

use std::collections::BTreeMap;

use super::{Earlier, Note};
use crate::error::Fault;
use crate::model::database_name::DatabaseName;
use crate::ports::{InstanceState, Services};
use crate::profile::ServiceName;

/// The last run of each instance, by the runtime's identifier of it.
type LastRuns = BTreeMap<String, Option<String>>;

/// Notes when the stopped services last ran.
pub(super) async fn mark_stopped<S: Services>(services: &S, names: &[ServiceName]) -> Result<Note, Fault> {
    let mut runs = LastRuns::new();
    for name in names {
        runs.extend(services.instances(name).await?.into_iter().map(|found| (found.id, found.last_run)));
    }
    serde_json::to_string(&runs)
        .map(Some)
        .map_err(|error| Fault::caused_by("could not note when the services last ran", &error))
}

/// Fails if somebody started a service again that the operation holds stopped, also if it has ended since.
pub(super) async fn confirm_quiet<S: Services>(
    services: &S,
    names: &[ServiceName],
    failed: Option<&DatabaseName>,
    earlier: &Earlier,
) -> Result<(), Fault> {
    // Operations that an earlier opsctl began have no such reading.
    let noted: Option<LastRuns> = match &earlier.reading {
        None => None,
        Some(text) => Some(
            serde_json::from_str(text)
                .map_err(|error| Fault::caused_by("it cannot be read when the services last ran", &error))?,
        ),
    };
    for name in names {
        for instance in services.instances(name).await? {
            let runs = matches!(
                instance.state,
                InstanceState::Running | InstanceState::Ending | InstanceState::Restarting
            );
            let ran = noted.as_ref().is_some_and(|noted| {
                instance.last_run.is_some() && noted.get(&instance.id) != Some(&instance.last_run)
            });
            if runs || ran {
                return Err(disturbed(name, failed));
            }
        }
    }
    Ok(())
}

fn disturbed(name: &ServiceName, failed: Option<&DatabaseName>) -> Fault {
    let fault = Fault::new(format!("somebody started {name} while the operation held it stopped"));
    let kept = |failed| format!("what it may have written since is in the database {failed}, which is kept");
    failed
        .map(kept)
        .into_iter()
        .fold(fault, Fault::hint)
        .hint("leave the product alone until the operation has ended, and try again")
}
