//! PostgreSQL's tools that are installed on this machine.
#![expect(clippy::disallowed_types, reason = "adapter")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use crate::model::pg_tools::{ToolVersion, Tools, check_dump};

/// Where distributions keep one directory for each major version, and what is in it below that.
const VERSIONED: [(&str, &str); 2] = [("/usr/lib/postgresql", "bin"), ("/usr", "bin")];

/// How long a tool may take to print its version.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// All complete sets (`pg_dump` and `pg_restore`) in the distributions' directories and in `search_path`, newest first.
pub async fn installed_tools(search_path: Option<&OsStr>) -> Vec<Tools> {
    let mut found: Vec<Tools> = Vec::new();
    for directory in directories(search_path) {
        if let Some(version) = version_in(&directory).await {
            found.push(Tools { directory: Some(directory), major: version.major });
        }
    }
    found.sort_by_key(|tools| std::cmp::Reverse(tools.major));
    found
}

/// The set to use for a server, to dump as well as to restore: its own major version, else the nearest newer one that
/// works.
pub fn tools_for(installed: &[Tools], server_major: u32) -> Option<&Tools> {
    installed
        .iter()
        .filter(|tools| check_dump(tools.major, server_major).is_ok())
        .min_by_key(|tools| tools.major)
}

fn directories(search_path: Option<&OsStr>) -> Vec<PathBuf> {
    let mut directories = Vec::new();
    for (parent, below) in VERSIONED {
        let entries = std::fs::read_dir(parent).into_iter().flatten().flatten();
        directories.extend(
            entries.filter(|entry| is_versioned(&entry.file_name())).map(|entry| entry.path().join(below)),
        );
    }
    directories
        .extend(search_path.map(|path| std::env::split_paths(path).collect::<Vec<_>>()).unwrap_or_default());
    directories
        .retain(|directory| directory.join("pg_dump").is_file() && directory.join("pg_restore").is_file());
    directories.sort();
    directories.dedup();
    directories
}

/// `15` as Debian has it, `pgsql-15` as PostgreSQL's own packages for Red Hat have it.
fn is_versioned(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let number = name.strip_prefix("pgsql-").unwrap_or(&name);
    !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == '.')
}

async fn version_in(directory: &Path) -> Option<ToolVersion> {
    let run = Command::new(directory.join("pg_restore")).arg("--version").kill_on_drop(true).output();
    let output = tokio::time::timeout(TIME_LIMIT, run).await.ok()?.ok()?;
    output.status.success().then(|| ToolVersion::parse(&String::from_utf8_lossy(&output.stdout)))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools(major: u32) -> Tools {
        Tools { directory: None, major }
    }

    #[test]
    fn the_servers_own_version_comes_first() {
        let installed = [tools(18), tools(17), tools(16), tools(15)];
        assert_eq!(tools_for(&installed, 15), Some(&tools(15)));
        assert_eq!(tools_for(&installed, 17), Some(&tools(17)));
        assert_eq!(tools_for(&installed[..3], 15), Some(&tools(16)));
        assert_eq!(tools_for(&installed[..2], 15), None);
        assert_eq!(tools_for(&installed, 19), None);
    }

    #[test]
    fn only_directories_of_a_version_count() {
        for (name, expected) in
            [("15", true), ("pgsql-16", true), ("9.6", true), ("bin", false), ("pgsql-", false)]
        {
            assert_eq!(is_versioned(OsStr::new(name)), expected, "{name}");
        }
    }
}
