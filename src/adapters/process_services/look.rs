//! Looking at a process and at the program of a release. Nothing is changed.

use std::fs;
use std::io::{self, Read as _};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::record::{Intent, Process, Record};
use super::{ONE_OFF, ProcessServices};
use crate::adapters::holders;
use crate::error::Fault;
use crate::model::release::Version;
use crate::preflight::release::Program;
use crate::profile::{self, ProcessProfile};

/// What every program of this system begins with, and where it says what it is built for.
const MAGIC: &[u8] = b"\x7fELF";
const BIG_ENDIAN: (usize, u8) = (5, 2);
const MACHINE: usize = 18;

/// Machines by the numbers that programs have for them, as the kernel calls them.
const MACHINES: [(u16, &str); 7] = [
    (3, "i686"),
    (21, "ppc64le"),
    (22, "s390x"),
    (40, "armv7l"),
    (62, "x86_64"),
    (183, "aarch64"),
    (243, "riscv64"),
];

/// A run of a process: one that goes on, or the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its name.
    pub name: String,
    /// The release that it was started from.
    pub version: Version,
    /// The hash of what was in that.
    pub content: String,
    /// The port that it was to listen on.
    pub port: u16,
    /// The process that leads its session, as long as it runs: what belongs to it is in that session.
    pub session: Option<u32>,
    /// When it was started.
    pub started: Option<Timestamp>,
    /// When it ended, and with which status, where that was noted.
    pub ended: Option<(Timestamp, i64)>,
}

/// The run of a process of a name; none if it was never started. `run_dir` has what is noted of processes. A service that
/// something else watches over is known by its port: what is noted of it is what it was to be started from.
///
/// # Errors
/// If what was noted of it cannot be read.
pub fn run_of(run_dir: &Path, service: &profile::Process, name: &str) -> Result<Option<Run>, Fault> {
    let record = Record::at(run_dir, name);
    let Some(intent) = record.intent()? else { return Ok(None) };
    let alive = record.process()?.filter(Process::is_alive);
    let ended = record.ending()?.filter(|_| alive.is_none());
    let watched = name == service.name.as_str() && service.supervisor().is_some();
    let session = if watched {
        holders::of_port(Ipv4Addr::LOCALHOST.into(), intent.port).map(|holder| holder.session)
    } else {
        alive.map(|process| process.pid.as_raw_nonzero().get().unsigned_abs())
    };
    Ok(Some(Run {
        name: name.to_owned(),
        version: intent.version,
        content: intent.image_id,
        port: intent.port,
        session,
        started: written(&record, ".process"),
        ended: written(&record, ".ending").zip(ended),
    }))
}

/// The runs of all processes, also of those that were to run once, by name.
///
/// # Errors
/// If what was noted of one cannot be read.
pub fn runs(run_dir: &Path, service: &profile::Process) -> Result<Vec<Run>, Fault> {
    let failed =
        |error: &io::Error| Fault::caused_by(format!("cannot look into {}", run_dir.display()), error);
    let entries = match fs::read_dir(run_dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| failed(&error))?,
    };
    let name = |entry: io::Result<fs::DirEntry>| {
        entry.ok()?.file_name().to_str()?.strip_suffix(".json").map(str::to_owned)
    };
    let mut names: Vec<String> = entries.filter_map(name).collect();
    names.sort();
    names.iter().filter_map(|name| run_of(run_dir, service, name).transpose()).collect()
}

/// The runs of what was to run once and still runs.
///
/// # Errors
/// If what was noted of one cannot be read.
pub fn one_offs(run_dir: &Path, service: &profile::Process) -> Result<Vec<Run>, Fault> {
    let all = runs(run_dir, service)?.into_iter();
    Ok(all.filter(|run| run.name.starts_with(ONE_OFF) && run.session.is_some()).collect())
}

impl ProcessServices {
    /// The version that the program of a release tells; none where the description names no command for that.
    pub async fn version_told(&self, version: &Version) -> Option<Result<String, String>> {
        let command = self.profile.service.version.as_ref()?;
        let port = self.profile.service.port.get();
        let intent = Intent { version: version.clone(), image_id: String::new(), port };
        Some(self.told_version(command, &intent).await)
    }

    /// The program of a release, as it lies in its folder.
    pub fn program(&self, version: &Version) -> Program {
        let folder = ProcessProfile::release_dir(&self.install, version);
        let command =
            self.places(&folder, self.profile.service.port.get()).fill(&self.profile.service.command);
        let path = on_the_way(Path::new(command.first().map_or("", String::as_str)));
        let found = fs::metadata(&path).ok().filter(fs::Metadata::is_file);
        Program {
            path: path.display().to_string(),
            may_be_run: found.map(|found| found.permissions().mode() & 0o111 != 0),
            built_for: built_for(&path).ok().flatten(),
        }
    }
}

/// Where a program is that is named without a folder.
fn on_the_way(program: &Path) -> PathBuf {
    if program.components().count() != 1 {
        return program.to_owned();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file());
    found.unwrap_or_else(|| program.to_owned())
}

/// The release of an install in whose folder the program of a process is; none for one that is elsewhere, such as a shell.
pub(super) fn release_of(install: &Path, pid: u32) -> Option<Version> {
    let program = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let releases = fs::canonicalize(install.join("releases")).ok()?;
    let release = program.strip_prefix(releases).ok()?.components().next()?;
    Version::parse(release.as_os_str().to_str()?).ok()
}

fn written(record: &Record, suffix: &str) -> Option<Timestamp> {
    let path = crate::adapters::sqlite::copy::beside(record.base(), suffix);
    Timestamp::try_from(fs::metadata(path).ok()?.modified().ok()?).ok()
}

/// The machine that a program is built for, as the kernel calls it; none for what is no program of this system's.
fn built_for(path: &Path) -> io::Result<Option<String>> {
    let mut head = [0; MACHINE + 2];
    match fs::File::open(path)?.read_exact(&mut head) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    if !head.starts_with(MAGIC) {
        return Ok(None);
    }
    let bytes = [head[MACHINE], head[MACHINE + 1]];
    let (place, big) = BIG_ENDIAN;
    let number = if head[place] == big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) };
    let name = MACHINES.iter().find(|(known, _)| *known == number).map(|(_, name)| *name);
    Ok(Some(name.map_or_else(|| format!("machine {number}"), str::to_owned)))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_program_tells_what_it_is_built_for() {
        let own = built_for(&std::env::current_exe().unwrap()).unwrap();
        assert_eq!(own.as_deref(), Some(std::env::consts::ARCH));
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("run");
        for content in ["#!/bin/sh\nexec something that is long enough\n", ""] {
            fs::File::create(&script).unwrap().write_all(content.as_bytes()).unwrap();
            assert_eq!(built_for(&script).unwrap(), None);
        }
        assert!(built_for(&folder.path().join("none")).is_err());
    }

    #[test]
    fn a_process_tells_which_release_it_is_of() {
        let install = tempfile::tempdir().unwrap();
        let own = std::env::current_exe().unwrap();
        let mut above = own.ancestors().skip(1);
        let release = above.next().unwrap();
        std::os::unix::fs::symlink(above.next().unwrap(), install.path().join("releases")).unwrap();
        let told = release_of(install.path(), std::process::id()).unwrap();
        assert_eq!(Some(told.as_str()), release.file_name().unwrap().to_str());
        assert_eq!(release_of(&install.path().join("other"), std::process::id()), None);
        assert_eq!(release_of(install.path(), u32::MAX), None);
    }

    #[test]
    fn a_program_without_a_folder_is_found_on_the_way() {
        assert!(on_the_way(Path::new("sh")).is_absolute());
        assert_eq!(on_the_way(Path::new("/r/run")), Path::new("/r/run"));
        assert_eq!(on_the_way(Path::new("no-such-program")), Path::new("no-such-program"));
    }
}
