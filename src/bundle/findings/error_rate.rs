//! How many errors there are, since when, and which.

use std::collections::BTreeMap;

use super::Severity::{Note, Warning};
use super::{Evidence, Finding};
use crate::bundle::log::{Log, LogEvent, shape};
use crate::bundle::read::Bundle;
use crate::report::quantity;

/// Errors within [`WINDOW`] that make a jump.
const ERRORS: usize = 5;

/// In seconds.
const WINDOW: i64 = 120;

/// How many times more than before.
const TIMES: f64 = 5.0;

/// As often as this, a message is worth a warning.
const OFTEN: usize = 20;

/// When errors set in, and which was the first of them.
pub(super) fn jump(bundle: &Bundle) -> Vec<Finding> {
    let mut jumps: Vec<(&Log, Jump<'_>)> =
        bundle.logs().iter().filter_map(|log| Some((log, jump_of(log)?))).collect();
    jumps.sort_by_key(|(_, jump)| jump.first.at);
    let Some((first_log, first)) = jumps.first() else { return Vec::new() };
    let services: Vec<&str> = jumps.iter().map(|(log, _)| log.service.as_str()).collect();
    let at = first.first.at.map_or(String::new(), |at| at.strftime("%H:%M:%S").to_string());
    let title = format!(
        "errors set in: at {at} UTC in {}, from {:.1} to {:.1} a minute; the first says: {}",
        first_log.service,
        first.before,
        first.after,
        super::shortened(first.first.headline())
    );
    let evidence = jumps.iter().take(4).map(|(log, jump)| {
        let at = jump.first.at.map_or(String::new(), |at| format!("{at:.0} "));
        let text = format!("{at}{}: {}", log.service, jump.first.headline());
        Evidence::new(&log.member, Some(jump.first.line), text)
    });
    let finding = Finding::new("error-rate", Warning, title)
        .about(services)
        .seen(evidence)
        .remedy("begin with the first error, not the loudest; what happened right before it is on the time line of this bundle");
    vec![finding]
}

struct Jump<'a> {
    first: &'a LogEvent,
    /// Errors a minute.
    before: f64,
    after: f64,
}

#[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
fn jump_of(log: &Log) -> Option<Jump<'_>> {
    let begin = log.events.iter().find_map(|event| event.at)?.as_second();
    let end = log.events.iter().rev().find_map(|event| event.at)?.as_second();
    let errors: Vec<(i64, &LogEvent)> =
        log.errors().filter_map(|event| Some((event.at?.as_second(), event))).collect();
    let mut behind = 0;
    errors.iter().enumerate().find_map(|(index, (at, event))| {
        while behind < errors.len() && errors[behind].0 < at + WINDOW {
            behind += 1;
        }
        let count = behind.saturating_sub(index);
        let before = index as f64 * 60.0 / (at - begin).max(60) as f64;
        let after = count as f64 * 60.0 / WINDOW.min((end - at).max(60)) as f64;
        (count >= ERRORS && after >= TIMES * before).then_some(Jump { first: event, before, after })
    })
}

/// The messages that come most often, whatever their particulars.
pub(super) fn frequent(bundle: &Bundle) -> Vec<Finding> {
    let mut shapes: BTreeMap<(String, &str), (usize, &Log, &LogEvent)> = BTreeMap::new();
    for log in bundle.logs() {
        for event in log.errors() {
            shapes.entry((shape(&event.message), &log.service)).or_insert((0, log, event)).0 += 1;
        }
    }
    let total: usize = shapes.values().map(|(count, ..)| count).sum();
    let mut shapes: Vec<_> = shapes.into_iter().collect();
    shapes.sort_by_key(|(_, (count, ..))| std::cmp::Reverse(*count));
    let Some(((shape, service), (most, ..))) = shapes.first().filter(|(_, (count, ..))| *count > 1) else {
        return Vec::new();
    };
    let severity = if *most >= OFTEN { Warning } else { Note };
    let title = format!(
        "errors in logs: {}, most of them from {service}: {}",
        quantity::counted(total as u64, "error", "errors"),
        super::shortened(shape)
    );
    let evidence = shapes.iter().take(6).map(|((shape, service), (count, log, first))| {
        let times = quantity::counted(*count as u64, "time", "times");
        Evidence::new(&log.member, Some(first.line), format!("{service}, {times}: {shape}"))
    });
    let finding = Finding::new("frequent-errors", severity, title)
        .seen(evidence)
        .remedy("what is shown is the first of each kind; search this page for its words to see the others");
    vec![finding]
}
