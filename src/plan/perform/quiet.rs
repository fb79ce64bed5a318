//! Whether what an operation holds stopped stands still.

use crate::error::Fault;
use crate::model::database_name::DatabaseName;
use crate::ports::{InstanceState, Services};
use crate::profile::ServiceName;

/// Fails if somebody started a service again that the operation holds stopped.
pub(super) async fn confirm_quiet<S: Services>(
    services: &S,
    names: &[ServiceName],
    failed: Option<&DatabaseName>,
) -> Result<(), Fault> {
    for name in names {
        for instance in services.instances(name).await? {
            if matches!(instance.state, InstanceState::Running | InstanceState::Restarting) {
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
