//! What `opsctl preflight` and `opsctl verify` found when the bundle was made.

use super::Severity::{Critical, Note, Warning};
use super::{Evidence, Finding, Severity};
use crate::bundle::contents::member;
use crate::bundle::read::{Bundle, CheckFacts};
use crate::explain::Entry;

/// Checks that do not hold. Those that another analyser says the same of are merged with it later.
pub(super) fn failing(bundle: &Bundle) -> Vec<Finding> {
    let facts = bundle.facts();
    let of = |member: &'static str, severity: Severity, checks: &'_ [CheckFacts]| {
        let failing = checks.iter().filter(|check| check.fails() && !is_about_certificate(check));
        failing.map(|check| of_check(bundle, member, severity, check)).collect::<Vec<_>>()
    };
    let mut findings = of(member::PREFLIGHT, Warning, &facts.preflight);
    findings.extend(of(member::VERIFY, Critical, &facts.verify));
    findings
}

fn of_check(bundle: &Bundle, member: &str, severity: Severity, check: &CheckFacts) -> Finding {
    let title = format!("check fails: {}: {}", check.id, check.evidence);
    let mut finding =
        Finding::new(format!("check-{}", check.id), severity, title).seen([evidence(bundle, member, check)]);
    finding.remedies.clone_from(&check.remedies);
    finding.explain = check.id.parse::<Entry>().ok().map(|entry| entry.id);
    finding
}

/// Checks that warn, all in one.
pub(super) fn warnings(bundle: &Bundle) -> Vec<Finding> {
    let facts = bundle.facts();
    let warned: Vec<(&str, &CheckFacts)> =
        [(member::PREFLIGHT, &facts.preflight), (member::VERIFY, &facts.verify)]
            .into_iter()
            .flat_map(|(member, checks)| checks.iter().map(move |check| (member, check)))
            .filter(|(_, check)| check.warns() && !is_about_certificate(check))
            .collect();
    if warned.is_empty() {
        return Vec::new();
    }
    let ids: Vec<String> = warned.iter().map(|(_, check)| check.id.clone()).collect();
    let mut finding =
        Finding::new("check-warnings", Note, format!("checks warn: {}", super::search::listed(&ids)))
            .seen(warned.iter().map(|(member, check)| evidence(bundle, member, check)));
    finding.remedies = warned.iter().filter_map(|(_, check)| check.remedies.first().cloned()).collect();
    vec![finding]
}

/// Certificates that end soon, which the check of the way to the database finds.
pub(super) fn certificate(bundle: &Bundle) -> Vec<Finding> {
    let checks = bundle.facts().preflight.iter();
    checks
        .filter(|check| is_about_certificate(check))
        .map(|check| {
            let severity = if check.fails() { Critical } else { Warning };
            let mut finding =
                Finding::new("certificate-expiring", severity, format!("certificate: {}", check.evidence))
                    .seen([evidence(bundle, member::PREFLIGHT, check)]);
            finding.remedies.clone_from(&check.remedies);
            finding
                .remedies
                .push("renew it where it comes from, then reload the server that shows it".to_owned());
            finding.explained("db-tls")
        })
        .collect()
}

fn is_about_certificate(check: &CheckFacts) -> bool {
    let evidence = check.evidence.to_lowercase();
    (check.fails() || check.warns())
        && evidence.contains("certificate")
        && ["expire", "valid until", "ends", "days", "ended", "ran out"]
            .iter()
            .any(|word| evidence.contains(word))
}

pub(super) fn evidence(bundle: &Bundle, member: &str, check: &CheckFacts) -> Evidence {
    let line = bundle.line_of(member, &[&format!("\"{}\"", check.id)]);
    Evidence::new(member, line, format!("{}: {}", check.id, check.evidence))
}
