//! The head of the page: what this is, and how it stands, at one glance.

use maud::{Markup, html};

use super::rows;
use crate::bundle::contents::ContainerFacts;
use crate::bundle::findings::{Finding, Severity};
use crate::bundle::read::Bundle;

/// Most services that are named.
const SERVICES: usize = 24;

/// The product's name for people, else for programs.
pub(super) fn title(bundle: &Bundle) -> &str {
    let manifest = &bundle.facts().manifest;
    let names = [&manifest.title, &manifest.product];
    names.into_iter().find(|name| !name.is_empty()).map_or("A product", String::as_str)
}

pub(super) fn header(bundle: &Bundle, findings: &[Finding]) -> Markup {
    let manifest = &bundle.facts().manifest;
    let unknown = || "not known".to_owned();
    html! {
        header {
            div.bar {
                p.kind { "Support bundle" }
                div.tools {
                    search {
                        label {
                            span.hidden { "Search" }
                            input id="search" type="search" placeholder="Search everything" autocomplete="off" spellcheck="false";
                        }
                        output id="matches" for="search" {}
                    }
                    button id="theme" type="button" aria-label="Light or dark" title="Light or dark" { span aria-hidden="true" { "◐" } }
                }
            }
            h1 { (title(bundle)) @if let Some(release) = &manifest.release { " " span.release { (release) } } }
            (tally(findings))
            dl.glance {
                div { dt { "Made" } dd { (rows::time(&manifest.created)) " UTC" } }
                div { dt { "Database" } dd { (manifest.database_mode.clone().unwrap_or_else(unknown)) } }
                @if let Some(server) = &bundle.facts().server { div { dt { "PostgreSQL" } dd { (server.version) } } }
                @if let Some(host) = &bundle.facts().host { div { dt { "System" } dd { (host.os) } } }
                @if let Some(image) = &manifest.image { div.wide { dt { "Image" } dd { (rows::code(image)) } } }
            }
            (services(bundle))
        }
    }
}

fn tally(findings: &[Finding]) -> Markup {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let counts = [
        (count(Severity::Critical), "bad", "critical"),
        (
            count(Severity::Warning),
            "careful",
            if count(Severity::Warning) == 1 { "warning" } else { "warnings" },
        ),
        (count(Severity::Note), "plain", if count(Severity::Note) == 1 { "note" } else { "notes" }),
    ];
    html! {
        p.tally {
            @if findings.is_empty() { (rows::state("good", "nothing found that is out of order")) }
            @for (count, kind, word) in counts.into_iter().filter(|(count, ..)| *count > 0) {
                (rows::state(kind, &format!("{count} {word}")))
            }
        }
    }
}

/// What is up.
fn services(bundle: &Bundle) -> Markup {
    let containers = bundle.facts().containers.iter().filter(|container| !container.one_off);
    let containers: Vec<&ContainerFacts> = containers.take(SERVICES).collect();
    html! {
        @if !containers.is_empty() {
            ul.services aria-label="Services" {
                @for container in containers {
                    @let (kind, word) = standing(container);
                    li { span.name { (container.name) } " " (rows::state(kind, &word)) }
                }
            }
        }
    }
}

/// How a container stands: well, badly, or on its way.
pub(super) fn standing(container: &ContainerFacts) -> (&'static str, String) {
    match (container.state.as_str(), container.health.as_deref(), container.exit_code) {
        ("running", Some("healthy"), _) => ("good", "healthy".into()),
        ("running", Some("unhealthy"), _) => ("bad", "unhealthy".into()),
        ("running", Some(health), _) => ("careful", health.into()),
        ("running", None, _) => ("good", "running".into()),
        (_, _, _) if container.oom_killed => ("bad", "out of memory".into()),
        ("exited", _, Some(0)) => ("plain", "ended".into()),
        ("exited", _, Some(code)) => ("bad", format!("exit {code}")),
        ("restarting" | "dead", ..) => ("bad", container.state.clone()),
        (state, ..) => ("careful", state.into()),
    }
}

pub(super) fn footer(bundle: &Bundle) -> Markup {
    let manifest = &bundle.facts().manifest;
    html! {
        footer {
            p {
                (bundle.name()) ", schema " (manifest.schema) ", made by opsctl " (manifest.tool)
                "; this page by opsctl " (env!("CARGO_PKG_VERSION")) ". All times are UTC. Nothing on this page is loaded from anywhere."
            }
        }
    }
}
