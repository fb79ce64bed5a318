//! The product's database on its server, as operations need it.

use std::sync::Arc;
use std::time::Duration;

use crate::adapters::postgres::carry_over::carry_over;
use crate::adapters::postgres::connect::{connect, connect_maintenance};
use crate::adapters::postgres::error::PgError;
use crate::adapters::postgres::lock::LastingLock;
use crate::adapters::postgres::obstacles::obstacles;
use crate::adapters::postgres::properties::database_facts;
use crate::adapters::postgres::rows;
use crate::adapters::postgres::server::{connected_clients, database_exists, terminate_onlookers};
use crate::adapters::postgres::session::Session;
use crate::adapters::postgres::swap::{Swap, swap};
use crate::adapters::postgres::whole;
use crate::adapters::postgres::writes::{self, WriteCounters, write_counters, written_between};
use crate::adapters::role_password::Candidates;
use crate::adapters::server_container::ServerContainer;
use crate::error::Fault;
use crate::explain::Topic;
use crate::model::conninfo::{APPLICATION_NAME, ConnInfo};
use crate::model::database_name::{DatabaseMark, DatabaseName, DatabasePurpose};
use crate::model::operation::OperationId;
use crate::plan::rotation::OnRecord;
use crate::ports::{CopyState, Databases, Passwords, Schema, WriteMark, Written};
use crate::profile::{AppliedMigrations, Profile};

/// Longest wait for whoever locks the table of migrations, in PostgreSQL's notation: clients wait meanwhile.
const LOCK_LIMIT: &str = "10s";

/// How often a copy is tried while others of ours come to look.
const COPY_TRIES: usize = 3;

/// The product's database, seen and changed for one operation.
#[derive(Clone)]
pub struct ProductDatabase {
    /// How to reach the server as the database's owner; it names the live database.
    pub info: ConnInfo,
    /// The container that the server runs in, where the product brings its own.
    pub container: Option<ServerContainer>,
    /// What is known of the product.
    pub profile: Arc<Profile>,
    /// The operation that databases are marked with.
    pub operation: OperationId,
    /// What keeps other operations out, on whatever machine they are.
    pub lock: LastingLock,
    /// The passwords of which the server takes one, while that is being changed.
    pub candidates: Candidates,
}

impl ProductDatabase {
    /// The live database's name.
    pub fn live(&self) -> DatabaseName {
        DatabaseName::new(self.info.database.clone())
    }

    /// How to reach the server now: one in a container is somewhere else when it was started again.
    pub async fn reachable(&self) -> Result<ConnInfo, Fault> {
        self.candidates.fit(self.address().await?, &self.application()).await
    }

    /// Where the server is now, whatever password it takes.
    pub(super) async fn address(&self) -> Result<ConnInfo, Fault> {
        match &self.container {
            Some(container) => Ok(self.info.at(container.address().await?)),
            None => Ok(self.info.clone()),
        }
    }

    /// A session of the database `name`.
    pub async fn session(&self, name: &DatabaseName) -> Result<Session, Fault> {
        let info = self.held().await?.with_database(name.as_str());
        connect(&info, &self.application()).await.map_err(|error| fault(&error))
    }

    /// A session of the maintenance database.
    pub async fn maintenance(&self) -> Result<Session, Fault> {
        connect_maintenance(&self.held().await?, &self.application()).await.map_err(|error| fault(&error))
    }

    /// How to reach the server now, once the operation's lock on it is there again if it was lost.
    async fn held(&self) -> Result<ConnInfo, Fault> {
        let info = self.reachable().await?;
        self.lock.renew(&info).await.map_err(|error| fault(&error))?;
        Ok(info)
    }

    /// What the server shows as the name of opsctl's sessions.
    pub fn application(&self) -> String {
        format!("{APPLICATION_NAME}:{}", self.operation)
    }

    /// The mark for a database that this operation makes.
    pub fn mark(&self, purpose: DatabasePurpose) -> DatabaseMark {
        DatabaseMark {
            purpose,
            operation: self.operation.to_string(),
            created: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            database: self.live(),
            comment: None,
            source_state: None,
        }
    }

    /// Which migrations are applied in a database; empty where the profile does not say, or the table is missing.
    pub async fn migrations(&self, session: &Session) -> Result<Vec<String>, Fault> {
        let applied = self.profile.migrate.as_ref().map(|migrate| &migrate.applied);
        match applied {
            None | Some(AppliedMigrations::Unknown) => Ok(Vec::new()),
            Some(AppliedMigrations::Table { table, id, name }) => {
                let column = name.as_ref().unwrap_or(id);
                let found = rows::migrations(session, table.as_str(), column.as_str(), id.as_str()).await;
                Ok(found.map_err(|error| fault(&error))?.unwrap_or_default())
            }
            Some(AppliedMigrations::Query(query)) => {
                rows::first_column(session, "reading the migrations", query)
                    .await
                    .map_err(|error| fault(&error))
            }
        }
    }

    async fn counters(&self, name: &DatabaseName) -> Result<WriteCounters, Fault> {
        let session = self.session(name).await?;
        write_counters(&session).await.map_err(|error| fault(&error))
    }
}

impl Databases for ProductDatabase {
    async fn exists(&self, database: &DatabaseName) -> Result<bool, Fault> {
        let session = self.maintenance().await?;
        database_exists(&session, database).await.map_err(|error| fault(&error))
    }

    async fn copy(&self, from: &DatabaseName, to: &DatabaseName) -> Result<(), Fault> {
        let counters = self.counters(from).await?;
        let properties = {
            let session = self.session(from).await?;
            database_facts(&session).await.map_err(|error| fault(&error))?.properties
        };
        let session = self.maintenance().await?;
        if whole::read_mark(&session, to).await.map_err(|error| fault(&error))?.is_some() {
            return Ok(());
        }
        whole::drop_database(&session, to).await.map_err(|error| fault(&error))?;
        let mut mark = self.mark(DatabasePurpose::RestorePoint);
        mark.comment.clone_from(&properties.comment);
        mark.source_state = serde_json::to_string(&counters).ok();
        let copied = self.copy_undisturbed(&session, from, to, &properties.owner, &mark).await;
        copied.map_err(|error| fault(&error))?;
        self.carry_over(&session, &properties, to).await
    }

    async fn create_empty(&self, database: &DatabaseName) -> Result<(), Fault> {
        let properties = {
            let session = self.session(&self.live()).await?;
            database_facts(&session).await.map_err(|error| fault(&error))?.properties
        };
        let session = self.maintenance().await?;
        whole::drop_database(&session, database).await.map_err(|error| fault(&error))?;
        let mark = self.mark(DatabasePurpose::Side);
        whole::create_empty(&session, database, &properties, &mark).await.map_err(|error| fault(&error))?;
        self.carry_over(&session, &properties, database).await
    }

    async fn swap(
        &self,
        live: &DatabaseName,
        incoming: &DatabaseName,
        outgoing: &DatabaseName,
    ) -> Result<(), Fault> {
        let session = self.maintenance().await?;
        let mark_of_incoming = whole::read_mark(&session, incoming).await.map_err(|error| fault(&error))?;
        let purpose = outgoing.made_from(live).map_or(DatabasePurpose::Replaced, |made| made.purpose);
        let mut mark = self.mark(purpose);
        mark.comment = whole::read_comment(&session, live).await.map_err(|error| fault(&error))?;
        let renames = Swap {
            live: live.clone(),
            incoming: Some((incoming.clone(), mark_of_incoming.and_then(|mark| mark.comment))),
            outgoing: (outgoing.clone(), mark),
        };
        let info = self.reachable().await?;
        swap(&info, &renames, &self.application()).await.map(drop).map_err(|error| fault(&error))
    }

    async fn changed_since_copy(&self, live: &DatabaseName, copy: &DatabaseName) -> Result<CopyState, Fault> {
        let mark = {
            let session = self.maintenance().await?;
            whole::read_mark(&session, copy).await.map_err(|error| fault(&error))?
        };
        let Some(mark) = mark else { return Ok(CopyState::NoCopy) };
        let before = mark.source_state.and_then(|state| serde_json::from_str::<WriteCounters>(&state).ok());
        let Some(before) = before else { return Ok(CopyState::Changed) };
        match written_between(&before, &self.counters(live).await?) {
            writes::Written::Nothing => Ok(CopyState::Unchanged),
            writes::Written::Tables(_) | writes::Written::Unknown(_) => Ok(CopyState::Changed),
        }
    }

    async fn drop(&self, database: &DatabaseName) -> Result<(), Fault> {
        if !database.is_made() {
            return Err(Fault::new(format!("{database} was not made by opsctl and is not dropped")));
        }
        let session = self.maintenance().await?;
        whole::drop_database(&session, database).await.map_err(|error| fault(&error))
    }

    async fn schema(&self, database: &DatabaseName) -> Result<Schema, Fault> {
        let session = self.session(database).await?;
        let limit = format!("SET lock_timeout = '{LOCK_LIMIT}'");
        session.execute("limiting the wait for locks", &limit).await.map_err(|error| fault(&error))?;
        match self.migrations(&session).await {
            Ok(migrations) => Ok(Schema { migrations }),
            Err(fault) => {
                let open = obstacles(&session, database, Duration::ZERO).await.unwrap_or_default();
                Err(fault.evidence(open.iter().map(ToString::to_string)))
            }
        }
    }

    async fn write_mark(&self, database: &DatabaseName) -> Result<WriteMark, Fault> {
        let counters = self.counters(database).await?;
        serde_json::to_string(&counters)
            .map(WriteMark)
            .map_err(|error| Fault::caused_by("could not note the write counters", &error))
    }

    async fn written_since(&self, database: &DatabaseName, mark: &WriteMark) -> Result<Written, Fault> {
        let before: WriteCounters = serde_json::from_str(&mark.0)
            .map_err(|error| Fault::caused_by("the noted write counters cannot be read", &error))?;
        Ok(match written_between(&before, &self.counters(database).await?) {
            writes::Written::Nothing => Written::Nothing,
            writes::Written::Tables(tables) => Written::Something(in_words(&tables)),
            writes::Written::Unknown(doubt) => Written::Unknown(doubt.to_string()),
        })
    }

    async fn stored_under(&self, database: &DatabaseName, query: &str) -> Result<Vec<u64>, Fault> {
        let session = self.session(database).await?;
        rows::counted(&session, "counting what is stored under which value", query)
            .await
            .map_err(|error| fault(&error))
    }

    async fn on_record(&self, database: &DatabaseName, query: &str) -> Result<Vec<OnRecord>, Fault> {
        let session = self.session(database).await?;
        let found = rows::named(&session, "reading what is on record", query).await;
        let found = found.map_err(|error| fault(&error))?;
        Ok(found.into_iter().map(|(id, in_use)| OnRecord { id, in_use }).collect())
    }

    async fn set_password(&self, role: &str, passwords: &Passwords) -> Result<String, Fault> {
        self.change_password(role, passwords).await
    }

    async fn blockers(&self, database: &DatabaseName) -> Result<Vec<String>, Fault> {
        let session = self.maintenance().await?;
        let clients = connected_clients(&session, database).await.map_err(|error| fault(&error))?;
        let blocking = |pid: i32| clients.iter().any(|client| client.blocked_by.contains(&pid));
        Ok(clients
            .iter()
            .filter_map(|client| match client.blocked_by.as_slice() {
                [] if blocking(client.pid) => Some(format!("holds up others: {client}")),
                [] => None,
                pids => Some(format!(
                    "waits for process {}: {client}",
                    pids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
                )),
            })
            .collect())
    }
}

impl ProductDatabase {
    /// Copies a database, and sends whoever of ours only looks at it away.
    async fn copy_undisturbed(
        &self,
        session: &Session,
        from: &DatabaseName,
        to: &DatabaseName,
        owner: &str,
        mark: &DatabaseMark,
    ) -> Result<(), PgError> {
        let own = self.application();
        terminate_onlookers(session, from, &own).await?;
        for _ in 1..COPY_TRIES {
            match whole::copy(session, from, to, owner, mark).await {
                // Somebody may have come to look since.
                Err(PgError::InUse { .. }) if terminate_onlookers(session, from, &own).await? > 0 => {}
                outcome => return outcome,
            }
        }
        whole::copy(session, from, to, owner, mark).await
    }

    /// Settings, grants and limits belong to a database as a whole: neither a copy nor a dump brings them.
    pub async fn carry_over(
        &self,
        session: &Session,
        properties: &crate::model::manifest::PostgresProperties,
        to: &DatabaseName,
    ) -> Result<(), Fault> {
        let refused = carry_over(session, properties, to).await.map_err(|error| fault(&error))?;
        match refused.first() {
            None => Ok(()),
            Some(first) => Err(Fault::new(format!(
                "{} of the database could not be carried over to {to}",
                first.what
            ))
            .evidence(refused.iter().map(|refused| format!("{}: {}", refused.what, refused.reason)))
            .hint(
                "may the role set it? connect as the database's owner or a superuser (DATABASE_URL_MIGRATE)",
            )),
        }
    }
}

fn in_words(tables: &std::collections::BTreeMap<String, [i64; 3]>) -> String {
    let each: Vec<String> = tables
        .iter()
        .map(|(table, [inserted, updated, deleted])| {
            format!("{inserted} inserted, {updated} updated, {deleted} deleted in {table}")
        })
        .collect();
    format!("rows: {}", each.join("; "))
}

/// An error of PostgreSQL, with what to do about it.
pub(crate) fn fault(error: &PgError) -> Fault {
    let fault = Fault::caused_by("PostgreSQL did not do as asked", error).hint(error.hint());
    match error {
        PgError::Tls { .. } | PgError::TlsRefused { .. } | PgError::CertificateFile { .. } => {
            fault.explained(Topic::TlsHandshake)
        }
        _ => fault,
    }
}
