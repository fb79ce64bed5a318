//! The unit of systemd for a product that runs as a process.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::adapters::surroundings;
use crate::error::Fault;
use crate::journal::state_dir::StateDir;
use crate::profile::{Places, ProcessProfile, Supervisor};

const TEMPLATE: &str = include_str!("../../../templates/process.service");

/// The right of the owner to have the unit started and stopped.
const RULE: &str = include_str!("../../../templates/process.rules");

/// A description with its unit in use.
pub(super) fn watched(description: &str) -> String {
    let used = |line: &str| {
        let line = if line.starts_with("#unit = ") { &line[1..] } else { line };
        format!("{line}\n")
    };
    description.lines().map(used).collect()
}

/// What the unit of a product is called.
pub(super) fn file_name(profile: &ProcessProfile) -> String {
    match &profile.service.unit {
        Some(unit) => unit.to_string(),
        None => format!("{}.service", profile.service.name),
    }
}

/// What the rule of polkit for a unit is called.
pub(super) fn rule_name(profile: &ProcessProfile) -> String {
    format!("50-{}.rules", profile.service.name)
}

/// The name of who owns an install; none where that is root, who needs no right, or has none in the local user database.
pub(super) fn owner(install: &Path) -> Option<String> {
    let uid = fs::metadata(install).ok()?.uid();
    if uid == 0 { None } else { surroundings::user_name(uid) }
}

/// The rule of polkit by which the owner of an install may have the unit started and stopped.
pub(super) fn rule(profile: &ProcessProfile, owner: &str) -> String {
    let title = profile.product.title.replace(char::is_control, " ");
    // Names of users are not checked by anybody before.
    let owner = owner.replace('\\', "\\\\").replace('"', "\\\"");
    let values = [("@TITLE@", title), ("@USER@", owner), ("@UNIT@", file_name(profile))];
    values.iter().fold(RULE.to_owned(), |text, (name, value)| text.replace(name, value))
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
    // A product whose commands were described before has its log where opsctl looks for it.
    let log = match profile.service.supervisor() {
        Some(Supervisor::Commands(_)) => {
            let run_dir = StateDir::of(install).root().join("run");
            format!("append:{}", path(&run_dir.join(format!("{}.log", profile.service.name))))
        }
        _ => "journal".to_owned(),
    };
    let values = BTreeMap::from([
        ("@TITLE@", plain(&profile.product.title)),
        ("@USER@", owner.uid().to_string()),
        ("@GROUP@", owner.gid().to_string()),
        ("@INSTALL@", path(install)),
        ("@WRITES@", format!("{}{}", path(install), store.unwrap_or_default())),
        ("@ENV_FILE@", path(&install.join(&profile.runtime.env_file))),
        ("@COMMAND@", command.join(" ")),
        ("@LOG@", log),
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
    fn the_collector_is_watched_over_by_the_unit_of_its_description() {
        let text = watched(crate::profile::COLLECTOR);
        let profile = ProcessProfile::parse(&text, Path::new("opsctl.toml")).unwrap();
        assert!(matches!(profile.service.supervisor(), Some(Supervisor::Unit(_))));
        assert_eq!(file_name(&profile), "collector.service");
        let unit = super::text(&profile, Path::new("/")).unwrap();
        assert!(unit.contains("\nStandardOutput=journal\n"), "{unit}");
    }

    #[test]
    fn whose_log_opsctl_looks_for_in_a_file_writes_into_that() {
        let commands = "port = 8787\nstart = ['a']\nstop = ['b']\nalive = ['c']";
        let text = crate::profile::COLLECTOR.replace("port = 8787", commands);
        let profile = ProcessProfile::parse(&text, Path::new("opsctl.toml")).unwrap();
        let unit = super::text(&profile, Path::new("/srv")).unwrap();
        assert!(unit.contains("\nStandardOutput=append:/srv/.opsctl/run/collector.log\n"), "{unit}");
    }

    #[test]
    fn the_rule_names_the_owner_and_the_unit_and_nothing_else_gets_in() {
        let profile = ProcessProfile::parse(crate::profile::COLLECTOR, Path::new("opsctl.toml")).unwrap();
        let rule = rule(&profile, "a\"b");
        assert!(rule.contains(r#"subject.user == "a\"b" &&"#), "{rule}");
        assert!(rule.contains(r#"action.lookup("unit") == "collector.service""#), "{rule}");
        assert!(!rule.contains('@'), "{rule}");
    }

    #[test]
    fn arguments_reach_the_program_as_they_are() {
        assert_eq!(argument("--addr"), "--addr");
        assert_eq!(argument("a b$c%d\"e\\"), r#""a b$$c%%d\"e\\""#);
        assert_eq!(argument(""), "\"\"");
    }
}
