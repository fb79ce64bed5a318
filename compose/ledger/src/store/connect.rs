//! Single connections: for migrations, for notifications, and for session locks.

use tokio::{sync::mpsc, task::JoinHandle};
use tokio_postgres::{AsyncMessage, CancelToken, Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::tls::{self, TlsError};
use crate::{config::database::DatabaseSettings, log};

/// Opens connections with the settings of one URL.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(super) config: Config,
    pub(super) tls: MakeRustlsConnect,
}

/// A connection with the notifications that arrive on it; the channel ends when the connection does.
pub(crate) struct Listener {
    pub(crate) client: Client,
    pub(crate) notifications: mpsc::Receiver<()>,
    driver: JoinHandle<()>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("the connection pool cannot be set up: {0}")]
    Pool(String),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("cannot connect to the database")]
    Connect(#[from] tokio_postgres::Error),
}

impl ConnectError {
    /// Whether the server may answer if it is tried again.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::Connect(error) if super::is_outage(error))
    }
}

impl Connector {
    pub(crate) fn new(settings: &DatabaseSettings) -> Result<Self, TlsError> {
        let tls = MakeRustlsConnect::new(tls::client_config(settings)?);
        Ok(Self { config: settings.connection.clone(), tls })
    }

    pub(crate) async fn connect(&self) -> Result<Client, ConnectError> {
        let (client, connection) = self.config.connect(self.tls.clone()).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                log::debug("a database connection ended", serde_json::json!({"error": log::causes(&error)}));
            }
        });
        Ok(client)
    }

    /// Asks the server to cancel what the session is doing.
    pub(crate) async fn cancel(&self, session: &CancelToken) {
        let _ = session.cancel_query(self.tls.clone()).await;
    }

    /// Connects and listens on `channel`.
    pub(crate) async fn listen(&self, channel: &str) -> Result<Listener, ConnectError> {
        let (client, mut connection) = self.config.connect(self.tls.clone()).await?;
        let (sender, notifications) = mpsc::channel(1);
        let driver = tokio::spawn(async move {
            let mut messages = std::pin::pin!(futures_util::stream::poll_fn(move |context| {
                connection.poll_message(context)
            }));
            while let Some(Ok(message)) = futures_util::StreamExt::next(&mut messages).await {
                if matches!(message, AsyncMessage::Notification(_)) {
                    // One that is waiting to be read stands for all that come after it.
                    let _ = sender.try_send(());
                }
            }
        });
        let listener = Listener { client, notifications, driver };
        listener.client.batch_execute(&format!("LISTEN {channel}")).await?;
        Ok(listener)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
