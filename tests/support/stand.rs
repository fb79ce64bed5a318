//! What a suite needs of an install to operate it and to look at it, whatever runs the product; and whoever runs opsctl.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// No command takes longer in these stories.
const LIMIT: Duration = Duration::from_mins(4);

/// An install of the sample product that serves.
///
/// What opsctl is given and gives are paths in the install, which is its working directory: it may run in a place of its own.
pub(crate) trait Stand: Sized {
    /// A client that writes throughout.
    type Writer: Writes;
    /// The table of records, as opsctl names it.
    const RECORDS: &'static str;

    /// An install with a release that serves, described so that nothing is watched for longer than it takes to see it run.
    fn serving(release: &str) -> Self;
    /// A file in the install, as tests reach it.
    fn path(&self, name: &str) -> PathBuf;
    /// Describes the product as before, and with these lines behind it in the place of any from before.
    fn describe(&self, more: &str);
    /// The program, told where the install is and nothing else of the surrounding environment.
    fn opsctl(&self, arguments: &[&str]) -> Command;
    /// Starts a client.
    fn writer(&self) -> Self::Writer;
    /// Kills what clients talk to, as the kernel does when memory runs out.
    fn dies(&self);
    /// Whether clients are answered.
    fn is_answered(&self) -> bool;
    /// That a release serves, and is selected.
    fn assert_serves(&self, release: &str);
    /// That nothing is left over of what ran.
    fn assert_tidy(&self);
    /// Settings, what runs and the schema, in words: what an operation that was undone must leave as it was.
    fn essence(&self) -> String;
    /// The identifiers of all records that are live.
    fn stored(&self) -> BTreeSet<String>;
    /// Those in databases and archives that are kept beside.
    fn stored_beside(&self) -> BTreeSet<String>;
    /// The databases that are kept for a purpose.
    fn kept(&self, purpose: &str) -> Vec<String>;
    /// The identifiers of all records in one of them.
    fn stored_in(&self, kept: &str) -> BTreeSet<String>;
    /// Removes them.
    fn drop_kept(&self, purpose: &str);
}

/// A client that writes throughout, and remembers what it was told is safe.
pub(crate) trait Writes {
    /// Waits until a few more writes are acknowledged.
    fn goes_on(&self);
    /// Stops it; gives the identifiers that were acknowledged.
    fn finish(self) -> Vec<String>;
}

/// Starts opsctl as automation does: without a terminal, with consent, reporting to a machine.
pub(crate) fn begin<S: Stand>(stand: &S, arguments: &[&str]) -> Run {
    let mut all = vec!["--output", "json", "--non-interactive"];
    all.extend(arguments);
    Run::start(stand.opsctl(&all))
}

/// Runs it, and expects it to exit with `code`.
pub(crate) fn exits<S: Stand>(stand: &S, code: i32, arguments: &[&str]) -> Ended {
    let ended = begin(stand, arguments).wait();
    assert_eq!(ended.code, Some(code), "opsctl {arguments:?}\n{}", ended.told());
    ended
}

/// Runs it, and expects it to do what it is told; gives its result.
pub(crate) fn does<S: Stand>(stand: &S, arguments: &[&str]) -> Value {
    exits(stand, 0, arguments).result()["result"].clone()
}

/// What `history` lists, oldest first, but for starts: how an install came to serve is no part of a story.
pub(crate) fn operations<S: Stand>(stand: &S) -> Vec<Value> {
    let listed = does(stand, &["history"])["operations"].as_array().expect("a list").clone();
    listed.into_iter().filter(|operation| operation["kind"] != "start").collect()
}

/// The backups in their usual place, by the names of their files, oldest first.
pub(crate) fn backups<S: Stand>(stand: &S) -> Vec<String> {
    let entries = fs::read_dir(stand.path("backup")).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut backups: Vec<String> =
        names.filter(|name| name.starts_with("backup-") && name.ends_with(".tar.gz")).collect();
    backups.sort();
    backups
}

/// That nothing which a client was told is safe is missing.
pub(crate) fn assert_holds_all<S: Stand>(stand: &S, acknowledged: &[String]) {
    let stored = stand.stored();
    let lost: Vec<&String> = acknowledged.iter().filter(|id| !stored.contains(*id)).collect();
    assert!(lost.is_empty(), "of {} acknowledged writes are lost: {lost:?}", acknowledged.len());
}

/// A run of opsctl that has not ended.
pub(crate) struct Run {
    pub(crate) child: Child,
    arguments: Vec<String>,
    /// The file that holds what it has reported so far.
    pub(crate) stdout: PathBuf,
    stderr: PathBuf,
    _files: tempfile::TempDir,
}

/// A run of opsctl that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit status; `None` if it was killed.
    pub(crate) code: Option<i32>,
    /// What it reported, a JSON object a line.
    pub(crate) events: Vec<Value>,
    pub(crate) stderr: String,
}

impl Run {
    pub(crate) fn start(mut command: Command) -> Self {
        let files = tempfile::tempdir().unwrap();
        let (stdout, stderr) = (files.path().join("stdout"), files.path().join("stderr"));
        let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect();
        let child = command
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).unwrap())
            .stderr(File::create(&stderr).unwrap())
            .spawn()
            .expect("opsctl starts");
        Self { child, arguments, stdout, stderr, _files: files }
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.expect("a process"), signal).expect("it runs");
    }

    /// Waits until it reports a step whose text holds `text`, and kills it after `delay`.
    pub(crate) fn kill_at(mut self, text: &str, delay: Duration) {
        self.reaches(text);
        std::thread::sleep(delay);
        let ended = self.child.try_wait().unwrap();
        let said = fs::read_to_string(&self.stdout).unwrap_or_default();
        assert!(ended.is_none(), "{:?} ended {delay:?} after {text}: {said}", self.arguments);
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The same, unless it has come to its end before; says whether it was killed.
    pub(crate) fn kill_if_at(mut self, text: &str, delay: Duration) -> bool {
        let began = Instant::now();
        while !self.has_begun(text) {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(began.elapsed() < LIMIT, "{:?} never came to {text}", self.arguments);
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(delay);
        if self.child.try_wait().unwrap().is_some() {
            return false;
        }
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        true
    }

    fn has_begun(&self, text: &str) -> bool {
        let said = fs::read_to_string(&self.stdout).unwrap_or_default();
        said.lines().any(|line| line.contains("\"step-started\"") && line.contains(text))
    }

    /// Waits until it reports a step whose text holds `text`.
    pub(crate) fn reaches(&mut self, text: &str) {
        let began = Instant::now();
        loop {
            if self.has_begun(text) {
                return;
            }
            let said = fs::read_to_string(&self.stdout).unwrap_or_default();
            assert!(self.child.try_wait().unwrap().is_none(), "{:?} ended: {said}", self.arguments);
            assert!(began.elapsed() < LIMIT, "{:?} never came to {text}", self.arguments);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn wait(mut self) -> Ended {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > LIMIT {
                self.child.kill().unwrap();
                self.child.wait().unwrap();
                let said = fs::read_to_string(&self.stdout).unwrap_or_default();
                panic!("{:?} did not end within {} s:\n{said}", self.arguments, LIMIT.as_secs());
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let stdout = fs::read_to_string(&self.stdout).unwrap();
        let events = stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not an object: {line}")))
            .collect();
        let stderr = fs::read_to_string(&self.stderr).unwrap();
        Ended { code: status.code(), events, stderr }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ended_meanwhile = self.child.kill();
            let _reaped = self.child.wait();
        }
    }
}

impl Ended {
    /// The last object: how it ended.
    pub(crate) fn result(&self) -> &Value {
        let last = self.events.last().unwrap_or_else(|| panic!("nothing was reported: {}", self.stderr));
        assert_eq!(last["event"], "result", "{last}");
        last
    }

    /// Everything that was reported, for messages.
    pub(crate) fn told(&self) -> String {
        let events: Vec<String> = self.events.iter().map(ToString::to_string).collect();
        format!("{}\n{}", events.join("\n"), self.stderr)
    }

    /// What went wrong, in one line.
    pub(crate) fn fault(&self) -> String {
        self.result()["error"].to_string()
    }
}
