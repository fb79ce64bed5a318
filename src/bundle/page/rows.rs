//! Tables, times and names as all parts of the page show them.

use jiff::Timestamp;
use maud::{Markup, html};

/// Most rows of a table.
const MOST: usize = 300;

/// Most characters of a cell.
const CELL: usize = 600;

/// A table that is read row by row, and whose rows can be searched. On a narrow screen each row becomes a card, in which
/// the headings stand before the cells.
pub(super) fn table<const N: usize>(
    caption: &str,
    headings: [&str; N],
    rows: impl IntoIterator<Item = [Markup; N]>,
) -> Markup {
    let mut rows = rows.into_iter();
    let shown: Vec<[Markup; N]> = rows.by_ref().take(MOST).collect();
    let more = rows.count();
    html! {
        table.rows {
            caption { (caption) }
            thead { tr { @for heading in headings { th scope="col" { (heading) } } } }
            tbody {
                @for row in &shown {
                    tr data-find {
                        @for (cell, heading) in row.iter().zip(headings) { td data-heading=(heading) { (cell) } }
                    }
                }
            }
        }
        @if more > 0 { p.quiet { "and " (more) " more, in the file itself" } }
    }
}

/// A list of what is said of one thing.
pub(super) fn pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, Markup)>) -> Markup {
    html! {
        dl.pairs {
            @for (name, value) in pairs.into_iter().take(MOST) {
                div data-find { dt { (name) } dd { (value) } }
            }
        }
    }
}

/// Text, cut where it is very long.
pub(super) fn text(text: &str) -> Markup {
    let end = text.char_indices().nth(CELL).map(|(end, _)| end);
    html! { (text[..end.unwrap_or(text.len())]) @if end.is_some() { "…" } }
}

/// A name as it is typed.
pub(super) fn code(name: &str) -> Markup {
    html! { code { (text(name)) } }
}

/// A time, to the second.
pub(super) fn time(at: &str) -> Markup {
    match at.parse::<Timestamp>() {
        Ok(time) => {
            let shown = time.strftime("%Y-%m-%d %H:%M:%S").to_string();
            html! { time datetime=(at) { (shown) } }
        }
        Err(_) => text(at),
    }
}

/// A time that may be unknown.
pub(super) fn time_or_none(at: Option<&String>) -> Markup {
    at.map_or(html! { "" }, |at| time(at))
}

/// How something is, in a word with a mark: never by colour alone.
pub(super) fn state(kind: &str, word: &str) -> Markup {
    let mark = match kind {
        "good" => "✓",
        "bad" => "✕",
        "careful" => "!",
        _ => "·",
    };
    html! { span class=(format!("state {kind}")) { span.mark aria-hidden="true" { (mark) } " " (word) } }
}
