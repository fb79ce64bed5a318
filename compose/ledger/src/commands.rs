//! The maintenance commands: keys and vault.

use std::{io::Write, process::ExitCode};

use serde_json::json;

use crate::{
    api_key::{self, Fingerprint},
    cli::Failure,
    config::Environment,
    log,
    store::{Store, api_keys::Role, migrations},
    vault::signing,
};

/// Prints a key for `VAULT_SIGNING_KEY`, and nothing else.
pub(crate) fn generate_signing_key() -> Result<ExitCode, Failure> {
    writeln!(std::io::stdout(), "{}", signing::generate()?)?;
    Ok(ExitCode::SUCCESS)
}

/// Creates a key and prints it, and nothing else; it cannot be had again.
pub(crate) async fn create_api_key(
    environment: &Environment,
    role: Role,
    name: &str,
) -> Result<ExitCode, Failure> {
    let secrets = environment.secrets()?;
    let store = open(environment)?;
    let key = api_key::generate(role)?;
    let stored = secrets.current.store(Fingerprint::of(&key))?;
    store.insert_api_key(role, name, &stored).await?;
    writeln!(std::io::stdout(), "{key}")?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn rehash_api_keys(environment: &Environment) -> Result<ExitCode, Failure> {
    let secrets = environment.secrets()?;
    let counts = open(environment)?.rehash_api_keys(&secrets).await?;
    log::result("api keys rehashed", serde_json::to_value(counts)?);
    Ok(ExitCode::SUCCESS)
}

/// Exit code 1 if any chain is broken.
pub(crate) async fn verify_vault(environment: &Environment) -> Result<ExitCode, Failure> {
    let findings = open(environment)?.scan_vault(|_| ()).await?;
    let sound = findings.broken_chains.is_empty();
    let msg = if sound { "vault is sound" } else { "vault has broken chains" };
    log::result(msg, serde_json::to_value(&findings)?);
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn open(environment: &Environment) -> Result<Store, Failure> {
    let settings = environment.database("ledger-maintenance")?;
    log::debug("connecting", json!({"applicationName": "ledger-maintenance"}));
    // These statements touch only what every schema has.
    Ok(Store::open(&settings, migrations::known())?)
}
