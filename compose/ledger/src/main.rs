//! `ledger`: the sample product that opsctl's demo and live tests operate.
//!
//! One static binary with a subcommand for each part of a self-hosted product: an HTTP API over
//! PostgreSQL, a worker, migrations and the maintenance commands that operators run; and, over a SQLite
//! file, a product that is one process, see [`collector`]. All settings come from the environment; what a *release* is (its version, how many migrations it ships, and in which way
//! it is broken, if it is) comes from the release description in its image, see [`release`].

mod api;
mod api_key;
mod cli;
mod collector;
mod commands;
mod config;
mod healthcheck;
mod lifecycle;
mod log;
mod metrics;
mod migrate;
mod preflight;
mod readiness;
mod release;
mod serving;
mod store;
mod vault;
mod worker;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
