//! What can be told from a bundle: each finding with what it rests on and what to do about it.
//!
//! Each analyser is a pure function of one kind of trouble. [`story`] then tells causes from what they bring about, and
//! puts what matters most first.

mod answers;
mod backups;
mod bundle_itself;
mod checks;
mod clocks;
mod connections;
mod containers;
mod disks;
mod error_rate;
mod exits;
mod locks;
mod logging;
mod memory;
mod migrations;
mod operations;
mod queues;
mod releases;
mod roles;
mod search;
mod server;
mod signatures;
mod story;

use std::borrow::Cow;

use serde::Serialize;

use super::read::Bundle;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The product does not work, or data is at stake.
    Critical,
    /// It works, and something will come of it.
    Warning,
    /// Good to know when one looks for a cause.
    Note,
}

impl Severity {
    /// As people read it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// What a finding rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// What stands there, in a line.
    pub text: String,
    /// The member that it stands in.
    pub member: String,
    /// The line there, counted from 1.
    pub line: Option<usize>,
}

impl Evidence {
    /// What a line of a member says; `None` where it is not one line that says it.
    pub fn new(member: impl Into<String>, line: Option<usize>, text: impl Into<String>) -> Self {
        Self { text: shortened(&text.into()), member: member.into(), line }
    }
}

/// Most characters of one piece of evidence.
const EVIDENCE: usize = 300;

fn shortened(text: &str) -> String {
    let line = text.trim().replace(['\n', '\t'], " ");
    match line.char_indices().nth(EVIDENCE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What kind it is; names never change: `crash-loop`.
    pub id: Cow<'static, str>,
    /// How bad it is.
    pub severity: Severity,
    /// What it is, in a line.
    pub title: String,
    /// The services that it is about; none where it is about all.
    pub services: Vec<String>,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// What to do about it: commands and hints.
    pub remedies: Vec<String>,
    /// The entry of the runbook that tells more.
    pub explain: Option<&'static str>,
    /// The finding that is likely the cause of this one, by its identifier.
    pub because: Option<Cow<'static, str>>,
}

impl Finding {
    fn new(id: impl Into<Cow<'static, str>>, severity: Severity, title: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            severity,
            title: title.into(),
            services: Vec::new(),
            evidence: Vec::new(),
            remedies: Vec::new(),
            explain: None,
            because: None,
        }
    }

    fn about(mut self, services: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.services.extend(services.into_iter().map(Into::into));
        self.services.sort();
        self.services.dedup();
        self
    }

    fn seen(mut self, evidence: impl IntoIterator<Item = Evidence>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedies.push(remedy.into());
        self
    }

    fn explained(mut self, entry: &'static str) -> Self {
        self.explain = Some(entry);
        self
    }
}

/// Finds one kind of trouble.
type Analyser = fn(&Bundle) -> Vec<Finding>;

/// All of them. Of findings that are equally bad, those of the first come first: causes rather than what they bring about.
const ANALYSERS: &[Analyser] = &[
    disks::space,
    disks::inodes,
    memory::killed,
    memory::machine,
    locks::pile_up,
    locks::idle_transactions,
    locks::prepared,
    server::pooler,
    server::recovery,
    server::wraparound,
    connections::exhausted,
    connections::pool,
    migrations::failed,
    migrations::pending,
    migrations::half_applied,
    releases::mismatch,
    releases::drift,
    releases::settings,
    operations::unfinished,
    operations::failed,
    operations::journals,
    operations::databases_left,
    signatures::in_logs,
    exits::crash_loops,
    exits::refused_starts,
    exits::exited,
    exits::restarted,
    containers::unhealthy,
    answers::not_ready,
    queues::stuck,
    clocks::skew,
    checks::certificate,
    backups::inventory,
    logging::statements,
    error_rate::jump,
    error_rate::frequent,
    checks::failing,
    checks::warnings,
    bundle_itself::collectors,
    bundle_itself::members,
];

/// All that can be told, what matters most first, and what comes of something right behind that.
pub fn findings(bundle: &Bundle) -> Vec<Finding> {
    story::told(ANALYSERS.iter().flat_map(|analyse| analyse(bundle)).collect())
}
