use super::*;
use crate::model::release::Version;
use crate::plan::Plan;
use crate::plan::step::{RestorePoint, Step};

fn release(version: &str) -> Release {
    Release {
        version: Version::parse(version).unwrap(),
        image: format!("ledger:{version}"),
        digest: Some(format!("sha256:0123456789abcdef-of-{version}")),
        image_id: None,
        pin: None,
    }
}

fn database(name: &str) -> DatabaseName {
    serde_json::from_value(name.into()).unwrap()
}

fn service(name: &str) -> ServiceName {
    serde_json::from_value(name.into()).unwrap()
}

fn product(version: &str) -> Product {
    Product {
        release: release(version),
        services: vec![service("worker"), service("api")],
        running: vec![service("worker"), service("api")],
        well: Wellness::Well,
        live: database("ledger"),
        migrate: Some(MigrateBy { service: service("migrate"), command: None }),
        data_check: DataCheck::Described,
    }
}

/// The plan as it is printed, its commit point marked.
fn printed(plan: &Plan) -> String {
    let mark = |index| if plan.commit == Some(index) { "-- commit point\n" } else { "" };
    let steps = plan.steps.iter().enumerate().map(|(index, step)| format!("{}{step}", mark(index)));
    steps.collect::<Vec<_>>().join("\n")
}

fn listed(steps: &[Step]) -> String {
    steps.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn upgrade_to(version: &str) -> upgrade::Request {
    upgrade::Request {
        target: release(version),
        backup: Some("2026-03-14-120000".parse().unwrap()),
        keep: 7,
        restore_point: RestorePoint::Clone { database: database("ledger_point") },
        failed: database("ledger_failed"),
        removed_variables: vec!["LICENSE_MODE".to_owned()],
        canary_service: service("api"),
        canary_name: "canary".to_owned(),
        migrate_name: "migrate".to_owned(),
        superseded: vec![database("ledger_point_before")],
    }
}

fn upgrade_plan() -> Plan {
    upgrade::plan(&product("1.0.0"), upgrade_to("1.1.0")).unwrap()
}

#[test]
fn an_upgrade() {
    insta::assert_snapshot!(printed(&upgrade_plan()), @r"
    fetch ledger:1.1.0 (sha256:0123456789ab), unless it is here
    keep 1.0.0 for going back
    take backup 2026-03-14-120000 and read it back
    stop worker, api
    note when worker, api last ran
    take the restore point: copy ledger to ledger_point
    comment out LICENSE_MODE in .env
    read the database's write counters
    migrate ledger with 1.1.0
    remove migrate
    prove 1.1.0 on a canary that no client can reach
    make sure that worker, api still stand still
    read the database's write counters
    select 1.1.0
    -- commit point
    start api, worker on 1.1.0
    wait until api, worker are healthy and stable
    note 1.0.0 as the release to go back to
    drop ledger_point_before
    unpin backup 2026-03-14-120000
    prune backups, keeping the newest 7
    ");
}

#[test]
fn an_upgrade_of_a_product_that_needs_less() {
    let product = Product { migrate: None, ..product("1.0.0") };
    let request = upgrade::Request {
        backup: None,
        restore_point: RestorePoint::Backup {
            id: "2026-03-14-120001".parse().unwrap(),
            side: database("ledger_side"),
        },
        removed_variables: Vec::new(),
        superseded: Vec::new(),
        ..upgrade_to("1.1.0")
    };
    insta::assert_snapshot!(printed(&upgrade::plan(&product, request).unwrap()), @r"
    fetch ledger:1.1.0 (sha256:0123456789ab), unless it is here
    keep 1.0.0 for going back
    stop worker, api
    note when worker, api last ran
    take the restore point: backup 2026-03-14-120001
    prove 1.1.0 on a canary that no client can reach
    make sure that worker, api still stand still
    read the database's write counters
    select 1.1.0
    -- commit point
    start api, worker on 1.1.0
    wait until api, worker are healthy and stable
    note 1.0.0 as the release to go back to
    ");
}

#[test]
fn a_downgrade_is_refused_and_names_without_an_order_are_not() {
    let refusal = upgrade::plan(&product("1.1.0"), upgrade_to("1.0.0")).unwrap_err();
    assert_eq!(refusal.what, "1.0.0 is older than 1.1.0, which runs");
    assert_eq!(refusal.hints.len(), 2);
    assert!(upgrade::plan(&product("1.1.0"), upgrade_to("1.1.0")).is_ok());
    assert!(upgrade::plan(&product("latest"), upgrade_to("1.0.0")).is_ok());
}

#[test]
fn a_backup() {
    let plan = backup::plan(&product("1.0.0"), "2026-03-14-120000".parse().unwrap(), 7);
    insta::assert_snapshot!(printed(&plan), @r"
    take backup 2026-03-14-120000 and read it back
    prune backups, keeping the newest 7
    ");
    assert!(!plan.disturbs(plan.steps.len()));
}

fn restore_request(way: restore::Way, migrations: restore::Migrations) -> restore::Request {
    restore::Request {
        archive: "/backup/a.tar.gz".into(),
        way,
        migrations,
        migrate_name: "migrate".to_owned(),
        superseded: vec![database("ledger_replaced_before")],
    }
}

fn by_swap() -> restore::Way {
    restore::Way::Swap { side: database("ledger_side"), replaced: database("ledger_replaced") }
}

#[test]
fn a_restore_by_swap() {
    let plan = restore::plan(&product("1.0.0"), restore_request(by_swap(), restore::Migrations::UpToDate));
    insta::assert_snapshot!(printed(&plan), @r"
    read /backup/a.tar.gz in full and check it
    load the backup into the side database ledger_side
    compare ledger_side with the backup
    stop worker, api
    swap ledger_side in as ledger, keeping the present one as ledger_replaced
    start api, worker on 1.0.0
    wait until api, worker are healthy and stable
    let the product check its data
    drop ledger_replaced_before
    ");
}

#[test]
fn a_restore_in_place_of_older_data() {
    let way = restore::Way::InPlace {
        safety: "2026-03-14-120000".parse().unwrap(),
        safety_archive: "/backup/safety.tar.gz".into(),
        side: database("ledger_side"),
    };
    let plan = restore::plan(&product("1.0.0"), restore_request(way, restore::Migrations::MayBeOlder));
    insta::assert_snapshot!(printed(&plan), @r"
    read /backup/a.tar.gz in full and check it
    stop worker, api
    note when worker, api last ran
    take backup 2026-03-14-120000 and read it back
    make sure that worker, api still stand still
    drop ledger and load /backup/a.tar.gz in its place
    compare ledger with the backup
    read the database's write counters
    migrate ledger with 1.0.0
    remove migrate
    read the database's write counters
    -- commit point
    start api, worker on 1.0.0
    wait until api, worker are healthy and stable
    let the product check its data
    drop ledger_replaced_before
    ");
    insta::assert_snapshot!(listed(&plan.reversing(7)), @r"
    drop ledger and load /backup/safety.tar.gz in its place
    start api, worker on 1.0.0
    wait until api, worker are healthy and stable
    ");
}

#[test]
fn an_undone_restore() {
    let plan =
        restore::plan_undo(&product("1.0.0"), &database("ledger_replaced"), &database("ledger_undone"));
    insta::assert_snapshot!(printed(&plan), @r"
    stop worker, api
    swap ledger_replaced in as ledger, keeping the present one as ledger_undone
    start api, worker on 1.0.0
    wait until api, worker are healthy and stable
    let the product check its data
    ");
}

#[test]
fn a_rollback_to_the_restore_point() {
    let request = rollback::Request {
        target: release("1.0.0"),
        image: rollback::ImageSource::Local,
        data: rollback::Data::RestorePoint(database("ledger_point")),
        replaced: database("ledger_replaced"),
        superseded: Vec::new(),
        guard: Some("2026-03-14-120000".parse().unwrap()),
    };
    insta::assert_snapshot!(printed(&rollback::plan(&product("1.1.0"), request)), @r"
    keep 1.1.0 for going back
    stop worker, api
    swap ledger_point in as ledger, keeping the present one as ledger_replaced
    select 1.0.0
    start api, worker on 1.0.0
    wait until api, worker are healthy and stable
    let the product check its data
    unpin backup 2026-03-14-120000
    ");
}

#[test]
fn a_rollback_to_a_backup() {
    let request = rollback::Request {
        target: release("1.0.0"),
        image: rollback::ImageSource::Registry,
        data: rollback::Data::Backup { archive: "/backup/a.tar.gz".into(), side: database("ledger_side") },
        replaced: database("ledger_replaced"),
        superseded: vec![database("ledger_point")],
        guard: None,
    };
    insta::assert_snapshot!(printed(&rollback::plan(&product("1.1.0"), request)), @r"
    fetch ledger:1.0.0 (sha256:0123456789ab), unless it is here
    keep 1.1.0 for going back
    read /backup/a.tar.gz in full and check it
    load the backup into the side database ledger_side
    compare ledger_side with the backup
    stop worker, api
    swap ledger_side in as ledger, keeping the present one as ledger_replaced
    select 1.0.0
    start api, worker on 1.0.0
    wait until api, worker are healthy and stable
    let the product check its data
    drop ledger_point
    ");
}

#[test]
fn an_upgrade_goes_back_in_the_order_that_serves_first_and_destroys_last() {
    let plan = upgrade_plan();
    insta::assert_snapshot!(listed(&plan.reversing(plan.steps.len())), @r"
    remove canary
    remove migrate
    stop worker, api
    select 1.0.0 again, with the settings as they were
    return ledger to the restore point, keeping what failed as ledger_failed
    start api, worker on 1.0.0
    wait until api, worker are healthy and stable
    drop ledger_point
    unpin backup 2026-03-14-120000
    ");
}

#[test]
fn what_was_not_begun_is_not_undone() {
    let plan = upgrade_plan();
    assert_eq!(plan.reversing(0), []);
    assert_eq!(plan.reversing(2), []);
    insta::assert_snapshot!(listed(&plan.reversing(3)), @r"
    unpin backup 2026-03-14-120000
    ");
}

#[test]
fn a_restore_point_is_not_gone_back_to_before_anything_could_change_the_data() {
    let plan = upgrade_plan();
    let quiet = plan.steps.iter().position(|step| matches!(step, Step::Migrate { .. })).unwrap();
    let returns = |touched| {
        plan.reversing(touched).iter().any(|step| matches!(step, Step::ReturnToRestorePoint { .. }))
    };
    assert!(!returns(quiet));
    assert!(returns(quiet + 1));
}

#[test]
fn a_product_that_stood_still_is_not_started_by_going_back_and_one_that_was_unwell_is_not_waited_for() {
    let stopped = Product { running: Vec::new(), ..product("1.0.0") };
    let plan = upgrade::plan(&stopped, upgrade_to("1.1.0")).unwrap();
    assert!(!plan.reversing(12).iter().any(|step| matches!(step, Step::Start { .. })));
    let unwell = Product { well: Wellness::Unwell, ..product("1.0.0") };
    let back = upgrade::plan(&unwell, upgrade_to("1.1.0")).unwrap().reversing(12);
    assert!(back.iter().any(|step| matches!(step, Step::Start { .. })));
    assert!(!back.iter().any(|step| matches!(step, Step::PassGates { .. })));
}

#[test]
fn only_what_follows_the_last_proof_tidies_up() {
    let plan = upgrade_plan();
    let gates = plan.steps.iter().position(|step| matches!(step, Step::PassGates { .. })).unwrap();
    assert!(!plan.is_tidying(gates));
    assert!((gates + 1..plan.steps.len()).all(|index| plan.is_tidying(index)));
    let prune = backup::plan_prune(&product("1.0.0"), 7);
    assert!(!prune.is_tidying(0), "a prune that was asked for is what its operation is for");
}
