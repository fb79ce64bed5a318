//! A process that something else watches over, such as systemd: it is started, stopped and asked for by the profile's
//! commands, and always runs what `current` selects.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::record::Intent;
use super::{INTERVAL, KILL_LIMIT, ProcessServices};
use crate::adapters::process::{HostCommand, Inherited};
use crate::adapters::release_link;
use crate::adapters::tool_output::{Stdin, ToolExit};
use crate::error::Fault;
use crate::ports::{Health, Instance, InstanceState};
use crate::profile::Supervisor;
use crate::report::quantity;

/// Most that such a command may print.
const MOST_OUTPUT: usize = 64 << 10;

/// How long it may take to say whether the process runs.
const ALIVE_LIMIT: Duration = Duration::from_secs(20);

impl ProcessServices {
    /// The commands for the process of a name, where something else watches over it. What runs once is opsctl's own.
    pub(super) fn watched(&self, name: &str) -> Option<Supervisor<'_>> {
        if name == self.profile.service.name.as_str() { self.profile.service.supervisor() } else { None }
    }

    /// Has it started, with the release that is selected.
    pub(super) async fn begin_watched(&self, name: &str, commands: &Supervisor<'_>) -> Result<(), Fault> {
        let intent = self
            .intent_of_selected()
            .await?
            .ok_or_else(|| Fault::new(format!("{name} cannot be started: no release is selected")))?;
        // Its log is beside the record, in a folder that whoever starts it cannot make.
        self.record(name).begin(&intent)?;
        let exit = self.told(commands.start, self.profile.health.start_timeout).await?;
        if exit.success() {
            return Ok(());
        }
        Err(self.failed(commands.start, &exit).within(format!("{name} cannot be started")))
    }

    /// Has it stopped, and sees that it has.
    pub(super) async fn end_watched(
        &self,
        name: &str,
        commands: &Supervisor<'_>,
    ) -> Result<Option<String>, Fault> {
        if !self.is_alive(commands).await? {
            return Ok(None);
        }
        let grace = self.profile.health.stop_grace;
        let exit = self.told(commands.stop, grace + KILL_LIMIT).await?;
        if !exit.success() {
            return Err(self.failed(commands.stop, &exit).within(format!("{name} cannot be stopped")));
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
        Ok(None)
    }

    /// What it is at this moment.
    pub(super) async fn watched_instance(
        &self,
        name: &str,
        commands: &Supervisor<'_>,
    ) -> Result<Option<Instance>, Fault> {
        let Some(selected) = self.intent_of_selected().await? else { return Ok(None) };
        let state = if self.is_alive(commands).await? {
            InstanceState::Running
        } else if self.record(name).intent()?.is_some() {
            InstanceState::Exited { status: -1 }
        } else {
            InstanceState::Created
        };
        Ok(Some(Instance {
            id: name.to_owned(),
            state,
            image_id: selected.image_id,
            restarts: 0,
            out_of_memory: false,
            health: Health::Unchecked,
            last_run: None,
        }))
    }

    /// What it runs when it runs.
    pub(super) async fn intent_of_selected(&self) -> Result<Option<Intent>, Fault> {
        let Some(version) = release_link::selected(&self.install) else { return Ok(None) };
        let image_id = self.releases.content_id(&version).await?;
        Ok(Some(Intent { version, image_id, port: self.profile.service.port.get() }))
    }

    async fn is_alive(&self, commands: &Supervisor<'_>) -> Result<bool, Fault> {
        Ok(self.told(commands.alive, ALIVE_LIMIT).await?.success())
    }

    /// Runs such a command to its end. It has opsctl's own environment, for it is the operator's.
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
        let running = host.start(Stdin::Empty).map_err(|error| cannot(&error))?;
        let (_, exit) = running.collect(program, MOST_OUTPUT, limit).await.map_err(|error| cannot(&error))?;
        Ok(exit)
    }

    fn failed(&self, command: &[String], exit: &ToolExit) -> Fault {
        let fault = Fault::new(format!("`{}` ended with {}", shown(command), exit.status));
        fault.evidence(exit.stderr.lines().map(|line| self.redactor.redact(line)))
    }
}

fn shown(command: &[String]) -> String {
    shell_words::join(command)
}
