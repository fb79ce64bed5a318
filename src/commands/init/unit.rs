//! The unit of systemd for a product that runs as a process.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::error::Fault;
use crate::journal::state_dir::StateDir;
use crate::profile::{Places, ProcessProfile};

const TEMPLATE: &str = include_str!("../../../templates/process.service");

/// The keys of the commands that a unit is used by.
const COMMANDS: [&str; 3] = ["start", "stop", "alive"];

/// A description with its commands for systemd in use.
pub(super) fn watched(description: &str) -> String {
    let used = |line: &str| {
        let is_command = |key: &&str| line.starts_with(&format!("#{key} = ["));
        let line = if COMMANDS.iter().any(is_command) { &line[1..] } else { line };
        format!("{line}\n")
    };
    description.lines().map(used).collect()
}

/// What the unit of a product is called.
pub(super) fn file_name(profile: &ProcessProfile) -> String {
    format!("{}.service", profile.service.name)
}

/// The lines of a description by which a unit is used.
pub(super) fn commands(unit: &str) -> [String; 3] {
    [
        format!("  start = [\"systemctl\", \"start\", \"{unit}\"]"),
        format!("  stop = [\"systemctl\", \"stop\", \"{unit}\"]"),
        format!("  alive = [\"systemctl\", \"is-active\", \"--quiet\", \"{unit}\"]"),
    ]
}

/// The unit for an install.
pub(super) fn text(profile: &ProcessProfile, install: &Path) -> Result<String, Fault> {
    let owner = fs::metadata(install).map_err(|error| {
        Fault::caused_by(format!("cannot look at {}", install.display()), &error)
            .hint("does the folder exist?")
    })?;
    if !install.display().to_string().chars().all(is_simple) {
        return Err(Fault::new(format!(
            "no unit can be written for {}: its path has special characters",
            install.display()
        ))
        .hint("move the install to a folder with letters, digits and `/._-` in its path"));
    }
    let database = install.join(&profile.database.file);
    // SQLite writes beside its file, too.
    let store = database
        .parent()
        .filter(|folder| !folder.starts_with(install))
        .map(|folder| format!(" {}", path(folder)));
    let places = Places {
        install,
        release: &install.join("current"),
        database: &database,
        port: profile.service.port.get(),
    };
    let command: Vec<String> =
        places.fill(&profile.service.command).iter().map(|word| argument(word)).collect();
    let is_below = |folders: &[&str]| folders.iter().any(|folder| install.starts_with(folder));
    let log = StateDir::of(install).root().join("run").join(format!("{}.log", profile.service.name));
    let values = BTreeMap::from([
        ("@TITLE@", plain(&profile.product.title)),
        ("@USER@", owner.uid().to_string()),
        ("@GROUP@", owner.gid().to_string()),
        ("@INSTALL@", path(install)),
        ("@WRITES@", format!("{}{}", path(install), store.unwrap_or_default())),
        ("@ENV_FILE@", path(&install.join(&profile.runtime.env_file))),
        ("@COMMAND@", command.join(" ")),
        ("@LOG@", path(&log)),
        ("@STOP_GRACE@", format!("{}s", profile.health.stop_grace.as_secs().max(1))),
        (
            "@PROTECT_HOME@",
            if is_below(&["/home", "/root", "/run/user"]) { "read-only" } else { "yes" }.to_owned(),
        ),
        ("@PRIVATE_TMP@", if is_below(&["/tmp", "/var/tmp"]) { "no" } else { "yes" }.to_owned()),
    ]);
    Ok(values.iter().fold(TEMPLATE.to_owned(), |text, (name, value)| text.replace(name, value)))
}

/// A text in which systemd finds no specifier and no second line.
fn plain(text: &str) -> String {
    text.replace('%', "%%").replace(char::is_control, " ")
}

/// A path as systemd takes it where one stands alone: spaces are part of it.
fn path(path: &Path) -> String {
    plain(&path.display().to_string())
}

/// Whether systemd takes a character as it is, wherever it stands.
fn is_simple(char: char) -> bool {
    char.is_ascii_alphanumeric() || "/._-:=,+@".contains(char)
}

/// An argument of a command as systemd takes it.
fn argument(word: &str) -> String {
    if !word.is_empty() && word.chars().all(is_simple) {
        return word.to_owned();
    }
    let quoted = plain(word).replace('\\', "\\\\").replace('"', "\\\"").replace('$', "$$");
    format!("\"{quoted}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_collector_is_watched_over_with_the_commands_of_its_description() {
        let text = watched(crate::profile::COLLECTOR);
        let profile = ProcessProfile::parse(&text, Path::new("opsctl.toml")).unwrap();
        let commands = profile.service.supervisor().unwrap();
        assert_eq!(commands.alive, ["systemctl", "is-active", "--quiet", "collector.service"]);
        let lines = super::commands(&file_name(&profile));
        assert!(
            lines.iter().all(|line| text.contains(line.trim())),
            "they are the same as those that are proposed"
        );
    }

    #[test]
    fn arguments_reach_the_program_as_they_are() {
        assert_eq!(argument("--addr"), "--addr");
        assert_eq!(argument("a b$c%d\"e\\"), r#""a b$$c%%d\"e\\""#);
        assert_eq!(argument(""), "\"\"");
    }
}
