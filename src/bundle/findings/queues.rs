//! Queues in which jobs wait and nobody takes them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Severity::{Critical, Warning};
use super::{Evidence, Finding};
use crate::bundle::contents::{QueueDepth, member};
use crate::bundle::read::Bundle;
use crate::report::quantity;

/// A job that waits for longer than this was forgotten, in milliseconds.
const WAITS: u64 = 10 * 60_000;

/// A queue that is longer than this does not keep up, whatever the age.
const DEEP: u64 = 10_000;

/// States of jobs that wait, by the names of the usual job queues.
const WAITING: [&str; 7] = ["created", "waiting", "pending", "queued", "available", "ready", "retry"];

/// States of jobs that are being worked on.
const WORKED: [&str; 4] = ["active", "running", "executing", "processing"];

/// Queues that do not move.
pub(super) fn stuck(bundle: &Bundle) -> Vec<Finding> {
    let mut queues: BTreeMap<&str, Vec<&QueueDepth>> = BTreeMap::new();
    for depth in &bundle.facts().queues {
        queues.entry(&depth.queue).or_default().push(depth);
    }
    queues.into_iter().filter_map(|(queue, depths)| of_queue(bundle, queue, &depths)).collect()
}

fn of_queue(bundle: &Bundle, queue: &str, depths: &[&QueueDepth]) -> Option<Finding> {
    let jobs = |states: &[&str]| -> u64 {
        depths.iter().filter(|depth| states.contains(&depth.state.as_str())).map(|depth| depth.jobs).sum()
    };
    let waiting: Vec<&QueueDepth> = depths
        .iter()
        .copied()
        .filter(|depth| WAITING.contains(&depth.state.as_str()) && depth.jobs > 0)
        .collect();
    let oldest = waiting.iter().filter_map(|depth| depth.oldest_ms).max().unwrap_or(0);
    let number = jobs(&WAITING);
    if oldest < WAITS && number < DEEP {
        return None;
    }
    let is_idle = jobs(&WORKED) == 0;
    let title = format!(
        "queue stuck: {} of {queue} wait{}{}",
        quantity::counted(number, "job", "jobs"),
        if oldest > 0 { format!(", the oldest for {}", age(oldest)) } else { String::new() },
        if is_idle { ", and nobody works on any" } else { "" }
    );
    let evidence = waiting.iter().map(|depth| {
        let marks = [format!("\"queue\": \"{queue}\""), format!("\"state\": \"{}\"", depth.state)];
        let since =
            depth.oldest_ms.map_or(String::new(), |oldest| format!(", the oldest for {}", age(oldest)));
        let text = format!("{queue}: {} {}{since}", quantity::count(depth.jobs), depth.state);
        Evidence::new(member::QUEUES, bundle.line_of(member::QUEUES, &[&marks[0], &marks[1]]), text)
    });
    let severity = if is_idle { Critical } else { Warning };
    let finding = Finding::new("queue-stuck", severity, title)
        .seen(evidence)
        .remedy(
            "does a worker run, and does its log show jobs? is there a pooler between it and the database?",
        )
        .explained("db-pooler");
    Some(finding)
}

fn age(milliseconds: u64) -> String {
    quantity::duration(Duration::from_millis(milliseconds))
}
