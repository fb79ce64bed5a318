//! What each command does, from its arguments to its result. Only this layer builds adapters.

pub mod backup;
pub mod context;
pub mod current;
pub mod database;
pub mod embedded;
pub mod explain;
pub mod history;
pub mod hooks;
pub mod init;
pub mod install;
pub mod live;
pub mod logs;
pub mod operate;
mod pauses;
mod place;
pub mod preflight;
mod ready;
pub mod rehearse;
pub mod restore;
pub mod rollback;
pub mod rotate;
pub mod show;
pub mod site;
pub mod status;
mod still_at_work;
pub mod support_bundle;
pub mod unfinished;
pub mod upgrade;
mod usage;
pub mod verify;
mod ways_back;

use std::io::Write;
use std::process::ExitCode;

use clap::CommandFactory;
use serde_json::json;

use crate::adapters::surroundings::Surroundings;
use crate::cli::{BackupAction, BundleAction, Cli, Command, LogsAction, Output};
use crate::commands::context::{Context, Outcome};
use crate::error::{Exit, Failure, Fault};

/// Runs the program: what it exits with is what happened.
pub fn main() -> ExitCode {
    let surroundings = match Surroundings::of_this_process() {
        Ok(surroundings) => surroundings,
        Err(error) => {
            let fault = Fault::caused_by("cannot start", &error);
            let _ = writeln!(anstream::stderr(), "{}", crate::report::human::fault(&fault));
            return Exit::Failed.code().into();
        }
    };
    let cli = match Cli::of_command_line(std::env::args_os(), &surroundings.environment) {
        Ok(cli) => cli,
        Err(error) => return usage::answer(&error, &surroundings).code().into(),
    };
    let context = Context::new(cli.global, surroundings);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::from(Fault::caused_by("cannot start", &error)));
    let exit = match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(run(&context, &cli.command));
            runtime.shutdown_background();
            exit
        }
        Err(failure) => finish(&context, name_of(&cli.command), Err(failure)),
    };
    exit.code().into()
}

/// Does what was asked and says how it ended; what is offered behind a failure changes nothing of that.
async fn run(context: &Context, command: &Command) -> Exit {
    let result = perform(context, command.clone()).await;
    let result = result.map_err(|failure| place::where_to_type(context, failure));
    let result = result.map_err(|failure| support_bundle::hint(context, command, failure));
    let failure = result.as_ref().err().cloned();
    let exit = finish(context, name_of(command), result);
    if let Some(failure) = failure
        && let Some(bundle) = support_bundle::offer(context, command, &failure).await
    {
        match bundle {
            Ok(outcome) => context.print(&outcome.text),
            Err(failure) => context.print_error(&crate::report::human::fault(&failure.fault)),
        }
    }
    exit
}

async fn perform(context: &Context, command: Command) -> Result<Outcome, Failure> {
    match command {
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "opsctl", &mut script);
            Ok(Outcome::text(String::from_utf8_lossy(&script)))
        }
        Command::Man => {
            let mut page = Vec::new();
            let rendered = clap_mangen::Man::new(Cli::command()).render(&mut page);
            rendered.map_err(|error| Fault::caused_by("could not write the manual page", &error))?;
            Ok(Outcome::text(String::from_utf8_lossy(&page)))
        }
        Command::Backup(asked) => backup::run(context, asked).await,
        Command::Status => status::run(context).await,
        Command::Preflight(asked) => preflight::run(context, &asked).await,
        Command::Verify(asked) => verify::run(context, &asked).await,
        Command::Restore(asked) => restore::run(context, asked).await,
        Command::Upgrade(asked) => upgrade::run(context, asked).await,
        Command::Rollback(asked) => rollback::run(context, asked).await,
        Command::Rotate(asked) => rotate::run(context, asked).await,
        Command::Start(asked) => embedded::start::start(context, &asked).await,
        Command::Stop => embedded::stop::stop(context).await,
        Command::Resume => unfinished::resume(context).await,
        Command::Abort(asked) if asked.leave => unfinished::leave(context).await,
        Command::Abort(_) => unfinished::abort(context).await,
        Command::History(asked) => history::run(context, &asked),
        Command::Logs(asked) => match asked.action {
            LogsAction::Stats(asked) => logs::stats(context, asked).await,
        },
        Command::SupportBundle(asked) => support_bundle::run(context, &asked).await,
        Command::Explain(asked) => Ok(explain::run(asked.entry.as_ref())),
        Command::Init(asked) => init::run(context, &asked),
    }
}

/// The command's name, as machines find it in the result.
fn name_of(command: &Command) -> &'static str {
    match command {
        Command::Status => "status",
        Command::Preflight(_) => "preflight",
        Command::Verify(_) => "verify",
        Command::Backup(backup) => match &backup.action {
            None | Some(BackupAction::Create(_)) => "backup",
            Some(BackupAction::List(_)) => "backup list",
            Some(BackupAction::Verify { .. }) => "backup verify",
            Some(BackupAction::Prune { .. }) => "backup prune",
            Some(BackupAction::Pin { .. }) => "backup pin",
            Some(BackupAction::Unpin { .. }) => "backup unpin",
        },
        Command::Restore(_) => "restore",
        Command::Upgrade(_) => "upgrade",
        Command::Rollback(_) => "rollback",
        Command::Rotate(_) => "rotate",
        Command::Start(_) => "start",
        Command::Stop => "stop",
        Command::Resume => "resume",
        Command::Abort(_) => "abort",
        Command::History(history) if history.action.is_some() => "history show",
        Command::History(_) => "history",
        Command::Logs(logs) => match logs.action {
            LogsAction::Stats(_) => "logs stats",
        },
        Command::SupportBundle(asked) => match asked.action {
            None => "support-bundle",
            Some(BundleAction::Inspect(_)) => "support-bundle inspect",
            Some(BundleAction::Redact(_)) => "support-bundle redact",
        },
        Command::Explain(_) => "explain",
        Command::Init(_) => "init",
        Command::Completions { .. } => "completions",
        Command::Man => "man",
    }
}

/// Says how a command ended, to the one who asked, and in the form that was asked for.
fn finish(context: &Context, name: &str, result: Result<Outcome, Failure>) -> Exit {
    let result = result.map_err(explained);
    let warnings = context.warnings();
    let exit = match &result {
        Ok(_) if context.global.strict && !warnings.is_empty() => Exit::Warnings,
        Ok(_) => Exit::Done,
        Err(failure) => failure.exit,
    };
    if let Err(failure) = &result {
        context.log_failure(&failure.fault);
    }
    match (context.global.output, result) {
        (Output::Human, Ok(outcome)) => context.print(&outcome.text),
        (Output::Human, Err(failure)) => context.print_error(&crate::report::human::fault(&failure.fault)),
        (Output::Json, result) => {
            let mut line = json!({"event": "result", "command": name, "ok": result.is_ok(),
                "exit_code": exit.code(), "warnings": warnings});
            match result {
                Ok(outcome) => line["result"] = outcome.data,
                Err(failure) => line["error"] = json!(failure.fault),
            }
            context.json_line(&line);
        }
    }
    exit
}

/// Where a person has to decide, the whole of what is known is worth a look.
fn explained(mut failure: Failure) -> Failure {
    if matches!(failure.exit, Exit::Inconsistent | Exit::PastCommit) {
        failure.fault = failure.fault.explained(crate::explain::of_exit(failure.exit));
    }
    failure
}
