//! One state of the database, seen by several sessions at once: what `pg_dump` dumps is what is counted.

use std::pin::pin;

use futures_util::StreamExt;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::connect::connect;
use super::error::PgError;
use super::rows::row_counts;
use super::session::Session;
use crate::model::conninfo::ConnInfo;
use crate::model::manifest::TableRows;

/// A transaction that holds a snapshot for others. The snapshot ends with it.
pub struct SnapshotSession {
    session: Session,
    id: String,
}

impl SnapshotSession {
    /// Opens a REPEATABLE READ, READ ONLY transaction and exports its snapshot.
    ///
    /// # Errors
    /// When the connection fails, or the server is a standby that cannot export one.
    pub async fn open(info: &ConnInfo, application_name: &str) -> Result<Self, PgError> {
        let session = connect(info, application_name).await?;
        let doing = "exporting a snapshot";
        session.execute(doing, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let id = session.row(doing, "SELECT pg_export_snapshot()", &[]).await?.get(0);
        Ok(Self { session, id })
    }

    /// For `pg_dump --snapshot`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The session inside the transaction; every question asked of it sees the snapshot.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Counts every table's rows in the snapshot.
    ///
    /// # Errors
    /// As [`row_counts`].
    pub async fn row_counts(&self) -> Result<Vec<TableRows>, PgError> {
        row_counts(&self.session).await
    }

    /// Writes the result of a query as CSV with a header line, streamed; returns the number of bytes.
    ///
    /// # Errors
    /// When the query fails or the writer does.
    pub async fn export_csv<W>(&self, query: &str, mut writer: W) -> Result<u64, ExportError>
    where
        W: AsyncWrite + Unpin,
    {
        let doing = "exporting a query as CSV";
        let sql = format!("COPY ({query}) TO STDOUT WITH (FORMAT csv, HEADER)");
        let stream = self.session.client.copy_out(&sql).await.map_err(PgError::during(doing))?;
        let mut stream = pin!(stream);
        let mut bytes = 0;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(PgError::during(doing))?;
            writer.write_all(&chunk).await?;
            bytes += chunk.len() as u64;
        }
        writer.flush().await?;
        Ok(bytes)
    }

    /// Ends the transaction, which shows that the snapshot was held until now.
    ///
    /// # Errors
    /// When the session was lost meanwhile: then what was read under the snapshot elsewhere is still whole, but what
    /// was still to begin with it would have failed.
    pub async fn close(self) -> Result<(), PgError> {
        self.session.execute("closing the snapshot", "COMMIT").await
    }
}

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The database's side.
    #[error(transparent)]
    Postgres(#[from] PgError),
    /// The writer's side.
    #[error("cannot write the export")]
    Write(#[from] std::io::Error),
}

impl ExportError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            // What cannot be run is the query's fault; that nobody is there to run it is not.
            Self::Postgres(PgError::Statement { .. }) | Self::Write(_) => {
                "is the query in the profile right?"
            }
            Self::Postgres(error) => error.hint(),
        }
    }

    /// Whether the query names a table or a column that does not exist.
    pub fn is_missing_table(&self) -> bool {
        matches!(self, Self::Postgres(error) if matches!(error.sqlstate(), Some("42P01" | "42703")))
    }
}
