//! The environment file: what is missing, mistyped, out of date, weak, or open to others.
//!
//! Values are looked at and never shown.

use std::collections::{BTreeMap, BTreeSet};

use super::Judgement;
use crate::profile::{RemovedVariable, SecretKind, SecretVariable};

/// In how many keystrokes a name may differ from a known one to be taken for a slip of the keyboard.
const SLIPS: usize = 2;

/// Shortest secret that is long enough to be one.
const SHORTEST_KEY: usize = 32;

/// Shortest password.
const SHORTEST_PASSWORD: usize = 8;

/// What examples put where a person should put something.
const PLACEHOLDERS: [&str; 9] =
    ["changeme", "change-me", "change_me", "replace-me", "replace_me", "your-", "your_", "xxxxxx", "<"];

/// Assigned settings by their names.
pub type Settings = BTreeMap<String, String>;

fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}

/// Judges which settings that the example assigns are not set. `example` is what it assigns, `spared` are the secrets
/// that this install has no use for.
pub fn required(example: Option<&Settings>, settings: &Settings, spared: &BTreeSet<&str>) -> Judgement {
    let Some(example) = example else {
        return Judgement::skipped("there is no .env.example to compare with");
    };
    let is_set = |name: &str| settings.get(name).is_some_and(|value| !value.is_empty());
    let missing = |empty: bool| {
        let of_kind = example.iter().filter(move |(_, value)| value.is_empty() == empty);
        let names = of_kind.map(|(name, _)| name.as_str());
        names.filter(|name| !is_set(name) && !spared.contains(name)).collect::<Vec<_>>()
    };
    let (left_open, defaulted) = (missing(true), missing(false));
    if !left_open.is_empty() {
        return Judgement::fail(
            format!("not set: {}", list(left_open)),
            "set them as .env.example says; each is explained there",
        );
    }
    if !defaulted.is_empty() {
        return Judgement::warn(
            format!("not set, though the example sets them: {}", list(defaulted)),
            "copy their lines from .env.example",
        );
    }
    Judgement::pass(format!("all {} of the example are set", example.len()))
}

/// Judges the names that nothing knows.
pub fn names(settings: &Settings, known: &BTreeSet<String>) -> Judgement {
    let unknown: Vec<&str> =
        settings.keys().map(String::as_str).filter(|name| !known.contains(*name)).collect();
    // A name that only goes on where a known one ends is meant to be another.
    let meant = |name: &str| {
        let likely = known.iter().filter(|known| !name.starts_with(known.as_str()));
        let near = likely.map(|known| (strsim::osa_distance(name, known), known));
        near.min().filter(|(distance, _)| *distance <= SLIPS).map(|(_, known)| known)
    };
    let slips: Vec<String> = unknown
        .iter()
        .filter_map(|name| meant(name).map(|meant| format!("{name}: is {meant} meant?")))
        .collect();
    if !slips.is_empty() {
        return Judgement::warn(slips.join("; "), "correct the name, or remove the line");
    }
    match unknown.len() {
        0 => Judgement::pass("every name is known"),
        _ => Judgement::pass(format!("known, or like nothing that is: {}", list(unknown))),
    }
}

/// Judges settings that releases no longer take. `applies` tells whether one is already gone in the release that runs.
pub fn removed(
    settings: &Settings,
    removed: &[RemovedVariable],
    applies: impl Fn(&RemovedVariable) -> bool,
) -> Judgement {
    let found: Vec<&RemovedVariable> =
        removed.iter().filter(|variable| settings.contains_key(variable.name.as_str())).collect();
    if found.is_empty() {
        return Judgement::pass("none");
    }
    let said: Vec<String> =
        found.iter().map(|variable| format!("{}: {}", variable.name, variable.why)).collect();
    let remedy = "remove the line; the next `opsctl upgrade` comments it out by itself";
    if found.iter().any(|variable| applies(variable)) {
        Judgement::fail(said.join("; "), remedy)
    } else {
        Judgement::warn(said.join("; "), remedy)
    }
}

/// Judges settings that are assigned more than once: name and lines.
pub fn duplicates(found: &[(String, Vec<usize>)]) -> Judgement {
    if found.is_empty() {
        return Judgement::pass("none");
    }
    let said = found.iter().map(|(name, lines)| {
        let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        format!("{name} in the lines {}", lines.join(", "))
    });
    Judgement::warn(said.collect::<Vec<_>>().join("; "), "keep one of them: the last one is what counts")
}

/// Judges the values of secrets: placeholders, shipped defaults, too short. `common` are words that everybody who knows
/// the product would try first.
pub fn placeholders(
    settings: &Settings,
    secrets: &[SecretVariable],
    example: Option<&Settings>,
    common: &[&str],
) -> Judgement {
    let mut bad = Vec::new();
    let mut short = Vec::new();
    let mut judged = 0;
    for secret in secrets {
        let name = secret.name.as_str();
        let Some(value) = settings.get(name).filter(|value| !value.is_empty()) else { continue };
        judged += 1;
        let shipped = example.and_then(|example| example.get(name)).is_some_and(|example| example == value);
        let value = value.to_lowercase();
        let guessed = common.iter().any(|word| word.eq_ignore_ascii_case(&value));
        let same = value.chars().all(|char| value.starts_with(char));
        if shipped || guessed || same || PLACEHOLDERS.iter().any(|word| value.contains(word)) {
            bad.push(name);
        } else if value.len() < shortest(secret.kind) {
            short.push(name);
        }
    }
    if !bad.is_empty() {
        return Judgement::fail(
            format!("a placeholder or a default that is known to everybody: {}", list(bad)),
            "make a value of its own: `openssl rand -hex 32`",
        );
    }
    if !short.is_empty() {
        return Judgement::warn(
            format!("short enough to be guessed: {}", list(short)),
            "make a longer value",
        );
    }
    match judged {
        0 => Judgement::skipped("no secret is set in the environment file"),
        _ => Judgement::pass(format!("{judged} looked at")),
    }
}

fn shortest(kind: SecretKind) -> usize {
    match kind {
        SecretKind::HmacKey | SecretKind::SigningKey => SHORTEST_KEY,
        SecretKind::Password => SHORTEST_PASSWORD,
        SecretKind::Url | SecretKind::Token | SecretKind::License => 0,
    }
}

/// Judges who may read the file, by its permission bits.
pub fn mode(bits: u32, file: &str) -> Judgement {
    let remedy = format!("chmod 600 {file}");
    let evidence = format!("mode {:04o}", bits & 0o7777);
    match bits {
        bits if bits & 0o007 != 0 => Judgement::fail(format!("{evidence}: everybody can open it"), remedy),
        bits if bits & 0o070 != 0 => Judgement::warn(format!("{evidence}: its group can open it"), remedy),
        _ => Judgement::pass(evidence),
    }
}

/// Judges secrets that are given as a value and as a file: which one counts differs from product to product.
pub fn files(settings: &Settings, secrets: &[SecretVariable]) -> Judgement {
    let is_set = |name: &str| settings.get(name).is_some_and(|value| !value.is_empty());
    let twice: Vec<&str> = secrets
        .iter()
        .map(|secret| secret.name.as_str())
        .filter(|name| is_set(name) && is_set(&format!("{name}_FILE")))
        .collect();
    if twice.is_empty() {
        return Judgement::pass("none");
    }
    let said = twice.iter().map(|name| format!("{name} and {name}_FILE"));
    Judgement::fail(said.collect::<Vec<_>>().join("; "), "keep one of the two")
}

/// Which files Compose would take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposeFiles {
    /// What `COMPOSE_FILE` names; none where it is not set.
    pub named: Option<Vec<String>>,
    /// Those of them that do not exist.
    pub missing: Vec<String>,
    /// What Compose takes without `COMPOSE_FILE`.
    pub by_default: Vec<String>,
    /// What opsctl takes.
    pub used: Vec<String>,
}

/// Judges whether a person who types `docker compose` operates the same services as opsctl.
pub fn compose(found: &ComposeFiles) -> Judgement {
    if !found.missing.is_empty() {
        return Judgement::fail(
            format!("COMPOSE_FILE names what does not exist: {}", found.missing.join(", ")),
            "correct COMPOSE_FILE in the environment file",
        );
    }
    match &found.named {
        Some(named) => Judgement::pass(named.join(", ")),
        None if found.by_default == found.used => Judgement::pass(found.used.join(", ")),
        None => Judgement::warn(
            format!(
                "COMPOSE_FILE is not set: `docker compose` typed here takes {}, and opsctl {}",
                found.by_default.join(", "),
                found.used.join(", ")
            ),
            format!("add the line COMPOSE_FILE={}", found.used.join(":")),
        ),
    }
}

/// Something that runs with settings which are not those that the files give it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// The container, or the process.
    pub name: String,
    /// The settings that differ.
    pub names: Vec<String>,
}

/// Judges whether what runs has the settings that the files say. `looked_at` says how much that is, and `remedy` how it is
/// started anew.
pub fn running(looked_at: &str, stale: &[Stale], remedy: &str) -> Judgement {
    if stale.is_empty() {
        return Judgement::pass(format!("{looked_at} looked at"));
    }
    let said: Vec<String> = stale
        .iter()
        .map(|stale| format!("{} has other values of {}", stale.name, stale.names.join(", ")))
        .collect();
    Judgement::warn(said.join("; "), remedy)
}

/// Judges secrets of an earlier rotation that are still accepted.
pub fn previous(settings: &Settings, secrets: &[SecretVariable]) -> Judgement {
    let left: Vec<&str> = secrets
        .iter()
        .map(|secret| secret.name.as_str())
        .filter(|name| name.ends_with("_PREVIOUS"))
        .filter(|name| settings.get(*name).is_some_and(|value| !value.is_empty()))
        .collect();
    if left.is_empty() {
        return Judgement::pass("none");
    }
    Judgement::warn(
        format!("still accepted: {}", list(left)),
        "when the rotation is through, remove the line and make the containers anew",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::Status;
    use crate::profile::VariableName;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn secret(name: &str, kind: SecretKind) -> SecretVariable {
        SecretVariable { name: VariableName::try_from(name).unwrap(), kind, rotation: None }
    }

    #[test]
    fn what_the_example_leaves_open_must_be_set() {
        let example = settings(&[("SECRET", ""), ("LEVEL", "info"), ("POSTGRES_PASSWORD", "")]);
        let judge = |found: &[(&str, &str)], spared: &[&str]| {
            let judged = required(Some(&example), &settings(found), &spared.iter().copied().collect());
            (judged.status, judged.evidence)
        };
        let all = [("SECRET", "s"), ("LEVEL", "debug"), ("POSTGRES_PASSWORD", "p")];
        assert_eq!(judge(&all, &[]).0, Status::Pass);
        assert_eq!(judge(&all[..2], &["POSTGRES_PASSWORD"]).0, Status::Pass);
        assert_eq!(judge(&all[1..], &[]), (Status::Fail, "not set: SECRET".to_owned()));
        assert_eq!(judge(&[("SECRET", ""), all[1], all[2]], &[]).0, Status::Fail);
        assert_eq!(judge(&[all[0], all[2]], &[]).0, Status::Warn);
        assert_eq!(required(None, &settings(&[]), &BTreeSet::new()).status, Status::Skipped);
    }

    #[test]
    fn a_slip_of_the_keyboard_is_told_from_a_name_of_somebody_elses() {
        let known = ["API_KEY_SECRET", "API_KEY_SECRET_PREVIOUS", "LOG_LEVEL"].map(str::to_owned).into();
        let slip = names(&settings(&[("API_KEY_SECERT", "x")]), &known);
        assert_eq!(
            (slip.status, slip.evidence.as_str()),
            (Status::Warn, "API_KEY_SECERT: is API_KEY_SECRET meant?")
        );
        assert_eq!(
            names(&settings(&[("HTTP_PROXY", "x"), ("LOG_LEVEL_2", "x")]), &known).status,
            Status::Pass
        );
        let both = [("API_KEY_SECRET", "x"), ("API_KEY_SECRET_PREVIOUS", "x"), ("LOG_LEVEL", "x")];
        assert_eq!(names(&settings(&both), &known).evidence, "every name is known");
    }

    #[test]
    fn secrets_that_everybody_knows_are_found_and_never_shown() {
        let secrets = [secret("A", SecretKind::HmacKey), secret("P", SecretKind::Password)];
        let judge = |a: &str, p: &str| {
            let example = settings(&[("A", "0123456789abcdef0123456789abcdef0123")]);
            placeholders(&settings(&[("A", a), ("P", p)]), &secrets, Some(&example), &["ledger", "postgres"])
        };
        let good = "f00dfeedf00dfeedf00dfeedf00dfeed";
        assert_eq!(judge(good, "long-enough").status, Status::Pass);
        for (a, p) in [
            ("changeme-changeme-changeme-changeme", "long-enough"),
            ("0123456789abcdef0123456789abcdef0123", "long-enough"),
            (good, "ledger"),
            (good, "Postgres"),
            ("00000000000000000000000000000000", "long-enough"),
        ] {
            let judged = judge(a, p);
            assert_eq!(judged.status, Status::Fail, "{a} {p}");
            assert!(!judged.evidence.contains(a) && !judged.evidence.contains(p), "{judged:?}");
        }
        assert_eq!(judge("f00dfeed", "long-enough").status, Status::Warn);
        assert_eq!(judge(good, "short").status, Status::Warn);
    }

    #[test]
    fn only_the_owner_may_read() {
        assert_eq!(mode(0o100_600, ".env").status, Status::Pass);
        assert_eq!(mode(0o100_640, ".env").status, Status::Warn);
        let open = mode(0o100_644, "/srv/.env");
        assert_eq!((open.status, open.remedies), (Status::Fail, vec!["chmod 600 /srv/.env".to_owned()]));
    }

    #[test]
    fn a_value_beside_a_file_and_a_previous_secret_are_named() {
        let secrets = [secret("A", SecretKind::HmacKey), secret("A_PREVIOUS", SecretKind::HmacKey)];
        let found = settings(&[("A", "x"), ("A_FILE", "/run/a"), ("A_PREVIOUS", "y")]);
        assert_eq!(files(&found, &secrets).evidence, "A and A_FILE");
        assert_eq!(previous(&found, &secrets).evidence, "still accepted: A_PREVIOUS");
        let empty = settings(&[("A", "x"), ("A_FILE", ""), ("A_PREVIOUS", "")]);
        assert_eq!(files(&empty, &secrets).status, Status::Pass);
        assert_eq!(previous(&empty, &secrets).status, Status::Pass);
    }

    #[test]
    fn a_plain_compose_must_take_the_same_files() {
        let files = ComposeFiles {
            named: None,
            missing: Vec::new(),
            by_default: vec!["a.yml".to_owned()],
            used: vec!["a.yml".to_owned(), "b.yml".to_owned()],
        };
        let other = compose(&files);
        assert_eq!(
            (other.status, other.remedies),
            (Status::Warn, vec!["add the line COMPOSE_FILE=a.yml:b.yml".to_owned()])
        );
        assert_eq!(
            compose(&ComposeFiles { used: vec!["a.yml".to_owned()], ..files.clone() }).status,
            Status::Pass
        );
        let named = Some(vec!["a.yml".to_owned()]);
        assert_eq!(compose(&ComposeFiles { named: named.clone(), ..files.clone() }).status, Status::Pass);
        let missing = vec!["c.yml".to_owned()];
        assert_eq!(compose(&ComposeFiles { named, missing, ..files }).status, Status::Fail);
    }

    #[test]
    fn removed_duplicate_and_stale_settings_are_named() {
        let gone = RemovedVariable {
            name: VariableName::try_from("OLD").unwrap(),
            since: None,
            why: "gone".to_owned(),
        };
        let found = settings(&[("OLD", "x")]);
        assert_eq!(removed(&found, std::slice::from_ref(&gone), |_| true).status, Status::Fail);
        assert_eq!(removed(&found, std::slice::from_ref(&gone), |_| false).status, Status::Warn);
        assert_eq!(removed(&settings(&[]), &[gone], |_| true).status, Status::Pass);
        assert_eq!(duplicates(&[("A".to_owned(), vec![3, 7])]).evidence, "A in the lines 3, 7");
        let stale = Stale { name: "api-1".to_owned(), names: vec!["A".to_owned()] };
        let judged = running("2 containers", &[stale], "make them anew");
        assert_eq!(judged.evidence, "api-1 has other values of A");
        assert_eq!(running("2 containers", &[], "").evidence, "2 containers looked at");
    }
}
