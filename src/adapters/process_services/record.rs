//! The files of a process: what it was to be, who it is, how it ended, what it said.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use super::log::{LogBegin, put_aside};
use crate::adapters::files::{self, Mode};
use crate::adapters::holders::behind_name;
use crate::adapters::sqlite::copy::beside;
use crate::error::Fault;
use crate::model::release::Version;

/// Tells one boot of the machine from another.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// A start begins a new log when the one that is there is longer.
const LONG_LOG: u64 = 16 << 20;

/// Where the moment of a process's start is, behind the name of its program.
const START_TIME: usize = 19;

/// The files of one process.
#[derive(Debug, Clone)]
pub(super) struct Record {
    base: PathBuf,
}

/// What a process was to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Intent {
    pub(super) version: Version,
    pub(super) image_id: String,
    pub(super) port: u16,
}

/// A run as it is noted when it begins.
#[derive(Serialize)]
struct Begun<'a> {
    #[serde(flatten)]
    intent: &'a Intent,
    log_from: u64,
}

/// Where in the log of its name a run begins; not noted of one that an older opsctl started.
#[derive(Default, Deserialize)]
struct LogFrom {
    #[serde(default)]
    log_from: u64,
}

/// Who a process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: Pid,
    boot: String,
    started: String,
}

impl Record {
    pub(super) fn at(run_dir: &Path, name: &str) -> Self {
        Self { base: run_dir.join(name) }
    }

    /// What the names of the files begin with.
    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    pub(super) fn log(&self) -> PathBuf {
        beside(&self.base, ".log")
    }

    /// Puts a log that has grown long aside, in the place of the one that was put there before. For when its process has ended:
    /// whatever still has it open goes on to write into it under its new name, so that no line is lost.
    pub(super) fn put_long_log_aside(&self) {
        let log = self.log();
        if fs::metadata(&log).is_ok_and(|log| log.len() > LONG_LOG) {
            // One that stays where it is goes on, and is no reason not to start.
            let _ = fs::rename(&log, put_aside(&log));
        }
    }

    /// Notes what is about to be started, in the place of what ended.
    pub(super) fn begin(&self, intent: &Intent) -> Result<(), Fault> {
        if let Some(run_dir) = self.base.parent() {
            files::create_private_dir(run_dir)
                .map_err(|error| Fault::caused_by("a process cannot be recorded", &error))?;
        }
        self.forget()?;
        let failed = |error: &dyn std::error::Error| Fault::caused_by("a process cannot be recorded", error);
        // Of a log that goes on, only what comes from here on is this run's.
        let log_from = fs::metadata(self.log()).map_or(0, |log| log.len());
        let begun = Begun { intent, log_from };
        let text = serde_json::to_vec(&begun).map_err(|error| failed(&error))?;
        files::replace(&beside(&self.base, ".json"), &text, Mode::Exactly(0o600))
            .map_err(|error| failed(&error))
    }

    pub(super) fn intent(&self) -> Result<Option<Intent>, Fault> {
        let Some(text) = self.read(".json")? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|error| {
            Fault::caused_by(format!("{}.json cannot be understood", self.base.display()), &error)
        })
    }

    /// Notes who the process of an identifier is.
    pub(super) fn introduce(&self, pid: u32) -> Result<(), Fault> {
        let failed = |error: &dyn std::error::Error| Fault::caused_by("a process cannot be recorded", error);
        let boot = fs::read_to_string(BOOT).map_err(|error| failed(&error))?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).map_err(|error| failed(&error))?;
        let text = format!("{} {pid} {stat}", boot.trim());
        files::replace(&beside(&self.base, ".process"), text.as_bytes(), Mode::Exactly(0o600))
            .map_err(|error| failed(&error))
    }

    pub(super) fn process(&self) -> Result<Option<Process>, Fault> {
        Ok(self.read(".process")?.and_then(|text| Process::parse(&text)))
    }

    pub(super) fn ending(&self) -> Result<Option<i64>, Fault> {
        Ok(self.read(".ending")?.and_then(|text| text.trim().parse().ok()))
    }

    /// Where in its log the run that was begun last begins.
    pub(super) fn log_begin(&self) -> LogBegin {
        let noted = self.read(".json").ok().flatten();
        let from = noted.and_then(|text| serde_json::from_str(&text).ok());
        let modified = fs::metadata(beside(&self.base, ".json")).and_then(|noted| noted.modified()).ok();
        LogBegin {
            bytes: from.map_or(0, |LogFrom { log_from }| log_from),
            at: modified.and_then(|modified| Timestamp::try_from(modified).ok()),
        }
    }

    /// Removes everything but the log of a service, which goes on.
    fn forget(&self) -> Result<(), Fault> {
        [".json", ".process", ".ending"].into_iter().try_for_each(|suffix| self.remove_one(suffix))
    }

    pub(super) fn remove(&self) -> Result<(), Fault> {
        self.forget()?;
        self.remove_one(".log")
    }

    fn remove_one(&self, suffix: &str) -> Result<(), Fault> {
        let path = beside(&self.base, suffix);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Fault::caused_by(format!("{} cannot be removed", path.display()), &error))
            }
            _ => Ok(()),
        }
    }

    fn read(&self, suffix: &str) -> Result<Option<String>, Fault> {
        let path = beside(&self.base, suffix);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Fault::caused_by(format!("{} cannot be read", path.display()), &error)),
        }
    }
}

impl Process {
    /// Reads what was noted of a process: the boot, its identifier, and its line in `/proc`.
    fn parse(text: &str) -> Option<Self> {
        let (boot, rest) = text.split_once(' ')?;
        let (pid, stat) = rest.split_once(' ')?;
        let started = started(stat)?.to_owned();
        Some(Self { pid: Pid::from_raw(pid.parse().ok()?)?, boot: boot.to_owned(), started })
    }

    /// Whether the very process that was noted still runs.
    pub(super) fn is_alive(&self) -> bool {
        let boot = fs::read_to_string(BOOT).unwrap_or_default();
        let stat =
            fs::read_to_string(format!("/proc/{}/stat", self.pid.as_raw_nonzero())).unwrap_or_default();
        let is_zombie = behind_name(&stat).is_some_and(|rest| rest.starts_with(['Z', 'X']));
        boot.trim() == self.boot && started(&stat) == Some(&self.started) && !is_zombie
    }

    /// Tells this run from every other one.
    pub(super) fn identity(&self) -> String {
        format!("{} {} {}", self.boot, self.pid.as_raw_nonzero(), self.started)
    }
}

fn started(stat: &str) -> Option<&str> {
    behind_name(stat)?.split_ascii_whitespace().nth(START_TIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_this_process(change: impl Fn(&str) -> String) -> Process {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        let text = format!("{} {} {}", boot.trim(), std::process::id(), stat.trim());
        Process::parse(&change(&text)).unwrap()
    }

    #[test]
    fn a_process_is_known_by_boot_and_start_and_not_by_its_number_alone() {
        let this = of_this_process(str::to_owned);
        assert!(this.is_alive());
        let started = this.started.clone();
        assert!(
            !of_this_process(|text| text.replace(&started, "1")).is_alive(),
            "the number was given again"
        );
        let boot = this.boot.clone();
        assert!(
            !of_this_process(|text| text.replace(&boot, "another")).is_alive(),
            "the machine was started again"
        );
    }

    #[test]
    fn a_run_begins_where_the_log_of_earlier_ones_ends() {
        let folder = tempfile::tempdir().unwrap();
        let record = Record::at(folder.path(), "collector");
        let version = Version::parse("1.0.0").unwrap();
        let intent = Intent { version, image_id: "sha256:a".to_owned(), port: 1 };
        files::replace(&record.log(), b"of an earlier run\n", Mode::Exactly(0o600)).unwrap();
        record.begin(&intent).unwrap();
        assert_eq!(record.log_begin().bytes, 18);
        assert!(record.log_begin().at.is_some());
        assert_eq!(record.intent().unwrap(), Some(intent));
    }

    #[test]
    fn a_long_log_is_put_aside_with_what_is_still_written_to_it_and_a_short_one_goes_on() {
        use std::io::Write as _;
        let folder = tempfile::tempdir().unwrap();
        let record = Record::at(folder.path(), "collector");
        let aside = put_aside(&record.log());
        record.put_long_log_aside();
        let mut writer = fs::File::options().append(true).create(true).open(record.log()).unwrap();
        writer.set_len(LONG_LOG).unwrap();
        record.put_long_log_aside();
        assert!(record.log().exists() && !aside.exists());
        writer.write_all(b"a\n").unwrap();
        record.put_long_log_aside();
        writer.write_all(b"late\n").unwrap();
        assert!(!record.log().exists());
        assert!(fs::read(&aside).unwrap().ends_with(b"a\nlate\n"));
    }

    #[test]
    fn the_name_of_a_program_may_hold_anything() {
        let stat = "7 (a) b ( 3) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 99";
        assert_eq!(started(stat), Some("4711"));
        assert_eq!(Process::parse("x"), None);
    }
}
