//! Ctrl-C and its like: asked once, an operation stops where it can be resumed; asked twice, opsctl leaves.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How urgently somebody asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Nobody asked.
    None,
    /// The running step ends, and the operation stops so that it can be resumed.
    AfterStep,
    /// opsctl leaves at once; what runs in containers goes on and is found again.
    Now,
}

/// Whether somebody asked to stop.
#[derive(Debug)]
pub struct Interrupt {
    urgency: watch::Receiver<Urgency>,
    _sender: watch::Sender<Urgency>,
}

impl Interrupt {
    /// Nobody will ask.
    pub fn never() -> Self {
        let (sender, urgency) = watch::channel(Urgency::None);
        Self { urgency, _sender: sender }
    }

    /// Listens for SIGINT and SIGTERM, and lets a closed terminal (SIGHUP) pass. `say` is told how each was taken.
    pub fn listen(say: impl Fn(Urgency) + Send + 'static) -> std::io::Result<Self> {
        let (sender, urgency) = watch::channel(Urgency::None);
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        let told = sender.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hang_up.recv() => continue,
                }
                told.send_modify(|urgency| {
                    *urgency = if *urgency == Urgency::None { Urgency::AfterStep } else { Urgency::Now };
                });
                say(*told.borrow());
            }
        });
        Ok(Self { urgency, _sender: sender })
    }

    /// How urgently somebody asked, up to now.
    pub fn urgency(&self) -> Urgency {
        *self.urgency.borrow()
    }

    /// Waits until somebody asks.
    pub async fn asked(&self) {
        self.reached(Urgency::AfterStep).await;
    }

    /// Waits until somebody asks twice.
    pub async fn insisted(&self) {
        self.reached(Urgency::Now).await;
    }

    async fn reached(&self, wanted: Urgency) {
        let mut urgency = self.urgency.clone();
        if urgency.wait_for(|urgency| *urgency >= wanted).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
