//! Operations and what happened to containers, on the same axis as the errors.

use std::collections::BTreeMap;

use jiff::Timestamp;
use maud::{Markup, html};

use super::axis::{self, Span};
use super::{figure, percent};
use crate::bundle::contents::{EngineEvent, OperationFacts};
use crate::bundle::read::Bundle;
use crate::report::quantity;

/// Most lanes.
const LANES: usize = 14;

/// The height of a lane, in pixels.
const LANE: usize = 26;

/// Most marks of a lane.
const MARKS: usize = 200;

/// What happened to one container, or what was done.
struct Lane<'a> {
    name: &'a str,
    bands: Vec<Band>,
    dots: Vec<Dot>,
}

/// Something that took a while.
struct Band {
    from: f64,
    to: f64,
    class: &'static str,
    words: String,
}

/// A moment.
struct Dot {
    at: f64,
    kind: &'static str,
    mark: &'static str,
    words: String,
}

pub(super) fn plot(bundle: &Bundle, span: &Span) -> Option<Markup> {
    let lanes = lanes(bundle, *span);
    if lanes.is_empty() {
        return None;
    }
    let marks = lanes.iter().map(|lane| lane.dots.len() + lane.bands.len()).sum::<usize>();
    let words = format!(
        "{} from {} to {}.",
        quantity::counted(marks as u64, "event", "events"),
        axis::label(span.from, *span),
        axis::label(span.to, *span)
    );
    let body = html! {
        ul.legend {
            li { "▬ operation" } li { "● started" } li { "◆ ended with an error" } li { "✕ out of memory" } li { "▲ unhealthy" } li { "○ other" }
        }
        div.lanes role="img" aria-label=(words) {
            @for lane in &lanes { (drawn(lane, *span)) }
            div.lane { span {} (axis::labels(*span)) }
        }
    };
    Some(figure("What happened when", &words, &body))
}

fn drawn(lane: &Lane<'_>, span: Span) -> Markup {
    html! {
        div.lane {
            span.name { (lane.name) }
            svg.plot width="100%" height=(LANE) {
                (axis::grid(span))
                line.base x1="0" x2="100%" y1=(LANE / 2) y2=(LANE / 2) {}
                @for band in &lane.bands {
                    rect.band.(band.class) x=(percent(band.from)) width=(percent((band.to - band.from).max(0.006))) y="7" height=(LANE - 14) rx="3" {
                        title { (band.words) }
                    }
                }
                @for dot in lane.dots.iter().take(MARKS) {
                    text.dot.(dot.kind) x=(percent(dot.at)) y=(LANE / 2 + 5) text-anchor="middle" { (dot.mark) title { (dot.words) } }
                }
            }
        }
    }
}

fn lanes(bundle: &Bundle, span: Span) -> Vec<Lane<'_>> {
    let mut lanes = Vec::new();
    let bands: Vec<Band> =
        bundle.facts().operations.iter().filter_map(|operation| band(operation, span)).collect();
    if !bands.is_empty() {
        lanes.push(Lane { name: "operations", bands, dots: Vec::new() });
    }
    let mut containers: BTreeMap<&str, Vec<Dot>> = BTreeMap::new();
    for event in bundle.facts().events.iter().filter(|event| event.kind == "container") {
        if let Some(dot) = dot(event, span) {
            let dots = containers.entry(&event.name).or_default();
            // Who ran out of memory also ended: one mark is enough.
            if dots.last().is_none_or(|last| last.kind != dot.kind || last.at < dot.at) {
                dots.push(dot);
            }
        }
    }
    let mut containers: Vec<(&str, Vec<Dot>)> = containers.into_iter().collect();
    let bad = |dots: &[Dot]| dots.iter().filter(|dot| dot.kind == "bad").count();
    containers.sort_by_key(|(_, dots)| std::cmp::Reverse(bad(dots)));
    lanes.extend(containers.into_iter().map(|(name, dots)| Lane { name, bands: Vec::new(), dots }));
    lanes.truncate(LANES);
    lanes
}

fn band(operation: &OperationFacts, span: Span) -> Option<Band> {
    let second = |at: &str| at.parse::<Timestamp>().ok().map(Timestamp::as_second);
    let began = second(&operation.began)?;
    let ended = operation.ended.as_deref().and_then(second).unwrap_or(span.to);
    let from = span.share(began.clamp(span.from, span.to)).filter(|_| ended >= span.from)?;
    let class = match operation.outcome.as_str() {
        "done" => "good",
        "rolled-back" | "paused" => "careful",
        _ => "bad",
    };
    let words =
        format!("{} {}: {}, from {}", operation.kind, operation.what, operation.outcome, operation.began);
    Some(Band { from, to: span.share(ended.clamp(span.from, span.to))?, class, words })
}

fn dot(event: &EngineEvent, span: Span) -> Option<Dot> {
    let at = span.share(event.at.parse::<Timestamp>().ok()?.as_second())?;
    let action = event.action.as_str();
    let (kind, mark) = match (action, event.exit_code) {
        ("oom", _) => ("bad", "✕"),
        ("die", Some(code)) if code != 0 => ("bad", "◆"),
        ("start" | "unpause", _) => ("good", "●"),
        (action, _) if action.contains("unhealthy") => ("bad", "▲"),
        ("die" | "stop" | "kill" | "pause" | "create" | "destroy" | "restart", _) => ("plain", "○"),
        (action, _) if action.starts_with("health_status") => ("plain", "○"),
        _ => return None,
    };
    let status = event.exit_code.map_or(String::new(), |code| format!(", status {code}"));
    Some(Dot { at, kind, mark, words: format!("{} {}{status}, {}", event.name, event.action, event.at) })
}

/// Whether there is anything to be marked in another plot.
pub(super) fn has_marks(bundle: &Bundle, span: Span) -> bool {
    lanes(bundle, span)
        .iter()
        .any(|lane| !lane.bands.is_empty() || lane.dots.iter().any(|dot| dot.kind == "bad"))
}

/// The moments of operations and of containers that ended, above another plot.
pub(super) fn marks(bundle: &Bundle, span: Span) -> Markup {
    let lanes = lanes(bundle, span);
    html! {
        @for lane in &lanes {
            @for band in &lane.bands {
                line.moment x1=(percent(band.from)) x2=(percent(band.from)) y1="10" y2="100%" {}
                text.dot.(band.class) x=(percent(band.from)) y="10" text-anchor="middle" { "▾" title { (band.words) } }
            }
            @for dot in lane.dots.iter().filter(|dot| dot.kind == "bad").take(MARKS) {
                text.dot.bad x=(percent(dot.at)) y="10" text-anchor="middle" { "◆" title { (dot.words) } }
            }
        }
    }
}
