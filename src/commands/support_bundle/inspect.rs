//! `opsctl support-bundle inspect`: what can be told from a bundle, without an install.

use std::fmt::Write as _;

use serde_json::json;

use crate::adapters::bundle_files;
use crate::adapters::files::{self, Mode};
use crate::bundle::contents::member;
use crate::bundle::findings::{Finding, Severity, findings};
use crate::bundle::page;
use crate::bundle::read::Bundle;
use crate::cli::BundleInspect;
use crate::commands::context::Outcome;
use crate::error::{Failure, Fault};
use crate::report::quantity;

/// Says what was found. That something was found is no failure: it is what was asked for.
pub(super) fn run(asked: &BundleInspect) -> Result<Outcome, Failure> {
    let bundle = bundle_files::open(&asked.bundle).map_err(Fault::from)?;
    let found = findings(&bundle);
    if let Some(file) = &asked.page {
        files::replace(file, page::render(&bundle, &found).as_bytes(), Mode::KeepOr(0o600))
            .map_err(|error| Fault::caused_by("cannot write the page", &error))?;
    }
    let manifest = &bundle.facts().manifest;
    let data = json!({"bundle": bundle.name(), "schema": manifest.schema, "created": manifest.created,
        "product": manifest.product, "release": manifest.release, "database_mode": manifest.database_mode,
        "findings": found, "troubles": bundle.facts().troubles, "page": asked.page});
    Ok(Outcome::new(screen(&bundle, &found), data))
}

fn screen(bundle: &Bundle, found: &[Finding]) -> String {
    let manifest = &bundle.facts().manifest;
    let release = manifest.release.as_deref().map_or(String::new(), |release| format!(" {release}"));
    let mode = manifest.database_mode.as_deref().map_or(String::new(), |mode| format!(", {mode} database"));
    let mut text = if bundle.member(member::MANIFEST).is_some() {
        format!("{}: {}{release}{mode}, made {}\n", bundle.name(), manifest.product, manifest.created)
    } else {
        format!("{}: without its manifest, so that neither product nor time is known\n", bundle.name())
    };
    for finding in found {
        let _ = write!(text, "\n{}", one(finding));
    }
    let count = |severity| found.iter().filter(|finding| finding.severity == severity).count() as u64;
    let _ = write!(
        text,
        "\n{} critical, {}, {}",
        count(Severity::Critical),
        quantity::counted(count(Severity::Warning), "warning", "warnings"),
        quantity::counted(count(Severity::Note), "note", "notes")
    );
    printable(&text)
}

fn one(finding: &Finding) -> String {
    let mut text = format!("{:9} {}\n", finding.severity.word(), finding.title);
    if let Some(because) = &finding.because {
        let _ = writeln!(text, "          likely because of {because}");
    }
    for evidence in &finding.evidence {
        let line = evidence.line.map_or(String::new(), |line| format!(":{line}"));
        let _ = writeln!(text, "          | {}{line}  {}", evidence.member, evidence.text);
    }
    for remedy in &finding.remedies {
        let _ = writeln!(text, "          -> {remedy}");
    }
    let explain =
        finding.explain.map_or(String::new(), |entry| format!("; `opsctl explain {entry}` tells more"));
    let _ = writeln!(text, "          [{}]{explain}", finding.id);
    text
}

/// A stranger's log must not steer the terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|character| if character.is_control() && character != '\n' { '\u{fffd}' } else { character })
        .collect()
}
