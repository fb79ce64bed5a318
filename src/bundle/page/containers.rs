//! Containers, and what the product answered when it was asked.

use maud::{Markup, html};

use super::anchors::Anchors;
use super::glance;
use super::rows::{self, code, pairs, state, text, time_or_none};
use crate::bundle::contents::{Answer, ContainerFacts};
use crate::bundle::read::Bundle;
use crate::report::quantity;

/// Most containers of which everything is shown.
const MOST: usize = 60;

pub(super) fn heading(bundle: &Bundle) -> &'static str {
    if bundle.is_of_a_process() { "Processes" } else { "Containers" }
}

pub(super) fn table(bundle: &Bundle, anchors: &Anchors<'_>) -> Option<Markup> {
    let containers = &bundle.facts().containers;
    if containers.is_empty() {
        return None;
    }
    let (heading, each) = if bundle.is_of_a_process() {
        ("Processes, also those that ended", "Process")
    } else {
        ("Containers of the project, also those that ended", "Container")
    };
    let table = rows::table(
        heading,
        [each, "State", "Exit", "Restarts", "Started", "Ended", "Image"],
        containers.iter().map(|container| row(bundle, container, anchors)),
    );
    Some(html! {
        (table)
        @for container in containers.iter().take(MOST) { (details(container)) }
    })
}

fn row(bundle: &Bundle, container: &ContainerFacts, anchors: &Anchors<'_>) -> [Markup; 7] {
    let (kind, word) = glance::standing(container);
    let log = bundle.log_of(&container.name, container.service.as_deref());
    [
        html! {
            (code(&container.name))
            @if container.one_off { " " span.quiet { "one-off" } }
            @if let Some(log) = log { " " a.where href=(anchors.link(&log.member, None)) { "log" } }
        },
        state(kind, &word),
        html! { (container.exit_code.map_or(String::new(), |code| code.to_string())) },
        html! { (container.restarts) },
        time_or_none(container.started.as_ref()),
        time_or_none(container.finished.as_ref()),
        code(&container.image),
    ]
}

fn details(container: &ContainerFacts) -> Markup {
    let limit = container.memory_limit.filter(|limit| *limit > 0);
    html! {
        details data-group {
            summary { "More of " (code(&container.name)) }
            (pairs([
                ("Service", html! { (container.service.clone().unwrap_or_default()) }),
                ("Identifier", code(&container.id)),
                ("Image", html! { (code(&container.image)) " " (code(&container.image_id)) }),
                ("Memory limit", html! { (limit.map_or("none".to_owned(), quantity::bytes)) }),
                ("Restart policy", html! { (container.restart_policy) }),
                ("Networks", text(&container.networks.join(", "))),
                ("Ports", text(&container.ports.join(", "))),
                ("Error of the engine", text(container.error.as_deref().unwrap_or("none"))),
            ]))
            @if !container.health_log.is_empty() {
                (rows::table("Last answers of its health check", ["When", "Status", "It said"], container.health_log.iter().map(|probe| [
                    rows::time(&probe.at), html! { (probe.exit_code) }, text(&probe.output),
                ])))
            }
            @if !container.environment.is_empty() {
                (rows::table("Variables, with fingerprints of their values", ["Variable", "Fingerprint"], container.environment.iter().map(|(name, print)| [
                    code(name), code(print),
                ])))
            }
        }
    }
}

pub(super) fn answers(bundle: &Bundle) -> Option<Markup> {
    let answers = &bundle.facts().answers;
    (!answers.is_empty()).then(|| {
        let headings = ["Instance", "Path", "Status", "Took", "Answer"];
        rows::table("What its addresses answered", headings, answers.iter().map(answer))
    })
}

fn answer(answer: &Answer) -> [Markup; 5] {
    let (kind, word) = match answer.status {
        Some(status @ 200..400) => ("good", status.to_string()),
        Some(status @ 500..) => ("bad", status.to_string()),
        Some(status) => ("careful", status.to_string()),
        None => ("bad", "no answer".to_owned()),
    };
    let body = answer.body.as_ref().map(|body| body.as_str().map_or_else(|| body.to_string(), str::to_owned));
    [
        code(&answer.instance),
        code(&answer.path),
        state(kind, &word),
        html! { (answer.took_ms) " ms" },
        text(answer.error.as_deref().or(body.as_deref()).unwrap_or_default()),
    ]
}
