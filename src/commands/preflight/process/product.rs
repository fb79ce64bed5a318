//! Looking at the process and at its release.

use super::{ProcessSurvey, logs_typed};
use crate::adapters::machine;
use crate::adapters::release_link;
use crate::commands::preflight::host::failing;
use crate::model::release::Version;
use crate::plan::step::Step;
use crate::preflight::Judgement;
use crate::preflight::product as judge;
use crate::preflight::release::{self, Folder, Noted, Program};
use crate::profile::ProcessProfile;

/// The release that is selected, else the one that runs.
fn selected(survey: &ProcessSurvey<'_>) -> Result<Version, Judgement> {
    if let Some(version) = release_link::selected(&survey.place.dir) {
        return Ok(version);
    }
    let run = survey.run()?;
    run.map(|run| run.version).ok_or_else(|| Judgement::skipped("no release is selected, and nothing runs"))
}

async fn program(survey: &ProcessSurvey<'_>) -> Result<(Version, Program), Judgement> {
    let version = selected(survey)?;
    let program = survey.services().await?.program(&version);
    Ok((version, program))
}

pub(super) async fn present(survey: &ProcessSurvey<'_>) -> Judgement {
    match program(survey).await {
        Ok((version, program)) => {
            let folder = ProcessProfile::release_dir(&survey.place.dir, &version);
            let folder = Folder {
                path: folder.display().to_string(),
                is_there: folder.is_dir(),
                has_source: survey.profile.runtime.source.is_some(),
            };
            release::present(version.as_str(), &folder, &program)
        }
        Err(skipped) => skipped,
    }
}

pub(super) async fn architecture(survey: &ProcessSurvey<'_>) -> Judgement {
    match program(survey).await {
        Ok((_, program)) => release::architecture(&program, &machine::facts().architecture),
        Err(skipped) => skipped,
    }
}

pub(super) async fn told_version(survey: &ProcessSurvey<'_>) -> Judgement {
    let (version, services) = match (selected(survey), survey.services().await) {
        (Ok(version), Ok(services)) => (version, services),
        (Err(skipped), _) | (_, Err(skipped)) => return skipped,
    };
    release::version(version.as_str(), services.version_told(&version).await.as_ref())
}

/// Compared with what was brought, else with what the process was started from, or an operation found to be the release.
pub(super) async fn whole(survey: &ProcessSurvey<'_>) -> Judgement {
    let (version, run) = match (selected(survey), survey.run()) {
        (Ok(version), Ok(run)) => (version, run),
        (Err(skipped), _) | (_, Err(skipped)) => return skipped,
    };
    let releases = match survey.services().await {
        Ok(services) => services.releases,
        Err(skipped) => return skipped,
    };
    if !releases.dir(&version).is_dir() {
        return Judgement::skipped("see release-present: it is not here");
    }
    let content = match releases.content_id(&version).await {
        Ok(content) => content,
        Err(fault) => return failing(&fault),
    };
    let by_run = run.filter(|run| run.version == version);
    let noted = releases
        .as_brought(&version)
        .map(|(content, at)| Noted {
            content,
            at: format!("its arrival, {}", at.strftime("%Y-%m-%d %H:%M UTC")),
        })
        .or_else(|| {
            by_run.map(|run| Noted { content: run.content, at: "the start of the process".to_owned() })
        })
        .or_else(|| by_operation(survey, &version));
    release::whole(version.as_str(), &content, noted.as_ref())
}

/// What the last operation that selected the release knew of it.
fn by_operation(survey: &ProcessSurvey<'_>, version: &Version) -> Option<Noted> {
    let past = survey.place.state.operations().ok()?;
    past.iter().rev().find_map(|past| {
        let steps = &past.progress.as_ref().ok()?.planned.plan.steps;
        let release = steps.iter().find_map(|step| match step {
            Step::SelectRelease { release, .. } if release.version == *version => Some(release),
            _ => None,
        })?;
        Some(Noted { content: release.image_id.clone()?, at: past.id.to_string() })
    })
}

pub(super) async fn health(survey: &ProcessSurvey<'_>) -> Judgement {
    let (found, services) = match (survey.found().await, survey.services().await) {
        (Ok(found), Ok(services)) => (found, services),
        (Err(skipped), _) | (_, Err(skipped)) => return skipped,
    };
    judge::health(found.trouble.as_deref(), found.running.len(), &logs_typed(&services))
}

pub(super) async fn version(survey: &ProcessSurvey<'_>) -> Judgement {
    match survey.found().await {
        Ok(found) => judge::version(&found.release.to_string(), &found.drift),
        Err(skipped) => skipped,
    }
}
