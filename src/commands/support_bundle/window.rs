//! Which part of logs and events is collected.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::adapters::docker::{EventLimits, LogSpan};
use crate::cli::{BundleCreate, Moment};

/// The lines of each log that are collected in full where nothing else is asked for.
pub(super) const LINES: u32 = 1_000;

/// How far back errors are looked for.
const LOOKED_AT: u32 = 20_000;

/// Events that are collected at most.
const EVENTS: usize = 5_000;

const EVENTS_SINCE: SignedDuration = SignedDuration::from_hours(24);

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    now: Timestamp,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    tail: Option<u32>,
}

impl Window {
    pub(super) fn of(asked: &BundleCreate, now: Timestamp) -> Self {
        let seen = |moment: Option<Moment>| moment.map(|moment| moment.seen_from(now));
        Self { now, since: seen(asked.since), until: seen(asked.until), tail: asked.tail }
    }

    /// What of a log is read.
    pub(super) fn span(&self) -> LogSpan {
        let lines = self.tail.or_else(|| self.is_usual().then_some(LOOKED_AT));
        LogSpan { lines, since: self.since, until: self.until }
    }

    /// Until when it is asked for.
    pub(super) fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// Whether of what is read only the end and what surrounds errors is kept: nobody asked for anything else.
    pub(super) fn is_usual(&self) -> bool {
        self.since.is_none() && self.until.is_none() && self.tail.is_none()
    }

    /// Which events are read. The engine would wait for those that are still to come.
    pub(super) fn events(&self) -> EventLimits {
        let since = self.since.or_else(|| self.now.checked_sub(EVENTS_SINCE).ok()).unwrap_or(Timestamp::MIN);
        let until = self.until.map_or(self.now, |until| until.min(self.now));
        EventLimits { since, until, most: EVENTS }
    }

    /// As the manifest shows it.
    pub(super) fn shown(&self) -> BTreeMap<String, String> {
        let tail = match (self.tail, self.is_usual()) {
            (Some(lines), _) => Some(lines.to_string()),
            (None, true) => Some(format!("{LINES}, and what surrounds errors in the last {LOOKED_AT}")),
            (None, false) => None,
        };
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
        [("since", time(self.since)), ("until", time(self.until)), ("tail", tail)]
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_narrows_what_is_read() {
        let now: Timestamp = "2026-03-14T12:00:00Z".parse().unwrap();
        let usual = Window::of(&BundleCreate::default(), now);
        assert_eq!(usual.span(), LogSpan { lines: Some(LOOKED_AT), since: None, until: None });
        let limits = usual.events();
        assert_eq!((limits.until, limits.since), (now, "2026-03-13T12:00:00Z".parse().unwrap()));
        let asked = BundleCreate {
            since: Some(Moment::Ago(SignedDuration::from_hours(2))),
            ..BundleCreate::default()
        };
        let narrow = Window::of(&asked, now);
        let since = "2026-03-14T10:00:00Z".parse().unwrap();
        assert_eq!(narrow.span(), LogSpan { lines: None, since: Some(since), until: None });
        assert!(!narrow.is_usual() && narrow.events().since == since);
        let late = BundleCreate { until: Some(Moment::At(Timestamp::MAX)), ..BundleCreate::default() };
        assert_eq!(Window::of(&late, now).events().until, now, "the engine would wait for ever");
    }
}
