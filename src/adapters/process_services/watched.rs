//! A process that something else watches over, such as systemd: it is started, stopped and asked for by a unit's name, or by
//! the profile's commands, and always runs what `current` selects.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::look::release_of;
use super::record::Intent;
use super::{INTERVAL, KILL_LIMIT, ProcessServices, was_killed};
use crate::adapters::holders;
use crate::adapters::process::{HostCommand, Inherited};
use crate::adapters::release_link;
use crate::adapters::systemd::{self, Phase};
use crate::adapters::tool_output::ToolExit;
use crate::error::Fault;
use crate::model::release::Version;
use crate::ports::{Health, Instance, InstanceState};
use crate::profile::{Commands, Supervisor, UnitName};
use crate::report::quantity;

/// How long it may take to say whether the process runs.
const ALIVE_LIMIT: Duration = Duration::from_secs(20);

impl ProcessServices {
    /// What watches over the process of a name, where something does. What runs once is opsctl's own.
    pub(super) fn watched(&self, name: &str) -> Option<Supervisor<'_>> {
        if name == self.profile.service.name.as_str() { self.profile.service.supervisor() } else { None }
    }

    /// Has it started, with the release that is selected.
    pub(super) async fn begin_watched(&self, name: &str, supervisor: Supervisor<'_>) -> Result<(), Fault> {
        let intent = self
            .intent_of_selected()
            .await?
            .ok_or_else(|| Fault::new(format!("{name} cannot be started: no release is selected")))?;
        // Its log may be beside the record, in a folder that whoever starts it cannot make.
        self.record(name).begin(&intent)?;
        let limit = self.profile.health.start_timeout;
        let started = match supervisor {
            Supervisor::Unit(unit) => systemd::start(unit, limit).await,
            Supervisor::Commands(commands) => self.succeeds(commands.start, limit).await,
        };
        started.map_err(|fault| fault.within(format!("{name} cannot be started")))
    }

    /// Has it stopped, and sees that it has; says whether it had to be killed, where that can be known.
    pub(super) async fn end_watched(
        &self,
        name: &str,
        supervisor: Supervisor<'_>,
    ) -> Result<Option<String>, Fault> {
        let grace = self.profile.health.stop_grace;
        let ended = match supervisor {
            Supervisor::Unit(unit) => self.end_unit(name, unit, grace).await,
            Supervisor::Commands(commands) => self.end_by(name, &commands, grace).await.map(|()| None),
        };
        ended.map_err(|fault| fault.within(format!("{name} cannot be stopped")))
    }

    async fn end_unit(&self, name: &str, unit: &UnitName, grace: Duration) -> Result<Option<String>, Fault> {
        let before = systemd::state(unit).await?;
        if before.phase == Phase::Ended {
            return Ok(None);
        }
        systemd::stop(unit, &before, grace + KILL_LIMIT).await?;
        let state = systemd::state(unit).await?;
        if state.phase != Phase::Ended {
            return Err(Fault::new(format!("{unit} was stopped, and runs again"))
                .hint("leave the product alone until the operation has ended, and try again"));
        }
        // Of one that had ended already, systemd tells of an earlier time.
        let ran = matches!(before.phase, Phase::Runs | Phase::Ends);
        Ok((ran && state.was_killed()).then(|| was_killed(name, before.stop_limit.unwrap_or(grace))))
    }

    async fn end_by(&self, name: &str, commands: &Commands<'_>, grace: Duration) -> Result<(), Fault> {
        let was_alive = self.is_alive(commands).await?;
        let exit = self.told(commands.stop, grace + KILL_LIMIT).await?;
        // One that has just fallen over is about to be started again unless it is stopped; where there is nothing to stop, not
        // every such command is content.
        if !exit.success() && was_alive {
            return Err(self.failed(commands.stop, &exit));
        }
        let began = Instant::now();
        while self.is_alive(commands).await? {
            if began.elapsed() >= grace {
                return Err(Fault::new(format!(
                    "{name} still runs, {} after `{}`",
                    quantity::duration(grace),
                    shown(commands.stop)
                ))
                .hint("does the command wait until it has ended? does something start it again?"));
            }
            tokio::time::sleep(INTERVAL).await;
        }
        Ok(())
    }

    /// What it is at this moment.
    pub(super) async fn watched_instance(
        &self,
        name: &str,
        supervisor: Supervisor<'_>,
    ) -> Result<Option<Instance>, Fault> {
        let Some(runs) = self.intent_of_watched().await? else { return Ok(None) };
        let ended = |status: Option<i64>| {
            let was_started = self.record(name).intent()?.is_some();
            let exited = InstanceState::Exited { status: status.unwrap_or(-1) };
            Ok::<_, Fault>(if was_started { exited } else { InstanceState::Created })
        };
        let mut instance = Instance {
            id: name.to_owned(),
            state: InstanceState::Running,
            image_id: runs.image_id,
            restarts: 0,
            out_of_memory: false,
            health: Health::Unchecked,
            last_run: None,
        };
        match supervisor {
            Supervisor::Unit(unit) => {
                let state = systemd::state(unit).await?;
                (instance.state, instance.health) = match state.phase {
                    Phase::Runs => (InstanceState::Running, Health::Unchecked),
                    Phase::Starts => (InstanceState::Running, Health::Starting),
                    Phase::Ends => (InstanceState::Ending, Health::Unchecked),
                    Phase::Restarts => (InstanceState::Restarting, Health::Unchecked),
                    Phase::Ended => (ended(state.status)?, Health::Unchecked),
                };
                instance.out_of_memory = state.ran_out_of_memory();
                instance.restarts = state.restarts;
                instance.last_run = state.run;
            }
            Supervisor::Commands(commands) => {
                if !self.is_alive(&commands).await? {
                    instance.state = ended(None)?;
                }
            }
        }
        Ok(Some(instance))
    }

    /// What it runs: what is selected may have been changed since it was started, by whomever.
    pub(super) async fn intent_of_watched(&self) -> Result<Option<Intent>, Fault> {
        let selected = self.intent_of_selected().await?;
        match self.seen_to_run() {
            Some(version) if selected.as_ref().is_none_or(|selected| selected.version != version) => {
                // A release that somebody removed is like no other.
                let image_id = self.releases.content_id(&version).await.unwrap_or_default();
                Ok(Some(Intent { version, image_id, port: self.profile.service.port.get() }))
            }
            _ => Ok(selected),
        }
    }

    /// The release whose program listens on the product's port, where that can be seen.
    pub(super) fn seen_to_run(&self) -> Option<Version> {
        let holder = holders::of_port(Ipv4Addr::LOCALHOST.into(), self.profile.service.port.get())?;
        release_of(&self.install, holder.pid)
    }

    /// What it runs when it is started.
    async fn intent_of_selected(&self) -> Result<Option<Intent>, Fault> {
        let Some(version) = release_link::selected(&self.install) else { return Ok(None) };
        let image_id = self.releases.content_id(&version).await?;
        Ok(Some(Intent { version, image_id, port: self.profile.service.port.get() }))
    }

    async fn is_alive(&self, commands: &Commands<'_>) -> Result<bool, Fault> {
        Ok(self.told(commands.alive, ALIVE_LIMIT).await?.success())
    }

    async fn succeeds(&self, command: &[String], limit: Duration) -> Result<(), Fault> {
        let exit = self.told(command, limit).await?;
        if exit.success() { Ok(()) } else { Err(self.failed(command, &exit)) }
    }

    /// Runs such a command to its end. It has opsctl's own environment, for it is the operator's. What it starts may hold its
    /// streams, and goes on.
    async fn told(&self, command: &[String], limit: Duration) -> Result<ToolExit, Fault> {
        let current = self.install.join("current");
        let filled = self.places(Path::new(&current), self.profile.service.port.get()).fill(command);
        let cannot = |error: &dyn std::error::Error| {
            Fault::caused_by(format!("`{}` cannot be run to its end", shown(command)), error)
                .hint("correct `start`, `stop` and `alive` under [service] in opsctl.toml")
        };
        let (program, arguments) =
            filled.split_first().ok_or_else(|| Fault::new("a command of [service] is empty"))?;
        let mut host = HostCommand::new(program, arguments);
        host.inherited = Inherited::AllBut(Vec::new());
        host.directory = Some(self.install.clone());
        host.run_alone(limit).await.map_err(|error| cannot(&error))
    }

    fn failed(&self, command: &[String], exit: &ToolExit) -> Fault {
        let fault = Fault::new(format!("`{}` ended with {}", shown(command), exit.status));
        fault.evidence(exit.stderr.lines().map(|line| self.redactor.redact(line)))
    }
}

fn shown(command: &[String]) -> String {
    shell_words::join(command)
}
