//! Looking at the machine that the process runs on.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use super::ProcessSurvey;
use crate::adapters::catalogue::Catalogue;
use crate::adapters::process::HostCommand;
use crate::adapters::sqlite::condition::size;
use crate::adapters::tool_output::Stdin;
use crate::adapters::{disk, holders, machine};
use crate::commands::preflight::host::is_free;
use crate::preflight::host::{self, ClockSigns, Disk, PortHolder, Resources, TakenPort};
use crate::preflight::{Judgement, Kind};

/// How long it may take to say whether the clock follows a time server.
const CLOCK_LIMIT: Duration = Duration::from_millis(1500);

pub(super) fn resources() -> Judgement {
    let machine = machine::facts();
    host::resources(Resources {
        memory: machine.memory_bytes,
        available: disk::available_memory(),
        processors: machine.cpus.into(),
    })
}

fn disks(survey: &ProcessSurvey<'_>) -> Vec<Disk> {
    disk::disks(&[
        ("records", survey.place.state.root().to_owned()),
        ("backups", survey.backup_dir()),
        ("the store", survey.database().directory().to_owned()),
        ("releases", survey.place.dir.join("releases")),
    ])
}

pub(super) fn room(survey: &ProcessSurvey<'_>) -> Judgement {
    let size = size(&survey.database().file);
    host::room(&disks(survey), Some(size.both()).filter(|size| *size > 0), Kind::Process)
}

pub(super) fn inodes(survey: &ProcessSurvey<'_>) -> Judgement {
    host::inodes(&disks(survey))
}

/// No other clock is at hand. What this machine recorded itself must lie in the past.
pub(super) async fn clock(survey: &ProcessSurvey<'_>) -> Judgement {
    let state = &survey.place.state;
    let backups = Catalogue::open(state.root()).ok();
    let backup = backups
        .iter()
        .flat_map(Catalogue::records)
        .map(|one| (one.id.to_string(), one.created_at))
        .max_by_key(|one| one.1);
    let operations = state.operations().unwrap_or_default();
    let operation =
        operations.iter().filter_map(|past| Some((past.id.to_string(), past.progress.as_ref().ok()?.last)));
    let newest = operation.chain(backup).max_by_key(|one| one.1);
    let ahead = newest.map(|(what, at)| {
        (what, Duration::try_from(at.duration_since(jiff::Timestamp::now())).unwrap_or_default())
    });
    host::clock_alone(&ClockSigns { follows: follows_a_server().await, ahead })
}

/// Whether systemd says that the clock follows a time server; none where it is not there to ask.
async fn follows_a_server() -> Option<bool> {
    let program = "timedatectl";
    let running =
        HostCommand::new(program, ["show", "--property=NTPSynchronized", "--value"]).start(Stdin::Empty);
    let (said, exit) = running.ok()?.collect(program, 64, CLOCK_LIMIT).await.ok()?;
    match std::str::from_utf8(&said).ok()?.trim() {
        "yes" if exit.success() => Some(true),
        "no" if exit.success() => Some(false),
        _ => None,
    }
}

/// The port of a process that runs is its own.
pub(super) fn ports(survey: &ProcessSurvey<'_>) -> Judgement {
    let service = &survey.profile.service;
    let runs = match survey.run() {
        Ok(run) => run.is_some_and(|run| run.session.is_some()),
        Err(skipped) => return skipped,
    };
    let (address, port) = (IpAddr::from(Ipv4Addr::LOCALHOST), service.port.get());
    if runs || is_free(Some(address), port) {
        return host::ports(1, &[]);
    }
    let by = holders::of_port(address, port).map(PortHolder::Process);
    host::ports(1, &[TakenPort { service: service.name.to_string(), ip: Some(address), port, by }])
}

/// The folder that holds a file, or is to.
pub(super) fn folder_of(file: &Path) -> &Path {
    file.parent().and_then(|folder| folder.ancestors().find(|above| above.exists())).unwrap_or(Path::new("."))
}
