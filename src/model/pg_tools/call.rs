//! Calls of PostgreSQL's tools as data: program, arguments, environment. Nothing secret is ever an argument.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::model::conninfo::{APPLICATION_NAME, ConnInfo, RootCertificates, SslMode};
use crate::model::secret::Secret;

/// Where Debian and its like keep the machine's certificate authorities; for tools that do not know `system`.
const SYSTEM_ROOTS: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Longest wait of `pg_dump` for a table that something else has locked.
const LOCK_WAIT: &str = "60s";

/// The same where only somebody looks.
const SHORT_LOCK_WAIT: &str = "3s";

/// One run of a tool.
#[derive(Debug, Clone)]
pub struct ToolCall {
    /// What to run: a name for a container's search path, or a path on this machine.
    pub program: PathBuf,
    /// Its arguments; none of them is secret.
    pub args: Vec<String>,
    /// Its environment. No other variable that begins with `PG` may be inherited.
    pub env: Vec<(String, EnvValue)>,
}

/// The value of an environment variable.
#[derive(Debug, Clone)]
pub enum EnvValue {
    /// One that may be shown.
    Plain(String),
    /// One that may not.
    Secret(Secret),
}

impl EnvValue {
    /// The value, for the process that is started.
    pub fn expose(&self) -> &str {
        match self {
            Self::Plain(value) => value,
            Self::Secret(secret) => secret.expose(),
        }
    }
}

/// A set of tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tools {
    /// The directory they are in; `None` where the search path finds them, as in a container.
    pub directory: Option<PathBuf>,
    /// Their major version.
    pub major: u32,
}

impl Tools {
    fn program(&self, name: &str) -> PathBuf {
        self.directory.as_ref().map_or_else(|| PathBuf::from(name), |directory| directory.join(name))
    }
}

/// Whether a restore gives objects to their owners and grants what was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ownership {
    /// As dumped: every role that the dump names exists.
    AsDumped,
    /// Everything belongs to the role that restores, and nothing is granted, since these roles do not exist.
    RestoringRole {
        /// The missing roles.
        missing: Vec<String>,
    },
}

impl Ownership {
    /// Decides it from the roles that the dump names and those that the server has.
    pub fn decide<'a>(named: impl IntoIterator<Item = &'a str>, present: &BTreeSet<String>) -> Self {
        let missing: BTreeSet<String> =
            named.into_iter().filter(|role| !present.contains(*role)).map(str::to_owned).collect();
        if missing.is_empty() {
            Self::AsDumped
        } else {
            Self::RestoringRole { missing: missing.into_iter().collect() }
        }
    }
}

/// How hard a restore works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestoreLoad {
    /// Parallel jobs, at least 1.
    pub jobs: u32,
    /// Memory for building one index, in MiB; used by each job.
    pub maintenance_work_mem_mib: u32,
}

impl RestoreLoad {
    /// What fits: jobs up to four, index memory at most a quarter of the server's memory for all jobs together.
    pub fn for_server(cpus: u32, server_memory_mib: Option<u64>) -> Self {
        let jobs = cpus.clamp(1, 4);
        // The bundled server is limited to 1 GB where nothing else is known.
        let share = server_memory_mib.unwrap_or(1024) / 4 / u64::from(jobs);
        let maintenance_work_mem_mib = u32::try_from(share).unwrap_or(u32::MAX).clamp(32, 1024);
        Self { jobs, maintenance_work_mem_mib }
    }
}

/// Dumps a database in the custom format, uncompressed, into a file or a named pipe, under an exported snapshot.
pub fn dump(tools: &Tools, info: &ConnInfo, snapshot: &str, file: &Path) -> ToolCall {
    let args = [
        "--format=custom".to_owned(),
        "--compress=0".to_owned(),
        format!("--snapshot={snapshot}"),
        "--no-password".to_owned(),
        format!("--lock-wait-timeout={LOCK_WAIT}"),
        format!("--file={}", file.display()),
        // A pipe cannot be synced.
        "--no-sync".to_owned(),
    ];
    ToolCall { program: tools.program("pg_dump"), args: args.into(), env: environment(tools, info, &[]) }
}

/// Restores an archive file into an existing, empty database: the one that `info` names.
///
/// The session gives up nothing that matters: a restore that does not end well is thrown away, so it need not wait for
/// each commit to reach the disk.
pub fn restore(
    tools: &Tools,
    info: &ConnInfo,
    archive: &Path,
    load: RestoreLoad,
    ownership: &Ownership,
) -> ToolCall {
    let mut args = vec![
        format!("--jobs={}", load.jobs.max(1)),
        "--exit-on-error".to_owned(),
        "--no-password".to_owned(),
        // A bare name with `=` in it would be read as a connection string.
        format!("--dbname=dbname='{}'", info.database.replace('\\', "\\\\").replace('\'', "\\'")),
    ];
    if let Ownership::RestoringRole { .. } = ownership {
        args.extend(["--no-owner".to_owned(), "--no-acl".to_owned()]);
    }
    args.push(archive.display().to_string());
    let memory = format!("maintenance_work_mem={}MB", load.maintenance_work_mem_mib);
    let settings = ["synchronous_commit=off", memory.as_str(), "statement_timeout=0", "lock_timeout=0"];
    ToolCall { program: tools.program("pg_restore"), args, env: environment(tools, info, &settings) }
}

/// Prints the definitions in an archive file, without its data, as SQL.
pub fn definitions(tools: &Tools, archive: &Path) -> ToolCall {
    ToolCall {
        program: tools.program("pg_restore"),
        args: vec!["--schema-only".to_owned(), "--file=-".to_owned(), archive.display().to_string()],
        env: Vec::new(),
    }
}

/// Prints the definitions of a database as SQL, without its data, and without subscriptions, which hold passwords.
pub fn schema(tools: &Tools, info: &ConnInfo) -> ToolCall {
    let args = ["--schema-only", "--no-subscriptions", "--no-password"].map(str::to_owned);
    let wait = format!("--lock-wait-timeout={SHORT_LOCK_WAIT}");
    ToolCall {
        program: tools.program("pg_dump"),
        args: args.into_iter().chain([wait]).collect(),
        env: environment(tools, info, &[]),
    }
}

/// Decodes an archive from the standard input in full, and throws the result away: the only check that finds a dump
/// that was cut.
pub fn decode(tools: &Tools) -> ToolCall {
    ToolCall {
        program: tools.program("pg_restore"),
        args: vec!["--format=custom".to_owned(), "--file=/dev/null".to_owned()],
        env: Vec::new(),
    }
}

fn environment(tools: &Tools, info: &ConnInfo, settings: &[&str]) -> Vec<(String, EnvValue)> {
    let mut variables = info.to_pg_env();
    variables
        .retain(|(name, _)| name != "PGSSLROOTCERT" || matches!(info.ssl.roots, RootCertificates::File(_)));
    let verifies = matches!(info.ssl.mode, SslMode::VerifyCa | SslMode::VerifyFull);
    if verifies && !matches!(info.ssl.roots, RootCertificates::File(_)) {
        // `system` came with 16, and only for verify-full.
        let system = tools.major >= 16 && info.ssl.mode == SslMode::VerifyFull;
        variables.push(("PGSSLROOTCERT".to_owned(), if system { "system" } else { SYSTEM_ROOTS }.to_owned()));
    }
    if !settings.is_empty() {
        let ours = settings.iter().map(|setting| format!("-c {setting}"));
        let options: Vec<String> = info.options.clone().into_iter().chain(ours).collect();
        variables.retain(|(name, _)| name != "PGOPTIONS");
        variables.push(("PGOPTIONS".to_owned(), options.join(" ")));
    }
    variables.push(("PGAPPNAME".to_owned(), APPLICATION_NAME.to_owned()));
    let mut environment: Vec<_> =
        variables.into_iter().map(|(name, value)| (name, EnvValue::Plain(value))).collect();
    if let Some(password) = &info.password {
        environment.push(("PGPASSWORD".to_owned(), EnvValue::Secret(password.clone())));
    }
    environment
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(text: &str) -> ConnInfo {
        ConnInfo::parse(text, None).expect("a valid connection string")
    }

    fn tools(major: u32) -> Tools {
        Tools { directory: Some("/usr/lib/postgresql/15/bin".into()), major }
    }

    fn value<'a>(call: &'a ToolCall, name: &str) -> Option<&'a str> {
        call.env.iter().find(|(known, _)| known == name).map(|(_, value)| value.expose())
    }

    #[test]
    fn a_dump_has_its_password_in_the_environment_only() {
        let call = dump(&tools(15), &info("postgres://u:s3cr3t@h/d"), "00000003-1", Path::new("/x/pipe"));
        assert!(call.args.contains(&"--file=/x/pipe".to_owned()));
        assert_eq!(call.program, Path::new("/usr/lib/postgresql/15/bin/pg_dump"));
        assert!(call.args.contains(&"--snapshot=00000003-1".to_owned()));
        assert_eq!(value(&call, "PGPASSWORD"), Some("s3cr3t"));
        assert_eq!(value(&call, "PGDATABASE"), Some("d"));
        assert!(!format!("{call:?}").contains("s3cr3t"));
    }

    #[test]
    fn a_restore_keeps_owners_only_where_they_exist() {
        let present = BTreeSet::from(["owner".to_owned()]);
        assert_eq!(Ownership::decide(["owner"], &present), Ownership::AsDumped);
        let missing = Ownership::decide(["owner", "runtime"], &present);
        assert_eq!(missing, Ownership::RestoringRole { missing: vec!["runtime".to_owned()] });
        let load = RestoreLoad { jobs: 2, maintenance_work_mem_mib: 128 };
        let call = restore(
            &tools(15),
            &info("host=h user=u dbname='a=b\\'c'"),
            Path::new("/x/db.dump"),
            load,
            &missing,
        );
        let expected = [
            "--jobs=2",
            "--exit-on-error",
            "--no-password",
            r"--dbname=dbname='a=b\'c'",
            "--no-owner",
            "--no-acl",
            "/x/db.dump",
        ];
        assert_eq!(call.args, expected);
        let options = "-c synchronous_commit=off -c maintenance_work_mem=128MB -c statement_timeout=0 -c lock_timeout=0";
        assert_eq!(value(&call, "PGOPTIONS"), Some(options));
    }

    #[test]
    fn the_machines_authorities_are_named_in_words_the_tool_knows() {
        let full = info("postgres://u@h/d?sslmode=verify-full");
        assert_eq!(value(&dump(&tools(16), &full, "s", Path::new("p")), "PGSSLROOTCERT"), Some("system"));
        assert_eq!(value(&dump(&tools(15), &full, "s", Path::new("p")), "PGSSLROOTCERT"), Some(SYSTEM_ROOTS));
        let file = info("postgres://u@h/d?sslmode=verify-full&sslrootcert=/ca.pem");
        assert_eq!(value(&dump(&tools(15), &file, "s", Path::new("p")), "PGSSLROOTCERT"), Some("/ca.pem"));
        assert_eq!(
            value(&dump(&tools(15), &info("postgres://u@h/d"), "s", Path::new("p")), "PGSSLROOTCERT"),
            None
        );
    }

    #[test]
    fn memory_for_indexes_stays_below_the_servers_limit() {
        let load = RestoreLoad::for_server(2, None);
        assert_eq!(load, RestoreLoad { jobs: 2, maintenance_work_mem_mib: 128 });
        assert_eq!(RestoreLoad::for_server(64, Some(65_536)).jobs, 4);
        assert_eq!(RestoreLoad::for_server(4, Some(256)).maintenance_work_mem_mib, 32);
    }
}
