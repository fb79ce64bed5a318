//! `opsctl preflight` and `opsctl verify`, as far as they only look.

use crate::bundle::contents::member;
use crate::commands::{preflight as preflighting, verify as verifying};
use crate::preflight::{Check, Kind};

use super::collect::{Gathered, Outcome};
use super::scene::{Desk, Examined};

pub(super) async fn preflight(desk: &Desk<'_>) -> Outcome {
    let checks =
        |runtime| Check::preflight().filter(move |check| check.is_for(runtime)).collect::<Vec<Check>>();
    let findings = match &desk.scene.examined {
        Examined::Compose(project) => preflighting::findings(&project.survey, &checks(Kind::Compose)).await,
        Examined::Process(survey) => preflighting::findings(survey.as_ref(), &checks(Kind::Process)).await,
    };
    desk.json(member::PREFLIGHT, &findings).await?;
    Ok(Gathered::Whole)
}

pub(super) async fn verify(desk: &Desk<'_>) -> Outcome {
    let findings = match &desk.scene.examined {
        Examined::Compose(project) => {
            verifying::at_a_glance(&project.survey, &project.own_session().await).await
        }
        Examined::Process(survey) => verifying::process::at_a_glance(survey).await,
    };
    desk.json(member::VERIFY, &findings).await?;
    Ok(Gathered::Whole)
}
