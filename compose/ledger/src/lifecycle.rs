//! The phases of a serving process, what is in flight in it, and the signals that end it.

use std::{
    future::Future,
    io,
    sync::atomic::{AtomicU8, AtomicUsize, Ordering},
    time::Duration,
};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
    time::timeout,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    Starting,
    Running,
    Stopping,
}

/// Shared by all tasks of a serving process.
#[derive(Debug, Default)]
pub(crate) struct Lifecycle {
    phase: AtomicU8,
    in_flight: AtomicUsize,
    idle: Notify,
}

impl Lifecycle {
    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::SeqCst) {
            0 => Phase::Starting,
            1 => Phase::Running,
            _ => Phase::Stopping,
        }
    }

    /// Starting becomes running; a process that is already stopping goes on stopping.
    pub(crate) fn started(&self) {
        let _ = self.phase.compare_exchange(
            Phase::Starting as u8,
            Phase::Running as u8,
            Ordering::SeqCst,
            Ordering::SeqCst,
        );
    }

    pub(crate) fn stopping(&self) {
        self.phase.store(Phase::Stopping as u8, Ordering::SeqCst);
    }

    /// Counts a piece of work until the guard is dropped; `None` once the process is stopping.
    pub(crate) fn begin(&self) -> Option<InFlight<'_>> {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        let guard = InFlight(self);
        // Looked at after counting: work begun before the phase changed is always waited for.
        (self.phase() != Phase::Stopping).then_some(guard)
    }

    /// Waits until nothing is in flight, at most `limit`. Returns what is left.
    pub(crate) async fn drained(&self, limit: Duration) -> usize {
        let idle = async {
            loop {
                let changed = self.idle.notified();
                if self.in_flight.load(Ordering::SeqCst) == 0 {
                    break;
                }
                changed.await;
            }
        };
        let _ = timeout(limit, idle).await;
        self.in_flight.load(Ordering::SeqCst)
    }
}

/// One request or job; see [`Lifecycle::begin`].
#[derive(Debug)]
pub(crate) struct InFlight<'a>(&'a Lifecycle);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if self.0.in_flight.fetch_sub(1, Ordering::SeqCst) == 1 {
            // `notify_one` keeps a permit for a waiter that is about to wait.
            self.0.idle.notify_one();
        }
    }
}

/// Installs handlers for SIGTERM and SIGINT now; the future resolves to the name of the first to arrive.
///
/// PID 1 of a container has no default action for either, so every command must wait for them itself.
pub(crate) fn stop_signal() -> io::Result<impl Future<Output = &'static str>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_began_before_the_stop_is_waited_for_and_nothing_begins_after() {
        let life = Lifecycle::default();
        life.started();
        let work = life.begin().expect("running");
        life.stopping();
        assert!(life.begin().is_none());
        assert_eq!(life.drained(Duration::from_millis(20)).await, 1);
        drop(work);
        assert_eq!(life.drained(Duration::from_millis(20)).await, 0);
    }

    #[test]
    fn a_stop_during_the_start_is_not_undone() {
        let life = Lifecycle::default();
        life.stopping();
        life.started();
        assert_eq!(life.phase(), Phase::Stopping);
    }
}
