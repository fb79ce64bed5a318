//! What API and worker share as servers: listening, and ending without losing a request.

use std::{future::Future, net::SocketAddr, time::Duration};

use axum::Router;
use serde_json::json;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout},
};

use crate::{cli::Failure, lifecycle::Lifecycle, log};

/// An HTTP server in a task of its own.
pub(crate) struct Server {
    task: JoinHandle<std::io::Result<()>>,
    close: watch::Sender<bool>,
}

impl Server {
    pub(crate) async fn start(address: SocketAddr, router: Router) -> Result<Self, Failure> {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| format!("cannot listen on {address}: {error}"))?;
        log::info("listening", json!({"address": listener.local_addr()?.to_string()}));
        let (close, mut closed) = watch::channel(false);
        let serve = axum::serve(listener, router).with_graceful_shutdown(async move {
            let _ = closed.wait_for(|closed| *closed).await;
        });
        Ok(Self { task: tokio::spawn(serve.into_future()), close })
    }

    /// Turns readiness off, waits for what is in flight, and only then stops listening, so that probes see
    /// the 503 meanwhile. Everything together takes at most `limit`.
    pub(crate) async fn drain(self, life: &Lifecycle, limit: Duration) {
        let start = Instant::now();
        life.stopping();
        let left = life.drained(limit).await;
        if left > 0 {
            log::warn("gave up on requests in flight", json!({"requests": left}));
        }
        let _ = self.close.send(true);
        // Answers that are still being written get the rest of the time, and at least a moment.
        let rest = limit.saturating_sub(start.elapsed()).max(Duration::from_millis(100));
        let _ = timeout(rest, self.task).await;
    }

    /// Resolves if the server ends by itself, which it never should.
    pub(crate) fn ended(&mut self) -> impl Future<Output = Failure> {
        let task = &mut self.task;
        async move {
            match task.await {
                Ok(Err(error)) => error.into(),
                Ok(Ok(())) => "the HTTP server ended".into(),
                Err(error) => error.into(),
            }
        }
    }
}
