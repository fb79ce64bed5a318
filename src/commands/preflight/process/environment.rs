//! Looking at the environment file, and at what the process was given of it.

use std::collections::{BTreeMap, BTreeSet};

use super::ProcessSurvey;
use crate::adapters::holders;
use crate::commands::preflight::environment::{OWN, example, named_in_example, with_process};
use crate::env_file::VariableName;
use crate::model::redaction::names_a_secret;
use crate::model::secret::Secret;
use crate::preflight::Judgement;
use crate::preflight::environment::{self as judge, Settings, Stale};
use crate::profile::{SecretKind, SecretVariable, VariableKind};

pub(super) fn required(survey: &ProcessSurvey<'_>) -> Judgement {
    let settings = match survey.settings() {
        Ok(settings) => settings,
        Err(skipped) => return skipped,
    };
    let example = example(survey);
    judge::required(example.as_ref(), &with_process(survey, settings, example.as_ref()), &BTreeSet::new())
}

pub(super) fn names(survey: &ProcessSurvey<'_>) -> Judgement {
    match survey.settings() {
        Ok(_) if example(survey).is_none() => {
            Judgement::skipped("there is no .env.example that tells which names there are")
        }
        Ok(settings) => {
            let described = survey.profile.support.variables.keys().map(ToString::to_string);
            let own = OWN.iter().map(ToString::to_string);
            judge::names(&settings, &own.chain(named_in_example(survey)).chain(described).collect())
        }
        Err(skipped) => skipped,
    }
}

/// The settings that the description calls secret, and those whose names say so.
fn secrets(settings: &Settings, kinds: &BTreeMap<VariableName, VariableKind>) -> Vec<SecretVariable> {
    let secret = |name: &String| {
        let name = VariableName::try_from(name.as_str()).ok()?;
        let is_secret = match kinds.get(&name) {
            Some(kind) => *kind == VariableKind::Secret,
            None => names_a_secret(name.as_str()) && !name.as_str().ends_with("_FILE"),
        };
        is_secret.then_some(SecretVariable { name, kind: SecretKind::Token, rotation: None })
    };
    settings.keys().filter_map(secret).collect()
}

pub(super) fn placeholders(survey: &ProcessSurvey<'_>) -> Judgement {
    let common = [survey.profile.product.name.as_str(), "password", "secret", "admin", "token"];
    match survey.settings() {
        Ok(settings) => {
            let secrets = secrets(&settings, &survey.profile.support.variables);
            judge::placeholders(&settings, &secrets, example(survey).as_ref(), &common)
        }
        Err(skipped) => skipped,
    }
}

pub(super) fn files(survey: &ProcessSurvey<'_>) -> Judgement {
    match survey.settings() {
        Ok(settings) => judge::files(&settings, &secrets(&settings, &survey.profile.support.variables)),
        Err(skipped) => skipped,
    }
}

/// The process is given the file when it is started, and never again.
pub(super) async fn running(survey: &ProcessSurvey<'_>) -> Judgement {
    let (services, run) = match (survey.services().await, survey.run()) {
        (Ok(services), Ok(run)) => (services, run),
        (Err(skipped), _) | (_, Err(skipped)) => return skipped,
    };
    let Some((name, leader)) = run.and_then(|run| Some((run.name, run.session?))) else {
        return Judgement::skipped("nothing runs");
    };
    let Some(has) = holders::environment(leader) else {
        return Judgement::skipped("the environment of the process is not this user's to read");
    };
    let names = differing(&services.environment, &has);
    let stale = if names.is_empty() { Vec::new() } else { vec![Stale { name, names }] };
    judge::running("the process", &stale, "start it anew: `opsctl stop`, and `opsctl start`")
}

/// The names of settings that the file gives other values, or none any more.
fn differing(file: &[(String, Secret)], has: &BTreeMap<String, String>) -> Vec<String> {
    let other = file.iter().filter(|(name, value)| has.get(name).map(String::as_str) != Some(value.expose()));
    let gone = has.keys().filter(|name| !file.iter().any(|(assigned, _)| assigned == *name));
    let mut names: Vec<String> = other.map(|(name, _)| name).chain(gone).cloned().collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_changed_came_or_went_is_named_and_no_value() {
        let file =
            [("A", "1"), ("B", "2"), ("C", "3")].map(|(name, value)| (name.to_owned(), Secret::new(value)));
        let has = [("A", "1"), ("B", "other"), ("D", "4")];
        let has = has.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(differing(&file, &has), ["B", "C", "D"]);
    }

    #[test]
    fn a_setting_is_a_secret_by_its_name() {
        let settings = [("API_TOKEN", "x"), ("API_TOKEN_FILE", "/t"), ("LOG", "x"), ("LOG_FILE", "/l")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let found = secrets(&settings, &BTreeMap::new());
        assert_eq!(found.iter().map(|secret| secret.name.as_str()).collect::<Vec<_>>(), ["API_TOKEN"]);
        assert_eq!(judge::files(&settings, &found).evidence, "API_TOKEN and API_TOKEN_FILE");
    }
}
