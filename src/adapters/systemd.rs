//! A unit of systemd: what systemd knows of it, and having it started and stopped.

pub mod journal;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{Timestamp, ToSpan as _};
use rustix::time::{ClockId, clock_gettime};

use super::process::HostCommand;
use super::tool_output::{Stdin, ToolError, ToolExit};
use crate::error::Fault;
use crate::profile::UnitName;
use crate::report::quantity;

const SYSTEMCTL: &str = "systemctl";

/// Most that systemctl may print.
const MOST_OUTPUT: usize = 64 << 10;

/// How long systemd may take to say what it knows.
const ASKING: Duration = Duration::from_secs(20);

/// What is asked for. Each of them is known to every systemd of the last ten years.
const PROPERTIES: &str = "LoadState,ActiveState,SubState,Result,NRestarts,ExecMainCode,ExecMainStatus,InvocationID,\
                          ExecMainStartTimestampMonotonic,ExecMainExitTimestampMonotonic,TimeoutStopUSec";

/// How a process ended, as the kernel says it to whoever waits for it (`CLD_EXITED`; others were signals).
const BY_ITSELF: &str = "1";

/// How much longer than a unit's own time for that its stop is waited for: systemd kills what has not ended by then.
const KILLING: Duration = Duration::from_secs(10);

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
    /// How long it has to end once it is asked to, before systemd kills it; none where it has as long as it likes.
    pub stop_limit: Option<Duration>,
    /// Tells its last run from every other one; none where it did not run since the machine was started.
    pub run: Option<String>,
}

/// Where a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It is being started.
    Starts,
    /// It runs.
    Runs,
    /// It is being stopped, and has not ended yet.
    Ends,
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

/// Has it stopped, and returns when it has ended; also one that systemd is about to start again. That is waited for as long as
/// the unit itself gives it, and never less than `least`.
///
/// # Errors
/// If systemd does not stop it in that time.
pub async fn stop(unit: &UnitName, state: &UnitState, least: Duration) -> Result<(), Fault> {
    let limit = state.stop_limit.map_or(least, |own| least.max(own + KILLING));
    let arguments = ["stop", "--", unit.as_str()];
    let exit = match run(&arguments, limit).await {
        Err(ToolError::TimedOut { limit, .. }) => return Err(goes_on_ending(unit, limit, state.stop_limit)),
        ended => ended.map_err(|error| cannot(&arguments, &error))?.1,
    };
    if exit.success() { Ok(()) } else { Err(failed("stop", unit, &exit)) }
}

fn goes_on_ending(unit: &UnitName, waited: Duration, own: Option<Duration>) -> Fault {
    let gives = own.map_or("as long as it likes".to_owned(), quantity::duration);
    Fault::new(format!(
        "{unit} has not ended {} after systemd was told to stop it",
        quantity::duration(waited)
    ))
    .hint(format!("systemd goes on with that: its unit gives it {gives} (TimeoutStopSec)"))
    .hint(format!("`systemctl status {unit}` shows what still runs; try again when it has ended"))
}

async fn systemctl(arguments: &[&str], limit: Duration) -> Result<(String, ToolExit), Fault> {
    run(arguments, limit).await.map_err(|error| cannot(arguments, &error))
}

fn cannot(arguments: &[&str], error: &ToolError) -> Fault {
    Fault::caused_by(format!("`{SYSTEMCTL} {}` cannot be run to its end", arguments.join(" ")), error)
        .hint("does systemd run this machine? `unit` under [service] in opsctl.toml says so")
}

async fn run(arguments: &[&str], limit: Duration) -> Result<(String, ToolExit), ToolError> {
    // Without asking for a password: nobody may be there to give one.
    let command = HostCommand::new(SYSTEMCTL, ["--no-ask-password", "--no-pager"].iter().chain(arguments));
    let (said, exit) = command.start(Stdin::Empty)?.collect(SYSTEMCTL, MOST_OUTPUT, limit).await?;
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
        ("deactivating", _) => Phase::Ends,
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
        stop_limit: time_span(property("TimeoutStopUSec")),
        run: Some(property("InvocationID")).filter(|run| !run.is_empty()).map(str::to_owned),
    })
}

/// A length of time as systemd writes it, such as `1min 30s`; none where it is without end.
fn time_span(text: &str) -> Option<Duration> {
    let microseconds = |word: &str| {
        let (number, unit) = word.split_at(word.find(|char: char| char.is_alphabetic())?);
        let each = match unit {
            "us" | "μs" => 1.0,
            "ms" => 1e3,
            "s" => 1e6,
            "min" => 60e6,
            "h" => 3_600e6,
            "d" => 86_400e6,
            "w" => 604_800e6,
            _ => return None,
        };
        Some(number.parse::<f64>().ok()? * each)
    };
    let words: Option<Vec<f64>> = text.split_whitespace().map(microseconds).collect();
    let sum = words.filter(|words| !words.is_empty())?.iter().sum::<f64>();
    Duration::try_from_secs_f64(sum / 1e6).ok()
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
    fn one_that_is_being_stopped_neither_runs_nor_has_ended() {
        let ends = said("loaded", "deactivating", "stop-sigterm", "TimeoutStopUSec=1min 30s");
        let ends = read(&ends, BOOTED).unwrap();
        assert_eq!((ends.phase, ends.stop_limit), (Phase::Ends, Some(Duration::from_secs(90))));
    }

    #[test]
    fn lengths_of_time_are_read_as_systemd_writes_them() {
        for (text, milliseconds) in
            [("1min 30s", 90_000), ("14s", 14_000), ("1.500s", 1_500), ("20ms", 20), ("1h", 3_600_000)]
        {
            assert_eq!(time_span(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["infinity", "", "3 fortnights"] {
            assert_eq!(time_span(text), None, "{text}");
        }
    }

    #[test]
    fn a_unit_that_is_not_there_is_none() {
        assert_eq!(read(&said("not-found", "inactive", "dead", ""), BOOTED), None);
        assert_eq!(read("", BOOTED), None);
    }
}
