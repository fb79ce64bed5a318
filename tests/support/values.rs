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

impl Install {
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
