//! The command line, and how a command's outcome becomes an exit code.

use std::{error::Error, future::Future, io::Write, process::ExitCode};

use clap::{CommandFactory, Parser, Subcommand};
use serde_json::json;

use crate::{
    api, collector, commands,
    config::Environment,
    healthcheck, lifecycle,
    log::{self, Shape, Sink},
    migrate, preflight,
    release::Release,
    store::api_keys::Role,
    worker,
};

/// What a command can fail with; rendered with all its causes in one log line.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

#[derive(Parser)]
#[command(name = "ledger", about = "The sample product that opsctl operates", disable_version_flag = true)]
struct Cli {
    /// Print the version of this release
    #[arg(long, short = 'V')]
    version: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the HTTP API; over a SQLite store, that of the collector
    Api(collector::CollectorFlags),
    /// Process the job queue
    Worker,
    /// Apply the migrations of this release
    Migrate(collector::StoreFlags),
    /// Check configuration, database and migrations
    Preflight(collector::StoreFlags),
    /// Print a new Ed25519 key for `VAULT_SIGNING_KEY`
    GenerateSigningKey,
    /// Move all API keys from `API_KEY_SECRET_PREVIOUS` to `API_KEY_SECRET`
    RehashApiKeys,
    /// Walk every vault chain
    VerifyVault,
    /// Create an API key and print it once
    CreateApiKey {
        /// What the key may do
        #[arg(long)]
        role: Role,
        /// What the key is for
        #[arg(long)]
        name: String,
    },
    /// Ask a health endpoint, for images without a shell
    Healthcheck {
        /// Default: <http://127.0.0.1:$PORT/health>
        url: Option<String>,
    },
}

impl Cli {
    fn is_collector(&self, environment: &Environment) -> bool {
        let store = match &self.command {
            Some(Command::Api(flags)) => &flags.store,
            Some(Command::Migrate(flags) | Command::Preflight(flags)) => flags,
            _ => return false,
        };
        store.place(environment).is_some()
    }
}

pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    let environment = Environment::of_process();
    // These print their result alone on stdout, so that it can be captured.
    let sink = match cli.command {
        Some(Command::GenerateSigningKey | Command::CreateApiKey { .. }) | None => Sink::Stderr,
        Some(_) => Sink::Stdout,
    };
    let shape = if cli.is_collector(&environment) { Shape::Slog } else { Shape::Lowercase };
    log::init(environment.log_level(), sink, shape);
    match dispatch(cli, &environment) {
        Ok(code) => code,
        Err(failure) => {
            log::fatal(&log::causes(failure.as_ref()), json!({}));
            ExitCode::FAILURE
        }
    }
}

fn dispatch(cli: Cli, environment: &Environment) -> Result<ExitCode, Failure> {
    let release = Release::load(environment)?;
    if cli.version {
        writeln!(std::io::stdout(), "ledger {}", release.reported_version())?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some(command) = cli.command else {
        Cli::command().print_help()?;
        return Ok(ExitCode::from(2));
    };
    match command {
        Command::Api(flags) => match flags.settings(environment)? {
            Some(settings) => block_on(collector::run(settings, release)),
            None => block_on(api::run(environment, release)),
        },
        Command::Worker => block_on(worker::run(environment, release)),
        Command::Migrate(flags) => match flags.place(environment) {
            Some(store) => block_on(stoppable(collector::migrate(store, release))),
            None => block_on(migrate::run(environment, &release)),
        },
        Command::Preflight(flags) => match flags.place(environment) {
            Some(store) => Ok(collector::preflight(&store, &release)),
            None => block_on(stoppable(preflight::run(environment, &release))),
        },
        Command::GenerateSigningKey => commands::generate_signing_key(),
        Command::RehashApiKeys => block_on(stoppable(commands::rehash_api_keys(environment))),
        Command::VerifyVault => block_on(stoppable(commands::verify_vault(environment))),
        Command::CreateApiKey { role, name } => {
            block_on(stoppable(commands::create_api_key(environment, role, &name)))
        }
        Command::Healthcheck { url } => Ok(healthcheck::run(environment, url.as_deref())?),
    }
}

fn block_on(work: impl Future<Output = Result<ExitCode, Failure>>) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcome = runtime.block_on(work);
    // A name lookup that hangs must not hold up the exit.
    runtime.shutdown_background();
    outcome
}

/// Ends a short command on SIGTERM or SIGINT, which the kernel does not do for PID 1.
async fn stoppable(work: impl Future<Output = Result<ExitCode, Failure>>) -> Result<ExitCode, Failure> {
    tokio::select! {
        outcome = work => outcome,
        signal = lifecycle::stop_signal()? => Err(format!("stopped by {signal}").into()),
    }
}
