//! Upgrades that work.

use std::fs;

use crate::docker::{docker, image_id};
use crate::settings::{Description, Settings};
use crate::stack::Stack;
use crate::stories::rollbacks::rows_lost;

#[test]
fn what_somebody_did_by_hand_is_there_afterwards_or_done_in_full() {
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

    // An upgrade that somebody began by hand is not taken for done.
    let env = fs::read_to_string(stack.path(".env")).unwrap();
    fs::write(stack.path(".env"), env.replace("LEDGER_VERSION=1.0.0", "LEDGER_VERSION=1.1.0")).unwrap();
    let status = stack.ops_does(&["status"]);
    assert!(status["release"]["drift"].to_string().contains("1.1.0"), "{status}");
    stack.ops_does(&["upgrade", "1.1.0"]);
    assert_eq!(workers(), ["ledger/ledger:1.1.0"; 3]);
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    assert_eq!(stack.world().migrations.len(), 2);
}

#[test]
fn a_product_that_is_not_described_is_recognised_and_its_pin_moves_with_the_version() {
    let pin = image_id("ledger/ledger:1.0.0");
    let settings = Settings::new(15, "1.0.0").described(Description::BuiltIn).with("LEDGER_IMAGE_PIN", &pin);
    let stack = Stack::of(settings);
    assert!(!stack.path("opsctl.toml").exists());
    stack.add_line("LEDGER_LICENSE_MODE=community");
    let (writer, before) = (stack.writer(), stack.world());
    let ended = stack.ops_exits(0, &["upgrade", "1.1.0"]);
    assert!(ended.told().contains("LEDGER_LICENSE_MODE"), "what is commented out is said: {}", ended.told());
    writer.goes_on();
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    let new_pin = image_id("ledger/ledger:1.1.0");
    assert_eq!(stack.variable("LEDGER_IMAGE_PIN"), new_pin);
    only_release_pin_and_removed_setting_were_touched(&before.env, &stack.world().env, &new_pin);
    assert_eq!(stack.world().env_mode, before.env_mode);
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
    assert_eq!(rows_lost::<Stack>(&result) as u64, now - then, "{result}");
    stack.assert_serves("1.0.0");
    stack.assert_tidy();
    assert_eq!(stack.variable("LEDGER_IMAGE_PIN"), pin, "the pin goes back with the version");
    assert_eq!(stack.rows(), then);
}

fn only_release_pin_and_removed_setting_were_touched(before: &str, after: &str, pin: &str) {
    let only_in = |these: &str, those: &str| -> Vec<String> {
        these.lines().filter(|line| !those.lines().any(|other| other == *line)).map(str::to_owned).collect()
    };
    let gone = only_in(before, after);
    assert_eq!(gone.len(), 3, "no other line was touched: {gone:?}");
    let mut added = only_in(after, before);
    assert_eq!(added.remove(0), "LEDGER_VERSION=1.1.0   # chosen by hand");
    assert!(added.iter().any(|line| line.contains(pin)), "{added:?}");
    let comments: Vec<&String> = added.iter().filter(|line| line.starts_with('#')).collect();
    assert_eq!(comments.len(), added.len() - 1, "{added:?}");
    assert!(comments.iter().any(|line| line.contains("LEDGER_LICENSE_MODE=community")), "{added:?}");
}
