//! Going back after an upgrade that worked.

use std::fs;

use crate::docker::docker;
use crate::past_commit::rows_lost;
use crate::settings::Settings;
use crate::stack::Stack;

#[test]
fn going_back_is_possible_by_restore_point_by_version_and_by_backup() {
    let stack = Stack::up(15, "1.0.0");
    let old = stack.writer().finish();
    stack.ops_does(&["upgrade", "1.1.0"]);
    let backup = stack.ops_does(&["backup", "list"])["backups"][0]["id"].as_str().unwrap().to_owned();
    let rows = stack.rows();

    let new = stack.writer().finish();
    let before = stack.world();
    let plan = stack.ops_does(&["rollback", "--plan"]);
    assert!(plan["plan"]["steps"].is_array(), "{plan}");
    assert_eq!(stack.world(), before, "a plan changes nothing");
    let told = stack.ops_exits(0, &["rollback"]);
    let lost = rows_lost(&told.result()["result"], "public.records");
    assert_eq!(lost, new.acknowledged.len() as u64);
    assert!(told.result()["warnings"].to_string().contains("is lost"), "{}", told.told());
    went_back(&stack, rows);
    assert_eq!(old.missing(&stack.client()), Vec::<String>::new());
    let failed = stack.kept("failed");
    assert_eq!(failed.len(), 1, "what was gone back from is kept");
    assert_eq!(stack.number(&failed[0], "SELECT count(*) FROM records"), rows + lost);

    // The restore point is used up: the way back is the newest backup of that release.
    stack.ops_does(&["upgrade", "1.1.0"]);
    let restore_point = stack.kept("restore_point").pop().unwrap();
    stack.query("postgres", &format!("DROP DATABASE \"{restore_point}\""));
    stack.ops_does(&["rollback", "--version", "1.0.0"]);
    went_back(&stack, rows);

    stack.ops_does(&["upgrade", "1.1.0"]);
    let file = stack.backup_dir().join(format!("backup-{backup}.tar.gz"));
    stack.ops_does(&["rollback", "--backup", &file.display().to_string()]);
    went_back(&stack, rows);
    let nowhere = stack.ops_exits(3, &["rollback", "--version", "0.9.0"]);
    assert!(nowhere.fault().contains("0.9.0"), "{}", nowhere.fault());
    went_back(&stack, rows);
}

#[test]
fn what_the_scripts_left_is_understood() {
    let stack = Stack::up(18, "1.0.0");
    let log = stack.writer().finish();
    let archive = stack.backup_by_script("2026-03-14-120000");
    let rows = stack.rows();
    // An upgrade as the guide's script does it.
    fs::write(stack.backup_dir().join(".pre-upgrade-version"), "1.0.0\n").unwrap();
    let env = fs::read_to_string(stack.path(".env")).unwrap();
    fs::write(stack.path(".env"), env.replace("LEDGER_VERSION=1.0.0", "LEDGER_VERSION=1.1.0")).unwrap();
    fs::write(stack.path("VERSION"), "1.1.0\n").unwrap();
    stack.compose(&["up", "-d", "--wait"]);
    stack.assert_serves("1.1.0");
    stack.ops_does(&["rollback", "--backup", &archive.display().to_string()]);
    went_back(&stack, rows);
    assert_eq!(log.missing(&stack.client()), Vec::<String>::new());
}

#[test]
fn an_image_that_nothing_names_any_more_is_still_there_to_go_back_to() {
    // A repository of its own, so that its tags can be taken away.
    let repository = format!("opsctl-live-{}/ledger", std::process::id());
    let image = |release: &str| format!("{repository}:{release}");
    for release in ["1.0.0", "1.1.0"] {
        docker(["tag", &format!("ledger/ledger:{release}"), &image(release)]);
    }
    let mut settings = Settings::new(18, "1.0.0");
    settings.image.clone_from(&repository);
    let stack = Stack::of(settings);
    let rows = stack.rows();
    stack.ops_does(&["upgrade", "1.1.0"]);
    docker(["rmi", &image("1.0.0")]);
    stack.ops_does(&["rollback"]);
    went_back(&stack, rows);
    drop(stack);
    for tag in docker(["image", "ls", "--format", "{{.Repository}}:{{.Tag}}", &repository]).lines() {
        docker(["rmi", tag]);
    }
}

/// That the first release serves again on its own data.
fn went_back(stack: &Stack, rows: u64) {
    stack.assert_serves("1.0.0");
    stack.assert_tidy();
    assert_eq!(stack.rows(), rows);
    assert_eq!(stack.world().migrations.len(), 1);
}
