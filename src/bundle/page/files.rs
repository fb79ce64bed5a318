//! Logs and all other members, line by line: each line has a place of its own, so that findings can point to it.

use maud::{Markup, html};

use super::anchors::{Anchors, beside};
use super::shown::{LONGEST, Shown, ShownMember};
use crate::bundle::contents::member;
use crate::bundle::log::Level;
use crate::bundle::read::Bundle;
use crate::report::quantity;

/// Logs, with how many errors and warnings each has.
pub(super) fn logs(bundle: &Bundle, anchors: &Anchors<'_>, shown: &Shown<'_>) -> Option<Markup> {
    let logs: Vec<&ShownMember<'_>> =
        shown.members.iter().filter(|shown| shown.path.starts_with(member::LOGS)).collect();
    (!logs.is_empty()).then(|| {
        html! {
            p.quiet { "Errors are marked ✕ and warnings !, by what each line says of itself." }
            label.only { input id="only" type="checkbox"; " Only warnings and errors" }
            @for shown in logs {
                @let log = bundle.logs().iter().find(|log| log.member == shown.path);
                @let errors = log.map_or(0, |log| log.errors().count());
                (file(anchors, shown, &quantity::counted(errors as u64, "error", "errors")))
            }
        }
    })
}

/// The environment file, with what is secret masked.
pub(super) fn environment(anchors: &Anchors<'_>, shown: &Shown<'_>) -> Option<Markup> {
    let environment = shown.members.iter().find(|shown| shown.path == member::ENVIRONMENT)?;
    Some(file(anchors, environment, "what is secret is masked"))
}

/// All other members.
pub(super) fn others(anchors: &Anchors<'_>, shown: &Shown<'_>) -> Option<Markup> {
    let is_other = |path: &str| !path.starts_with(member::LOGS) && path != member::ENVIRONMENT;
    let others = || shown.members.iter().filter(|shown| is_other(shown.path));
    others().next().is_some().then(|| {
        html! { @for shown in others() { (file(anchors, shown, "")) } }
    })
}

fn file(anchors: &Anchors<'_>, shown: &ShownMember<'_>, note: &str) -> Markup {
    let place = anchors.member(shown.path).unwrap_or_default();
    html! {
        details.file data-group id=(place) {
            summary {
                code { (shown.path) }
                " " span.quiet { (quantity::bytes(shown.content.size())) ", " (quantity::counted(shown.content.line_count() as u64, "line", "lines")) }
                @if !note.is_empty() { " " span.quiet { "· " (note) } }
            }
            p.quiet { a href=(beside(shown.path)) { "the file itself" } ", where this page lies in the unpacked bundle" }
            div.lines tabindex="0" role="region" aria-label=(shown.path) { (lines(&place, shown)) }
        }
    }
}

fn lines(place: &str, shown: &ShownMember<'_>) -> Markup {
    let before = std::iter::once(0).chain(shown.lines.iter().copied());
    let last = shown.lines.last().copied().unwrap_or(0);
    html! {
        @for (before, &number) in before.zip(&shown.lines) {
            (gap(number - before - 1))
            (line(place, number, shown))
        }
        (gap(shown.content.line_count() - last))
    }
}

fn gap(count: usize) -> Markup {
    html! { @if count > 0 { p.gap { "… " (quantity::counted(count as u64, "line", "lines")) " not shown" } } }
}

fn line(place: &str, number: usize, shown: &ShownMember<'_>) -> Markup {
    let text = shown.content.line(number).unwrap_or_default();
    let class = match shown.levels.get(&number) {
        Some(Level::Fatal | Level::Error) => "l e",
        Some(Level::Warning) => "l w",
        Some(Level::Debug | Level::Trace) => "l d",
        _ => "l",
    };
    let id = format!("{place}-{number}");
    html! {
        div class=(class) id=(id) {
            a href=(format!("#{id}")) { (number) }
            @match text.char_indices().nth(LONGEST) {
                Some((end, _)) => { (text[..end]) "… (" (text.len()) " bytes)" }
                None => (text)
            }
        }
    }
}
