//! What `opsctl status` shows of a process and a SQLite file.

use serde_json::json;

use super::Embedded;
use crate::adapters::process_services;
use crate::commands::context::Context;
use crate::commands::preflight::outlook::ALONE;
use crate::commands::ready::Operable as _;
use crate::commands::show;
use crate::commands::status::{Screen, backups, releases};
use crate::error::Failure;
use crate::journal::lock::current_holder;
use crate::model::operation::{OperationId, OperationKind};
use crate::ports::Databases as _;
use crate::report::quantity;

/// Looks at everything; a part that cannot be seen says why.
pub(in crate::commands) async fn fill(
    context: &Context,
    screen: &mut Screen,
    site: &Embedded,
) -> Result<(), Failure> {
    let operation = OperationId::new(jiff::Timestamp::now(), OperationKind::Backup);
    let services = site.services(&operation)?;
    match site.look(context, &operation).await {
        Ok(found) => {
            releases(context, screen, &found);
            let name = &site.profile.service.name;
            let state = found.trouble.clone().unwrap_or_else(|| "well".to_owned());
            let (port, log) = (site.profile.service.port, services.log_of(name.as_str()));
            screen.row(name.as_str(), format!("{state}  127.0.0.1:{port}  log {log}"));
            if let Err(fault) = log.can_be_read().await {
                context.warn(fault.to_string());
            }
            let log = log.to_string();
            screen.data["services"] = json!([{"service": name, "state": state, "port": port, "log": log}]);
        }
        Err(failure) => screen.trouble("release", &failure.fault),
    }
    one_offs(screen, site);
    let database = site.database();
    if is_operated(site) {
        screen.row("database", ALONE);
        rest(context, screen, site);
        return Ok(());
    }
    match database.facts(&database.live()).await {
        Ok(facts) => {
            let text = show::sqlite(&facts);
            screen.row("database", &text);
            screen.data["database"] = json!({"file": database.file, "text": text, "tables": facts.tables});
            if let Some(last) = facts.migrations.last() {
                let count = facts.migrations.len();
                screen.row("migrations", format!("{count} applied, the last is {}", last.id));
                screen.data["migrations"] = json!(facts.migrations);
            }
        }
        Err(_) if !database.exists(&database.live()).await? => {
            screen.row("database", format!("{} is not there yet", database.file.display()));
        }
        Err(fault) => screen.trouble("database", &fault),
    }
    rest(context, screen, site);
    Ok(())
}

/// Whether an operation runs that has to be alone with the store; one that shows the status itself does not.
fn is_operated(site: &Embedded) -> bool {
    current_holder(&site.place.state.lock()).is_some_and(|holder| holder.actor.pid != std::process::id())
}

/// What can be seen of the store without opening it.
fn rest(context: &Context, screen: &mut Screen, site: &Embedded) {
    match site.database().beside() {
        Ok(kept) => {
            let mut data = Vec::new();
            for made in kept {
                let what = made.purpose.word().replace('_', " ");
                screen.row("kept", format!("{} ({what}, {})", made.name, quantity::bytes(made.size_bytes)));
                data.push(json!({"name": made.name, "purpose": made.purpose, "size_bytes": made.size_bytes}));
            }
            screen.data["kept"] = json!(data);
        }
        Err(fault) => context.warn(fault.to_string()),
    }
    backups(screen, site);
}

/// What opsctl itself started to run once: of an operation that goes on, or one that was cut short.
fn one_offs(screen: &mut Screen, site: &Embedded) {
    let run_dir = site.place.state.root().join("run");
    match process_services::one_offs(&run_dir, &site.profile.service) {
        Ok(runs) => {
            for run in &runs {
                let process = run.session.unwrap_or_default();
                screen.row("runs once", format!("{} ({}), process {process}", run.name, run.version));
            }
            let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
            screen.data["one_offs"] = json!(names);
        }
        Err(fault) => screen.trouble("runs once", &fault),
    }
}
