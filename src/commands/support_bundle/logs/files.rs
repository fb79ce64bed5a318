//! The logs of processes: files of this machine, and what the journal has of a unit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures_util::future::join_all;

use crate::adapters::bundle_store::Room;
use crate::adapters::process_services::{ProcessLog, ends};
use crate::adapters::systemd::journal::{self, Wanted};
use crate::bundle::contents::{Collected, member};
use crate::bundle::log::Log;
use crate::commands::preflight::process::ProcessSurvey;
use crate::error::Fault;
use crate::profile::{Supervisor, UnitName};
use crate::report::quantity;

use super::super::collect::{self, Gathered, Missing, Outcome};
use super::super::scene::{Desk, Scene, tail_of};
use super::super::window::{LINES, Window};
use super::excerpt::Excerpt;
use super::{LIMIT, MOST, none};

/// Most bytes of the end of a log that are looked at.
const LOOKED_AT: u32 = 16 << 20;

pub(super) async fn each(scene: &Scene<'_>, survey: &ProcessSurvey<'_>) -> Vec<Collected> {
    let folder = survey.run_dir();
    let mut logs: BTreeMap<String, ProcessLog> =
        logs_in(&folder).into_iter().map(|(name, file)| (name, ProcessLog::File(file))).collect();
    if let Some(Supervisor::Unit(unit)) = survey.profile.service.supervisor() {
        logs.insert(survey.profile.service.name.to_string(), ProcessLog::Journal(unit.clone()));
    }
    if logs.is_empty() {
        return vec![none(scene, Missing::Skipped(format!("there is no log in {}", folder.display())))];
    }
    let collected = logs.iter().map(|(name, log)| async move {
        let path = format!("{}{name}.log", member::LOGS);
        let take = async |desk: &Desk<'_>| match log {
            ProcessLog::File(file) => of_file(desk, file, &path).await,
            ProcessLog::Journal(unit) => of_journal(desk, unit, &path).await,
        };
        collect::one(scene, &format!("logs-{name}"), LIMIT, take).await
    });
    join_all(collected).await
}

/// The logs in a folder by the names of their processes, also of such as were to run once.
fn logs_in(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let named = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.strip_suffix(".log")?.to_owned();
        path.is_file().then_some((name, path))
    };
    entries.filter_map(named).collect()
}

async fn of_file(desk: &Desk<'_>, file: &Path, path: &str) -> Outcome {
    let window = desk.scene.window;
    let mut end = Vec::new();
    for (file, most) in ends(file, LOOKED_AT.into()) {
        let tail = tail_of(&file, most)
            .map_err(|error| Fault::caused_by(format!("cannot read {}", file.display()), &error))?;
        end.extend(tail);
    }
    let (text, room) = if window.is_usual() { usual(&end) } else { (within(&end, &window), Room::More) };
    put(desk, path, text, room).await
}

/// The journal knows when each line came.
async fn of_journal(desk: &Desk<'_>, unit: &UnitName, path: &str) -> Outcome {
    let (window, span) = (desk.scene.window, desk.scene.window.span());
    let wanted = Wanted {
        lines: span.lines.map_or(usize::MAX, |lines| lines as usize),
        bytes: LOOKED_AT as usize,
        since: span.since,
        until: span.until,
    };
    let end = journal::end(unit, wanted).await?;
    let text: Vec<u8> = end.entries.iter().flat_map(|entry| (entry.line() + "\n").into_bytes()).collect();
    if window.is_usual() {
        let (text, room) = usual(&text);
        return put(desk, path, text, room).await;
    }
    // That there are more lines than were asked for is no loss.
    let room = if end.shortened && span.lines.is_none() { Room::Full } else { Room::More };
    put(desk, path, text, room).await
}

fn usual(log: &[u8]) -> (Vec<u8>, Room) {
    let mut excerpt = Excerpt::new(LINES as usize);
    excerpt.push(log);
    excerpt.finish()
}

async fn put(desk: &Desk<'_>, path: &str, text: Vec<u8>, mut room: Room) -> Outcome {
    let mut feed = desk.begin(path, MOST);
    if feed.write(text.into()).await == Room::Full {
        room = Room::Full;
    }
    feed.finish().await?;
    match room {
        Room::More => Ok(Gathered::Whole),
        Room::Full => Ok(Gathered::Cut(format!("it is cut at {}", quantity::bytes(MOST as u64)))),
    }
}

/// What was logged in the time that was asked for, by what the lines say of that; of it, the last lines if only so many were
/// asked for. A line without a time goes with the one before it.
fn within(log: &[u8], window: &Window) -> Vec<u8> {
    let text = String::from_utf8_lossy(log);
    let span = window.span();
    let events = Log::read("", "", text.lines(), None).events;
    let outside = |line: usize| {
        let event = events.iter().rev().find(|event| event.line <= line);
        let at = event.and_then(|event| event.at);
        at.is_some_and(|at| {
            span.since.is_some_and(|since| at < since) || window.until().is_some_and(|until| at > until)
        })
    };
    let kept: Vec<&str> = match (span.since, window.until()) {
        (None, None) => text.lines().collect(),
        _ => {
            text.lines().enumerate().filter(|(index, _)| !outside(index + 1)).map(|(_, line)| line).collect()
        }
    };
    let most = span.lines.map_or(usize::MAX, |lines| lines as usize);
    kept[kept.len().saturating_sub(most)..]
        .iter()
        .flat_map(|line| [line.as_bytes(), b"\n"].concat())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{BundleCreate, Moment};

    const LOG: &str = "{\"time\":\"2026-03-14T11:00:00Z\",\"msg\":\"a\"}\n\
                       {\"time\":\"2026-03-14T12:00:00Z\",\"msg\":\"b\"}\nand more of it\n\
                       {\"time\":\"2026-03-14T13:00:00Z\",\"msg\":\"c\"}\n";

    #[test]
    fn lines_are_chosen_by_the_time_that_they_tell() {
        let at = |time: &str| Some(Moment::At(time.parse().unwrap()));
        let asked = |since, until, tail| {
            let asked = BundleCreate { since, until, tail, ..BundleCreate::default() };
            let window = Window::of(&asked, "2026-03-14T14:00:00Z".parse().unwrap());
            String::from_utf8(within(LOG.as_bytes(), &window)).unwrap()
        };
        let middle = asked(at("2026-03-14T11:30:00Z"), at("2026-03-14T12:30:00Z"), None);
        assert!(middle.contains("\"b\"") && middle.ends_with("and more of it\n"), "{middle}");
        assert_eq!(middle.lines().count(), 2);
        assert_eq!(asked(None, None, Some(1)).lines().count(), 1);
        assert_eq!(asked(at("2026-03-14T11:30:00Z"), None, Some(2)).lines().count(), 2);
    }
}
