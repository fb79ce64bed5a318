//! Which Compose there is.

use std::ffi::OsString;
use std::fmt;
use std::time::Duration;

use super::{ComposeError, MOST_OUTPUT, not_run};
use crate::adapters::process::{HostCommand, Inherited};
use crate::adapters::tool_output::{Stdin, ToolExit};

/// Older ones lack `up --pull never`.
pub(super) const OLDEST: ComposeVersion = ComposeVersion { major: 2, minor: 17, patch: 0 };

const LIMIT: Duration = Duration::from_secs(30);

/// A version of Compose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ComposeVersion {
    /// The major version.
    pub major: u32,
    /// The minor version.
    pub minor: u32,
    /// The patch version.
    pub patch: u32,
}

impl ComposeVersion {
    /// The version of `docker compose` on this host, if it is one that this program can work with.
    ///
    /// # Errors
    /// If there is none, only the old `docker-compose`, or one that is too old.
    pub async fn installed() -> Result<Self, ComposeError> {
        let (output, exit) = answer("docker", ["compose", "version", "--short"]).await?;
        let found = Self::parse(&output);
        match found.filter(|_| exit.success()) {
            Some(found) if found < OLDEST => Err(ComposeError::TooOld { found }),
            Some(found) => Ok(found),
            None => Err(old_command().await),
        }
    }

    /// Reads `2.26.1`, `v2.26.1` or a distribution's `2.26.1+ds1-4`.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let mut numbers = text.strip_prefix('v').unwrap_or(text).splitn(3, '.').map(|part| {
            let end = part.find(|character: char| !character.is_ascii_digit()).unwrap_or(part.len());
            part[..end].parse().ok()
        });
        let mut next = || numbers.next().flatten();
        Some(Self { major: next()?, minor: next()?, patch: next().unwrap_or(0) })
    }
}

async fn old_command() -> ComposeError {
    match answer("docker-compose", ["version", "--short"]).await {
        Ok((output, exit))
            if exit.success() && ComposeVersion::parse(&output).is_some_and(|old| old.major < 2) =>
        {
            ComposeError::OnlyVersionOne { version: output.trim().to_owned() }
        }
        _ => ComposeError::NoPlugin,
    }
}

async fn answer(
    program: &str,
    arguments: impl IntoIterator<Item = impl Into<OsString>>,
) -> Result<(String, ToolExit), ComposeError> {
    let doing = "ask for the version of docker compose";
    let mut command = HostCommand::new(program, arguments);
    command.inherited = Inherited::AllBut(Vec::new());
    let (output, exit) = match command.start(Stdin::Empty) {
        Ok(running) => running.collect(program, MOST_OUTPUT, LIMIT).await,
        Err(error) => Err(error),
    }
    .map_err(|source| not_run(doing, source))?;
    Ok((String::from_utf8_lossy(&output).into_owned(), exit))
}

impl fmt::Display for ComposeVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2.26.1\n", Some((2, 26, 1)))]
    #[case("v2.26.1", Some((2, 26, 1)))]
    #[case("2.26.1-4", Some((2, 26, 1)))]
    #[case("2.24.6+ds1-0ubuntu1", Some((2, 24, 6)))]
    #[case("5.0.0-rc.1", Some((5, 0, 0)))]
    #[case("2.40", Some((2, 40, 0)))]
    #[case("dev", None)]
    #[case("", None)]
    fn versions_of_all_builds_are_read(#[case] text: &str, #[case] expected: Option<(u32, u32, u32)>) {
        let read = ComposeVersion::parse(text).map(|version| (version.major, version.minor, version.patch));
        assert_eq!(read, expected);
    }

    #[test]
    fn versions_compare_by_number() {
        let old = ComposeVersion { major: 2, minor: 9, patch: 9 };
        assert!(old < OLDEST);
    }
}
