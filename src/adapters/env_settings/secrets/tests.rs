use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::*;
use crate::adapters::env_store::EnvStore;
use crate::adapters::files::{self, Mode};
use crate::model::fingerprint::{Fingerprint, FingerprintKey};
use crate::model::redaction::Redactor;
use crate::plan::rotation::Stays;
use crate::profile::{Made, Profile, VariableName};

const BEFORE: &str = "# keep  \nA=1\r\nAPI_KEY_SECRET='old-not-real-0000'  # why\nLAST=x";

fn install() -> (tempfile::TempDir, EnvSettings) {
    let dir = tempfile::tempdir().unwrap();
    let profile = include_str!("../../../../templates/profiles/ledger.toml");
    let profile = Profile::parse(profile, Path::new("ledger.toml")).unwrap();
    let settings = EnvSettings {
        store: EnvStore::at(dir.path().join(".env")),
        release: profile.release,
        variables: profile.variables,
        install: dir.path().to_owned(),
        backup_dir: dir.path().to_owned(),
        scratch: PathBuf::new(),
        environment: BTreeMap::from([("API_KEY_SECRET".to_owned(), "of-the-process".to_owned())]),
        fingerprints: FingerprintKey::new([7; 32]),
        redactor: Redactor::default(),
        generator: None,
    };
    files::replace(settings.store.path(), BEFORE.as_bytes(), Mode::Exactly(0o600)).unwrap();
    (dir, settings)
}

fn secret() -> DualSecret {
    let name = |text| VariableName::try_from(text).unwrap();
    DualSecret {
        name: name("API_KEY_SECRET"),
        previous: Some(name("API_KEY_SECRET_PREVIOUS")),
        made: Made::Random { bytes: 32 },
        login: None,
    }
}

fn old(settings: &EnvSettings) -> Fingerprint {
    settings.fingerprints.fingerprint("old-not-real-0000")
}

fn text(settings: &EnvSettings) -> String {
    fs::read_to_string(settings.store.path()).unwrap()
}

#[tokio::test]
async fn a_window_is_opened_in_one_step_and_only_its_lines_change() {
    let (dir, settings) = install();
    let old = old(&settings);
    assert_eq!(settings.held(&secret()).unwrap(), Held { current: Some(old.clone()), previous: None });
    settings.assign(&secret(), &Window::Opened { old: old.clone() }).await.unwrap();
    let opened = text(&settings);
    let fresh = settings.values(&secret()).unwrap().0.unwrap();
    assert_eq!(fresh.expose().len(), 64);
    assert!(fresh.expose().bytes().all(|byte| byte.is_ascii_hexdigit()));
    let expected = BEFORE.replace("'old-not-real-0000'", fresh.expose());
    assert_eq!(opened, format!("{expected}\nAPI_KEY_SECRET_PREVIOUS=old-not-real-0000\n"));
    assert_eq!(fs::metadata(settings.store.path()).unwrap().permissions().mode() & 0o777, 0o600);
    let entries = fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(entries, 1, "no copy of the file is left anywhere");
    assert_eq!(settings.redactor.redact(&opened).matches("[REDACTED:").count(), 2, "both are known");
    // Once more, as after a kill: the value that may be in use stays.
    settings.assign(&secret(), &Window::Opened { old }).await.unwrap();
    assert_eq!(text(&settings), opened);
}

#[tokio::test]
async fn closing_on_the_old_value_leaves_the_file_as_it_was_but_for_the_quotes() {
    let (_dir, settings) = install();
    let old = old(&settings);
    settings.assign(&secret(), &Window::Opened { old: old.clone() }).await.unwrap();
    settings.assign(&secret(), &Window::Turned { old: old.clone() }).await.unwrap();
    settings.assign(&secret(), &Window::Closed { old, stays: Stays::Old }).await.unwrap();
    assert_eq!(text(&settings), format!("{}\n", BEFORE.replace('\'', "")));
}

#[tokio::test]
async fn closing_on_the_new_value_leaves_nothing_of_the_old_one() {
    let (_dir, settings) = install();
    let old = old(&settings);
    settings.assign(&secret(), &Window::Opened { old: old.clone() }).await.unwrap();
    settings.assign(&secret(), &Window::Closed { old: old.clone(), stays: Stays::New }).await.unwrap();
    assert!(!text(&settings).contains("old-not-real") && !text(&settings).contains("PREVIOUS"));
    let refused = settings.assign(&secret(), &Window::Opened { old }).await.unwrap_err();
    assert!(refused.what.contains("not as this rotation left them"), "{refused}");
}

fn password() -> DualSecret {
    let name = |text| VariableName::try_from(text).unwrap();
    let urls = vec![name("DATABASE_URL"), name("DATABASE_URL_MIGRATE")];
    let login = Some(Login { role: "ledger".to_owned(), urls });
    DualSecret { name: name("POSTGRES_PASSWORD"), previous: None, made: Made::Random { bytes: 32 }, login }
}

const WITH_ADDRESSES: &str = "POSTGRES_PASSWORD=old\nDATABASE_URL=\"postgres://ledger:${POSTGRES_PASSWORD}@postgres/ledger\"\n\
    DATABASE_URL_MIGRATE=postgres://ledger:old@postgres:5432/ledger  # the owner\nOTHER=postgres://app:old@h/d\n";

/// An install whose operation has a folder of its own.
fn install_with(env: &str) -> (tempfile::TempDir, EnvSettings) {
    let (dir, mut settings) = install();
    settings.scratch = dir.path().join("scratch");
    fs::create_dir(&settings.scratch).unwrap();
    files::replace(settings.store.path(), env.as_bytes(), Mode::Exactly(0o600)).unwrap();
    (dir, settings)
}

fn fingerprint_of(settings: &EnvSettings, value: &str) -> Fingerprint {
    settings.fingerprints.fingerprint(value)
}

#[tokio::test]
async fn a_password_changes_in_all_its_places_at_once_and_both_are_known_until_the_end() {
    let (_dir, settings) = install_with(WITH_ADDRESSES);
    let old = fingerprint_of(&settings, "old");
    settings.assign(&password(), &Window::Opened { old: old.clone() }).await.unwrap();
    let Passwords { wanted, other } = settings.both(&password()).unwrap();
    assert_eq!(other.expose(), "old");
    let expected = WITH_ADDRESSES
        .replace("PASSWORD=old", &format!("PASSWORD={}", wanted.expose()))
        .replace("ledger:old@", &format!("ledger:{}@", wanted.expose()));
    assert_eq!(text(&settings), expected, "what follows by itself, and what is of another role, is left");
    assert_eq!(settings.redactor.redact(&text(&settings)).matches(wanted.expose()).count(), 0);
    let kept = settings.scratch.join("values.kept");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);

    settings.assign(&password(), &Window::Turned { old: old.clone() }).await.unwrap();
    assert_eq!(text(&settings), WITH_ADDRESSES);
    let back = settings.both(&password()).unwrap();
    assert_eq!((back.wanted.expose(), back.other.expose()), ("old", wanted.expose()));
    settings.assign(&password(), &Window::Closed { old, stays: Stays::Old }).await.unwrap();
    assert_eq!(text(&settings), WITH_ADDRESSES);
    assert!(!kept.exists());
}

#[tokio::test]
async fn a_password_that_was_kept_when_opsctl_was_killed_is_the_one_that_is_set() {
    let (_dir, settings) = install_with(WITH_ADDRESSES);
    let old = fingerprint_of(&settings, "old");
    let pair = Pair { old: Secret::new("old"), new: Secret::new("made-before") };
    KeptValues::of(&settings.scratch).write(&pair).unwrap();
    settings.assign(&password(), &Window::Opened { old: old.clone() }).await.unwrap();
    assert_eq!(settings.both(&password()).unwrap().wanted.expose(), "made-before");
    settings.assign(&password(), &Window::Closed { old, stays: Stays::New }).await.unwrap();
    assert!(
        text(&settings).starts_with("POSTGRES_PASSWORD=made-before\n")
            && !text(&settings).contains("ledger:old")
    );
}

#[tokio::test]
async fn a_password_that_somebody_else_set_meanwhile_is_left() {
    let (_dir, settings) = install_with(WITH_ADDRESSES);
    let old = fingerprint_of(&settings, "old");
    settings.assign(&password(), &Window::Opened { old: old.clone() }).await.unwrap();
    let theirs = "POSTGRES_PASSWORD=theirs\n";
    files::replace(settings.store.path(), theirs.as_bytes(), Mode::Exactly(0o600)).unwrap();
    for window in [Window::Opened { old: old.clone() }, Window::Turned { old: old.clone() }] {
        let refused = settings.assign(&password(), &window).await.unwrap_err();
        assert!(refused.what.contains("neither the old value nor the new one"), "{refused}");
    }
    assert_eq!(text(&settings), theirs);
}
