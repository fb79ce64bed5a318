//! A product that runs as a process: its processes and its store. Never a row of its data.

use std::time::Duration;

use crate::adapters::holders;
use crate::adapters::process_services::{Run, runs};
use crate::adapters::sqlite::condition;
use crate::adapters::sqlite_database::{SqliteDatabase, working};
use crate::adapters::systemd::{self, Phase, UnitState};
use crate::bundle::contents::{ContainerFacts, KeptStore, Migrations, StoreFacts, TableFacts, member};
use crate::commands::preflight::outlook::ALONE;
use crate::model::secret::Secret;
use crate::profile::Supervisor;
use crate::report::quantity;

use super::collect::{Gathered, Missing, Outcome};
use super::compose::fingerprints;
use super::scene::Desk;

/// How long all tables together may be counted.
const COUNTS: Duration = Duration::from_secs(7);

/// The processes, as containers are described.
pub(super) async fn processes(desk: &Desk<'_>) -> Outcome {
    let survey = desk.scene.process()?;
    let runs = runs(&survey.run_dir(), &survey.profile.service)?;
    let trouble = survey.found().await.map(|found| found.trouble.is_some());
    let unit = match survey.profile.service.supervisor() {
        Some(Supervisor::Unit(unit)) => Some(systemd::state(unit).await),
        _ => None,
    };
    let facts: Vec<ContainerFacts> = runs
        .iter()
        .map(|run| {
            let is_service = run.name == survey.profile.service.name.as_str();
            let given = run.session.and_then(holders::environment).unwrap_or_default();
            let secret = |(name, value): (String, String)| (name, Secret::new(value));
            let health = trouble.as_ref().ok().filter(|_| is_service && run.session.is_some());
            let known = unit.as_ref().and_then(|state| state.as_ref().ok()).filter(|_| is_service);
            ContainerFacts {
                service: is_service.then(|| run.name.clone()),
                one_off: !is_service,
                image: format!("{}:{}", survey.profile.product.name, run.version),
                health: health.map(|trouble| if *trouble { "unhealthy" } else { "healthy" }.to_owned()),
                environment: fingerprints(&given.into_iter().map(secret).collect(), &desk.scene.key),
                ..known.map_or_else(|| facts_of(run), |state| with_unit(facts_of(run), state))
            }
        })
        .collect();
    desk.json(member::PROCESSES, &facts).await?;
    Ok(match unit {
        Some(Err(fault)) => Gathered::Cut(format!("it is not known what systemd knows: {fault}")),
        _ => Gathered::Whole,
    })
}

/// With what systemd knows, which watches over it.
fn with_unit(facts: ContainerFacts, unit: &UnitState) -> ContainerFacts {
    let state = match unit.phase {
        Phase::Starts | Phase::Runs | Phase::Ends => "running",
        Phase::Restarts => "restarting",
        Phase::Ended => "exited",
    };
    ContainerFacts {
        state: state.to_owned(),
        exit_code: unit.status,
        started: unit.started.map(|at| at.to_string()),
        finished: unit.ended.map(|at| at.to_string()),
        oom_killed: unit.ran_out_of_memory(),
        restarts: unit.restarts.into(),
        restart_policy: "systemd".to_owned(),
        ..facts
    }
}

fn facts_of(run: &Run) -> ContainerFacts {
    let state = match (run.session, &run.ended, &run.started) {
        (Some(_), ..) => "running",
        (None, None, None) => "created",
        _ => "exited",
    };
    ContainerFacts {
        name: run.name.clone(),
        id: run.session.map(|session| format!("session {session}")).unwrap_or_default(),
        image_id: run.content.clone(),
        state: state.to_owned(),
        exit_code: run.ended.map(|(_, status)| status),
        started: run.started.map(|at| at.to_string()),
        finished: run.ended.map(|(at, _)| at.to_string()),
        restart_policy: "none".to_owned(),
        ports: vec![format!("127.0.0.1:{}/tcp", run.port)],
        ..ContainerFacts::default()
    }
}

/// The database, unless an operation has to be alone with it.
fn database(desk: &Desk<'_>) -> Result<SqliteDatabase, Missing> {
    let survey = desk.scene.process()?;
    if survey.beside_operation {
        return Err(Missing::Skipped(ALONE.to_owned()));
    }
    Ok(survey.database())
}

pub(super) async fn store(desk: &Desk<'_>) -> Outcome {
    let survey = desk.scene.process()?;
    let database = survey.database();
    let size = condition::size(&database.file);
    let kept = database.beside()?.into_iter().map(|made| KeptStore {
        name: made.name.to_string(),
        purpose: made.purpose.word().to_owned(),
        bytes: made.size_bytes,
    });
    let mut facts = StoreFacts {
        file: database.file.display().to_string(),
        bytes: size.store,
        log_bytes: size.log,
        kept: kept.collect(),
        ..StoreFacts::default()
    };
    let why = match survey.try_condition().await {
        Ok(Ok(found)) => {
            facts.properties.clone_from(&found.properties);
            facts.schema_hash = Some(found.schema_hash.clone());
            None
        }
        Ok(Err(fault)) => Some(fault.to_string()),
        Err(skipped) => Some(skipped.evidence),
    };
    facts.trouble.clone_from(&why);
    desk.json(member::STORE, &facts).await?;
    Ok(why.map_or(Gathered::Whole, |why| Gathered::Cut(format!("its properties are not known: {why}"))))
}

pub(super) async fn schema(desk: &Desk<'_>) -> Outcome {
    let file = database(desk)?.file;
    let read =
        working(move || condition::schema(&file).map_err(|error| error.fault("the schema cannot be read")));
    desk.put(member::SCHEMA_SQL, read.await?).await?;
    Ok(Gathered::Whole)
}

pub(super) async fn tables(desk: &Desk<'_>) -> Outcome {
    let file = database(desk)?.file;
    let counted = working(move || {
        condition::rows(&file, COUNTS).map_err(|error| error.fault("the tables cannot be counted"))
    });
    let tables: Vec<TableFacts> = counted
        .await?
        .into_iter()
        .map(|(name, rows)| TableFacts { schema: "main".to_owned(), name, rows, ..TableFacts::default() })
        .collect();
    desk.json(member::TABLES, &tables).await?;
    match tables.iter().filter(|table| table.rows.is_none()).count() {
        0 => Ok(Gathered::Whole),
        uncounted => {
            let tables = quantity::counted(uncounted as u64, "table is", "tables are");
            Ok(Gathered::Cut(format!("{tables} not counted: too large for the time there is")))
        }
    }
}

pub(super) async fn migrations(desk: &Desk<'_>) -> Outcome {
    let survey = desk.scene.process()?;
    if survey.profile.migrate.is_none() {
        return Err(Missing::Skipped("the product has no migrations that are known here".to_owned()));
    }
    database(desk)?;
    let applied = survey.condition().await?.migrations.clone();
    desk.json(member::MIGRATIONS, &Migrations { applied }).await?;
    Ok(Gathered::Whole)
}
