//! Waiting for what an opsctl that was killed has left at work.

use std::time::Duration;

use crate::adapters::compose::at_work::{self, Waited};
use crate::commands::context::Context;
use crate::commands::place::Place;
use crate::error::{Exit, Failure, Fault};
use crate::preflight::host::Holder;

/// As long as opsctl itself gives Compose.
const LIMIT: Duration = Duration::from_mins(5);

/// Waits until no Compose is at work on the install's containers: what it still does would come between.
pub(super) fn wait_for_compose(context: &Context, place: &Place) -> Result<(), Failure> {
    let path = at_work::file_in(place.state.root());
    let say = |holders: &[Holder]| {
        context.note(&format!(
            "waiting for docker compose, which is still at work on the install{}",
            named(holders)
        ));
    };
    match at_work::wait(&path, LIMIT, say) {
        Ok(Waited::Ended) => Ok(()),
        Ok(Waited::Still(holders)) => Err(Failure::new(Exit::Locked, never_ends(&holders))),
        Err(error) => Err(Fault::caused_by(format!("cannot lock {}", path.display()), &error).into()),
    }
}

fn never_ends(holders: &[Holder]) -> Fault {
    let fault = Fault::new(format!(
        "docker compose has been at work on the install for more than {} s and does not end{}",
        LIMIT.as_secs(),
        named(holders)
    ))
    .hint("is the docker daemon overloaded or stuck? see `journalctl -u docker`");
    if holders.is_empty() {
        return fault.hint("when it has ended, try again");
    }
    let numbers: Vec<String> = holders.iter().map(|holder| holder.pid.to_string()).collect();
    fault.hint(format!("when it has ended, or was ended with `kill {}`, try again", numbers.join(" ")))
}

fn named(holders: &[Holder]) -> String {
    if holders.is_empty() {
        return String::new();
    }
    let names: Vec<String> = holders.iter().map(ToString::to_string).collect();
    format!(": {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_end_is_named_with_what_to_do() {
        let holder = |pid, name: &str| Holder { pid, name: name.to_owned(), session: 1 };
        let fault = never_ends(&[holder(41, "docker"), holder(42, "docker-compose")]);
        assert_eq!(
            fault.what,
            "docker compose has been at work on the install for more than 300 s and does not end: \
             docker (process 41), docker-compose (process 42)"
        );
        assert_eq!(fault.hints[1], "when it has ended, or was ended with `kill 41 42`, try again");
        let unseen = never_ends(&[]);
        assert!(unseen.what.ends_with("does not end") && !unseen.hints[1].contains("kill"), "{unseen:?}");
    }
}
