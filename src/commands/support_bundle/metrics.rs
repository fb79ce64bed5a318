//! What the product's logs tell in numbers, as `opsctl logs stats` counts them.

use crate::adapters::docker::LogLimits;
use crate::adapters::process_services::{ProcessLog, ends};
use crate::adapters::sqlite_database::working;
use crate::bundle::contents::member;
use crate::commands::logs;
use crate::logs::{Counter, Per, Span, Stats};
use crate::profile::Logs;
use crate::report::quantity;

use super::collect::{Gathered, Missing, Outcome};
use super::scene::Desk;

/// Most bytes of the end of a process's log that are counted.
const OF_PROCESS: u32 = 32 << 20;

/// The same of a container's log, which is held in memory meanwhile.
const OF_CONTAINER: usize = 8 << 20;

/// Of the containers that serve or work.
pub(super) async fn of_containers(desk: &Desk<'_>) -> Outcome {
    let survey = &desk.scene.project()?.survey;
    let install = survey.install().await?;
    let described = &install.profile.logs;
    refuse_nothing(described)?;
    let services = survey.services(install)?;
    let span = span(desk);
    let limits = LogLimits { lines: u32::MAX, bytes: OF_CONTAINER, since: span.since };
    let mut counter = Counter::new(described, Per::Minute, span);
    let mut shortened = Vec::new();
    for service in logs::those(install, &[]).map_err(|failure| failure.fault)? {
        if !logs::whole_log_of(install, &services, &service, limits, &mut counter).await? {
            shortened.push(service.to_string());
        }
    }
    put(desk, &counter.finish()).await?;
    let most = quantity::bytes(OF_CONTAINER as u64);
    Ok(match shortened.as_slice() {
        [] => Gathered::Whole,
        services => Gathered::Cut(format!("only the last {most} were counted of {}", services.join(", "))),
    })
}

/// Of the process.
pub(super) async fn of_process(desk: &Desk<'_>) -> Outcome {
    let survey = desk.scene.process()?;
    refuse_nothing(&survey.profile.logs)?;
    let log = survey.services().await?.log_of(survey.profile.service.name.as_str());
    let (profile, span) = (survey.profile.clone(), span(desk));
    let (stats, whole) = match log {
        ProcessLog::File(file) => {
            let counted = working(move || {
                let mut counter = Counter::new(&profile.logs, Per::Minute, span);
                let mut whole = true;
                for (file, most) in ends(&file, OF_PROCESS.into()) {
                    whole &= logs::end_of_file(&file, most, &mut counter).map_err(|failure| failure.fault)?;
                }
                Ok((counter.finish(), whole))
            });
            counted.await?
        }
        ProcessLog::Journal(unit) => {
            let mut counter = Counter::new(&profile.logs, Per::Minute, span);
            let whole = logs::of_journal(&unit, span, OF_PROCESS as usize, &mut counter).await?;
            (counter.finish(), whole)
        }
    };
    put(desk, &stats).await?;
    Ok(if whole {
        Gathered::Whole
    } else {
        Gathered::Cut(format!("only its last {} were counted", quantity::bytes(OF_PROCESS.into())))
    })
}

fn refuse_nothing(described: &Logs) -> Result<(), Missing> {
    if described.metrics.is_empty() {
        return Err(Missing::Skipped("the description names nothing that its log tells".to_owned()));
    }
    Ok(())
}

fn span(desk: &Desk<'_>) -> Span {
    Span { since: desk.scene.window.span().since, until: desk.scene.window.until() }
}

async fn put(desk: &Desk<'_>, stats: &Stats) -> Result<(), Missing> {
    if stats.lines.counted == 0 && stats.lines.not_json > 0 {
        return Err(Missing::Skipped("the logs are not one JSON object a line".to_owned()));
    }
    Ok(desk.json(member::LOG_METRICS, stats).await?)
}
