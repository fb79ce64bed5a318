//! The logs of all containers of the project, or of all processes: exited and one-off ones too.

mod excerpt;
mod files;

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use tokio::sync::Semaphore;

use crate::adapters::bundle_store::{Feed, Room};
use crate::adapters::compose_services::fault;
use crate::adapters::docker::{Container, LogPieces};
use crate::bundle::contents::{Collected, CollectorStatus, member};
use crate::report::quantity;

use super::collect::{self, Gathered, Missing, Outcome};
use super::scene::{Desk, Examined, Project, Scene};
use super::window::LINES;

use excerpt::Excerpt;

/// Most bytes of one log.
const MOST: usize = 8 << 20;

/// Logs that are read at once.
const AT_ONCE: usize = 4;

/// Containers whose logs are read.
const CONTAINERS: usize = 100;

const LIMIT: Duration = Duration::from_secs(30);

/// Collects each log by itself; they come back in the order of the containers, or of their names.
pub(super) async fn each(scene: &Scene<'_>) -> Vec<Collected> {
    match &scene.examined {
        Examined::Compose(project) => of_containers(scene, project).await,
        Examined::Process(survey) => files::each(scene, survey).await,
    }
}

async fn of_containers(scene: &Scene<'_>, project: &Project<'_>) -> Vec<Collected> {
    let containers = match project.containers() {
        Ok(containers) => containers,
        Err(missing) => return vec![none(scene, missing)],
    };
    if containers.is_empty() {
        return vec![none(scene, Missing::Skipped("the project has no containers".to_owned()))];
    }
    let turns = Semaphore::new(AT_ONCE);
    let read = |container| {
        let (turns, name) = (&turns, name(container, containers));
        async move {
            let _turn = turns.acquire().await;
            let path = format!("{}{name}.log", member::LOGS);
            collect::one(scene, &format!("logs-{name}"), LIMIT, async |desk| {
                one(desk, container, &path).await
            })
            .await
        }
    };
    join_all(containers.iter().take(CONTAINERS).map(read)).await
}

fn none(scene: &Scene<'_>, missing: Missing) -> Collected {
    let (status, why) = match missing {
        Missing::Skipped(why) => (CollectorStatus::Skipped, why),
        Missing::Failed(why) => (CollectorStatus::Failed, why),
    };
    let why = Some(scene.redaction.redact_text(&why));
    Collected { id: "logs".to_owned(), status, why, ..Collected::default() }
}

/// The service, where it has one container, else the container.
fn name<'a>(container: &'a Container, all: &[Container]) -> &'a str {
    let alone =
        |service: &&String| all.iter().filter(|other| other.service.as_ref() == Some(service)).count() == 1;
    container.service.as_ref().filter(alone).unwrap_or(&container.name)
}

async fn one(desk: &Desk<'_>, container: &Container, path: &str) -> Outcome {
    let (engine, _) = desk.scene.project()?.survey.engine().await.as_ref().map_err(Clone::clone)?;
    let window = desk.scene.window;
    let pieces = engine.log_pieces(&container.id, window.span());
    let mut feed = desk.begin(path, MOST);
    let read = if window.is_usual() { end(pieces, &mut feed).await } else { whole(pieces, &mut feed).await };
    // What was read until it broke off is worth keeping.
    feed.finish().await?;
    match read? {
        Room::More => Ok(Gathered::Whole),
        Room::Full => Ok(Gathered::Cut(format!("it is cut at {}", quantity::bytes(MOST as u64)))),
    }
}

async fn whole(mut pieces: LogPieces, feed: &mut Feed) -> Result<Room, Missing> {
    while let Some(piece) = pieces.next().await {
        if feed.write(piece.map_err(|error| fault(&error))?).await == Room::Full {
            return Ok(Room::Full);
        }
    }
    Ok(Room::More)
}

async fn end(mut pieces: LogPieces, feed: &mut Feed) -> Result<Room, Missing> {
    let mut excerpt = Excerpt::new(LINES as usize);
    let mut broken = Ok(());
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(piece) => excerpt.push(&piece),
            Err(error) => {
                broken = Err(fault(&error));
                break;
            }
        }
    }
    let (text, room) = excerpt.finish();
    feed.write(text.into()).await;
    broken?;
    Ok(room)
}
