//! A session with the server, and the task that keeps it going.
#![expect(clippy::disallowed_types, reason = "adapter")]

use std::future::poll_fn;
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Connection, Row, SimpleQueryMessage};

use super::error::PgError;
use crate::model::conninfo::ConnInfo;

/// A connection that is logged in, and was told nothing else. It ends when dropped.
pub(super) struct Bare {
    pub(super) client: Client,
    ended: watch::Receiver<Option<String>>,
    /// The channels on which something was announced.
    pub(super) notified: mpsc::UnboundedReceiver<String>,
}

impl Bare {
    /// The first column of the first row, by the simple protocol, which leaves nothing behind in a pooled connection.
    pub(super) async fn text(&self, doing: &str, sql: &str) -> Result<Option<String>, PgError> {
        let messages = self.client.simple_query(sql).await.map_err(PgError::during(doing))?;
        Ok(first_text(&messages))
    }
}

/// A session with the server. It ends when dropped.
pub struct Session {
    pub(super) client: Client,
    info: ConnInfo,
    version: u32,
    pid: i32,
    ended: watch::Receiver<Option<String>>,
}

impl Session {
    /// A clone or a count may take longer than the server's limits for the product's own sessions, and a count that row
    /// security cuts short must be an error.
    pub(super) async fn prepare(
        bare: Bare,
        info: &ConnInfo,
        application_name: &str,
    ) -> Result<Self, PgError> {
        let Bare { client, ended, .. } = bare;
        let doing = "preparing the session";
        let messages = client
            .simple_query(
                "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
                 SET client_min_messages = warning; SET row_security = off; \
                 SELECT current_setting('server_version_num'), pg_backend_pid()",
            )
            .await
            .map_err(PgError::during(doing))?;
        let unexpected =
            || PgError::Unexpected { doing: doing.to_owned(), reason: "no version number came".to_owned() };
        let row = messages
            .iter()
            .find_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(row),
                _ => None,
            })
            .ok_or_else(unexpected)?;
        let version = row.get(0).and_then(|text| text.parse().ok()).ok_or_else(unexpected)?;
        let pid = row.get(1).and_then(|text| text.parse().ok()).ok_or_else(unexpected)?;
        let mut info = info.clone();
        info.application_name = Some(application_name.to_owned());
        Ok(Self { client, info, version, pid, ended })
    }

    /// Where and as whom this session is connected.
    pub fn info(&self) -> &ConnInfo {
        &self.info
    }

    /// `server_version_num`: 150018 is 15.18.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The server process that serves this session, as the server itself says. Behind a pooler it may change.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Waits until the connection ends and says why; an empty text is an orderly end.
    pub async fn ended(&self) -> String {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// Runs statements that return nothing of interest; `doing` names them in errors (`creating the database`).
    ///
    /// # Errors
    /// When the server refuses one, or the connection is lost.
    pub async fn execute(&self, doing: &str, sql: &str) -> Result<(), PgError> {
        timed(doing, self.client.batch_execute(sql)).await.map_err(PgError::during(doing))
    }

    /// The first column of the first row as text; `None` for no row and for NULL.
    ///
    /// # Errors
    /// When the server refuses the query, or the connection is lost.
    pub async fn text(&self, doing: &str, sql: &str) -> Result<Option<String>, PgError> {
        let messages = timed(doing, self.client.simple_query(sql)).await.map_err(PgError::during(doing))?;
        Ok(first_text(&messages))
    }

    pub(super) async fn rows(
        &self,
        doing: &str,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, PgError> {
        timed(doing, self.client.query(sql, parameters)).await.map_err(PgError::during(doing))
    }

    pub(super) async fn row(
        &self,
        doing: &str,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, PgError> {
        timed(doing, self.client.query_one(sql, parameters)).await.map_err(PgError::during(doing))
    }
}

async fn timed<T>(doing: &str, work: impl Future<Output = T>) -> T {
    let began = Instant::now();
    let done = work.await;
    log::debug!("postgresql: {doing}: {:.3} s", began.elapsed().as_secs_f64());
    done
}

fn first_text(messages: &[SimpleQueryMessage]) -> Option<String> {
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    row.and_then(|row| row.get(0)).map(str::to_owned)
}

/// Does the driver's work in the background until the connection ends.
pub(super) fn drive<S, T>(client: Client, mut connection: Connection<S, T>) -> Bare
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, ended) = watch::channel(None);
    let (announce, notified) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let reason = loop {
            match poll_fn(|context| connection.poll_message(context)).await {
                Some(Ok(AsyncMessage::Notification(notification))) => {
                    let _nobody_listens = announce.send(notification.channel().to_owned());
                }
                Some(Ok(_)) => {}
                None => break String::new(),
                Some(Err(error)) => {
                    break match error.as_db_error() {
                        Some(db) => db.message().to_owned(),
                        None => error.to_string(),
                    };
                }
            }
        };
        sender.send_replace(Some(reason));
    });
    Bare { client, ended, notified }
}
