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
        previous: name("API_KEY_SECRET_PREVIOUS"),
        made: Made::Random { bytes: 32 },
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
