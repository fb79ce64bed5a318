//! What `opsctl preflight` and `opsctl verify` found.

use maud::{Markup, html};

use super::findings::in_words;
use super::rows::{self, code, state, text};
use crate::bundle::read::{Bundle, CheckFacts};

pub(super) fn all(bundle: &Bundle) -> Option<Markup> {
    let facts = bundle.facts();
    let both = [("opsctl preflight", &facts.preflight), ("opsctl verify", &facts.verify)];
    both.iter().any(|(_, checks)| !checks.is_empty()).then(|| {
        html! {
            @for (caption, checks) in both.into_iter().filter(|(_, checks)| !checks.is_empty()) {
                (rows::table(caption, ["", "Check", "Found", "What to do"], in_order(checks).into_iter().map(row)))
            }
        }
    })
}

/// What fails first.
fn in_order(checks: &[CheckFacts]) -> Vec<&CheckFacts> {
    let mut checks: Vec<&CheckFacts> = checks.iter().collect();
    checks.sort_by_key(|check| (!check.fails(), !check.warns(), check.status == "skipped"));
    checks
}

fn row(check: &CheckFacts) -> [Markup; 4] {
    let standing = match check.status.as_str() {
        "pass" => state("good", "ok"),
        "warn" => state("careful", "warns"),
        "fail" => state("bad", "fails"),
        _ => state("plain", "skipped"),
    };
    let remedies = html! { @for remedy in check.remedies.iter().take(6) { p { (in_words(remedy)) } } };
    [standing, code(&check.id), text(&check.evidence), remedies]
}
