//! What must hold of an install when an operation has ended: wholly old or wholly new, and nothing left over.

use std::collections::BTreeSet;

use opsctl::journal::record::Closing;
use opsctl::model::operation::OperationKind;

use crate::fake::install::{Install, LIVE};
use crate::fake::releases::Image;
use crate::fake::values::Values;
use crate::scenarios::{Outcome, Scenario, own_backup};

/// An install after an operation.
pub(crate) struct Afterwards<'a> {
    /// What was done.
    pub(crate) scenario: &'a Scenario,
    /// What is there now.
    pub(crate) install: &'a Install,
    /// How the journal says that it ended; absent when the operation never began.
    pub(crate) ending: Option<Closing>,
    /// Whether the last steps, which only tidy up, can have failed.
    pub(crate) tidying: Tidying,
}

/// Whether the last steps of an operation, which only tidy up, took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tidying {
    /// They did, if the operation is done.
    Done,
    /// One was made to fail, or none was come to.
    MayBeMissing,
}

impl Afterwards<'_> {
    /// What is not as it must be, in words.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = self.install.violations.clone();
        problems.extend(self.settings());
        problems.extend(self.services());
        problems.extend(self.secret());
        problems.extend(self.data());
        problems.extend(self.leftovers());
        problems
    }

    fn done(&self) -> bool {
        matches!(self.ending, Some(Closing::Done | Closing::PastCommit))
    }

    fn outcome(&self) -> &Outcome {
        if self.done() { &self.scenario.new } else { &self.scenario.old }
    }

    fn settings(&self) -> Vec<String> {
        let (install, outcome) = (self.install, self.outcome());
        let mut problems = Vec::new();
        let mut expected = self.scenario.install.env.clone();
        outcome.version.clone_into(&mut expected.version);
        expected.pin = Some(Image::of(outcome.version).digest());
        expected.deprecated = outcome.deprecated;
        expected.secret = Values::only(outcome.secret);
        if install.env != expected {
            problems.push(format!(".env is {:?} instead of {expected:?}", install.env));
        }
        if install.version_file != outcome.version {
            problems.push(format!("the version file says {}", install.version_file));
        }
        let noted = install.previous_version.as_deref();
        let unnoted = noted.is_none() && self.tidying == Tidying::MayBeMissing;
        if noted != outcome.previous_version && !unnoted {
            problems.push(format!("the version to go back to is {noted:?}"));
        }
        problems
    }

    fn services(&self) -> Vec<String> {
        let version = self.outcome().version;
        let problem = |(name, container): (&String, &crate::fake::install::Container)| {
            if container.runs() {
                let other = container.image.version;
                return (other != version).then(|| format!("{name} is {other} instead of {version}"));
            }
            (self.ending != Some(Closing::PastCommit)).then(|| format!("{name} does not run"))
        };
        self.install.services.iter().filter_map(problem).collect()
    }

    /// One value alone, everywhere, and nothing is stored under the other.
    fn secret(&self) -> Vec<String> {
        let only = Values::only(self.outcome().secret);
        let others = self.install.services.iter().filter(|(_, container)| container.held != only);
        let mut problems: Vec<String> = others
            .map(|(name, container)| format!("{name} has {:?} of the secret", container.held))
            .collect();
        if let Some(password) = self.install.password
            && (password.taken != only.current || password.kept.is_some())
        {
            problems.push(format!("of the password there is {password:?}"));
        }
        if self.install.keys.iter().any(|value| *value != only.current) {
            problems.push(format!("keys are stored under {:?}", self.install.keys));
        }
        problems
    }

    fn data(&self) -> Vec<String> {
        let (install, outcome) = (self.install, self.outcome());
        let Some(live) = install.databases.get(LIVE) else {
            return vec!["there is no live database".to_owned()];
        };
        let mut problems = Vec::new();
        let content = &live.content;
        if !live.whole || content.line != outcome.line {
            problems.push(format!("the live data is of {} (whole: {})", content.line, live.whole));
        }
        if content.half.is_some() || content.migrations != Image::of(outcome.version).migrations {
            problems.push(format!("the schema is {:?} and half of {:?}", content.migrations, content.half));
        }
        let acknowledged = install.acknowledged.iter().filter(|(_, line)| *line == outcome.line);
        let lost: Vec<u32> =
            acknowledged.map(|(write, _)| *write).filter(|write| !content.writes.contains(write)).collect();
        if !lost.is_empty() {
            problems.push(format!("acknowledged writes are lost: {lost:?}"));
        }
        problems
    }

    fn leftovers(&self) -> Vec<String> {
        let (install, outcome) = (self.install, self.outcome());
        let names = install.one_offs.keys();
        let mut problems: Vec<String> =
            names.map(|name| format!("the container {name} is left over")).collect();
        let found: BTreeSet<&str> = install.databases.keys().map(String::as_str).collect();
        let mut allowed: BTreeSet<&str> = outcome.databases.union(&outcome.may_be_kept).copied().collect();
        if self.tidying == Tidying::MayBeMissing {
            allowed.extend(&self.scenario.superseded);
        }
        if !found.is_superset(&outcome.databases) || !found.is_subset(&allowed) {
            problems.push(format!("the databases are {found:?}"));
        }
        problems.extend(self.backups());
        problems
    }

    /// What a backup that was given up leaves half-written is removed by the next one, not by the operation.
    fn backups(&self) -> Vec<String> {
        let install = self.install;
        let partial = install.partial_backups.iter().filter(|_| self.done());
        let mut problems: Vec<String> =
            partial.map(|id| format!("backup {id} is left half-written")).collect();
        let unrecorded = install.backups.iter().filter(|(_, backup)| self.done() && !backup.recorded);
        problems.extend(unrecorded.map(|(id, _)| format!("backup {id} is not recorded")));
        let own = install.backups.get(&own_backup());
        let is_archive = self.scenario.plan.kind == OperationKind::RotateStore;
        if is_archive && self.done() {
            let archived =
                |write: &u32| own.is_some_and(|own| own.pinned && own.content.writes.contains(write));
            let of_old = install.acknowledged.iter().filter(|(_, line)| *line == self.scenario.old.line);
            problems.extend(
                of_old
                    .filter(|(write, _)| !archived(write))
                    .map(|(write, _)| format!("acknowledged write {write} is not in the archive")),
            );
        }
        let pinned = own.is_some_and(|backup| backup.pinned) && !is_archive;
        if pinned && self.tidying == Tidying::Done {
            problems.push("the operation's own backup stays pinned".to_owned());
        }
        let lost = self.scenario.install.backups.keys().find(|id| !install.backups.contains_key(id));
        problems.extend(lost.map(|id| format!("backup {id} is gone")));
        problems
    }
}
