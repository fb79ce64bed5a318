//! What a person types to do a step's work where opsctl could not: the way out when there is no other.

mod process;

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::model::database_name::DatabaseName;
use crate::model::sql;
use crate::plan::step::{Release, RestorePoint, Step};
use crate::profile::ServiceName;

pub use process::ProcessByHand;

/// How an install of a Compose product with PostgreSQL is reached from a shell. Nothing in it is secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ByHand {
    /// Compose with the install's files: `docker compose --project-directory ... --file ...`.
    pub compose: Vec<String>,
    /// A shell's beginning of a command within reach of the database server, up to the name of one of PostgreSQL's tools.
    pub tools: Vec<String>,
    /// The options with which the tools connect, without the database's name.
    pub connection: Vec<String>,
    /// The environment file.
    pub env_file: PathBuf,
    /// The setting in it that holds the version.
    pub version_variable: String,
    /// The setting in it that holds the pinned image, where releases are pinned.
    pub pin_variable: Option<String>,
    /// Where backups are.
    pub backup_dir: PathBuf,
}

/// What a person types, for one kind of install.
pub trait Handbook {
    /// The commands for a step, in their order; one that cannot be typed is described, behind a `#`.
    fn commands(&self, step: &Step) -> Vec<String>;

    /// The commands for a step among those that are left: what is only to be dropped once it is archived is not to be dropped
    /// by hand.
    fn commands_among(&self, step: &Step, left: &[Step]) -> Vec<String> {
        let is_archived = |database: &DatabaseName| {
            left.iter().any(|other| matches!(other, Step::TakeBackup { of: Some(of), .. } if of == database))
        };
        match step {
            Step::DropDatabase { database } if is_archived(database) => {
                vec![format!("# {database} holds what was not archived yet: keep it")]
            }
            _ => self.commands(step),
        }
    }
}

impl Handbook for ByHand {
    fn commands(&self, step: &Step) -> Vec<String> {
        match step {
            Step::Quiesce { services } => vec![self.compose("stop", services)],
            Step::Start { services, release } => {
                let variable = &self.version_variable;
                // Made anew, a container is as the files describe it, its restart policy included.
                let up = self.compose("up --detach --no-deps --force-recreate", services);
                vec![format!("{variable}={} {up}", quoted(release.version.as_str()))]
            }
            Step::PassGates { services, .. } => vec![self.compose("ps", services)],
            Step::RemoveOneOff { name } => vec![format!("docker rm --force {}", quoted(name))],
            Step::SelectRelease { release } | Step::RestoreSettings { release } => self.select(release),
            Step::Swap { live, incoming, outgoing } => self.swap(live, incoming, outgoing),
            Step::ReturnToRestorePoint { live, point, failed } => match point {
                RestorePoint::Clone { database } => {
                    let mut commands =
                        vec![format!("# if {database} still exists: it is as the data was before")];
                    commands.extend(self.swap(live, database, failed));
                    commands
                }
                RestorePoint::Backup { id, .. } => vec![
                    self.end_sessions(live),
                    self.sql(&format!("ALTER DATABASE {} RENAME TO {}", name(live), name(failed))),
                    self.create_from(&self.backup_dir.join(id.file_name())),
                ],
            },
            Step::ReplaceInPlace { archive, live } => vec![
                self.end_sessions(live),
                self.sql(&format!("DROP DATABASE IF EXISTS {}", name(live))),
                self.create_from(archive),
            ],
            Step::Recreate { replicas, .. } => {
                let services: Vec<ServiceName> =
                    replicas.iter().map(|replicas| replicas.service.clone()).collect();
                vec![self.compose("up --detach --no-deps --force-recreate", &services)]
            }
            Step::SetPassword { secret } => {
                let role = secret.login.as_ref().map_or("", |login| login.role.as_str());
                let ask = format!("\\password {}", sql::identifier(role));
                vec![
                    format!("# type {} as {} has it now", secret.name, self.env_file.display()),
                    // It makes the verifier itself, so that the server's log never sees the password.
                    self.psql(&self.at_a_terminal(), &ask),
                ]
            }
            Step::Rehash { one_off, .. } => {
                let program = joined(one_off.program.as_deref().unwrap_or_default());
                let entry = format!("run --rm --no-deps --entrypoint {}", quoted(&program));
                vec![self.compose(&entry, std::slice::from_ref(&one_off.service))]
            }
            Step::DropDatabase { database } => {
                vec![self.sql(&format!("DROP DATABASE IF EXISTS {}", name(database)))]
            }
            Step::UnpinBackup { id } => {
                vec![format!("# when the operation is closed: opsctl backup unpin {id}")]
            }
            other => vec![format!("# {other}")],
        }
    }
}

impl ByHand {
    fn compose(&self, command: &str, services: &[ServiceName]) -> String {
        let services: Vec<&str> = services.iter().map(ServiceName::as_str).collect();
        format!("{} {command} {}", joined(&self.compose), joined(&services))
    }

    fn select(&self, release: &Release) -> Vec<String> {
        let mut text =
            format!("# in {}: set {}={}", self.env_file.display(), self.version_variable, release.version);
        if let Some(variable) = &self.pin_variable {
            match &release.pin {
                Some(pin) => _ = write!(text, " and {variable}={pin}"),
                None => _ = write!(text, " and take {variable} out"),
            }
        }
        vec![text]
    }

    /// The comment belongs to the name that the product uses: a copy bears opsctl's mark in its place.
    fn swap(&self, live: &DatabaseName, incoming: &DatabaseName, outgoing: &DatabaseName) -> Vec<String> {
        vec![
            self.end_sessions(live),
            self.sql(&format!(
                "BEGIN; ALTER DATABASE {live} RENAME TO {outgoing}; ALTER DATABASE {incoming} RENAME TO {live}; \
                 DO $$BEGIN EXECUTE format('COMMENT ON DATABASE %I IS %L', {live_text}, \
                 (SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = {outgoing_text})); \
                 END$$; COMMIT",
                live = name(live),
                incoming = name(incoming),
                outgoing = name(outgoing),
                live_text = sql::literal(live.as_str()),
                outgoing_text = sql::literal(outgoing.as_str()),
            )),
        ]
    }

    fn end_sessions(&self, database: &DatabaseName) -> String {
        let database = sql::literal(database.as_str());
        self.sql(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {database}"
        ))
    }

    /// A statement in the maintenance database: the product's own cannot be renamed or dropped from within.
    fn sql(&self, statement: &str) -> String {
        self.psql(&self.tools, statement)
    }

    fn psql(&self, tools: &[String], statement: &str) -> String {
        let psql = ["psql", "--dbname", "postgres", "--command"];
        format!("{} {} {}", joined(tools), joined(&self.with_connection(&psql)), quoted(statement))
    }

    /// Where a person is asked for something: Compose is not told to leave out the terminal.
    fn at_a_terminal(&self) -> Vec<String> {
        self.tools.iter().filter(|word| *word != "-T").cloned().collect()
    }

    /// Makes the database that a backup of it was taken of, with the owner, locale, settings and grants that it had.
    fn create_from(&self, archive: &std::path::Path) -> String {
        let restore =
            self.with_connection(&["pg_restore", "--create", "--exit-on-error", "--dbname", "postgres"]);
        format!(
            "tar --extract --to-stdout --file {} --wildcards '*/db.dump' | {} {}",
            quoted(&archive.display().to_string()),
            joined(&self.tools),
            joined(&restore)
        )
    }

    fn with_connection<'a>(&'a self, tool: &[&'a str]) -> Vec<&'a str> {
        let (program, arguments) = tool.split_first().map_or(("", tool), |(program, rest)| (*program, rest));
        let connection = self.connection.iter().map(String::as_str);
        std::iter::once(program).chain(connection).chain(arguments.iter().copied()).collect()
    }
}

fn name(database: &DatabaseName) -> String {
    sql::identifier(database.as_str())
}

fn quoted(word: &str) -> String {
    shell_words::quote(word).into_owned()
}

fn joined<S: AsRef<str>>(words: &[S]) -> String {
    shell_words::join(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::release::Version;

    fn by_hand() -> ByHand {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect();
        ByHand {
            compose: words("docker compose --project-directory /srv/ledger"),
            tools: words("docker compose --project-directory /srv/ledger exec -T postgres"),
            connection: words("--username ledger"),
            env_file: "/srv/ledger/.env".into(),
            version_variable: "LEDGER_VERSION".to_owned(),
            pin_variable: Some("LEDGER_IMAGE_PIN".to_owned()),
            backup_dir: "/srv/my backups".into(),
        }
    }

    fn database(name: &str) -> DatabaseName {
        DatabaseName::new(name)
    }

    fn services() -> Vec<ServiceName> {
        ["api", "worker"].map(|name| serde_json::from_value(name.into()).unwrap()).to_vec()
    }

    fn release() -> Release {
        Release {
            version: Version::parse("1.0.0").unwrap(),
            image: "ledger:1.0.0".to_owned(),
            digest: None,
            image_id: None,
            pin: None,
        }
    }

    #[test]
    fn what_is_left_of_a_rollback_can_be_typed() {
        let point = RestorePoint::Clone { database: database("ledger_point") };
        let steps = [
            Step::RemoveOneOff { name: "canary".to_owned() },
            Step::RestoreSettings { release: release() },
            Step::ReturnToRestorePoint { live: database("ledger"), point, failed: database("it's_failed") },
            Step::Start { services: services(), release: release() },
            Step::PassGates { services: services(), release: release() },
            Step::UnpinBackup { id: "2026-03-14-120000".parse().unwrap() },
        ];
        let commands: Vec<String> = steps.iter().flat_map(|step| by_hand().commands(step)).collect();
        insta::assert_snapshot!(commands.join("\n"), @r#"
        docker rm --force canary
        # in /srv/ledger/.env: set LEDGER_VERSION=1.0.0 and take LEDGER_IMAGE_PIN out
        # if ledger_point still exists: it is as the data was before
        docker compose --project-directory /srv/ledger exec -T postgres psql --username ledger --dbname postgres --command 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\''ledger'\'''
        docker compose --project-directory /srv/ledger exec -T postgres psql --username ledger --dbname postgres --command 'BEGIN; ALTER DATABASE "ledger" RENAME TO "it'\''s_failed"; ALTER DATABASE "ledger_point" RENAME TO "ledger"; DO $$BEGIN EXECUTE format('\''COMMENT ON DATABASE %I IS %L'\'', '\''ledger'\'', (SELECT shobj_description(oid, '\''pg_database'\'') FROM pg_database WHERE datname = '\''it'\'''\''s_failed'\'')); END$$; COMMIT'
        LEDGER_VERSION=1.0.0 docker compose --project-directory /srv/ledger up --detach --no-deps --force-recreate api worker
        docker compose --project-directory /srv/ledger ps api worker
        # when the operation is closed: opsctl backup unpin 2026-03-14-120000
        "#);
    }

    #[test]
    fn a_backup_is_loaded_from_its_archive() {
        let point =
            RestorePoint::Backup { id: "2026-03-14-120000".parse().unwrap(), side: database("ledger_side") };
        let step =
            Step::ReturnToRestorePoint { live: database("ledger"), point, failed: database("ledger_failed") };
        insta::assert_snapshot!(by_hand().commands(&step).join("\n"), @r#"
        docker compose --project-directory /srv/ledger exec -T postgres psql --username ledger --dbname postgres --command 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\''ledger'\'''
        docker compose --project-directory /srv/ledger exec -T postgres psql --username ledger --dbname postgres --command 'ALTER DATABASE "ledger" RENAME TO "ledger_failed"'
        tar --extract --to-stdout --file '/srv/my backups/backup-2026-03-14-120000.tar.gz' --wildcards '*/db.dump' | docker compose --project-directory /srv/ledger exec -T postgres pg_restore --username ledger --create --exit-on-error --dbname postgres
        "#);
    }
}
