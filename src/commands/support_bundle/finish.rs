//! From redacted members to the finished file: what it says of itself, the archive, its proof, its name.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::adapters::bundle_archive::{self, Doubt, Packed, Recipients};
use crate::adapters::bundle_store::Kept;
use crate::adapters::bundle_work::WorkDir;
use crate::adapters::release_link;
use crate::bundle::contents::{BundleManifest, Collected, CollectorStatus, Member, SCHEMA, member};
use crate::commands::context::Outcome;
use crate::commands::current;
use crate::error::{Failure, Fault};
use crate::profile::DatabaseMode;
use crate::redaction::Counts;

use super::scene::{Examined, Scene};
use super::{analysis, told};

/// Members that people and programs look at first.
const FIRST: [&str; 4] = [member::INDEX, member::MANIFEST, member::FINDINGS, member::REDACTION_REPORT];

/// What collecting came to.
pub(super) struct Made {
    /// The name of the bundle, without what tells the kind of file.
    pub(super) name: String,
    pub(super) collected: Vec<Collected>,
    pub(super) took: Duration,
    pub(super) kept: Kept,
}

/// Makes the file.
pub(super) async fn finish(
    scene: &Scene<'_>,
    made: Made,
    work: &WorkDir,
    recipients: Option<Recipients>,
    target: &Path,
) -> Result<Outcome, Failure> {
    let Made { name, collected, took, kept } = made;
    let now = Timestamp::now();
    let masked = masked(&kept);
    let collected = without_left_out(collected, &kept);
    for line in told::missing(&collected) {
        scene.context.count_warning(line);
    }
    put(scene, member::REDACTION_REPORT, &report(&kept, &masked)).await?;
    let mut manifest = manifest(scene, collected, took, now).await;
    manifest.members = members(&scene.store.settle().await);
    put(scene, member::MANIFEST, &manifest).await?;
    analysis::add(&scene.store, &name, &scene.store.settle().await).await?;
    // Once more, now that all members are there.
    manifest.members = members(&scene.store.settle().await);
    put(scene, member::MANIFEST, &manifest).await?;
    let all = scene.store.settle().await;
    let archive = archive(scene, &name, &all, work, now).await?;
    let extension = if recipients.is_some() { "tar.gz.age" } else { "tar.gz" };
    let file = match recipients {
        None => archive,
        Some(recipients) => encrypted(archive, recipients, work).await?,
    };
    let (bytes, sha256) = bundle_archive::digest(&file)
        .map_err(|error| Fault::caused_by("the finished file cannot be read", &error))?;
    let name = format!("{name}.{extension}");
    let path = bundle_archive::publish(&file, target, &name).map_err(|error| {
        Fault::caused_by(format!("{name} cannot be put into {}", target.display()), &error)
            .hint("say where else it is to go: `--to DIR`")
    })?;
    let contact = scene.examined.support().and_then(|support| support.contact.clone());
    let masked = masked.total();
    Ok(told::made(&told::Made { path, bytes, sha256, masked, manifest, left_out: all.left_out, contact }))
}

/// All but the manifest itself.
fn members(kept: &Kept) -> Vec<Member> {
    let all = kept.members.values().map(|(member, _)| member.clone());
    all.filter(|one| one.path != member::MANIFEST).collect()
}

fn report(kept: &Kept, masked: &Counts) -> Value {
    let files = kept.members.values().filter(|(_, counts)| counts.total() > 0);
    let files = files.map(|(member, counts)| json!({"path": member.path, "rules": by_rule(counts)}));
    let left_out = kept.left_out.iter().map(|(path, why)| json!({"path": path, "why": why}));
    json!({
        "tool": env!("CARGO_PKG_VERSION"),
        "masked": masked.total(),
        "rules": by_rule(masked),
        "files": files.collect::<Vec<_>>(),
        "left_out": left_out.collect::<Vec<_>>(),
    })
}

async fn put(scene: &Scene<'_>, path: &str, value: &impl serde::Serialize) -> Result<(), Fault> {
    let mut text = serde_json::to_vec_pretty(value)
        .map_err(|error| Fault::caused_by(format!("{path} cannot be written as JSON"), &error))?;
    text.push(b'\n');
    scene.store.put(path, text).await
}

fn masked(kept: &Kept) -> Counts {
    kept.members.values().fold(Counts::default(), |mut all, (_, counts)| {
        all.merge(counts);
        all
    })
}

/// Names of rules are values here: behind them as keys, a number would look like a secret.
fn by_rule(counts: &Counts) -> Vec<Value> {
    counts.0.iter().map(|(rule, count)| json!({"rule": rule, "count": count})).collect()
}

/// A collector whose member was left out did not do its work.
fn without_left_out(mut collected: Vec<Collected>, kept: &Kept) -> Vec<Collected> {
    for one in &mut collected {
        let lost: Vec<String> = one
            .members
            .iter()
            .filter_map(|path| Some(format!("{path} is left out: {}", kept.left_out.get(path)?)))
            .collect();
        one.members.retain(|path| kept.members.contains_key(path));
        if !lost.is_empty() {
            one.status = CollectorStatus::Failed;
            one.why = Some(lost.join("; "));
        }
    }
    collected
}

async fn manifest(
    scene: &Scene<'_>,
    collectors: Vec<Collected>,
    took: Duration,
    now: Timestamp,
) -> BundleManifest {
    let product = scene.examined.product();
    let (release, image) = release(scene).await;
    BundleManifest {
        schema: SCHEMA,
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        created: now.to_string(),
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        product: product.map(|product| product.name.to_string()).unwrap_or_default(),
        title: product.map(|product| product.title.clone()).unwrap_or_default(),
        release,
        image,
        database_mode: database_mode(scene).map(str::to_owned),
        window: scene.window.shown(),
        collectors,
        members: Vec::new(),
    }
}

fn database_mode(scene: &Scene<'_>) -> Option<&'static str> {
    match &scene.examined {
        Examined::Compose(project) => Some(match project.survey.opened_already()?.mode {
            DatabaseMode::Bundled => "bundled",
            DatabaseMode::External => "external",
        }),
        Examined::Process(_) => Some("sqlite"),
    }
}

/// The release that runs, else the one that is selected. Collectors found it out already, or could not.
async fn release(scene: &Scene<'_>) -> (Option<String>, Option<String>) {
    let found = tokio::time::timeout(Duration::from_secs(3), scene.examined.found()).await;
    if let Ok(Some(found)) = found {
        return (Some(found.release.version.to_string()), Some(found.release.image.clone()));
    }
    let selected = match &scene.examined {
        Examined::Compose(project) => project.survey.opened_already().and_then(current::selected_version),
        Examined::Process(survey) => release_link::selected(&survey.place.dir),
    };
    (selected.map(|version| version.to_string()), None)
}

/// A name that no bundle has: two of one second are a second apart.
pub(super) fn free_name(target: &Path, now: Timestamp) -> String {
    let mut at = now;
    loop {
        let name = format!("support-bundle-{}", at.strftime("%Y-%m-%d-%H%M%S"));
        let taken =
            ["tar.gz", "tar.gz.age"].iter().any(|kind| target.join(format!("{name}.{kind}")).exists());
        match at.checked_add(SignedDuration::from_secs(1)) {
            Ok(next) if taken => at = next,
            _ => return name,
        }
    }
}

/// Packs the members, and opens the archive again: what was found in it deletes it.
async fn archive(
    scene: &Scene<'_>,
    folder: &str,
    kept: &Kept,
    work: &WorkDir,
    now: Timestamp,
) -> Result<PathBuf, Failure> {
    let path = work.path().join("bundle.tar.gz");
    let order = |path: &str| FIRST.iter().position(|first| *first == path).unwrap_or(FIRST.len());
    let mut files: Vec<Packed> =
        kept.members.keys().map(|path| Packed { path: path.clone(), file: scene.store.file(path) }).collect();
    files.sort_by(|one, other| (order(&one.path), &one.path).cmp(&(order(&other.path), &other.path)));
    let (to, name, redaction) = (path.clone(), folder.to_owned(), scene.redaction.clone());
    let members: Vec<Member> = kept.members.values().map(|(member, _)| member.clone()).collect();
    let proven = tokio::task::spawn_blocking(move || {
        let packed = bundle_archive::pack(&to, &name, &files, now)?;
        let mut doubts = bundle_archive::prove(&to, &name, &packed, &redaction);
        // What is packed is what redaction wrote, and nothing that was put there since.
        let strange = packed.iter().filter(|one| !members.contains(one));
        doubts.extend(strange.map(|one| Doubt::Different { member: one.path.clone() }));
        if !doubts.is_empty() {
            std::fs::remove_file(&to)?;
        }
        Ok::<_, std::io::Error>(doubts)
    });
    let proven = proven.await.map_err(|error| Fault::caused_by("the bundle cannot be packed", &error))?;
    let doubts = proven.map_err(|error| {
        Fault::caused_by("the bundle cannot be packed", &error).hint("is the disk full? `df -h` tells")
    })?;
    if doubts.is_empty() {
        Ok(path)
    } else {
        Err(told::refused(&doubts, |line| scene.redaction.redact_text(line)).into())
    }
}

async fn encrypted(plain: PathBuf, recipients: Recipients, work: &WorkDir) -> Result<PathBuf, Failure> {
    let to = work.path().join("bundle.tar.gz.age");
    let path = to.clone();
    let done = tokio::task::spawn_blocking(move || bundle_archive::encrypt(&plain, &to, &recipients)).await;
    let done = done.map_err(std::io::Error::other).and_then(|done| done);
    done.map_err(|error| {
        Fault::caused_by("the bundle cannot be encrypted, and is not kept in clear", &error)
    })?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_taken_twice() {
        let dir = tempfile::tempdir().unwrap();
        let now: Timestamp = "2026-03-14T12:00:59.7Z".parse().unwrap();
        let first = free_name(dir.path(), now);
        assert_eq!(first, "support-bundle-2026-03-14-120059");
        std::fs::File::create(dir.path().join(format!("{first}.tar.gz"))).unwrap();
        assert_eq!(free_name(dir.path(), now), "support-bundle-2026-03-14-120100");
    }

    #[test]
    fn a_collector_whose_member_is_left_out_failed() {
        let mut kept = Kept::default();
        kept.left_out.insert("logs/api.log".to_owned(), "redaction broke down".to_owned());
        kept.members.insert("a".to_owned(), (Member::default(), Counts::default()));
        let collected = |members: &[&str]| Collected {
            status: CollectorStatus::Ok,
            members: members.iter().map(|path| (*path).to_owned()).collect(),
            ..Collected::default()
        };
        let found = without_left_out(vec![collected(&["a"]), collected(&["logs/api.log"])], &kept);
        assert_eq!((found[0].status, found[1].status), (CollectorStatus::Ok, CollectorStatus::Failed));
        assert_eq!(found[1].why.as_deref(), Some("logs/api.log is left out: redaction broke down"));
        assert!(found[1].members.is_empty());
    }
}
