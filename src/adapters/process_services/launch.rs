//! Starting a process that outlives this one.

#![expect(clippy::disallowed_types, reason = "this is the adapter that starts the product's process")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::record::Record;
use crate::error::Fault;
use crate::model::secret::Secret;

/// Waits for the word that it is recorded who it is, runs the product, and notes how that ended. Whoever started it and was
/// killed before that gives no word: then nothing runs. A signal to the group reaches the product; the shell waits.
const SCRIPT: &str = r#"
run=$1
shift
trap : TERM INT HUP
read -r word || exit 1
exec >>"$run.log" 2>&1 </dev/null
"$@"
printf '%s\n' "$?" >"$run.ending.new" && mv "$run.ending.new" "$run.ending"
"#;

/// Starts a command in a session of its own, with the environment that is given and no more than `PATH` and `HOME` of this
/// process's. It is recorded who it is before it runs.
pub(super) fn launch(
    record: &Record,
    directory: &Path,
    command: &[String],
    environment: &[(String, Secret)],
) -> Result<(), Fault> {
    let mut shell = Command::new("setsid");
    shell.args(["sh", "-c", SCRIPT, "sh"]).arg(record.base()).args(command);
    shell.current_dir(directory).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    shell.env_clear();
    for name in ["PATH", "HOME"] {
        if let Some(value) = std::env::var_os(name) {
            shell.env(name, value);
        }
    }
    shell.envs(environment.iter().map(|(name, value)| (name, value.expose())));
    let failed =
        |error: &dyn std::error::Error| Fault::caused_by("the product's process cannot be started", error);
    let mut child = shell.spawn().map_err(|error| failed(&error))?;
    let word = child.stdin.take();
    let recorded = record.introduce(child.id());
    // So that it does not stay behind as a zombie for as long as this process runs.
    std::thread::spawn(move || child.wait());
    recorded?;
    let told = word.map_or(Ok(()), |mut word| word.write_all(b"recorded\n"));
    told.map_err(|error| failed(&error).hint("are `setsid` and `sh` there? they start the product's process"))
}
