//! Starting a process that outlives this one.

#![expect(clippy::disallowed_types, reason = "this is the adapter that starts the product's process")]

use std::path::Path;
use std::process::{Command, Stdio};

use super::record::Record;
use crate::error::Fault;
use crate::model::secret::Secret;

/// Says who it is, runs the product, and notes how that ended. A signal to the group reaches the product; the shell waits.
const SCRIPT: &str = r#"
run=$1
shift
exec >>"$run.log" 2>&1 </dev/null
trap : TERM INT HUP
read -r boot </proc/sys/kernel/random/boot_id
read -r stat </proc/$$/stat
printf '%s %s %s\n' "$boot" "$$" "$stat" >"$run.process.new" && mv "$run.process.new" "$run.process" || exit 1
"$@"
printf '%s\n' "$?" >"$run.ending.new" && mv "$run.ending.new" "$run.ending"
"#;

/// Starts a command in a session of its own, with the environment that is given and no more than `PATH` and `HOME` of this
/// process's.
pub(super) fn launch(
    record: &Record,
    directory: &Path,
    command: &[String],
    environment: &[(String, Secret)],
) -> Result<(), Fault> {
    let mut shell = Command::new("setsid");
    shell.args(["sh", "-c", SCRIPT, "sh"]).arg(record.base()).args(command);
    shell.current_dir(directory).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    shell.env_clear();
    for name in ["PATH", "HOME"] {
        if let Some(value) = std::env::var_os(name) {
            shell.env(name, value);
        }
    }
    shell.envs(environment.iter().map(|(name, value)| (name, value.expose())));
    let mut child =
        shell.spawn().map_err(|error| Fault::caused_by("the product's process cannot be started", &error))?;
    // So that it does not stay behind as a zombie for as long as this process runs.
    std::thread::spawn(move || child.wait());
    Ok(())
}
