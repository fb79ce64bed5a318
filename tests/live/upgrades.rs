//! Upgrades that work.

use std::fs;

use crate::docker::{docker, image_id};
use crate::past_commit::rows_lost;
use crate::settings::{Description, Settings};
use crate::stack::Stack;

#[test]
fn replicas_that_somebody_added_by_hand_are_there_afterwards() {
    let settings = Settings::new(15, "1.0.0").overlaid("services:\n  ledger-worker:\n    ports: !reset []\n");
    let stack = Stack::of(settings);
    stack.compose(&["up", "-d", "--wait", "--scale", "ledger-worker=3"]);
    let workers = || {
        let project = format!("label=com.docker.compose.project={}", stack.project);
        let service = "label=com.docker.compose.service=ledger-worker";
        let format = "{{.Names}} {{.Image}}";
        let found = docker(["ps", "--filter", &project, "--filter", service, "--format", format]);
        let mut images: Vec<String> =
            found.lines().map(|line| line.split(' ').next_back().unwrap().to_owned()).collect();
        images.sort();
        images
    };
    stack.ops_does(&["upgrade", "1.1.0"]);
    assert_eq!(workers(), ["ledger/ledger:1.1.0"; 3]);
    stack.ops_does(&["rollback"]);
    assert_eq!(workers(), ["ledger/ledger:1.0.0"; 3]);
    stack.ops_does(&["backup"]);
    stack.ops_does(&["restore", "latest"]);
    assert_eq!(workers(), ["ledger/ledger:1.0.0"; 3]);
}

#[test]
fn two_upgrades_lose_nothing_and_what_cannot_be_is_refused() {
    let stack = Stack::up(18, "1.0.0");
    stack.add_line("LEDGER_LICENSE_MODE=community");
    let writer = stack.writer();

    let before = stack.world();
    let plan = stack.ops_does(&["upgrade", "1.1.0", "--plan"]);
    assert!(plan["plan"]["steps"].as_array().unwrap().len() > 8, "{plan}");
    let unknown = stack.ops_exits(3, &["upgrade", "9.9.9"]);
    assert!(unknown.fault().contains("9.9.9"), "{}", unknown.fault());
    let no_consent =
        crate::operator::Run::start(stack.opsctl(&["--output", "json", "upgrade", "1.1.0"])).wait();
    assert_eq!(no_consent.code, Some(2), "no terminal is never a yes: {}", no_consent.told());
    assert_eq!(stack.world(), before, "looking and being refused change nothing");
    assert_eq!(stack.backup_files(), Vec::<String>::new());

    let ended = stack.ops_exits(0, &["upgrade", "1.1.0"]);
    assert!(ended.told().contains("LEDGER_LICENSE_MODE"), "what is commented out is said: {}", ended.told());
    writer.goes_on();
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    let after = stack.world();
    assert_eq!(after.migrations.len(), before.migrations.len() + 1);
    assert_eq!(after.env_mode, before.env_mode);
    let only_in = |these: &str, those: &str| -> Vec<String> {
        these.lines().filter(|line| !those.lines().any(|other| other == *line)).map(str::to_owned).collect()
    };
    assert_eq!(
        only_in(&before.env, &after.env),
        ["LEDGER_VERSION=1.0.0   # chosen by hand", "LEDGER_LICENSE_MODE=community"],
        "no other line was touched"
    );
    let added = only_in(&after.env, &before.env);
    assert_eq!(added[0], "LEDGER_VERSION=1.1.0   # chosen by hand");
    assert!(added[1..].iter().all(|line| line.starts_with('#')), "{added:?}");
    assert!(added.iter().any(|line| line.contains("LEDGER_LICENSE_MODE=community")), "{added:?}");
    assert_eq!(stack.kept("restore_point").len(), 1);
    assert_eq!(stack.backup_files().len(), 1);
    let noted = fs::read_to_string(stack.backup_dir().join(".pre-upgrade-version")).unwrap();
    assert_eq!(noted.trim(), "1.0.0");

    let (steady, operations) = (stack.world(), operations(&stack));
    assert_eq!(stack.ops_does(&["upgrade", "1.1.0"])["changed"], false);
    let downgrade = stack.ops_exits(3, &["upgrade", "1.0.0"]);
    assert!(downgrade.fault().contains("opsctl rollback"), "{}", downgrade.fault());
    assert_eq!(stack.world(), steady);
    assert_eq!(self::operations(&stack), operations, "neither is an operation");

    let ended = stack.ops_exits(0, &["upgrade", "1.2.0", "--skip-backup"]);
    let skipped = ended.result();
    assert!(skipped["warnings"].to_string().contains("--skip-backup"), "said loudly: {skipped}");
    assert_eq!(skipped["result"]["backup_skipped"], true);
    stack.assert_serves("1.2.0");
    stack.assert_tidy();
    assert_eq!(stack.backup_files().len(), 1, "no backup was taken");
    assert_eq!(stack.kept("restore_point").len(), 1, "the newer restore point took the older one's place");
    let log = writer.finish_with_nothing_lost();
    println!(
        "two upgrades on PostgreSQL 18: {} writes, none lost, not serving for {:.1} s at most",
        log.acknowledged.len(),
        log.longest_gap().as_secs_f64()
    );
}

#[test]
fn a_product_that_is_not_described_is_recognised_and_its_pin_moves_with_the_version() {
    let pin = image_id("ledger/ledger:1.0.0");
    let settings = Settings::new(15, "1.0.0").described(Description::BuiltIn).with("LEDGER_IMAGE_PIN", &pin);
    let stack = Stack::of(settings);
    assert!(!stack.path("opsctl.toml").exists());
    let writer = stack.writer();
    stack.ops_does(&["upgrade", "1.1.0"]);
    writer.goes_on();
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    assert_eq!(stack.variable("LEDGER_IMAGE_PIN"), image_id("ledger/ledger:1.1.0"));
    let restore_point = stack.kept("restore_point").pop().expect("a restore point");
    let then = stack.number(&restore_point, "SELECT count(*) FROM records");
    let log = writer.finish_with_nothing_lost();
    println!(
        "an upgrade on PostgreSQL 15 with the defaults: {} writes, none lost, not serving for {:.1} s",
        log.acknowledged.len(),
        log.longest_gap().as_secs_f64()
    );

    // A plain `up` by anybody changes nothing: what runs is what is selected.
    let images = stack.world().images;
    stack.compose(&["up", "-d", "--wait"]);
    assert_eq!(stack.world().images, images);

    let now = stack.rows();
    let result = stack.ops_does(&["rollback"]);
    assert_eq!(rows_lost(&result, "public.records"), now - then, "{result}");
    stack.assert_serves("1.0.0");
    stack.assert_tidy();
    assert_eq!(stack.variable("LEDGER_IMAGE_PIN"), pin, "the pin goes back with the version");
    assert_eq!(stack.rows(), then);
}

#[test]
fn an_upgrade_that_somebody_began_by_hand_is_not_taken_for_done() {
    let stack = Stack::up(18, "1.0.0");
    let env = fs::read_to_string(stack.path(".env")).unwrap();
    fs::write(stack.path(".env"), env.replace("LEDGER_VERSION=1.0.0", "LEDGER_VERSION=1.1.0")).unwrap();
    let status = stack.ops_does(&["status"]);
    assert!(status["release"]["drift"].to_string().contains("1.1.0"), "{status}");
    stack.ops_does(&["upgrade", "1.1.0"]);
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    assert_eq!(stack.world().migrations.len(), 2);
}

fn operations(stack: &Stack) -> usize {
    stack.ops_does(&["history"])["operations"].as_array().unwrap().len()
}
