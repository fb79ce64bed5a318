//! The scratch server: made for one rehearsal, of the product's own kind, and removed with all that belongs to it.

use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::address;
use crate::adapters::compose_services::fault as docker_fault;
use crate::adapters::docker::{ContainerFilter, ContainerId, Engine, LogLimits, Removal, ScratchServer};
use crate::adapters::postgres::connect::connect_maintenance;
use crate::adapters::postgres::lock::LastingLock;
use crate::adapters::postgres::properties::database_facts;
use crate::adapters::postgres::role_copy::{create_roles, let_in, role_definitions, settings};
use crate::adapters::postgres::whole::create_empty;
use crate::adapters::product_database::{self, ProductDatabase};
use crate::adapters::role_password::Candidates;
use crate::commands::database::{Reached, server_image};
use crate::commands::install::Install;
use crate::error::Fault;
use crate::model::conninfo::{ConnInfo, Host, SslMode};
use crate::model::database_name::DatabasePurpose;
use crate::model::operation::OperationId;
use crate::model::secret::Secret;
use crate::profile::DatabaseMode;

/// The scratch server's superuser; the product's roles are made beside it.
const SUPERUSER: &str = "opsctl_rehearsal";

/// How long the server may take to be made and to answer.
const START_LIMIT: Duration = Duration::from_mins(2);

/// What decides whether a migration works and how long it takes, beside the machine: taken over from the live server.
/// `shared_buffers` is not among them: this machine may have less memory than the live server's.
const SETTINGS: [&str; 12] = [
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "work_mem",
    "maintenance_work_mem",
    "max_wal_size",
    "max_connections",
    "max_locks_per_transaction",
    "max_worker_processes",
    "max_parallel_maintenance_workers",
    "synchronous_commit",
    "wal_level",
];

/// What is made for rehearsals of one install. The names are always the same, so that what a killed rehearsal left
/// behind is found by the next; only one runs at a time.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) operation: OperationId,
    pub(super) server: String,
    pub(super) network: String,
    pub(super) migration: String,
}

impl Names {
    pub(super) fn of(project: &str) -> Result<Self, Fault> {
        let hash = hex::encode(&Sha256::digest(project)[..4]);
        let plain: String = project
            .chars()
            .filter(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || *char == '-')
            .take(40)
            .collect();
        let operation = OperationId::parse(&format!("rehearsal-{plain}-{hash}"))
            .ok_or_else(|| Fault::new(format!("the project {project} has an unusable name")))?;
        let name = |what: &str| format!("{project}-opsctl-rehearsal-{what}");
        Ok(Self { operation, server: name("server"), network: name("network"), migration: name("migration") })
    }
}

/// A server that answers, with the product's roles and its empty database.
pub(super) struct Scratch {
    pub(super) container: ContainerId,
    /// The product's database on it, by its superuser, from this machine.
    pub(super) database: ProductDatabase,
    /// The same from within the server's own container.
    pub(super) within: ConnInfo,
    /// The password of every role that may log in.
    pub(super) password: Secret,
}

/// Removes everything that a rehearsal made, whichever made it.
pub(super) async fn clear(engine: &Engine, names: &Names) -> Result<(), Fault> {
    let found = engine
        .containers(ContainerFilter::Operation(names.operation.as_str()))
        .await
        .map_err(|error| docker_fault(&error))?;
    for container in found {
        engine
            .remove(&container.id, Removal::KilledWithAnonymousVolumes)
            .await
            .map_err(|error| docker_fault(&error))?;
    }
    engine.remove_network(&names.network).await.map_err(|error| docker_fault(&error))
}

/// Makes the server and waits until it answers.
pub(super) async fn start(install: &Install, names: &Names, live: &Reached) -> Result<Scratch, Fault> {
    let image = server_image(install, live.server_major).await?;
    let password = throw_away_password()?;
    let engine = &install.engine;
    engine
        .create_isolated_network(&names.network, names.operation.as_str())
        .await
        .map_err(|error| docker_fault(&error))?;
    let server = ScratchServer {
        image,
        name: names.server.clone(),
        project: install.model.project.clone(),
        operation: names.operation.to_string(),
        role: "rehearsal".to_owned(),
        arguments: arguments(install, live).await?,
        environment: vec![
            ("POSTGRES_USER".to_owned(), Secret::new(SUPERUSER)),
            ("POSTGRES_PASSWORD".to_owned(), password.clone()),
            ("POSTGRES_DB".to_owned(), Secret::new("postgres")),
        ],
        network: names.network.clone(),
        aliases: host_names(install, live),
    };
    let container = engine.start_server(server).await.map_err(|error| docker_fault(&error))?;
    let running = engine.container(&container).await.map_err(|error| docker_fault(&error))?;
    let reachable = running
        .and_then(|running| running.address(5432))
        .ok_or_else(|| Fault::new("the scratch server has no address that this machine can reach"))?;
    let at = |host: std::net::IpAddr| ConnInfo {
        hosts: vec![Host::Tcp { name: host.to_string(), address: Some(host), port: 5432 }],
        user: SUPERUSER.to_owned(),
        password: Some(password.clone()),
        ssl: crate::model::conninfo::SslSettings { mode: SslMode::Disable, ..live.database.info.ssl.clone() },
        target_session: crate::model::conninfo::TargetSession::Any,
        ..live.database.info.clone()
    };
    let database = ProductDatabase {
        info: at(reachable.ip()),
        container: None,
        profile: install.profile.clone(),
        operation: names.operation.clone(),
        lock: LastingLock::default(),
        candidates: Candidates::default(),
    };
    let within = at([127, 0, 0, 1].into());
    let scratch = Scratch { container, database, within, password };
    scratch.answers(engine).await?;
    scratch.prepare(live).await?;
    Ok(scratch)
}

async fn arguments(install: &Install, live: &Reached) -> Result<Vec<String>, Fault> {
    let session = live.database.maintenance().await?;
    let mut names = SETTINGS.to_vec();
    if install.mode == DatabaseMode::Bundled {
        // Another image need not have the libraries.
        names.push("shared_preload_libraries");
    }
    let settings = settings(&session, &names).await.map_err(|error| product_database::fault(&error))?;
    let each = settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]);
    Ok(["postgres".to_owned()].into_iter().chain(each).collect())
}

/// The names by which the product knows its database server lead to the scratch server on its network.
fn host_names(install: &Install, live: &Reached) -> Vec<String> {
    let bundled = install.profile.database.bundled.iter().flat_map(|bundled| bundled.hosts.iter().cloned());
    let named = live.database.info.hosts.iter().filter_map(|host| match host {
        Host::Tcp { name, .. } if name.parse::<std::net::IpAddr>().is_err() => Some(name.clone()),
        _ => None,
    });
    bundled.chain(named).collect()
}

fn throw_away_password() -> Result<Secret, Fault> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes)
        .map_err(|error| Fault::new("the system gives no random numbers").within(error.to_string()))?;
    Ok(Secret::new(hex::encode(bytes)))
}

impl Scratch {
    /// How the product's containers are to reach it.
    pub(super) fn address<'a>(&'a self, names: &'a Names) -> address::Scratch<'a> {
        address::Scratch { host: &names.server, password: &self.password }
    }

    async fn answers(&self, engine: &Engine) -> Result<(), Fault> {
        let began = tokio::time::Instant::now();
        loop {
            let answer = connect_maintenance(&self.database.info, &self.database.application()).await;
            let Err(error) = answer else { return Ok(()) };
            let container = engine.container(&self.container).await.map_err(|error| docker_fault(&error))?;
            let runs = container.is_some_and(|container| container.is_running());
            if !runs || began.elapsed() > START_LIMIT {
                let limits = LogLimits { lines: 15, bytes: 32 << 10, since: None };
                let log =
                    engine.logs(&self.container, limits).await.map(|tail| tail.lines).unwrap_or_default();
                return Err(Fault::caused_by("the scratch server did not start", &error)
                    .evidence(log.into_iter().map(|line| line.text))
                    .hint("is its image one that starts as the official PostgreSQL image does?"));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Roles with their rights, and the empty database: as on the live server, but for the passwords.
    async fn prepare(&self, live: &Reached) -> Result<(), Fault> {
        let failed = |error: &_| product_database::fault(error);
        let roles = {
            let session = live.database.maintenance().await?;
            role_definitions(&session).await.map_err(|error| failed(&error))?
        };
        let mut properties = {
            let session = live.database.session(&live.database.live()).await?;
            database_facts(&session).await.map_err(|error| failed(&error))?.properties
        };
        properties.tablespace.clear();
        let session = self.database.maintenance().await?;
        create_roles(&session, &roles).await.map_err(|error| failed(&error))?;
        let mark = self.database.mark(DatabasePurpose::Scratch);
        create_empty(&session, &self.database.live(), &properties, &mark)
            .await
            .map_err(|error| failed(&error))
    }

    /// Lets a role log in.
    pub(super) async fn admit(&self, role: &str) -> Result<(), Fault> {
        let session = self.database.maintenance().await?;
        let_in(&session, role, &self.password).await.map_err(|error| product_database::fault(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_never_share_names() {
        let [one, other] = ["a-b_c", "a-bc"].map(|project| Names::of(project).unwrap());
        assert_ne!(one.operation, other.operation);
        assert_ne!(one.server, other.server);
        assert!(Names::of(&"x".repeat(200)).is_ok());
    }
}
