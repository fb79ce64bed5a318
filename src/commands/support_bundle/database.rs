//! The database: what the server is and does, and what is in it. Never a row of the product's.

use std::time::Duration;

use futures_util::StreamExt as _;

use crate::adapters::bundle_store::Room;
use crate::adapters::postgres::insight;
use crate::adapters::product_database::fault;
use crate::adapters::tool_host::{failed, unsuccessful};
use crate::adapters::tool_output::{Stdin, ToolError};
use crate::bundle::contents::{Migrations, QueueDepth, member};
use crate::commands::preflight::outlook::ALONE;
use crate::model::pg_tools;
use crate::report::quantity;

use super::collect::{Gathered, Missing, Outcome};
use super::scene::Desk;

/// Most bytes of the schema.
const MOST_SCHEMA: usize = 8 << 20;

/// How long all tables together may be counted.
const COUNTS: Duration = Duration::from_secs(7);

pub(super) async fn server(desk: &Desk<'_>) -> Outcome {
    let session = desk.scene.project()?.session().await?;
    let facts = insight::server(session).await.map_err(|error| fault(&error))?;
    desk.json(member::SERVER, &facts).await?;
    Ok(Gathered::Whole)
}

pub(super) async fn activity(desk: &Desk<'_>) -> Outcome {
    let project = desk.scene.project()?;
    let activity = if project.survey.beside_operation {
        insight::activity(&project.session_beside().await?).await
    } else {
        insight::activity(project.session().await?).await
    };
    let activity = activity.map_err(|error| fault(&error))?;
    desk.json(member::ACTIVITY, &activity).await?;
    Ok(Gathered::Whole)
}

/// In a session of its own: counting keeps the others waiting.
pub(super) async fn tables(desk: &Desk<'_>) -> Outcome {
    let session = desk.scene.project()?.own_session().await?;
    let tables = insight::tables(&session, COUNTS).await.map_err(|error| fault(&error))?;
    desk.json(member::TABLES, &tables).await?;
    match tables.iter().filter(|table| table.rows.is_none()).count() {
        0 => Ok(Gathered::Whole),
        uncounted => {
            let tables = quantity::counted(uncounted as u64, "table is", "tables are");
            Ok(Gathered::Cut(format!(
                "{tables} not counted: locked, not to be read, or too large for the time there is"
            )))
        }
    }
}

pub(super) async fn migrations(desk: &Desk<'_>) -> Outcome {
    let project = desk.scene.project()?;
    let reached = project.survey.reached().await?;
    if reached.database.profile.migrate.is_none() {
        return Err(Missing::Skipped("the product has no migrations that are known here".to_owned()));
    }
    let applied = reached.database.migrations(project.session().await?).await?;
    desk.json(member::MIGRATIONS, &Migrations { applied }).await?;
    Ok(Gathered::Whole)
}

pub(super) async fn queues(desk: &Desk<'_>) -> Outcome {
    let queries = &desk.scene.project()?.profile()?.support.queues;
    if queries.is_empty() {
        return Err(Missing::Skipped("the product has no queues that are known here".to_owned()));
    }
    let session = desk.scene.project()?.session().await?;
    let mut depths: Vec<QueueDepth> = Vec::new();
    for query in queries {
        depths.extend(insight::queue(session, query).await.map_err(|error| fault(&error))?);
    }
    desk.json(member::QUEUES, &depths).await?;
    Ok(Gathered::Whole)
}

pub(super) async fn schema(desk: &Desk<'_>) -> Outcome {
    let survey = &desk.scene.project()?.survey;
    if survey.beside_operation {
        return Err(Missing::Skipped(ALONE.to_owned()));
    }
    let (install, reached) = (survey.install().await?, survey.reached().await?);
    let tools = &reached.tools;
    let call = pg_tools::schema(tools.tools(), &tools.info(reached.database.live().as_str()));
    let program = call.program.display().to_string();
    let failed = |error: ToolError| failed(&program, &error);
    let mut running = tools.start(call, None, Stdin::Empty, &survey.operation).await.map_err(failed)?;
    let mut feed = desk.begin(member::SCHEMA_SQL, MOST_SCHEMA);
    while let Some(piece) = running.stdout().next().await {
        let piece = piece.map_err(|source| failed(ToolError::Output { program: program.clone(), source }))?;
        if feed.write(piece).await == Room::Full {
            feed.finish().await?;
            return Ok(Gathered::Cut(format!("it is cut at {}", quantity::bytes(MOST_SCHEMA as u64))));
        }
    }
    feed.finish().await?;
    let exit = running.finish().await.map_err(failed)?;
    if exit.success() {
        return Ok(Gathered::Whole);
    }
    let said = unsuccessful(&program, &exit, &install.redactor);
    Err(Missing::Failed(format!("{said}: {}", said.evidence.join(" "))))
}
