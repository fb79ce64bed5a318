//! When an operation fails, a bundle is what support will ask for.

use crate::adapters::consent::{self, Answer};
use crate::cli::{BundleCreate, Command};
use crate::commands::context::{Context, Outcome};
use crate::commands::place::Place;
use crate::error::{Exit, Failure};

/// Names the command behind a failure of an operation that had begun.
pub(in crate::commands) fn hint(context: &Context, command: &Command, mut failure: Failure) -> Failure {
    if concerns(context, command, &failure) {
        failure.fault =
            failure.fault.hint("`opsctl support-bundle` packs what support needs to find the cause");
    }
    failure
}

/// Offers to make one, where somebody is there to say yes. `None` where there was nothing to offer, or the answer was no.
pub(in crate::commands) async fn offer(
    context: &Context,
    command: &Command,
    failure: &Failure,
) -> Option<Result<Outcome, Failure>> {
    if !context.asks() || !concerns(context, command, failure) {
        return None;
    }
    if consent::ask("Make a support bundle now? Nothing is sent.") == Answer::No {
        return None;
    }
    let place = match Place::find(context) {
        Ok(place) => place,
        Err(failure) => return Some(Err(failure)),
    };
    Some(super::make(context, &place, &BundleCreate::default()).await)
}

/// A failure before anything was begun says itself what to do about it.
fn concerns(context: &Context, command: &Command, failure: &Failure) -> bool {
    let operates = matches!(
        command,
        Command::Upgrade(_)
            | Command::Restore(_)
            | Command::Rollback(_)
            | Command::Rotate(_)
            | Command::Resume
            | Command::Abort(_)
    );
    let failed = match failure.exit {
        Exit::RolledBack | Exit::Interrupted | Exit::Inconsistent | Exit::PastCommit => true,
        Exit::Failed => context.has_begun(),
        _ => false,
    };
    operates && failed
}
