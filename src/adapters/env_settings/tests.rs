use super::*;
use crate::profile::Profile;

const OLD: &str = "# ours\nLEDGER_VERSION=1.0.0\nLEDGER_LICENSE_MODE=community\nLOG_LEVEL=info\n";

fn release(version: &str) -> Release {
    Release {
        version: Version::parse(version).unwrap(),
        image: format!("ledger/ledger:{version}"),
        digest: None,
        image_id: None,
        pin: None,
    }
}

/// An install whose settings an upgrade changed, up to the moment at which it fails.
async fn upgraded() -> (tempfile::TempDir, EnvSettings) {
    let dir = tempfile::tempdir().unwrap();
    let profile = include_str!("../../../templates/profiles/ledger.toml");
    let profile = Profile::parse(profile, Path::new("ledger.toml")).unwrap();
    let settings = EnvSettings {
        store: EnvStore::at(dir.path().join(".env")),
        release: profile.release,
        variables: profile.variables,
        install: dir.path().to_owned(),
        backup_dir: dir.path().to_owned(),
        scratch: dir.path().to_owned(),
        environment: BTreeMap::new(),
        fingerprints: FingerprintKey::new([7; 32]),
        redactor: Redactor::default(),
        generator: None,
    };
    write(&settings, OLD);
    settings.remove_variables(&["LEDGER_LICENSE_MODE".to_owned()]).await.unwrap();
    settings.select(&release("1.1.0")).await.unwrap();
    (dir, settings)
}

fn read(settings: &EnvSettings) -> String {
    fs::read_to_string(settings.store.path()).unwrap()
}

fn write(settings: &EnvSettings, text: &str) {
    files::replace(settings.store.path(), text.as_bytes(), Mode::Exactly(0o600)).unwrap();
}

#[tokio::test]
async fn what_only_the_operation_changed_goes_back_byte_for_byte() {
    let (_dir, settings) = upgraded().await;
    assert_ne!(read(&settings), OLD);
    assert_eq!(settings.restore(&release("1.0.0")).await.unwrap(), None);
    assert_eq!(read(&settings), OLD);
}

#[tokio::test]
async fn beside_what_a_person_changed_the_rest_goes_back_too() {
    let (_dir, settings) = upgraded().await;
    write(&settings, &format!("FIRST=1\n{}LAST=1\n", read(&settings)));
    let told = settings.restore(&release("1.0.0")).await.unwrap().unwrap();
    assert!(told.contains("somebody else") && !told.contains("except"), "{told}");
    assert_eq!(read(&settings), format!("FIRST=1\n{OLD}LAST=1\n"));
    settings.restore(&release("1.0.0")).await.unwrap();
    assert_eq!(read(&settings), format!("FIRST=1\n{OLD}LAST=1\n"), "also the second time");
}

#[tokio::test]
async fn what_a_person_changed_in_it_is_left_and_named() {
    let (_dir, settings) = upgraded().await;
    let text = read(&settings).replace("# LEDGER_LICENSE_MODE=community\n", "");
    write(&settings, &text);
    let told = settings.restore(&release("1.0.0")).await.unwrap().unwrap();
    assert!(told.contains("except for LEDGER_LICENSE_MODE"), "{told}");
    assert!(read(&settings).contains("LEDGER_VERSION=1.0.0"), "{}", read(&settings));
}
