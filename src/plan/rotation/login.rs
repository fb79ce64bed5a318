//! The way back of a password, of which the server knows one at a time.

use super::{Among, Which, Window};
use crate::plan::Plan;
use crate::plan::step::Step;

/// What undoes the first `touched` steps of the rotation of a password.
///
/// Both values are kept until the very end, so that one of them lets opsctl in whatever the server takes by then. The settings
/// come first, with what is made from them before the server is asked; then the server; then the services.
pub(super) fn reversing(plan: &Plan, touched: usize) -> Vec<Step> {
    let touched = &plan.steps[..touched];
    let Some(Step::SetWindow { secret, window }) = touched.iter().find(|step| opens(step)) else {
        return Vec::new();
    };
    let old = window.old().clone();
    let set = |window: Window| Step::SetWindow { secret: secret.clone(), window };
    let close = set(Window::Closed { old: old.clone(), stays: super::Stays::Old });
    let turned = Window::Turned { old };
    let mut steps = vec![set(turned.clone())];
    for step in touched {
        match step {
            Step::Recreate { replicas, release, .. } => steps.push(Step::Recreate {
                replicas: replicas.clone(),
                release: release.clone(),
                which: Which::Changed,
            }),
            Step::ProveWindow { services, among, .. } => steps.push(Step::ProveWindow {
                secret: secret.clone(),
                window: turned.clone(),
                services: services.clone(),
                among: *among,
            }),
            Step::SetPassword { .. } | Step::PassGates { .. } | Step::TryKey { .. } => {
                steps.push(step.clone());
            }
            _ => {}
        }
    }
    if !touched.iter().any(|step| matches!(step, Step::Recreate { .. } | Step::SetPassword { .. })) {
        return vec![close];
    }
    // What was made anew last is proven on the way back as on the way on.
    if let Some(Step::Recreate { replicas, .. }) = steps.last() {
        let services = replicas.iter().map(|replicas| replicas.service.clone()).collect();
        let window = turned;
        steps.push(Step::ProveWindow { secret: secret.clone(), window, services, among: Among::Replicas });
    }
    // The services met a server that was started again, whether they were made anew or not.
    let gates = plan.steps.iter().find(|step| matches!(step, Step::PassGates { .. }));
    steps.extend(gates.filter(|gates| !steps.contains(gates)).cloned());
    steps.push(close);
    steps
}

fn opens(step: &Step) -> bool {
    matches!(step, Step::SetWindow { window: Window::Opened { .. }, .. })
}
