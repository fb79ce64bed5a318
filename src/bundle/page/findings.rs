//! What was found: how bad, on what it rests, and what to do.

use maud::{Markup, html};

use super::anchors::Anchors;
use crate::bundle::findings::{Evidence, Finding, Severity};

/// Most findings that are shown.
const MOST: usize = 150;

/// Pieces of evidence that are seen at once.
const AT_ONCE: usize = 6;

pub(super) fn list(findings: &[Finding], anchors: &Anchors<'_>) -> Markup {
    html! {
        @if findings.is_empty() {
            p { "Nothing that is known to be trouble was found. What follows is everything that was collected." }
        }
        @for (number, finding) in findings.iter().take(MOST).enumerate() {
            (one(number, finding, findings, anchors))
        }
        @if findings.len() > MOST { p.quiet { "and " (findings.len() - MOST) " more, in findings.json" } }
    }
}

fn one(number: usize, finding: &Finding, findings: &[Finding], anchors: &Anchors<'_>) -> Markup {
    let cause = finding.because.as_ref().and_then(|id| {
        let number = findings.iter().position(|other| other.id == *id)?;
        Some((number, findings.get(number)?))
    });
    html! {
        article.finding.(finding.severity.word()).effect[cause.is_some()] id=(place(number)) data-find {
            @if cause.is_some() {
                details {
                    summary { (heading(finding)) }
                    (told(finding, cause, anchors))
                }
            } @else {
                (heading(finding))
                (told(finding, cause, anchors))
            }
        }
    }
}

fn heading(finding: &Finding) -> Markup {
    html! {
        h3 {
            span.badge { (mark(finding.severity)) " " (finding.severity.word()) }
            " "
            span.title { (finding.title) }
        }
    }
}

fn told(finding: &Finding, cause: Option<(usize, &Finding)>, anchors: &Anchors<'_>) -> Markup {
    html! {
        @if let Some((number, cause)) = cause {
            p.because { "Likely because of " a href=(format!("#{}", place(number))) { (cause.id) } ": " (cause.title) }
        }
        @if !finding.evidence.is_empty() { (evidence(&finding.evidence, anchors)) }
        @if !finding.remedies.is_empty() {
            h4 { "What to do" }
            ul.remedies { @for remedy in &finding.remedies { li { (in_words(remedy)) } } }
        }
        p.more {
            code { (finding.id) }
            @if let Some(entry) = finding.explain { " · " code { "opsctl explain " (entry) } " tells more" }
        }
    }
}

fn place(number: usize) -> String {
    format!("finding-{}", number + 1)
}

fn mark(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "✕",
        Severity::Warning => "!",
        Severity::Note => "·",
    }
}

fn evidence(evidence: &[Evidence], anchors: &Anchors<'_>) -> Markup {
    let (at_once, more) = evidence.split_at(evidence.len().min(AT_ONCE));
    html! {
        h4 { "Evidence" }
        ul.evidence { @for evidence in at_once { (piece(evidence, anchors)) } }
        @if !more.is_empty() {
            details {
                summary { (more.len()) " more" }
                ul.evidence { @for evidence in more.iter().take(60) { (piece(evidence, anchors)) } }
            }
        }
    }
}

fn piece(evidence: &Evidence, anchors: &Anchors<'_>) -> Markup {
    let line = evidence.line.map_or(String::new(), |line| format!(":{line}"));
    html! {
        li {
            span.said { (evidence.text) }
            " "
            a.where href=(anchors.link(&evidence.member, evidence.line)) { (evidence.member) (line) }
        }
    }
}

/// Text in which what is to be typed stands between backticks.
pub(super) fn in_words(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}
