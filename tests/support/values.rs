//! The values of the one secret of the install in memory, and what happens to keys that are stored under them.

use std::collections::BTreeSet;

use opsctl::plan::rotation::OnRecord;

use super::install::{Install, Phase, Role, STATEMENT};

/// The values of a secret that somebody has: the present one, and the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Values {
    /// The present one.
    pub current: u32,
    /// The one before.
    pub previous: Option<u32>,
}

impl Values {
    /// One alone.
    pub(crate) fn only(current: u32) -> Self {
        Self { current, previous: None }
    }

    /// Whether a key that is stored under a value lets its bearer in.
    pub(crate) fn take(self, value: u32) -> bool {
        self.current == value || self.previous == Some(value)
    }
}

/// The password of the one role of the server in memory, which takes one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Password {
    /// What the server takes.
    pub taken: u32,
    /// The two values that the operation keeps: the old one and the new one.
    pub kept: Option<(u32, u32)>,
}

impl Password {
    /// The one of the two values that are kept that a value is not.
    pub(crate) fn other_than(self, value: u32) -> Option<u32> {
        let (old, new) = self.kept?;
        Some(if value == new { old } else { new })
    }
}

impl Install {
    /// Whether somebody who knows what is written down anywhere can log in.
    pub(crate) fn somebody_can_log_in(&self) -> bool {
        self.password.is_none_or(|Password { taken, kept }| {
            self.env.secret.current == taken || kept.is_some_and(|(old, new)| taken == old || taken == new)
        })
    }

    /// Whether a container that is started gets in: the product gives up if it does not.
    pub(crate) fn lets_in(&self, role: Role, held: Values) -> bool {
        role == Role::Server || self.password.is_none_or(|password| password.taken == held.current)
    }

    /// In one transaction: all keys, or none.
    pub(crate) fn keys_are_rehashed(&mut self) {
        for container in self.one_offs.values_mut().filter(|one_off| one_off.role == Role::Rehash) {
            let Phase::Running(since) = container.phase else { continue };
            if self.now < since + STATEMENT {
                continue;
            }
            let known = self.keys.iter().all(|value| container.held.take(*value));
            if known {
                self.keys = BTreeSet::from([container.held.current]);
            }
            container.phase = Phase::Exited(i64::from(!known));
        }
    }

    /// Somebody makes a key whenever the API serves: it is stored under what that takes for the present value.
    pub(crate) fn keys_are_made(&mut self) {
        let Some(api) = self.services.get("api").filter(|api| api.runs()) else { return };
        self.on_record.0.insert(api.held.current);
        self.on_record.1 = api.held.current;
        if self.stores_keys {
            self.keys.insert(api.held.current);
        }
    }

    /// What is on record of the values of the secret.
    pub(crate) fn on_record(&self) -> Vec<OnRecord> {
        let (known, in_use) = &self.on_record;
        known.iter().map(|value| OnRecord { id: value.to_string(), in_use: value == in_use }).collect()
    }
}
