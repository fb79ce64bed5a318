//! The axis of time that plots share.

use jiff::Timestamp;
use maud::{Markup, html};

use super::percent;
use crate::bundle::read::Bundle;

/// What is longer ago than this is not on the axis, in seconds.
const LONGEST: i64 = 7 * 86_400;

/// An operation that went wrong less long ago than this belongs to the trouble, in seconds.
const RECENT: i64 = 86_400;

/// The least that is on the axis, in seconds.
const SHORTEST: i64 = 15 * 60;

/// Distances between ticks and widths of bins, in seconds.
const STEPS: [i64; 18] = [
    60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 14_400, 21_600, 43_200, 86_400, 172_800, 345_600,
    604_800, 1_209_600,
];

/// Most ticks; half of them are hidden on a narrow screen.
const TICKS: i64 = 7;

/// Most bins.
const BINS: i64 = 90;

/// A span of time, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Span {
    /// From the first trouble to the moment in which the bundle was made. What went well longer ago would only press it
    /// together: the tables have it.
    pub(super) fn of(bundle: &Bundle) -> Option<Self> {
        let to = bundle.created()?.as_second();
        let errors = bundle.logs().iter().flat_map(|log| log.errors().filter_map(|event| event.at));
        let events = bundle.facts().events.iter().filter_map(|event| event.at.parse().ok());
        let bad = bundle.facts().operations.iter().filter(|operation| operation.outcome != "done");
        let began = bad.filter_map(|operation| operation.began.parse::<Timestamp>().ok());
        let recent = began.filter(|began| to - began.as_second() < RECENT);
        let times = errors.chain(events).chain(recent).map(Timestamp::as_second);
        let first = times.filter(|at| (to - LONGEST..to).contains(at)).min().unwrap_or(to - SHORTEST);
        let margin = ((to - first) / 20).max(60);
        Some(Self { from: (first - margin).min(to - SHORTEST), to: to + margin / 2 })
    }

    /// Where a moment is, from 0 to 1; `None` outside.
    #[expect(clippy::cast_precision_loss, reason = "seconds of a week")]
    pub(super) fn share(self, at: i64) -> Option<f64> {
        (self.from..=self.to).contains(&at).then(|| (at - self.from) as f64 / (self.to - self.from) as f64)
    }

    /// The width of a bin, in seconds.
    pub(super) fn bin(self) -> i64 {
        self.step(BINS)
    }

    fn step(self, most: i64) -> i64 {
        let length = self.to - self.from;
        STEPS.into_iter().find(|step| length / step < most).unwrap_or(STEPS[STEPS.len() - 1])
    }

    fn ticks(self) -> Vec<i64> {
        let step = self.step(TICKS);
        (self.from.div_euclid(step) + 1..=self.to.div_euclid(step)).map(|number| number * step).collect()
    }
}

/// A moment in words: the day too, where the axis is longer than one.
pub(super) fn label(at: i64, span: Span) -> String {
    let format = if span.to - span.from > 86_400 { "%b %-d %H:%M" } else { "%H:%M" };
    Timestamp::from_second(at).map_or(String::new(), |at| at.strftime(format).to_string())
}

/// Vertical lines at the ticks.
pub(super) fn grid(span: Span) -> Markup {
    html! {
        @for at in span.ticks() {
            @if let Some(share) = span.share(at) {
                line.grid x1=(percent(share)) x2=(percent(share)) y1="0" y2="100%" {}
            }
        }
    }
}

/// The ticks' labels, below the plot.
pub(super) fn labels(span: Span) -> Markup {
    html! {
        svg.axis width="100%" height="20" aria-hidden="true" {
            @for (index, at) in span.ticks().into_iter().enumerate() {
                @if let Some(share) = span.share(at) {
                    text.odd[index % 2 == 1] x=(percent(share)) y="14" text-anchor=(anchor(share)) { (label(at, span)) }
                }
            }
        }
    }
}

/// So that no label leaves the plot.
fn anchor(share: f64) -> &'static str {
    match share {
        share if share < 0.06 => "start",
        share if share > 0.94 => "end",
        _ => "middle",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_and_ticks_fit_any_span() {
        for length in [SHORTEST, 3600, 5 * 3600, 86_400, 3 * 86_400, LONGEST * 2] {
            let span = Span { from: 1_773_450_123, to: 1_773_450_123 + length };
            assert!(
                (1..=TICKS).contains(&i64::try_from(span.ticks().len()).unwrap()),
                "{length}: {:?}",
                span.ticks()
            );
            assert!(length / span.bin() <= BINS, "{length}");
            assert_eq!((span.share(span.from), span.share(span.to + 1)), (Some(0.0), None));
        }
    }
}
