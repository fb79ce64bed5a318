//! A product's process, started without a supervisor and found again whoever started it.
//!
//! Of each process three files are kept: what it was to be (written before it is started), who it is (written before it runs),
//! and how it ended (written behind it). A process is only what it says it is if it was started at the same moment of the
//! same boot: an identifier alone may be somebody else's by now.

mod launch;
mod log;
mod look;
mod record;
mod watched;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Signal, kill_process_group};
use tokio::time::{Instant, sleep};

use crate::adapters::holders;
use crate::adapters::http::Http;
use crate::adapters::process::{HostCommand, Inherited};
use crate::adapters::release_link::{self, no_rotation};
use crate::adapters::releases::Releases;
use crate::adapters::tool_output::Stdin;
use crate::error::Fault;
use crate::model::operation::OperationId;
use crate::model::redaction::Redactor;
use crate::model::release::Version;
use crate::model::secret::Secret;
use crate::plan::refusals::Counts;
use crate::plan::rotation::{Among, DualSecret, Held, Replicas, Which};
use crate::plan::step::{OneOff, Release};
use crate::ports::{Answer, Health, Instance, InstanceState, ProgressSink, Question, Services};
use crate::profile::{HttpPath, Places, ProcessProfile, ServiceName, Supervisor};
use crate::report::quantity;

pub use log::{ProcessLog, ends};
pub use look::{Run, one_offs, run_of, runs};

use launch::launch;
use record::{Intent, Record};

/// How often it is looked whether a process has ended.
const INTERVAL: Duration = Duration::from_millis(50);

/// How long a process may still be seen after it was killed.
const KILL_LIMIT: Duration = Duration::from_secs(10);

/// How names of what runs once begin.
const ONE_OFF: &str = "opsctl-";

/// Most that a command which prints the version may print.
const MOST_VERSION: usize = 64 << 10;

/// The product's process and releases.
pub struct ProcessServices {
    /// The install.
    pub install: PathBuf,
    /// Where the files of each process are.
    pub run_dir: PathBuf,
    /// What is known of the product.
    pub profile: Arc<ProcessProfile>,
    /// The database.
    pub database: PathBuf,
    /// What the environment file assigns: the process is given it.
    pub environment: Vec<(String, Secret)>,
    /// Its releases.
    pub releases: Releases,
    /// The operation.
    pub operation: OperationId,
    /// Takes secrets out of what is shown.
    pub redactor: Redactor,
    /// Asks over HTTP.
    pub http: Http,
}

impl ProcessServices {
    fn record(&self, name: &str) -> Record {
        Record::at(&self.run_dir, name)
    }

    fn places<'a>(&'a self, release: &'a Path, port: u16) -> Places<'a> {
        Places { install: &self.install, release, database: &self.database, port }
    }

    /// Starts a process under a name, in the place of one that has ended.
    async fn begin(&self, name: &str, release: &Release, port: u16, command: &[String]) -> Result<(), Fault> {
        let folder = self.releases.dir(&release.version);
        let image_id = self.image_id(release).await?;
        let command = self.places(&folder, port).fill(command);
        let record = self.record(name);
        record.put_long_log_aside();
        record.begin(&Intent { version: release.version.clone(), image_id, port })?;
        launch(&record, &self.install, &command, &self.environment)
    }

    /// Ends a process: first it is asked to, and given its time.
    async fn end(&self, name: &str) -> Result<Option<String>, Fault> {
        if let Some(supervisor) = self.watched(name) {
            return self.end_watched(name, supervisor).await;
        }
        let record = self.record(name);
        let Some(process) = record.process()?.filter(record::Process::is_alive) else { return Ok(None) };
        let grace = self.profile.health.stop_grace;
        let signal = |signal| {
            // One that has ended meanwhile is what is wanted.
            let _ = kill_process_group(process.pid, signal);
        };
        signal(Signal::TERM);
        if self.has_ended(&process, grace).await {
            return Ok(None);
        }
        signal(Signal::KILL);
        if self.has_ended(&process, KILL_LIMIT).await {
            return Ok(Some(was_killed(name, grace)));
        }
        Err(Fault::new(format!("{name} does not end, although it was killed"))
            .hint(format!("look at it: `ps -o pid,stat,wchan,cmd -p {}`", process.pid.as_raw_nonzero())))
    }

    /// Whether a process has ended, with all that it started: whoever waits for it may end before what really writes.
    async fn has_ended(&self, process: &record::Process, limit: Duration) -> bool {
        let began = Instant::now();
        let session = process.pid.as_raw_nonzero().get().unsigned_abs();
        while process.is_alive() || holders::has_session(session) {
            if began.elapsed() >= limit {
                return false;
            }
            sleep(INTERVAL).await;
        }
        true
    }

    async fn instance(&self, name: &str) -> Result<Option<Instance>, Fault> {
        if let Some(supervisor) = self.watched(name) {
            return self.watched_instance(name, supervisor).await;
        }
        let record = self.record(name);
        let Some(intent) = record.intent()? else { return Ok(None) };
        let process = record.process()?;
        let state = match (&process, record.ending()?) {
            (Some(process), _) if process.is_alive() => InstanceState::Running,
            (None, None) => InstanceState::Created,
            // Whoever was killed together with what watched over it left no status.
            (_, status) => InstanceState::Exited { status: status.unwrap_or(-1) },
        };
        Ok(Some(Instance {
            id: name.to_owned(),
            state,
            image_id: intent.image_id,
            restarts: 0,
            out_of_memory: false,
            health: Health::Unchecked,
            last_run: process.map(|process| process.identity()),
        }))
    }

    /// Ends and removes what ran once, in whatever operation: what is there belongs to none that goes on.
    pub async fn clear_one_offs(&self) {
        let Ok(entries) = std::fs::read_dir(&self.run_dir) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(name) = name.strip_suffix(".json").filter(|name| name.starts_with(ONE_OFF)) {
                // What is left over is seen and cleared the next time.
                let _ = self.remove_one_off(name).await;
            }
        }
    }

    /// The version that the process of a name was started from.
    pub fn version_of(&self, name: &str) -> Result<Option<Version>, Fault> {
        if self.watched(name).is_some() {
            return Ok(self.seen_to_run().or_else(|| release_link::selected(&self.install)));
        }
        Ok(self.record(name).intent()?.map(|intent| intent.version))
    }

    /// What the process of a name was started as.
    async fn intent_of(&self, name: &str) -> Result<Option<Intent>, Fault> {
        if self.watched(name).is_some() { self.intent_of_watched().await } else { self.record(name).intent() }
    }

    /// Where the log of the process of a name is.
    pub fn log_of(&self, name: &str) -> ProcessLog {
        match self.watched(name) {
            Some(Supervisor::Unit(unit)) => ProcessLog::Journal(unit.clone()),
            _ => ProcessLog::File(self.record(name).log()),
        }
    }

    async fn get(&self, port: u16, path: &HttpPath) -> Result<String, String> {
        let url = format!("http://127.0.0.1:{port}{path}");
        let policy = &self.profile.health;
        let reply =
            self.http.get(&url, None, policy.request_timeout).await.map_err(|error| error.to_string())?;
        let text = reply.text();
        if !reply.is_success() {
            return Err(format!("{path} answers {}", reply.status));
        }
        match &policy.body {
            Some(wanted) if !text.contains(wanted) => Err(format!("{path} does not answer {wanted}")),
            _ => Ok(text),
        }
    }

    /// The version that the release's own program tells.
    async fn told_version(&self, command: &[String], intent: &Intent) -> Result<String, String> {
        let folder = ProcessProfile::release_dir(&self.install, &intent.version);
        let command = self.places(&folder, intent.port).fill(command);
        let Some((program, arguments)) = command.split_first() else {
            return Err("no command tells it".to_owned());
        };
        let mut host = HostCommand::new(program, arguments);
        host.inherited = Inherited::Essentials;
        host.set.clone_from(&self.environment);
        host.directory = Some(self.install.clone());
        let limit = self.profile.health.request_timeout;
        let running = host.start(Stdin::Empty).map_err(|error| error.to_string())?;
        let collected = running.collect(program, MOST_VERSION, limit).await;
        let (output, exit) = collected.map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output);
        match text.split_whitespace().next_back() {
            Some(word) if exit.success() => Ok(word.to_owned()),
            _ => Err(format!("`{program}` ended with {}", exit.status)),
        }
    }
}

impl Services for ProcessServices {
    async fn instances(&self, service: &ServiceName) -> Result<Vec<Instance>, Fault> {
        Ok(self.instance(service.as_str()).await?.into_iter().collect())
    }

    async fn one_off(&self, name: &str) -> Result<Option<Instance>, Fault> {
        self.instance(name).await
    }

    async fn pull(&self, release: &Release, progress: ProgressSink<'_>) -> Result<String, Fault> {
        self.releases.bring(release, progress).await
    }

    async fn image_id(&self, release: &Release) -> Result<String, Fault> {
        self.releases.content_id(&release.version).await
    }

    /// A release is a folder. What is needed is not removed, and what opsctl did not bring never is.
    async fn keep(&self, release: &Release) -> Result<(), Fault> {
        self.image_id(release).await.map(drop)
    }

    async fn stop(&self, service: &ServiceName) -> Result<Option<String>, Fault> {
        self.end(service.as_str()).await
    }

    async fn start(&self, services: &[ServiceName], release: &Release) -> Result<(), Fault> {
        self.releases.bring_back(release).await?;
        for service in services {
            let running =
                self.instance(service.as_str()).await?.filter(|found| found.state == InstanceState::Running);
            let image_id = self.image_id(release).await?;
            if running.as_ref().is_some_and(|running| running.image_id == image_id) {
                continue;
            }
            self.end(service.as_str()).await?;
            if let Some(supervisor) = self.watched(service.as_str()) {
                self.begin_watched(service.as_str(), supervisor).await?;
                continue;
            }
            let process = &self.profile.service;
            self.begin(service.as_str(), release, process.port.get(), &process.command).await?;
        }
        Ok(())
    }

    async fn start_one_off(&self, one_off: &OneOff) -> Result<(), Fault> {
        let command = one_off.command.as_ref().unwrap_or(&self.profile.service.command);
        self.begin(&one_off.name, &one_off.release, free_port()?, command).await
    }

    async fn remove_one_off(&self, name: &str) -> Result<(), Fault> {
        self.end(name).await?;
        self.record(name).remove()
    }

    async fn ask(&self, _: &ServiceName, instance: &Instance, question: Question) -> Answer {
        let intent = match self.intent_of(&instance.id).await {
            Ok(Some(intent)) => intent,
            Ok(None) => return Answer::No("it is gone".to_owned()),
            Err(fault) => return Answer::No(fault.to_string()),
        };
        let process = &self.profile.service;
        let asked = match question {
            Question::Health => process.health.as_ref().map(|path| self.get(intent.port, path)),
            Question::Ready => process.ready.as_ref().map(|path| self.get(intent.port, path)),
            Question::Version => {
                let Some(command) = &process.version else { return Answer::NotAsked };
                return self.told_version(command, &intent).await.map_or_else(Answer::No, Answer::Yes);
            }
        };
        match asked {
            Some(asked) => asked.await.map_or_else(Answer::No, Answer::Yes),
            None => Answer::NotAsked,
        }
    }

    async fn preflight(&self, _: &Instance) -> Result<Option<String>, Fault> {
        Ok(None)
    }

    async fn log_tail(&self, instance: &Instance, lines: usize) -> Vec<String> {
        let begin = self.record(&instance.id).log_begin();
        match self.log_of(&instance.id).tail(lines, begin).await {
            Ok(tail) => tail.iter().map(|line| self.redactor.redact(line)).collect(),
            Err(fault) => vec![format!("(its log could not be read: {fault})")],
        }
    }

    async fn recreate(&self, _: &[Replicas], _: &Release, _: Which) -> Result<(), Fault> {
        Err(no_rotation())
    }

    async fn held(&self, _: &ServiceName, _: &DualSecret, _: Among) -> Result<Vec<Held>, Fault> {
        Err(no_rotation())
    }

    async fn try_key(&self, _: &HttpPath) -> Result<String, Fault> {
        Err(no_rotation())
    }

    async fn request_counts(&self) -> Result<BTreeMap<String, Option<Counts>>, Fault> {
        Err(no_rotation())
    }

    async fn scan(&self, _: ProgressSink<'_>) -> Result<Option<String>, Fault> {
        Ok(None)
    }
}

/// That a process had to be killed, for a person.
fn was_killed(name: &str, grace: Duration) -> String {
    format!("{name} had not ended {} after it was asked to, and was killed", quantity::duration(grace))
}

/// A port that nobody else knows of: no client reaches what listens on it.
fn free_port() -> Result<u16, Fault> {
    let bound = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    bound.map(|address| address.port()).map_err(|error| Fault::caused_by("there is no free port", &error))
}
