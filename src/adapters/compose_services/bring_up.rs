//! Bringing services up, whatever an earlier Compose left.

use std::time::Duration;

use super::{ComposeServices, compose_fault, fault};
use crate::adapters::compose::{ComposeError, Up};
use crate::adapters::docker::Removal;
use crate::error::Fault;
use crate::plan::step::Release;
use crate::profile::ServiceName;

/// How long is waited before Compose is tried again.
const PAUSES: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(5)];

/// What the engine says to a Compose that meets another one at the same containers.
const MET_ANOTHER: [&str; 4] =
    ["already in use", "already in progress", "No such container", "marked for removal"];

impl ComposeServices {
    /// The Compose of an opsctl that was killed goes on for a moment, and two at the same containers get in each other's way;
    /// one that was killed too leaves halves. So what fails is tried again, with the halves gone, where `passes` says that it may
    /// pass.
    pub(super) async fn bring_up(
        &self,
        up: &Up,
        services: &[ServiceName],
        release: &Release,
        passes: fn(&ComposeError) -> bool,
    ) -> Result<(), Fault> {
        let mut waits = PAUSES.iter();
        loop {
            self.remove_halves(services).await?;
            match (self.compose_for(release).up(up).await, waits.next()) {
                (Ok(()), _) => return Ok(()),
                (Err(error), Some(wait)) if passes(&error) => tokio::time::sleep(*wait).await,
                (Err(error), _) => return Err(compose_fault(&error)),
            }
        }
    }

    /// How many containers there are of services that somebody scaled by hand, where the files leave it at one: without being
    /// told, Compose would take the others away.
    pub(super) async fn scaled_by_hand(&self, services: &[ServiceName]) -> Result<Vec<(String, u32)>, Fault> {
        self.remove_halves(services).await?;
        let mut scaled = Vec::new();
        for service in services.iter().filter(|service| !self.scaled_by_files.contains(service)) {
            let count = u32::try_from(self.replicas(service).await?.len()).unwrap_or(u32::MAX);
            if count > 1 {
                scaled.push((service.to_string(), count));
            }
        }
        Ok(scaled)
    }

    /// Removes containers that Compose had made and not yet put in the place of those that they replace. Their volumes stay:
    /// Compose hands on what the old container had.
    async fn remove_halves(&self, services: &[ServiceName]) -> Result<(), Fault> {
        for service in services {
            let replicas = self.replicas(service).await?;
            for half in replicas.iter().filter(|found| !found.is_running() && is_half(&found.name)) {
                match self.engine.remove(&half.id, Removal::Killed).await {
                    Err(error) if !error.is_not_found() => return Err(fault(&error)),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// Whether Compose failed for another one that was at the same containers: nothing else gets better by waiting.
pub(super) fn met_another(error: &ComposeError) -> bool {
    matches!(error, ComposeError::Failed { said, .. } if MET_ANOTHER.iter().any(|sign| said.contains(sign)))
}

/// Whether a name is one that Compose gives to a container until the one that it replaces is gone: the beginning of that one's
/// identifier, and its name.
fn is_half(name: &str) -> bool {
    let mark = name.split_once('_').map_or("", |(mark, _)| mark);
    mark.len() == 12 && mark.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_told_from_containers_that_are_named_like_them() {
        assert!(is_half("eec8c3e7fc0a_ledger-ledger-worker-1"));
        for name in
            ["ledger-ledger-worker-1", "ledger_worker_1", "eec8c3e7fc0_x", "EEC8C3E7FC0A_x", "eec8c3e7fc0a-x"]
        {
            assert!(!is_half(name), "{name}");
        }
    }
}
