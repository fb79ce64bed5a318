//! Looking for what logs say.

use super::Evidence;
use crate::bundle::log::{Log, LogEvent};
use crate::bundle::read::Bundle;
use crate::report::quantity;

/// An event of a log that says something that was looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit<'a> {
    pub(super) log: &'a Log,
    pub(super) event: &'a LogEvent,
}

/// Events that may tell of trouble and hold one of `needles`, which are in lower case.
pub(super) fn trouble<'a>(bundle: &'a Bundle, needles: &[&str]) -> Vec<Hit<'a>> {
    let says = |event: &LogEvent| {
        let message = event.message.to_lowercase();
        needles.iter().any(|needle| message.contains(needle))
    };
    let events = bundle.logs().iter().flat_map(|log| log.events.iter().map(move |event| Hit { log, event }));
    events.filter(|hit| hit.event.may_be_trouble() && says(hit.event)).collect()
}

impl Hit<'_> {
    /// The line that says it.
    pub(super) fn evidence(&self) -> Evidence {
        Evidence::new(&self.log.member, Some(self.event.line), self.event.headline())
    }
}

/// The services whose logs say it.
pub(super) fn services(hits: &[Hit<'_>]) -> Vec<String> {
    let mut services: Vec<String> = hits.iter().map(|hit| hit.log.service.clone()).collect();
    services.sort();
    services.dedup();
    services
}

/// The first and the last line of each log that says it, with how many there are, of three logs at most.
pub(super) fn evidence(hits: &[Hit<'_>]) -> Vec<Evidence> {
    let mut members: Vec<&str> = hits.iter().map(|hit| hit.log.member.as_str()).collect();
    members.dedup();
    let of_member = |member: &&str| {
        let of_it: Vec<&Hit<'_>> = hits.iter().filter(|hit| hit.log.member == **member).collect();
        let [first, ..] = of_it.as_slice() else { return Vec::new() };
        let mut evidence = vec![first.evidence()];
        if let [_, .., last] = of_it.as_slice() {
            let mut last = last.evidence();
            last.text = format!("{} (the last of {})", last.text, quantity::count(of_it.len() as u64));
            evidence.push(last);
        }
        evidence
    };
    members.iter().take(3).flat_map(of_member).collect()
}

/// The last lines of a log that tell why it ended: errors among the last events, else simply the last ones.
pub(super) fn last_words(log: &Log) -> Vec<Evidence> {
    const LINES: usize = 3;
    let tail = &log.events[log.events.len().saturating_sub(40)..];
    let errors: Vec<&LogEvent> = tail.iter().filter(|event| event.is_error()).collect();
    let chosen = if errors.is_empty() { tail.iter().collect() } else { errors };
    chosen[chosen.len().saturating_sub(LINES)..].iter().map(|event| Hit { log, event }.evidence()).collect()
}

/// Several names in a line.
pub(super) fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}
