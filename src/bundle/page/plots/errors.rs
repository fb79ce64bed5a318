//! Errors over time, by service, with what else happened then.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::axis::{self, Span};
use super::{figure, measure, percent, timeline};
use crate::bundle::read::Bundle;
use crate::report::quantity;

/// The height of the plot, in pixels.
const HEIGHT: f64 = 170.0;

/// Services that have a colour of their own; the others share one.
const COLOURS: usize = 6;

/// Errors of one service, by bin.
struct Series {
    name: String,
    total: u64,
    bins: BTreeMap<i64, u64>,
}

pub(super) fn plot(bundle: &Bundle, span: &Span) -> Option<Markup> {
    let bin = span.bin();
    let series = series(bundle, *span, bin);
    let total: u64 = series.iter().map(|series| series.total).sum();
    if bundle.logs().is_empty() {
        return None;
    }
    let most = most(&series);
    let top = nice(most);
    let words = match total {
        0 => "No log has an error in this time.".to_owned(),
        total => format!(
            "{} in {}, at most {} per {}.",
            quantity::counted(total, "error", "errors"),
            quantity::counted(series.len() as u64, "service", "services"),
            quantity::count(most),
            minutes(bin)
        ),
    };
    let body = html! {
        ul.legend {
            @for (index, series) in series.iter().enumerate() {
                li { svg.swatch width="12" height="12" aria-hidden="true" { rect.(colour(index)) width="12" height="12" {} } " " (series.name) " " span.quiet { (quantity::count(series.total)) } }
            }
            @if timeline::has_marks(bundle, *span) { li.quiet { "▾ operation begins, ◆ container ends" } }
        }
        div.chart {
            svg.left width="38" height=(HEIGHT) aria-hidden="true" {
                @for share in [0.0, 0.5, 1.0] {
                    text x="34" y=(format!("{:.1}", (HEIGHT - 12.0) * (1.0 - share) + 10.0)) text-anchor="end" { (tick(top, share)) }
                }
            }
            div {
                svg.plot width="100%" height=(HEIGHT) role="img" aria-label=(words) {
                    (axis::grid(*span))
                    @for share in [0.0, 0.5] {
                        line.grid x1="0" x2="100%" y1=(format!("{:.1}", HEIGHT * share + 0.5)) y2=(format!("{:.1}", HEIGHT * share + 0.5)) {}
                    }
                    line.base x1="0" x2="100%" y1=(HEIGHT - 0.5) y2=(HEIGHT - 0.5) {}
                    (bars(&series, *span, bin, top))
                    (timeline::marks(bundle, *span))
                }
                (axis::labels(*span))
            }
        }
        (in_numbers(&series, *span, bin))
    };
    Some(figure(&format!("Errors per {}, by service", minutes(bin)), &words, &body))
}

fn series(bundle: &Bundle, span: Span, bin: i64) -> Vec<Series> {
    let mut by_service: BTreeMap<&str, Series> = BTreeMap::new();
    for log in bundle.logs() {
        for at in log.errors().filter_map(|event| event.at) {
            let at = at.as_second();
            if span.share(at).is_some() {
                let series = by_service.entry(&log.service).or_insert_with(|| Series {
                    name: log.service.clone(),
                    total: 0,
                    bins: BTreeMap::new(),
                });
                series.total += 1;
                *series.bins.entry(at.div_euclid(bin) * bin).or_insert(0) += 1;
            }
        }
    }
    let mut series: Vec<Series> = by_service.into_values().collect();
    series.sort_by_key(|series| std::cmp::Reverse(series.total));
    let others: Vec<Series> = if series.len() > COLOURS { series.split_off(COLOURS - 1) } else { Vec::new() };
    let others = others.into_iter().reduce(|mut all, one| {
        all.total += one.total;
        for (at, count) in one.bins {
            *all.bins.entry(at).or_insert(0) += count;
        }
        "others".clone_into(&mut all.name);
        all
    });
    series.extend(others);
    series
}

fn most(series: &[Series]) -> u64 {
    let mut sums: BTreeMap<i64, u64> = BTreeMap::new();
    for (at, count) in series.iter().flat_map(|series| &series.bins) {
        *sums.entry(*at).or_insert(0) += count;
    }
    sums.into_values().max().unwrap_or(0)
}

/// The least of 2, 4, 6, 10, 20, 40, ... that is not below.
fn nice(most: u64) -> u64 {
    let mut unit = 1;
    loop {
        if let Some(step) = [2, 4, 6, 10].into_iter().map(|step| step * unit).find(|step| *step >= most) {
            return step;
        }
        unit *= 10;
    }
}

fn tick(top: u64, share: f64) -> String {
    match share {
        0.0 => "0".to_owned(),
        share if share < 1.0 => quantity::count(top / 2),
        _ => quantity::count(top),
    }
}

fn minutes(bin: i64) -> String {
    match bin {
        60 => "minute".to_owned(),
        bin if bin < 3600 => format!("{} minutes", bin / 60),
        3600 => "hour".to_owned(),
        bin => format!("{} hours", bin / 3600),
    }
}

fn colour(index: usize) -> String {
    format!("c{index}")
}

/// One bin of one service, stacked on those before it; heights and places in pixels from the bottom.
struct Block<'a> {
    series: &'a Series,
    colour: String,
    at: i64,
    count: u64,
    base: f64,
    height: f64,
}

fn blocks(series: &[Series], top: u64) -> Vec<Block<'_>> {
    let mut bases: BTreeMap<i64, f64> = BTreeMap::new();
    let mut blocks = Vec::new();
    for (index, series) in series.iter().enumerate() {
        for (&at, &count) in &series.bins {
            let base = bases.entry(at).or_insert(0.0);
            let height = measure(count) / measure(top) * (HEIGHT - 14.0);
            blocks.push(Block { series, colour: colour(index), at, count, base: *base, height });
            *base += height;
        }
    }
    blocks
}

fn bars(series: &[Series], span: Span, bin: i64, top: u64) -> Markup {
    let width = percent(span.share(span.from + bin).unwrap_or(1.0) * 0.86);
    html! {
        @for block in blocks(series, top) {
            rect.(block.colour) x=(percent(span.share(block.at).unwrap_or(0.0))) width=(width)
                y=(format!("{:.1}", HEIGHT - block.base - block.height)) height=(format!("{:.1}", block.height)) {
                title { (axis::label(block.at, span)) " " (block.series.name) ": " (quantity::count(block.count)) }
            }
        }
    }
}

/// The same as a table, for those who cannot see it.
fn in_numbers(series: &[Series], span: Span, bin: i64) -> Markup {
    let rows: BTreeMap<i64, Vec<String>> = series.iter().fold(BTreeMap::new(), |mut rows, series| {
        for (at, count) in &series.bins {
            let row: &mut Vec<String> = rows.entry(*at).or_default();
            row.push(format!("{count} {}", series.name));
        }
        rows
    });
    html! {
        @if !rows.is_empty() {
            details {
                summary { "In numbers" }
                (super::super::rows::table(&format!("Errors per {}", minutes(bin)), ["From", "Errors"], rows.into_iter().map(|(at, counts)| [
                    html! { (axis::label(at, span)) }, html! { (counts.join(", ")) },
                ])))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_ends_at_a_round_number() {
        assert_eq!([0, 1, 3, 5, 7, 11, 41, 99, 101].map(nice), [2, 2, 4, 6, 10, 20, 60, 100, 200]);
    }
}
