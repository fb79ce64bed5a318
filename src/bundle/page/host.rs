//! The machine, and how the bundle was made on it.

use std::time::Duration;

use maud::{Markup, html};

use super::rows::{self, code, pairs, state, text};
use crate::bundle::contents::{Collected, CollectorStatus, HostFacts};
use crate::bundle::read::Bundle;
use crate::report::quantity;

pub(super) fn machine(bundle: &Bundle) -> Option<Markup> {
    let host = bundle.facts().host.as_ref()?;
    let [one, five, fifteen] = host.load;
    Some(html! {
        (pairs([
            ("System", html! { (host.os) ", kernel " (host.kernel) ", " (host.architecture) }),
            ("Processors", html! { (host.cpus) }),
            ("Load", html! { (format!("{one:.2}, {five:.2}, {fifteen:.2}")) " over 1, 5 and 15 minutes" }),
            ("Up for", html! { (quantity::duration(Duration::from_millis(host.uptime_ms))) }),
            ("Memory", html! { (quantity::bytes(host.memory_available_bytes)) " of " (quantity::bytes(host.memory_bytes)) " can be had" }),
            ("Swap", html! { (quantity::bytes(host.swap_used_bytes)) " of " (quantity::bytes(host.swap_bytes)) " in use" }),
            ("Clock", clock(host)),
        ]))
        (pairs(host.versions.iter().chain(&host.engine).map(|(name, value)| (name.as_str(), text(value)))))
    })
}

fn clock(host: &HostFacts) -> Markup {
    html! {
        (rows::time(&host.clock))
        @if let Some(skew) = host.clock_skew_ms { "; the database's is " (skew) " ms ahead" }
    }
}

/// How each collector came out, and what was masked.
pub(super) fn collectors(bundle: &Bundle) -> Option<Markup> {
    let facts = bundle.facts();
    let manifest = &facts.manifest;
    if manifest.collectors.is_empty() && facts.redaction.is_none() && facts.troubles.is_empty() {
        return None;
    }
    Some(html! {
        p {
            "Collected by opsctl " (manifest.tool) " in " (quantity::duration(Duration::from_millis(manifest.took_ms)))
            @for (name, value) in &manifest.window { ", " (name) " " (value) }
            "."
        }
        @if !facts.troubles.is_empty() {
            (rows::table("Members that are not as they should be", ["Member", "What is wrong"], facts.troubles.iter().map(|trouble| [
                code(&trouble.member), text(&trouble.what),
            ])))
        }
        @if !manifest.collectors.is_empty() {
            details data-group {
                summary { "Collectors" }
                (rows::table("Collectors", ["Collector", "", "Took", "Why"], manifest.collectors.iter().map(collector)))
            }
        }
        @if let Some(redaction) = &facts.redaction {
            details data-group {
                summary { "What was masked" }
                (masked(redaction))
            }
        }
    })
}

fn collector(collected: &Collected) -> [Markup; 4] {
    let standing = match collected.status {
        CollectorStatus::Ok => state("good", "ok"),
        CollectorStatus::Truncated => state("careful", "cut at its limit"),
        CollectorStatus::Skipped => state("plain", "skipped"),
        CollectorStatus::TimedOut => state("bad", "timed out"),
        CollectorStatus::Failed => state("bad", "failed"),
        CollectorStatus::Unknown => state("plain", "not known"),
    };
    [
        code(&collected.id),
        standing,
        html! { (collected.duration_ms) " ms" },
        text(collected.why.as_deref().unwrap_or_default()),
    ]
}

/// Counts by file and rule, whatever the shape of the report.
fn masked(report: &serde_json::Value) -> Markup {
    let mut counts = Vec::new();
    count(report, &mut Vec::new(), &mut counts);
    rows::table(
        "What was masked",
        ["Where", "How often"],
        counts.into_iter().map(|(place, count)| [code(&place), html! { (count) }]),
    )
}

fn count(value: &serde_json::Value, place: &mut Vec<String>, counts: &mut Vec<(String, String)>) {
    use serde_json::Value;
    match value {
        Value::Object(object) => {
            for (name, below) in object {
                place.push(name.clone());
                count(below, place, counts);
                place.pop();
            }
        }
        Value::Array(elements) => {
            for element in elements {
                count(element, place, counts);
            }
        }
        Value::Null => {}
        Value::String(text) => counts.push((place.join(" · "), text.clone())),
        other => counts.push((place.join(" · "), other.to_string())),
    }
}
