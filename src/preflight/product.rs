//! The product as it runs, its image, and what opsctl keeps of it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Judgement;
use crate::model::retention::FileState;
use crate::report::quantity;

/// A backup older than this is no longer what one would want to go back to.
const BACKUP_AGE: Duration = Duration::from_hours(48);

/// The selected release's image, as this machine knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// The reference that the files resolve to.
    pub reference: String,
    /// Its identifier here; none if it is not here.
    pub id: Option<String>,
    /// What it was built for.
    pub architecture: Option<String>,
    /// Whether the files name it by a digest.
    pub pinned: bool,
}

/// Judges whether the image is here: a start, or going back, must not need a registry.
pub fn image_present(found: &Selected) -> Judgement {
    match &found.id {
        Some(id) => Judgement::pass(format!("{} is {id}", found.reference)),
        None => Judgement::fail(
            format!("{} is not on this machine", found.reference),
            format!("docker pull {}", found.reference),
        ),
    }
}

/// Judges whether what runs is what is named. `running` has the image identifiers of the running containers.
pub fn image_digest(found: &Selected, running: &BTreeMap<String, String>) -> Judgement {
    let Some(id) = &found.id else { return Judgement::skipped("the image is not on this machine") };
    if running.is_empty() {
        return Judgement::skipped("nothing runs");
    }
    let others: Vec<&str> =
        running.iter().filter(|(_, image)| *image != id).map(|(name, _)| name.as_str()).collect();
    if others.is_empty() {
        let how = if found.pinned { "pinned by digest" } else { "by its tag" };
        return Judgement::pass(format!("{how}, and all that runs was made from it"));
    }
    let remedy =
        "start what is selected: `docker compose up -d`; or select what runs: correct the environment file";
    let evidence = format!("{} runs another image than {}", others.join(", "), found.reference);
    if found.pinned { Judgement::fail(evidence, remedy) } else { Judgement::warn(evidence, remedy) }
}

/// Judges whether the image is built for the engine's processors. The engine says `x86_64`, an image `amd64`.
pub fn image_architecture(found: &Selected, engine: &str) -> Judgement {
    let Some(built) = &found.architecture else {
        return Judgement::skipped("the image is not on this machine");
    };
    let wanted = match engine {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "armv7l" => "arm",
        other => other,
    };
    if built == wanted {
        return Judgement::pass(built.clone());
    }
    Judgement::warn(
        format!("it is built for {built}, and this machine is {wanted}: it runs slowly, if at all"),
        format!("fetch the image for {wanted}: `docker pull --platform linux/{wanted} {}`", found.reference),
    )
}

/// Judges the services by what a glance at them found. `log` is how their logs are seen.
pub fn health(trouble: Option<&str>, running: usize, log: &str) -> Judgement {
    match trouble {
        None => Judgement::pass(quantity::counted(running as u64, "service is well", "services are well")),
        Some(trouble) => Judgement::fail(trouble, format!("see its log: `{log}`")),
    }
}

/// Judges where what runs, what is selected and what is noted differ.
pub fn version(runs: &str, drift: &[String]) -> Judgement {
    if drift.is_empty() {
        return Judgement::pass(runs);
    }
    Judgement::warn(
        drift.join("; "),
        "`opsctl status` shows each; an upgrade or a rollback writes all of them",
    )
}

/// A setting that must have a certain value once there is more than one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedSetting {
    /// The setting.
    pub name: String,
    /// The value that is needed.
    pub needed: String,
    /// Whether that is what the instances have.
    pub holds: bool,
    /// Why it is needed.
    pub why: String,
}

/// Judges the instances of the services: whether those of one are alike, and share what they must.
pub fn replicas(instances: &BTreeMap<String, u64>, unlike: &[String], shared: &[SharedSetting]) -> Judgement {
    let counts: Vec<String> = instances.iter().map(|(service, count)| format!("{count} {service}")).collect();
    if instances.is_empty() {
        return Judgement::skipped("nothing runs");
    }
    if !unlike.is_empty() {
        return Judgement::fail(unlike.join("; "), "make them anew: `docker compose up -d --force-recreate`");
    }
    let several = instances.values().any(|count| *count > 1);
    let missing: Vec<&SharedSetting> = shared.iter().filter(|setting| several && !setting.holds).collect();
    if let Some(setting) = missing.first() {
        let said: Vec<String> = missing
            .iter()
            .map(|setting| format!("{} is not {}: {}", setting.name, setting.needed, setting.why))
            .collect();
        return Judgement::warn(
            format!("{}; {}", counts.join(", "), said.join("; ")),
            format!("add {}={} to the environment file", setting.name, setting.needed),
        );
    }
    Judgement::pass(counts.join(", "))
}

/// Judges the services that watch the product: name and whether it runs well.
pub fn monitoring(services: &BTreeMap<String, bool>) -> Judgement {
    if services.is_empty() {
        return Judgement::skipped("it is not turned on");
    }
    let down: Vec<&str> =
        services.iter().filter(|(_, runs)| !**runs).map(|(name, _)| name.as_str()).collect();
    if down.is_empty() {
        return Judgement::pass(services.keys().cloned().collect::<Vec<_>>().join(", "));
    }
    Judgement::warn(format!("not running: {}", down.join(", ")), "start it: `docker compose up -d`")
}

/// Judges the newest backup by its age and by whether it was read back.
pub fn backup(newest: Option<NewestBackup>) -> Judgement {
    let Some(NewestBackup { id, age, verified, file }) = newest else {
        return Judgement::warn("there is none", "take one: `opsctl backup`");
    };
    let old = quantity::duration(age);
    match file {
        FileState::Changed => Judgement::fail(
            format!("the file of {id} is not what was written"),
            "what happened to it? the disk may be at its end; take another one: `opsctl backup`",
        ),
        FileState::Missing => {
            Judgement::warn(format!("the file of {id} is missing"), "take another one: `opsctl backup`")
        }
        FileState::Present if age > BACKUP_AGE && verified.is_some() => {
            Judgement::warn(format!("{id} is {old} old"), "take one: `opsctl backup`; and let a timer do it")
        }
        FileState::Present => match verified {
            Some(verified) => {
                Judgement::pass(format!("{id}, {old} old, {verified}, and as long as it was then"))
            }
            None => Judgement::warn(
                format!("{id} was never verified"),
                format!("read it back: `opsctl backup verify {id}`"),
            ),
        },
    }
}

/// The newest backup on record.
#[derive(Debug)]
pub struct NewestBackup {
    /// Its identifier.
    pub id: String,
    /// How long ago it was taken.
    pub age: Duration,
    /// How and when it was found to be right the last time, in words; none if it never was, or was found to be wrong since.
    pub verified: Option<String>,
    /// What became of its file.
    pub file: FileState,
}

/// Judges the rows of each table against those of a backup: a table that is gone is lost, rows may have been deleted.
pub fn rows(backup: &str, then: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>) -> Judgement {
    let gone: Vec<&str> = then.keys().filter(|name| !now.contains_key(*name)).map(String::as_str).collect();
    if !gone.is_empty() {
        return Judgement::fail(
            format!("tables of {backup} are missing: {}", gone.join(", ")),
            format!(
                "who dropped them? `opsctl restore {backup}` puts that backup's data in the place of this"
            ),
        );
    }
    let fewer: Vec<String> = then
        .iter()
        .filter(|(name, rows)| now[*name] < **rows)
        .map(|(name, rows)| {
            format!("{name} {} instead of {}", quantity::count(now[name]), quantity::count(*rows))
        })
        .collect();
    if !fewer.is_empty() {
        return Judgement::warn(
            format!("fewer rows than in {backup}: {}", fewer.join(", ")),
            "does the product delete from these tables? else look into its log for when they went",
        );
    }
    let sum = |rows: &BTreeMap<String, u64>| rows.values().sum::<u64>();
    Judgement::pass(format!(
        "{} rows in {} tables, {} more than in {backup}",
        quantity::count(sum(now)),
        now.len(),
        quantity::count(sum(now).saturating_sub(sum(then)))
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::Status;

    fn selected() -> Selected {
        Selected {
            reference: "ledger/ledger:1.0.0".to_owned(),
            id: Some("sha256:aa".to_owned()),
            architecture: Some("amd64".to_owned()),
            pinned: false,
        }
    }

    fn named(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_image_is_here_is_what_runs_and_fits_the_machine() {
        let found = selected();
        assert_eq!(image_present(&found).status, Status::Pass);
        assert_eq!(image_digest(&found, &named(&[("api-1", "sha256:aa")])).status, Status::Pass);
        assert_eq!(image_digest(&found, &named(&[])).status, Status::Skipped);
        let other = named(&[("api-1", "sha256:aa"), ("api-2", "sha256:bb")]);
        assert_eq!(image_digest(&found, &other).status, Status::Warn);
        let pinned = image_digest(&Selected { pinned: true, ..selected() }, &other);
        assert_eq!(pinned.evidence, "api-2 runs another image than ledger/ledger:1.0.0");
        assert_eq!(pinned.status, Status::Fail);
        assert_eq!(image_architecture(&found, "x86_64").status, Status::Pass);
        assert_eq!(image_architecture(&found, "aarch64").status, Status::Warn);
        assert_eq!(image_present(&Selected { id: None, ..selected() }).status, Status::Fail);
    }

    #[test]
    fn one_instance_needs_to_share_nothing() {
        let count = |api| BTreeMap::from([("api".to_owned(), api)]);
        let shared = [SharedSetting {
            name: "RATE_LIMIT_STORE".to_owned(),
            needed: "postgresql".to_owned(),
            holds: false,
            why: "each replica counts alone".to_owned(),
        }];
        assert_eq!(replicas(&count(1), &[], &shared).status, Status::Pass);
        let several = replicas(&count(3), &[], &shared);
        assert_eq!(several.status, Status::Warn);
        assert_eq!(several.remedies, ["add RATE_LIMIT_STORE=postgresql to the environment file"]);
        assert_eq!(replicas(&count(3), &["api-2 differs".to_owned()], &[]).status, Status::Fail);
    }

    #[test]
    fn rows_are_held_against_the_last_backup() {
        let tables =
            |pairs: &[(&str, u64)]| pairs.iter().map(|(name, rows)| ((*name).to_owned(), *rows)).collect();
        let then: BTreeMap<String, u64> = tables(&[("public.jobs", 5), ("public.records", 10)]);
        let judged = |pairs: &[(&str, u64)]| rows("b1", &then, &tables(pairs));
        let more = judged(&[("public.jobs", 6), ("public.records", 11), ("public.new", 1)]);
        assert_eq!(
            (more.status, more.evidence.as_str()),
            (Status::Pass, "18 rows in 3 tables, 3 more than in b1")
        );
        let fewer = judged(&[("public.jobs", 4), ("public.records", 10)]);
        assert_eq!(fewer.status, Status::Warn);
        assert_eq!(fewer.evidence, "fewer rows than in b1: public.jobs 4 instead of 5");
        assert_eq!(judged(&[("public.records", 10)]).evidence, "tables of b1 are missing: public.jobs");
    }

    #[test]
    fn a_backup_is_recent_and_was_read_back() {
        let hours = Duration::from_hours;
        assert_eq!(backup(None).status, Status::Warn);
        let newest = |age, is_verified: bool, file| {
            let verified = is_verified.then(|| "read back 2026-11-26".to_owned());
            Some(NewestBackup { id: "b".to_owned(), age, verified, file })
        };
        assert_eq!(backup(newest(hours(1), false, FileState::Present)).status, Status::Warn);
        assert_eq!(backup(newest(hours(49), true, FileState::Present)).status, Status::Warn);
        let sound = backup(newest(hours(47), true, FileState::Present));
        assert_eq!(sound.status, Status::Pass);
        // It was not read now, and is not said to be right now.
        assert!(
            sound.evidence.ends_with("old, read back 2026-11-26, and as long as it was then"),
            "{sound:?}"
        );
        assert_eq!(backup(newest(hours(1), true, FileState::Missing)).status, Status::Warn);
        assert_eq!(backup(newest(hours(1), true, FileState::Changed)).status, Status::Fail);
    }
}
