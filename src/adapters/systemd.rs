//! A unit of systemd: what systemd knows of it, and having it started and stopped.

pub mod journal;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{Timestamp, ToSpan as _};
use rustix::time::{ClockId, clock_gettime};

use super::process::HostCommand;
use super::tool_output::{Stdin, ToolExit};
use crate::error::Fault;
use crate::profile::UnitName;

const SYSTEMCTL: &str = "systemctl";

/// Most that systemctl may print.
const MOST_OUTPUT: usize = 64 << 10;

/// How long systemd may take to say what it knows.
const ASKING: Duration = Duration::from_secs(20);

/// What is asked for. Each of them is known to every systemd of the last ten years.
const PROPERTIES: &str = "LoadState,ActiveState,SubState,Result,NRestarts,ExecMainCode,ExecMainStatus,InvocationID,\
                          ExecMainStartTimestampMonotonic,ExecMainExitTimestampMonotonic";

/// How a process ended, as the kernel says it to whoever waits for it (`CLD_EXITED`; others were signals).
const BY_ITSELF: &str = "1";

/// What a shell adds to the number of the signal that ended a program.
const SIGNALLED: i64 = 128;

/// What systemd knows of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitState {
    /// Where it is.
    pub phase: Phase,
    /// How often systemd started it again since somebody had it started.
    pub restarts: u32,
    /// How its main process ended last, as a shell tells it; none where that is not known.
    pub status: Option<i64>,
    /// When its main process was started last; none where it never was.
    pub started: Option<Timestamp>,
    /// When its main process ended last; none where it has not since it was started.
    pub ended: Option<Timestamp>,
    /// What came of its last run, in systemd's words: `success`, `timeout`, `oom-kill`.
    pub result: String,
    /// Tells its last run from every other one; none where it did not run since the machine was started.
    pub run: Option<String>,
}

/// Where a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It is being started.
    Starts,
    /// It runs, or is about to end.
    Runs,
    /// It ended by itself, and systemd is about to start it again.
    Restarts,
    /// It does not run, and systemd leaves it so.
    Ended,
}

/// What systemd knows of a unit.
///
/// # Errors
/// If systemd cannot be asked, or has no such unit.
pub async fn state(unit: &UnitName) -> Result<UnitState, Fault> {
    let property = format!("--property={PROPERTIES}");
    let (said, exit) = systemctl(&["show", &property, "--", unit.as_str()], ASKING).await?;
    if !exit.success() {
        return Err(failed("show", unit, &exit));
    }
    read(&said, booted()).ok_or_else(|| unknown(unit))
}

/// When the clock began that systemd tells times by: how it writes those of the calendar depends on its version and on where
/// the machine is.
fn booted() -> Timestamp {
    let running = clock_gettime(ClockId::Monotonic);
    Timestamp::now() - running.tv_sec.seconds().nanoseconds(running.tv_nsec)
}

/// Has it started. That it was started too often before does not count: whoever asks for it wants it to run.
///
/// # Errors
/// If systemd does not start it.
pub async fn start(unit: &UnitName, limit: Duration) -> Result<(), Fault> {
    // systemd refuses what was started five times within a minute, by whomever, until this is forgotten. Of one that never
    // failed there may be nothing to forget.
    systemctl(&["reset-failed", "--", unit.as_str()], ASKING).await?;
    let (_, exit) = systemctl(&["start", "--", unit.as_str()], limit).await?;
    if exit.success() { Ok(()) } else { Err(failed("start", unit, &exit)) }
}

/// Has it stopped, and returns when it has ended; also one that systemd is about to start again.
///
/// # Errors
/// If systemd does not stop it within `limit`.
pub async fn stop(unit: &UnitName, limit: Duration) -> Result<(), Fault> {
    let (_, exit) = systemctl(&["stop", "--", unit.as_str()], limit).await?;
    if exit.success() { Ok(()) } else { Err(failed("stop", unit, &exit)) }
}

async fn systemctl(arguments: &[&str], limit: Duration) -> Result<(String, ToolExit), Fault> {
    let cannot = |error: &dyn std::error::Error| {
        Fault::caused_by(format!("`{SYSTEMCTL} {}` cannot be run to its end", arguments.join(" ")), error)
            .hint("does systemd run this machine? `unit` under [service] in opsctl.toml says so")
    };
    // Without asking for a password: nobody may be there to give one.
    let command = HostCommand::new(SYSTEMCTL, ["--no-ask-password", "--no-pager"].iter().chain(arguments));
    let running = command.start(Stdin::Empty).map_err(|error| cannot(&error))?;
    let collected = running.collect(SYSTEMCTL, MOST_OUTPUT, limit).await;
    let (said, exit) = collected.map_err(|error| cannot(&error))?;
    Ok((String::from_utf8_lossy(&said).into_owned(), exit))
}

fn failed(verb: &str, unit: &UnitName, exit: &ToolExit) -> Fault {
    let fault = Fault::new(format!("`{SYSTEMCTL} {verb} {unit}` ended with {}", exit.status))
        .evidence(exit.stderr.lines().map(str::to_owned));
    let said = exit.stderr.to_lowercase();
    if said.contains("authentication") || said.contains("access denied") {
        return fault.hint(
            "this user may not: put the rule that `opsctl init --systemd` wrote into /etc/polkit-1/rules.d",
        );
    }
    fault.hint(format!("`systemctl status {unit}` and `journalctl -u {unit}` tell more"))
}

fn unknown(unit: &UnitName) -> Fault {
    Fault::new(format!("systemd knows no unit {unit}"))
        .hint("`systemctl enable` with the path of its file makes it known, and `opsctl init --systemd` writes that file")
}

/// Reads what `systemctl show` prints; none where there is no such unit.
fn read(said: &str, booted: Timestamp) -> Option<UnitState> {
    let properties: BTreeMap<&str, &str> = said.lines().filter_map(|line| line.split_once('=')).collect();
    let property = |name: &str| properties.get(name).copied().unwrap_or_default();
    if property("LoadState") == "not-found" || property("ActiveState").is_empty() {
        return None;
    }
    let phase = match (property("ActiveState"), property("SubState")) {
        ("inactive" | "failed", _) => Phase::Ended,
        ("activating", "auto-restart" | "auto-restart-queued") => Phase::Restarts,
        ("activating", _) => Phase::Starts,
        _ => Phase::Runs,
    };
    let status = property("ExecMainStatus").parse::<i64>().ok();
    let status = match property("ExecMainCode") {
        // It has not ended, or has never run.
        "0" | "" => None,
        BY_ITSELF => status,
        _ => status.map(|signal| SIGNALLED + signal),
    };
    let time = |name: &str| {
        let microseconds = property(name).parse::<i64>().ok().filter(|&since| since > 0)?;
        booted.checked_add(microseconds.microseconds()).ok()
    };
    Some(UnitState {
        phase,
        restarts: property("NRestarts").parse().unwrap_or_default(),
        status,
        started: time("ExecMainStartTimestampMonotonic"),
        ended: time("ExecMainExitTimestampMonotonic"),
        result: property("Result").to_owned(),
        run: Some(property("InvocationID")).filter(|run| !run.is_empty()).map(str::to_owned),
    })
}

impl UnitState {
    /// Whether systemd had to kill it because it did not end in its time.
    pub fn was_killed(&self) -> bool {
        self.result == "timeout"
    }

    /// Whether the kernel ended it because memory ran out.
    pub fn ran_out_of_memory(&self) -> bool {
        self.result == "oom-kill"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOTED: Timestamp = Timestamp::UNIX_EPOCH;

    fn said(load: &str, active: &str, sub: &str, rest: &str) -> String {
        format!("LoadState={load}\nActiveState={active}\nSubState={sub}\n{rest}\n")
    }

    #[test]
    fn where_a_unit_is_and_how_it_ended_is_read() {
        let runs = said(
            "loaded",
            "active",
            "running",
            "Result=success\nNRestarts=2\nExecMainCode=0\nInvocationID=ab\n\
             ExecMainStartTimestampMonotonic=2500000\nExecMainExitTimestampMonotonic=0",
        );
        let runs = read(&runs, BOOTED).unwrap();
        let started = runs.started.map(|at| at.to_string());
        assert_eq!((started.as_deref(), runs.ended), (Some("1970-01-01T00:00:02.5Z"), None));
        assert_eq!((runs.phase, runs.restarts, runs.status), (Phase::Runs, 2, None));
        assert_eq!(runs.run.as_deref(), Some("ab"));
        let again =
            said("loaded", "activating", "auto-restart", "ExecMainCode=2\nExecMainStatus=9\nResult=signal");
        let again = read(&again, BOOTED).unwrap();
        assert_eq!((again.phase, again.status), (Phase::Restarts, Some(137)));
        let killed = said(
            "loaded",
            "failed",
            "failed",
            "ExecMainCode=1\nExecMainStatus=3\nResult=timeout\nExecMainExitTimestampMonotonic=3000000",
        );
        let killed = read(&killed, BOOTED).unwrap();
        assert!(killed.was_killed() && !killed.ran_out_of_memory());
        assert_eq!((killed.phase, killed.status), (Phase::Ended, Some(3)));
        assert_eq!(killed.ended.map(|at| at.to_string()).as_deref(), Some("1970-01-01T00:00:03Z"));
    }

    #[test]
    fn a_unit_that_is_not_there_is_none() {
        assert_eq!(read(&said("not-found", "inactive", "dead", ""), BOOTED), None);
        assert_eq!(read("", BOOTED), None);
    }
}
