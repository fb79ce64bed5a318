//! Which runs of Compose are still at work, also those whose opsctl is gone.
//!
//! Compose outlives an opsctl that is killed, and goes on to make and start containers. To end it would not end what it has
//! asked the engine for, so who comes next waits for it. It is known by its standard input: a file that is locked for as long
//! as Compose, or a child that it handed the file on to, lives. The kernel takes the lock away with the last of them.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::adapters::holders;
use crate::preflight::host::Holder;

/// How often it is looked whether they have ended.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// What became of those that were waited for.
#[derive(Debug, PartialEq, Eq)]
pub enum Waited {
    /// None is at work.
    Ended,
    /// These are still at work; none are named where it cannot be seen who they are.
    Still(Vec<Holder>),
}

/// A new standard input for Compose, by which it is known to be at work.
pub(super) fn mark(path: &Path) -> io::Result<File> {
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.lock_shared()?;
    Ok(file)
}

/// Waits until no Compose that was marked with the file is at work. `waiting` is told, once, for whom.
///
/// # Errors
/// If the file cannot be looked at.
pub fn wait(path: &Path, limit: Duration, waiting: impl FnOnce(&[Holder])) -> io::Result<Waited> {
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Waited::Ended),
        opened => opened?,
    };
    let began = Instant::now();
    let mut waiting = Some(waiting);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Waited::Ended),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => {}
        }
        if let Some(waiting) = waiting.take() {
            waiting(&at_work(path));
        }
        if began.elapsed() >= limit {
            return Ok(Waited::Still(at_work(path)));
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

/// For messages: to see nobody is no error.
fn at_work(path: &Path) -> Vec<Holder> {
    holders::of_file(path).unwrap_or_default()
}

/// Where a state directory keeps the file.
pub fn file_in(state_dir: &Path) -> PathBuf {
    state_dir.join("compose.lock")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::process::HostCommand;
    use crate::adapters::tool_output::{Stdin, ToolOutput};

    const LIMIT: Duration = Duration::from_secs(20);

    fn begun(script: &str, path: &Path) -> ToolOutput {
        let mut command = HostCommand::new("sh", ["-c", script]);
        command.empty_input = Some(mark(path).unwrap());
        command.start(Stdin::Empty).unwrap()
    }

    #[test]
    fn where_nothing_was_ever_marked_nobody_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = file_in(folder.path());
        let waited = wait(&path, LIMIT, |_| panic!("for whom?")).unwrap();
        assert_eq!(waited, Waited::Ended);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_child_is_waited_for_and_what_it_leaves_behind_too() {
        let folder = tempfile::tempdir().unwrap();
        let (path, go) = (file_in(folder.path()), folder.path().join("go"));
        // The shell is gone at once. What it began in the background has its standard input, at its end from the start.
        let script = format!(
            "exec 3<&0; (cat; i=0; while [ ! -e {} ] && [ $i -lt 400 ]; do sleep 0.05; i=$((i+1)); done) <&3 >/dev/null 2>&1 &",
            go.display()
        );
        let exit = begun(&script, &path).finish().await.unwrap();
        assert!(exit.success(), "{exit:?}");

        let mut told = Vec::new();
        let waited = wait(&path, Duration::ZERO, |holders| told = holders.to_vec()).unwrap();
        let Waited::Still(holders) = waited else { panic!("it is at work") };
        assert!(!told.is_empty() && !holders.is_empty(), "{told:?} {holders:?}");

        File::create(&go).unwrap();
        assert_eq!(wait(&path, LIMIT, |_| {}).unwrap(), Waited::Ended);
        assert_eq!(std::fs::read(&path).unwrap(), b"");
    }

    #[tokio::test]
    async fn several_at_once_are_all_waited_for_and_one_that_is_killed_is_at_work_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = file_in(folder.path());
        let (one, other) = (begun("sleep 60", &path), begun("sleep 60", &path));
        assert!(matches!(wait(&path, Duration::ZERO, |_| {}).unwrap(), Waited::Still(_)));
        drop(one);
        assert!(matches!(wait(&path, Duration::from_millis(200), |_| {}).unwrap(), Waited::Still(_)));
        drop(other);
        assert_eq!(wait(&path, LIMIT, |_| {}).unwrap(), Waited::Ended);
    }
}
