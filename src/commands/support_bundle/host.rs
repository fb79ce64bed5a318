//! The machine, and what runs the product on it.

use std::path::PathBuf;
use std::time::Duration;

use crate::adapters::compose::ComposeVersion;
use crate::adapters::postgres::condition;
use crate::adapters::{disk, machine};
use crate::bundle::contents::{HostFacts, member};

use super::collect::{Gathered, Outcome};
use super::scene::{Desk, Examined, Project};

/// How long the database may take to tell its time.
const CLOCK_LIMIT: Duration = Duration::from_secs(4);

pub(super) async fn system(desk: &Desk<'_>) -> Outcome {
    let scene = desk.scene;
    let mut facts = machine::facts();
    facts.versions.insert("opsctl".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    let place = &scene.outlook().place;
    let mut places =
        vec![("the install", place.dir.clone()), ("what opsctl keeps", place.state.root().to_owned())];
    if let Some(kept) = scene.examined.kept().await {
        places.push(("backups", kept.place().backup_dir(None, kept.variables())));
    }
    match &scene.examined {
        Examined::Compose(project) => engine(project, &mut facts, &mut places).await,
        Examined::Process(survey) => {
            facts.versions.insert("SQLite of opsctl".to_owned(), rusqlite::version().to_owned());
            places.push(("the store", survey.database().directory().to_owned()));
        }
    }
    facts.disks = disk::disks(&places).iter().map(machine::disk_facts).collect();
    desk.json(member::HOST, &facts).await?;
    Ok(Gathered::Whole)
}

/// What runs the containers, and by how much the database's clock is another.
async fn engine(project: &Project<'_>, facts: &mut HostFacts, places: &mut Vec<(&'static str, PathBuf)>) {
    let (compose, skew) = tokio::join!(ComposeVersion::installed(), clock_skew(project));
    facts.clock_skew_ms = skew;
    facts.versions.insert(
        "compose".to_owned(),
        compose.map_or_else(|error| error.to_string(), |version| version.to_string()),
    );
    match project.survey.engine().await {
        Ok((_, engine)) => {
            facts.versions.insert("docker".to_owned(), engine.version.clone());
            facts.versions.insert("docker API".to_owned(), engine.api_version.clone());
            facts.engine.clone_from(&engine.more);
            facts.engine.insert("storage driver".to_owned(), engine.storage_driver.clone());
            facts.engine.insert("root folder".to_owned(), engine.root_dir.display().to_string());
            places.push(("the engine's data", engine.root_dir.clone()));
        }
        Err(fault) => {
            facts.engine.insert("unreachable".to_owned(), fault.to_string());
        }
    }
}

/// None where the database cannot be asked: that is for others to tell.
async fn clock_skew(project: &Project<'_>) -> Option<i64> {
    let asked = async { condition::clock(project.session().await.ok()?).await.ok() };
    tokio::time::timeout(CLOCK_LIMIT, asked).await.ok().flatten().map(|(skew, _)| skew)
}
