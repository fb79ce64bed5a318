//! The machine, and what runs the product on it.

use std::time::Duration;

use crate::adapters::compose::ComposeVersion;
use crate::adapters::postgres::condition;
use crate::adapters::{disk, machine};
use crate::bundle::contents::member;

use super::collect::{Gathered, Outcome};
use super::scene::{Desk, Scene};

/// How long the database may take to tell its time.
const CLOCK_LIMIT: Duration = Duration::from_secs(4);

pub(super) async fn system(desk: &Desk<'_>) -> Outcome {
    let scene = desk.scene;
    let mut facts = machine::facts();
    let (compose, skew) = tokio::join!(ComposeVersion::installed(), clock_skew(scene));
    facts.clock_skew_ms = skew;
    facts.versions.insert("opsctl".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    facts.versions.insert(
        "compose".to_owned(),
        compose.map_or_else(|error| error.to_string(), |version| version.to_string()),
    );
    let mut places = vec![
        ("the install", scene.survey.place.dir.clone()),
        ("what opsctl keeps", scene.survey.place.state.root().to_owned()),
    ];
    if let Ok(install) = scene.survey.install().await {
        places.push(("backups", install.place.backup_dir(None, &install.variables)));
    }
    match scene.survey.engine().await {
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
    facts.disks = disk::disks(&places).iter().map(machine::disk_facts).collect();
    desk.json(member::HOST, &facts).await?;
    Ok(Gathered::Whole)
}

/// None where the database cannot be asked: that is for others to tell.
async fn clock_skew(scene: &Scene<'_>) -> Option<i64> {
    let asked = async { condition::clock(scene.session().await.ok()?).await.ok() };
    tokio::time::timeout(CLOCK_LIMIT, asked).await.ok().flatten().map(|(skew, _)| skew)
}
