//! `opsctl status`: what is selected, what runs, and where they differ. It shows what it can, also of a broken install.

use serde_json::{Value, json};

use crate::adapters::catalogue::Catalogue;
use crate::adapters::postgres::server::databases;
use crate::adapters::product_database::{self, ProductDatabase};
use crate::commands::context::{Context, Outcome};
use crate::commands::current::{self, Found, Source};
use crate::commands::database;
use crate::commands::embedded::{self, Embedded};
use crate::commands::install::Install;
use crate::commands::live;
use crate::commands::operate;
use crate::commands::place::Place;
use crate::commands::show;
use crate::commands::site::Kept;
use crate::error::{Failure, Fault};
use crate::gates::{self, Subject};
use crate::journal::lock::current_holder;
use crate::journal::record::Progress;
use crate::model::operation::{OperationId, OperationKind};
use crate::model::retention::FileState;
use crate::ports::Databases;
use crate::profile::{DatabaseMode, ServiceName};
use crate::report::quantity;

/// Lines for a person, and the same for a machine.
pub(super) struct Screen {
    lines: Vec<String>,
    pub(super) data: Value,
}

impl Screen {
    pub(super) fn row(&mut self, name: &str, text: impl std::fmt::Display) {
        self.lines.push(format!("{name:<15} {text}"));
    }

    pub(super) fn trouble(&mut self, name: &str, fault: &Fault) {
        self.row(name, format!("unknown: {fault}"));
        self.data[name] = json!({"unknown": fault.to_string()});
    }
}

/// Looks at everything; a part that cannot be seen says why.
pub async fn run(context: &Context) -> Result<Outcome, Failure> {
    let place = Place::find(context)?;
    let mut screen = Screen { lines: Vec::new(), data: json!({"dir": place.dir}) };
    screen.row("install", place.dir.display());
    operations(&mut screen, &place);
    if let Some(site) = Embedded::at(context, &place)? {
        embedded::status::fill(context, &mut screen, &site).await?;
        return Ok(Outcome::new(screen.lines.join("\n"), screen.data));
    }
    let install = match Install::open(context, place).await {
        Ok(install) => install,
        Err(failure) => {
            context.known_so_far(&Outcome::new(screen.lines.join("\n"), screen.data));
            return Err(failure);
        }
    };
    // What an operation keeps to be let in by the server is needed for a look at that too.
    let unfinished = operate::unfinished(&install.place.state).ok().flatten();
    let operation = unfinished.map_or_else(
        || OperationId::new(jiff::Timestamp::now(), OperationKind::Backup),
        |progress| progress.planned.operation,
    );
    let services = live::services(context, &install, &operation)?;
    match current::look(&install, &services).await {
        Ok(found) => {
            releases(context, &mut screen, &found);
            each_service(&mut screen, &install, &services, &found).await;
        }
        Err(failure) => screen.trouble("release", &failure.fault),
    }
    match database::reach(&install, &operation).await {
        Ok(reached) => on_the_server(context, &mut screen, &install, &reached.database).await,
        Err(fault) => screen.trouble("database", &fault),
    }
    backups(&mut screen, &install);
    Ok(Outcome::new(screen.lines.join("\n"), screen.data))
}

fn operations(screen: &mut Screen, place: &Place) {
    // A command that shows this before it does something holds the install itself.
    let holder = current_holder(&place.state.lock()).filter(|holder| holder.actor.pid != std::process::id());
    if let Some(holder) = holder {
        screen.row(
            "running",
            format!(
                "{} by {}, process {}, since {}",
                holder.doing,
                holder.actor,
                holder.actor.pid,
                holder.since.strftime("%Y-%m-%d %H:%M:%S UTC")
            ),
        );
        screen.data["running"] = json!(holder);
    }
    match operate::unfinished(&place.state) {
        Ok(None) => {}
        Ok(Some(progress)) => unfinished(screen, &progress),
        Err(failure) => screen.trouble("unfinished", &failure.fault),
    }
}

fn unfinished(screen: &mut Screen, progress: &Progress) {
    let heading = match screen.data["running"] {
        Value::Null if progress.paused.is_some() => "paused",
        Value::Null => "unfinished",
        _ => "so far",
    };
    let next = if heading == "so far" { String::new() } else { format!(": {}", progress.ways_on()) };
    let id = &progress.planned.operation;
    screen.row(
        heading,
        format!("{id}, {} of {} steps done{next}", progress.finished, progress.planned.plan.steps.len()),
    );
    screen.lines.push(show::progress(progress));
    screen.data["unfinished"] = json!({"operation": id, "finished": progress.finished, "touched": progress.touched,
            "can_be_undone": progress.planned.plan.can_be_undone(progress.touched),
            "paused": progress.paused.is_some()});
}

pub(super) fn releases(context: &Context, screen: &mut Screen, found: &Found) {
    let selected = found.selected.as_ref().map_or("nothing".to_owned(), ToString::to_string);
    screen.row("selected", selected);
    let image = found.release.image_id.as_deref().unwrap_or("no image");
    match (found.running.is_empty(), found.source) {
        (false, _) => screen.row("runs", format!("{} ({image})", found.release)),
        (true, Source::Image) => {
            screen.row("runs", format!("nothing; {} ({image}) is stopped", found.release));
        }
        (true, _) => screen.row("runs", "nothing"),
    }
    screen.data["release"] = json!({"selected": found.selected, "runs": found.release, "source": found.source,
        "drift": found.drift, "trouble": found.trouble});
    for problem in found.drift.iter().chain(&found.trouble) {
        context.warn(problem);
    }
}

async fn each_service(
    screen: &mut Screen,
    install: &Install,
    services: &crate::adapters::compose_services::ComposeServices,
    found: &Found,
) {
    let mut data = Vec::new();
    for name in install.profile.stop_order().into_iter().rev().filter(|name| install.is_there(name)) {
        let one: [ServiceName; 1] = [name.clone()];
        let state = match gates::glance(services, Subject::Services(&one, &found.release)).await {
            Ok(None) => "well".to_owned(),
            Ok(Some(trouble)) => trouble.strip_prefix(&format!("{name} ")).unwrap_or(&trouble).to_owned(),
            Err(fault) => fault.to_string(),
        };
        let ports: Vec<String> = install.model.services[name.as_str()]
            .ports
            .iter()
            .filter_map(|port| {
                let (first, _) = port.host_ports?;
                Some(format!("{}:{first}", port.host_ip.map_or("*".to_owned(), |ip| ip.to_string())))
            })
            .collect();
        screen.row(name.as_str(), format!("{state}  {}", ports.join(" ")).trim_end());
        data.push(json!({"service": name, "state": state, "ports": ports}));
    }
    screen.data["services"] = json!(data);
}

async fn on_the_server(
    context: &Context,
    screen: &mut Screen,
    install: &Install,
    database: &ProductDatabase,
) {
    let mode = match install.mode {
        DatabaseMode::Bundled => "bundled",
        DatabaseMode::External => "external",
    };
    match show::database(database).await {
        Ok(text) => {
            screen.row("database", format!("{text} ({mode})"));
            screen.data["database"] = json!({"mode": mode, "name": database.live(), "text": text});
        }
        Err(fault) => screen.trouble("database", &fault),
    }
    if let Ok(schema) = database.schema(&database.live()).await {
        let last = schema.migrations.last().map_or("none".to_owned(), Clone::clone);
        screen.row("migrations", format!("{} applied, the last is {last}", schema.migrations.len()));
        screen.data["migrations"] = json!(schema.migrations);
    }
    if let Err(fault) = beside(screen, database).await {
        context.warn(format!("the databases beside cannot be listed: {fault}"));
    }
}

/// The databases that opsctl keeps beside the live one: they take room, and somebody may want it back.
async fn beside(screen: &mut Screen, database: &ProductDatabase) -> Result<(), Fault> {
    let session = database.maintenance().await?;
    let live = database.live();
    let found = databases(&session, live.as_str()).await.map_err(|error| product_database::fault(&error))?;
    let mut data = Vec::new();
    for listed in found {
        let Some(made) = listed.name.made_from(&live) else { continue };
        let size = listed.size_bytes.map_or("unknown size".to_owned(), quantity::bytes);
        let what = made.purpose.word().replace('_', " ");
        screen.row("kept", format!("{} ({what}, {size})", listed.name));
        data.push(json!({"name": listed.name, "purpose": made.purpose, "size_bytes": listed.size_bytes, "mark": listed.mark}));
    }
    screen.data["kept"] = json!(data);
    Ok(())
}

pub(super) fn backups(screen: &mut Screen, install: &dyn Kept) {
    match Catalogue::open(install.place().state.root()) {
        Ok(catalogue) => {
            let directory = install.place().backup_dir(None, install.variables());
            let newest = match catalogue.newest(&directory) {
                Ok(newest) => newest,
                Err(error) => {
                    let what = format!("{} cannot be looked into", directory.display());
                    return screen.trouble("backups", &Fault::caused_by(what, &error));
                }
            };
            let text = newest.map_or("none yet".to_owned(), |(record, file)| {
                let state = match (file, record.verified) {
                    (FileState::Missing, _) => "missing".to_owned(),
                    (FileState::Changed, _) => "changed since it was written".to_owned(),
                    (FileState::Present, Some(verified)) => verified.to_string(),
                    (FileState::Present, None) => "not verified".to_owned(),
                };
                format!(
                    "{} of {}, the newest {} ({state})",
                    catalogue.records().len(),
                    install.product().title,
                    record.id
                )
            });
            screen.row("backups", text);
            screen.data["backups"] = json!({
                "count": catalogue.records().len(),
                "newest": newest.map(|(record, _)| record),
                "newest_file": newest.map(|(_, file)| file),
            });
        }
        Err(error) => screen.trouble("backups", &crate::adapters::dump_backups::catalogue_fault(&error)),
    }
}
