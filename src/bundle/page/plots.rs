//! Plots, where people would rather look than read.
//!
//! All are drawn with SVG that has no coordinates of its own but percent, so that text keeps its size on any screen; each
//! also says in words what it shows.

mod axis;
mod bars;
mod errors;
mod timeline;

use maud::{Markup, html};

use crate::bundle::read::Bundle;
use axis::Span;

/// All plots for which there is something to show.
pub(super) fn all(bundle: &Bundle) -> Option<Markup> {
    let span = Span::of(bundle);
    let over_time: Vec<Markup> = span
        .iter()
        .flat_map(|span| [errors::plot(bundle, span), timeline::plot(bundle, span)])
        .flatten()
        .collect();
    let bars: Vec<Markup> = [bars::connections(bundle), bars::disks(bundle), bars::tables(bundle)]
        .into_iter()
        .flatten()
        .collect();
    (!over_time.is_empty() || !bars.is_empty()).then(|| {
        html! {
            @for plot in over_time { (plot) }
            div.beside { @for plot in bars { (plot) } }
        }
    })
}

/// A share in percent of the width, as SVG takes it.
fn percent(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}

/// A number as a measure; that it is not exact beyond 2^53 does not show.
#[expect(clippy::cast_precision_loss, reason = "a plot is not that exact")]
fn measure(number: u64) -> f64 {
    number as f64
}

/// A figure with its heading and what it says in words.
fn figure(heading: &str, words: &str, body: &Markup) -> Markup {
    html! {
        figure data-find {
            figcaption { h3 { (heading) } p.quiet { (words) } }
            (body)
        }
    }
}
