//! Which version of the tools works with which server and which archive.

/// The version that a tool prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ToolVersion {
    /// 15 in 15.18.
    pub major: u32,
    /// 18 in 15.18; 0 in a beta.
    pub minor: u32,
}

impl ToolVersion {
    /// Reads `pg_dump --version` and its like: `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
    pub fn parse(output: &str) -> Option<Self> {
        let version = output.split_once("(PostgreSQL)")?.1.split_whitespace().next()?;
        let digits = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
        let mut parts = version.split('.');
        let major = digits(parts.next()?).parse().ok()?;
        let minor = parts.next().and_then(|part| digits(part).parse().ok()).unwrap_or(0);
        Some(Self { major, minor })
    }
}

impl std::fmt::Display for ToolVersion {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

/// Versions that cannot work together. All numbers are major versions, archive versions `1.x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Skew {
    /// `pg_dump` refuses a server that is newer than itself.
    #[error("pg_dump {tool} cannot dump a server of version {server}")]
    DumpToolTooOld {
        /// The tool.
        tool: u32,
        /// The server.
        server: u32,
    },
    /// Current tools know servers down to 9.2.
    #[error("opsctl works with PostgreSQL 13 and later, not with {server}")]
    ServerTooOld {
        /// The server.
        server: u32,
    },
    /// `pg_restore` reads archives up to its own version.
    #[error(
        "pg_restore {tool} cannot read this backup: its archive format 1.{archive} is newer than 1.{newest}"
    )]
    ArchiveTooNew {
        /// The tool.
        tool: u32,
        /// The archive's minor version.
        archive: u8,
        /// The newest that the tool reads.
        newest: u8,
    },
    /// `pg_restore` 17 and later begin by setting `transaction_timeout`, which older servers do not know.
    #[error("pg_restore {tool} fails on a server of version {server}, which has no `transaction_timeout`")]
    RestoreToolTooNew {
        /// The tool.
        tool: u32,
        /// The server.
        server: u32,
    },
    /// What a newer server's dump says, an older server may not understand.
    #[error("the backup comes from a server of version {from}, this one is {server}")]
    Downgrade {
        /// The backup's server.
        from: u32,
        /// The server to restore to.
        server: u32,
    },
}

impl Skew {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::DumpToolTooOld { .. } | Self::ArchiveTooNew { .. } | Self::RestoreToolTooNew { .. } => {
                "use the tools of the server's own major version: install its client package, or let a container provide them"
            }
            Self::ServerTooOld { .. } => "upgrade the server",
            Self::Downgrade { .. } => "restore to a server of the same major version or a newer one",
        }
    }
}

const OLDEST_SERVER: u32 = 13;

/// Whether `pg_dump` of one major version can dump a server of another, so that the dump can be restored there.
///
/// # Errors
/// When it cannot.
pub fn check_dump(tool: u32, server: u32) -> Result<(), Skew> {
    if server < OLDEST_SERVER {
        return Err(Skew::ServerTooOld { server });
    }
    if tool < server {
        return Err(Skew::DumpToolTooOld { tool, server });
    }
    // A dump by 17 is in a format that only 17 restores, and that one cannot restore to an older server.
    check_restore_tool(tool, server)
}

/// Whether `pg_restore` of one major version can restore an archive to a server. `archive` is the `x` of the archive's
/// format 1.x, `from` the major version of the server it was dumped from.
///
/// # Errors
/// When it cannot.
pub fn check_restore(tool: u32, server: u32, archive: u8, from: u32) -> Result<(), Skew> {
    if server < OLDEST_SERVER {
        return Err(Skew::ServerTooOld { server });
    }
    let newest = newest_archive_read(tool);
    if archive > newest {
        return Err(Skew::ArchiveTooNew { tool, archive, newest });
    }
    if from > server {
        return Err(Skew::Downgrade { from, server });
    }
    check_restore_tool(tool, server)
}

fn check_restore_tool(tool: u32, server: u32) -> Result<(), Skew> {
    if tool >= 17 && server < 17 { Err(Skew::RestoreToolTooNew { tool, server }) } else { Ok(()) }
}

/// The newest archive format 1.x that `pg_restore` of a major version reads.
pub fn newest_archive_read(tool: u32) -> u8 {
    match tool {
        ..=11 => 13,
        12..=15 => 14,
        16 => 15,
        // 18 kept the format of 17; what comes later reads at least that.
        17.. => 16,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some((15, 18)))]
    #[case("pg_restore (PostgreSQL) 18beta1", Some((18, 0)))]
    #[case("pg_dump (PostgreSQL) 9.6.24", Some((9, 6)))]
    #[case("psql 15.1", None)]
    #[case("pg_dump (PostgreSQL) devel", None)]
    fn versions_are_read(#[case] output: &str, #[case] expected: Option<(u32, u32)>) {
        assert_eq!(ToolVersion::parse(output), expected.map(|(major, minor)| ToolVersion { major, minor }));
    }

    #[rstest]
    #[case(15, 15, None)]
    #[case(16, 15, None)]
    #[case(18, 17, None)]
    #[case(15, 17, Some(Skew::DumpToolTooOld { tool: 15, server: 17 }))]
    #[case(17, 15, Some(Skew::RestoreToolTooNew { tool: 17, server: 15 }))]
    #[case(15, 12, Some(Skew::ServerTooOld { server: 12 }))]
    fn dumps_that_could_not_be_restored_are_refused(
        #[case] tool: u32,
        #[case] server: u32,
        #[case] skew: Option<Skew>,
    ) {
        assert_eq!(check_dump(tool, server).err(), skew);
    }

    #[rstest]
    #[case(15, 15, 14, 15, None)]
    #[case(17, 17, 14, 13, None)]
    #[case(15, 15, 16, 17, Some(Skew::ArchiveTooNew { tool: 15, archive: 16, newest: 14 }))]
    #[case(16, 16, 16, 17, Some(Skew::ArchiveTooNew { tool: 16, archive: 16, newest: 15 }))]
    #[case(17, 15, 14, 15, Some(Skew::RestoreToolTooNew { tool: 17, server: 15 }))]
    #[case(16, 15, 15, 16, Some(Skew::Downgrade { from: 16, server: 15 }))]
    fn restores_that_cannot_work_are_refused(
        #[case] tool: u32,
        #[case] server: u32,
        #[case] archive: u8,
        #[case] from: u32,
        #[case] skew: Option<Skew>,
    ) {
        assert_eq!(check_restore(tool, server, archive, from).err(), skew);
    }
}
