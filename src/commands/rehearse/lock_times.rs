//! How long tables were locked, as far as looking every so often can tell.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::adapters::postgres::relation_locks::{Granted, LockMode, RelationLock};

/// How often the locks are looked at. A lock that is shorter may not be seen.
pub(super) const INTERVAL: Duration = Duration::from_millis(10);

/// How one table was locked in one mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct LockTime {
    /// Schema and name of the table.
    pub(super) relation: String,
    /// How it was locked.
    pub(super) mode: LockMode,
    /// For how long it was seen locked, all times together; the truth is longer by up to one interval at either end.
    #[serde(rename = "held_ms", serialize_with = "milliseconds")]
    pub(super) held: Duration,
    /// For how long something waited for that lock.
    #[serde(rename = "awaited_ms", serialize_with = "milliseconds")]
    pub(super) awaited: Duration,
}

/// Adds up what is seen from one look to the next.
#[derive(Debug, Default)]
pub(super) struct LockTimes {
    last: Option<(Duration, Vec<RelationLock>)>,
    times: BTreeMap<(LockMode, String), (Duration, Duration)>,
}

impl LockTimes {
    /// Takes notice of the locks that were there at a time since the beginning.
    pub(super) fn seen(&mut self, at: Duration, locks: Vec<RelationLock>) {
        let (before, earlier) = self.last.take().unwrap_or_default();
        for lock in &locks {
            let times = self.times.entry((lock.mode, lock.relation.clone())).or_default();
            if earlier.contains(lock) {
                let passed = at.saturating_sub(before);
                match lock.granted {
                    Granted::Held => times.0 += passed,
                    Granted::Awaited => times.1 += passed,
                }
            }
        }
        self.last = Some((at, locks));
    }

    /// All that was seen: the strongest mode first, and the longest time first within it.
    pub(super) fn result(self) -> Vec<LockTime> {
        let mut result: Vec<LockTime> = self
            .times
            .into_iter()
            .map(|((mode, relation), (held, awaited))| LockTime { relation, mode, held, awaited })
            .collect();
        result.sort_by(|one, other| {
            (other.mode, other.held, other.awaited).cmp(&(one.mode, one.held, one.awaited))
        });
        result
    }
}

fn milliseconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(relation: &str, mode: LockMode, granted: Granted) -> RelationLock {
        RelationLock { relation: relation.to_owned(), mode, granted }
    }

    fn after(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn times_between_two_looks_count_where_both_see_the_lock() {
        let mut times = LockTimes::default();
        let strong = |granted| lock("public.a", LockMode::AccessExclusive, granted);
        times.seen(after(0), vec![strong(Granted::Awaited)]);
        times.seen(after(10), vec![strong(Granted::Awaited)]);
        times.seen(after(30), vec![strong(Granted::Held), lock("public.b", LockMode::Share, Granted::Held)]);
        times.seen(after(70), vec![strong(Granted::Held)]);
        times.seen(after(80), vec![]);
        times.seen(after(90), vec![strong(Granted::Held)]);
        let expected = [("public.a", LockMode::AccessExclusive, 40, 10), ("public.b", LockMode::Share, 0, 0)];
        let expected: Vec<LockTime> = expected
            .into_iter()
            .map(|(relation, mode, held, awaited)| LockTime {
                relation: relation.to_owned(),
                mode,
                held: after(held),
                awaited: after(awaited),
            })
            .collect();
        assert_eq!(times.result(), expected);
    }
}
