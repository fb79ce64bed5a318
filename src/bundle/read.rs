//! A bundle as it is read: its members by name, what they say, and its logs.
//!
//! Each member stands alone: one that is missing, damaged or of a later version hides none of the others, and is named in
//! [`Facts::troubles`].

mod checks;
mod content;
mod facts;
mod lenient;
mod metrics;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use jiff::Timestamp;

use super::contents::member;
use super::log::Log;

pub use checks::CheckFacts;
pub use content::Content;
pub use facts::{Facts, Trouble};
pub use metrics::Sample;

/// The members of a bundle.
#[derive(Debug, Default)]
pub struct Bundle {
    name: String,
    members: BTreeMap<String, Content>,
    /// What was wrong with the file that it was read from.
    damage: Vec<Trouble>,
    facts: OnceLock<Facts>,
    logs: OnceLock<Vec<Log>>,
}

impl Bundle {
    /// A bundle called `name`, such as `support-bundle-2026-03-14-020000`, with no member yet.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Takes a member in, by its path below the bundle's folder. What was read before is read again.
    pub fn insert(&mut self, path: impl Into<String>, content: Content) {
        self.members.insert(path.into(), content);
        (self.facts, self.logs) = (OnceLock::new(), OnceLock::new());
    }

    /// Notes what is wrong with the file that it was read from.
    pub fn note_damage(&mut self, member: impl Into<String>, what: impl Into<String>) {
        self.damage.push(Trouble { member: member.into(), what: what.into() });
        self.facts = OnceLock::new();
    }

    /// Whether it is of a product that runs as a process, and not in containers.
    pub fn is_of_a_process(&self) -> bool {
        self.member(member::PROCESSES).is_some()
    }

    /// The member that tells of containers, or of processes.
    pub fn of_containers(&self) -> &'static str {
        if self.is_of_a_process() { member::PROCESSES } else { member::CONTAINERS }
    }

    /// What the bundle is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a member of a bundle's is in it.
    pub fn is_one(&self) -> bool {
        let known = [
            member::MANIFEST,
            member::CONTAINERS,
            member::PROCESSES,
            member::HOST,
            member::SERVER,
            member::OPERATIONS,
        ];
        known.iter().any(|name| self.members.contains_key(*name))
    }

    /// A member by its path.
    pub fn member(&self, path: &str) -> Option<&Content> {
        self.members.get(path)
    }

    /// All members in the order of their paths.
    pub fn members(&self) -> impl Iterator<Item = (&str, &Content)> {
        self.members.iter().map(|(path, content)| (path.as_str(), content))
    }

    /// Members below a folder, which ends with `/`.
    pub fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a Content)> {
        self.members().filter(move |(path, _)| path.starts_with(folder))
    }

    /// What its members say.
    pub fn facts(&self) -> &Facts {
        self.facts.get_or_init(|| Facts::read(self))
    }

    /// Logs of containers, in the order of their names.
    pub fn logs(&self) -> &[Log] {
        self.logs.get_or_init(|| self.read_logs())
    }

    /// The log of a container, else of its service.
    pub fn log_of(&self, container: &str, service: Option<&str>) -> Option<&Log> {
        let named = |name: &str| {
            let path = format!("{}{name}.log", member::LOGS);
            self.logs().iter().find(|log| log.member == path)
        };
        named(container).or_else(|| service.and_then(named))
    }

    /// The first line of a member that holds the first of `marks`, and from there on the next of them, and so on; the
    /// line of the last one. That is how a line of a JSON member is found.
    pub fn line_of(&self, path: &str, marks: &[&str]) -> Option<usize> {
        let content = self.member(path)?;
        let mut lines = content.lines().enumerate().peekable();
        let mut found = None;
        for mark in marks {
            loop {
                let (index, text) = *lines.peek()?;
                if text.contains(mark) {
                    found = Some(index + 1);
                    break;
                }
                lines.next();
            }
        }
        found
    }

    /// When it was made; where it does not say, the last time that it knows of.
    pub fn created(&self) -> Option<Timestamp> {
        let said = self.facts().manifest.created.parse().ok();
        said.or_else(|| self.logs().iter().filter_map(|log| log.events.last()?.at).max())
    }

    fn damage(&self) -> &[Trouble] {
        &self.damage
    }

    fn read_logs(&self) -> Vec<Log> {
        let year = self.facts().manifest.created.get(..4).and_then(|year| year.parse().ok());
        self.below(member::LOGS)
            .map(|(path, content)| {
                let name = path.trim_start_matches(member::LOGS).trim_end_matches(".log");
                Log::read(path, self.service_of(name), content.lines(), year)
            })
            .collect()
    }

    /// The service of a container by this name; a service's log has its own.
    fn service_of<'a>(&'a self, name: &'a str) -> &'a str {
        let containers = self.facts().containers.iter();
        containers
            .filter(|container| container.name == name)
            .find_map(|container| container.service.as_deref())
            .unwrap_or(name)
    }
}
