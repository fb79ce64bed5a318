//! `opsctl preflight` and `opsctl verify`, as far as they only look.

use crate::bundle::contents::member;
use crate::commands::{preflight as preflighting, verify as verifying};
use crate::preflight::Check;

use super::collect::{Gathered, Outcome};
use super::scene::Desk;

pub(super) async fn preflight(desk: &Desk<'_>) -> Outcome {
    let checks: Vec<Check> = Check::preflight().collect();
    let findings = preflighting::findings(&desk.scene.survey, &checks).await;
    desk.json(member::PREFLIGHT, &findings).await?;
    Ok(Gathered::Whole)
}

pub(super) async fn verify(desk: &Desk<'_>) -> Outcome {
    let session = desk.scene.own_session().await;
    let findings = verifying::at_a_glance(&desk.scene.survey, &session).await;
    desk.json(member::VERIFY, &findings).await?;
    Ok(Gathered::Whole)
}
