//! What the product answered when it was asked.

use super::Severity::{Critical, Warning};
use super::{Evidence, Finding};
use crate::bundle::contents::{Answer, member};
use crate::bundle::read::Bundle;

/// An answer that takes longer than this is none for a load balancer, in milliseconds.
const SLOW: u64 = 3_000;

/// Instances that are not ready, or do not answer.
pub(super) fn not_ready(bundle: &Bundle) -> Vec<Finding> {
    let answers = &bundle.facts().answers;
    let mut services: Vec<String> = answers.iter().map(|answer| answer.service.clone()).collect();
    services.sort();
    services.dedup();
    services
        .into_iter()
        .filter_map(|service| {
            let of_it = || answers.iter().filter(|answer| answer.service == service);
            let bad: Vec<&Answer> = of_it().filter(|answer| is_bad(answer)).collect();
            let slow: Vec<&Answer> = of_it().filter(|answer| answer.took_ms >= SLOW && !is_bad(answer)).collect();
            let (severity, title, shown) = match (bad.as_slice(), slow.as_slice()) {
                ([], []) => return None,
                ([], slow) => (Warning, format!("slow answers: {service} takes seconds to answer"), slow),
                (bad, _) if bad.iter().all(|answer| answer.status.is_none()) => {
                    (Critical, format!("no answer: {service} cannot be reached"), bad)
                }
                (bad, _) => (Critical, format!("not ready: {service} answers with errors"), bad),
            };
            let finding = Finding::new("not-ready", severity, title)
                .about([service.clone()])
                .seen(shown.iter().take(4).map(|answer| evidence(bundle, answer)))
                .remedy("an instance that lives but is not ready mostly lacks its database: look at the database's findings and its log")
                .explained("product-health");
            Some(finding)
        })
        .collect()
}

/// Health and readiness; others may need a key, or not exist in this release.
fn is_bad(answer: &Answer) -> bool {
    let is_health = ["health", "ready", "live"].iter().any(|word| answer.path.contains(word));
    match answer.status {
        Some(status) => {
            status >= 500 || is_health && !(200..400).contains(&status) && !matches!(status, 401 | 403 | 404)
        }
        None => is_health && answer.error.is_some(),
    }
}

fn evidence(bundle: &Bundle, answer: &Answer) -> Evidence {
    let marks = [format!("\"instance\": \"{}\"", answer.instance), format!("\"path\": \"{}\"", answer.path)];
    let line = bundle.line_of(member::ANSWERS, &[&marks[0], &marks[1]]);
    let said = match (answer.status, &answer.error) {
        (Some(status), _) => format!("status {status} after {} ms", answer.took_ms),
        (None, Some(error)) => format!("no answer: {error}"),
        (None, None) => "no answer".to_owned(),
    };
    let body = answer.body.as_ref().filter(|_| answer.status.is_some_and(|status| status >= 400));
    let body = body.map_or(String::new(), |body| format!(": {body}"));
    Evidence::new(member::ANSWERS, line, format!("{} {}: {said}{body}", answer.instance, answer.path))
}
