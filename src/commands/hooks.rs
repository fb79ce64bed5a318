//! The operator's own commands around an operation: before anything is changed, and when it has ended.
//!
//! What happens is told in their environment:
//!
//! ```text
//! OPSCTL_HOOK       before, after or failed
//! OPSCTL_DIR        the install, so that `opsctl status` works in them
//! OPSCTL_OPERATION  the operation's identifier, as in `opsctl history`
//! OPSCTL_KIND       backup, restore, upgrade, ...
//! OPSCTL_FROM       the release before
//! OPSCTL_TO         the release that the operation leads to
//! OPSCTL_ENDING     how it ended: done, failed, rolled-back, past-commit, aborted or inconsistent; not before
//! OPSCTL_EXIT       what opsctl will exit with; not before
//! OPSCTL_ERROR      what failed, in one line; only where something did
//! ```

use serde_json::Value;

use crate::adapters::process::{HostCommand, Inherited};
use crate::adapters::tool_output::{Stdin, ToolError};
use crate::commands::context::Context;
use crate::commands::site::Site;
use crate::error::{Exit, Failure, Fault};
use crate::journal::read;
use crate::journal::record::{Closing, Progress};
use crate::model::operation::OperationId;
use crate::model::secret::Secret;
use crate::plan::Plan;
use crate::plan::runner::Ended;
use crate::plan::step::Step;

/// Most that a hook may print.
const MOST_OUTPUT: usize = 1 << 20;

/// Lines of a hook that failed that are shown.
const LINES: usize = 12;

/// Runs the command that may stop the operation.
pub(super) async fn before<I: Site>(
    context: &Context,
    install: &I,
    operation: &OperationId,
    plan: &Plan,
) -> Result<(), Failure> {
    let Some(command) = &install.hooks().before else { return Ok(()) };
    // Its arguments may hold an address or a token that is nobody's business.
    let program = command.first().map_or("", String::as_str);
    context.note(&format!("running the hook before the operation: {program}"));
    run(install, command, told("before", install, operation, plan)).await.map_err(|fault| {
        Failure::refused(fault.within("the hook before the operation says no").hint("nothing was changed"))
    })
}

/// Runs the command for how the operation ended. That it fails changes nothing about that, and is only told.
pub(super) async fn ended<I: Site>(
    context: &Context,
    install: &I,
    operation: &OperationId,
    outcome: &Result<Ended, Failure>,
) {
    let exit = outcome.as_ref().err().map_or(Exit::Done, |failure| failure.exit);
    let Some(progress) = progress(install, operation) else { return };
    let ending = match (progress.ending, exit) {
        (Some(ending), _) => name_of(ending),
        (None, Exit::Inconsistent) => "inconsistent".to_owned(),
        // It has not ended.
        (None, _) => return,
    };
    let hooks = install.hooks();
    let (hook, command) = match progress.ending {
        Some(Closing::Done) => ("after", &hooks.after),
        _ => ("failed", &hooks.failed),
    };
    let Some(command) = command else { return };
    let mut facts = told(hook, install, operation, &progress.planned.plan);
    facts.push(("OPSCTL_ENDING", ending));
    facts.push(("OPSCTL_EXIT", exit.code().to_string()));
    facts.extend(outcome.as_ref().err().map(|failure| ("OPSCTL_ERROR", failure.fault.to_string())));
    if let Err(fault) = run(install, command, facts).await {
        context.warn(format!("the hook {hook} the operation failed: {fault}"));
    }
}

fn progress(install: &impl Site, operation: &OperationId) -> Option<Progress> {
    let (entries, _) = read(&install.place().state.journal(operation)).ok()?;
    Progress::of(&entries)
}

fn told(
    hook: &str,
    install: &impl Site,
    operation: &OperationId,
    plan: &Plan,
) -> Vec<(&'static str, String)> {
    let selected = plan.steps.iter().find_map(|step| match step {
        Step::SelectRelease { release } => Some(release),
        _ => None,
    });
    let to = selected.unwrap_or(&plan.before.release);
    vec![
        ("OPSCTL_HOOK", hook.to_owned()),
        ("OPSCTL_DIR", install.place().dir.display().to_string()),
        ("OPSCTL_OPERATION", operation.to_string()),
        ("OPSCTL_KIND", plan.kind.to_string()),
        ("OPSCTL_FROM", plan.before.release.version.to_string()),
        ("OPSCTL_TO", to.version.to_string()),
    ]
}

/// The word that the journal has for it.
fn name_of(ending: Closing) -> String {
    match serde_json::to_value(ending) {
        Ok(Value::String(name)) => name,
        _ => String::new(),
    }
}

async fn run(
    install: &impl Site,
    command: &[String],
    facts: Vec<(&'static str, String)>,
) -> Result<(), Fault> {
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    let mut host = HostCommand::new(program, arguments);
    host.inherited = Inherited::AllBut(Vec::new());
    host.set = facts.into_iter().map(|(name, value)| (name.to_owned(), Secret::new(value))).collect();
    host.directory = Some(install.place().dir.clone());
    let could_not = |error: &ToolError| Fault::caused_by(format!("{program} could not do its work"), error);
    let running = host.start(Stdin::Empty).map_err(|error| could_not(&error))?;
    let (output, exit) = running
        .collect(program, MOST_OUTPUT, install.hooks().timeout)
        .await
        .map_err(|error| could_not(&error))?;
    if exit.success() {
        return Ok(());
    }
    let said = format!("{}\n{}", String::from_utf8_lossy(&output), exit.stderr);
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.iter().skip(lines.len().saturating_sub(LINES));
    Err(Fault::new(format!("{program} ended with {}", exit.status))
        .evidence(last.map(|line| install.redactor().redact(line))))
}
