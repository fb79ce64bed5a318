//! Kills opsctl at every moment of every operation, and again at every moment of each recovery, and looks at what is left.

#![allow(missing_docs, reason = "a test")]

#[path = "support/call.rs"]
mod call;
#[path = "support/fake.rs"]
mod fake;
#[path = "support/lines.rs"]
mod lines;
#[path = "support/outcome.rs"]
mod outcome;
#[path = "support/scenarios/all.rs"]
mod scenarios;
#[path = "support/sweep.rs"]
mod sweep;

use fake::install::Client;
use fake::{backups, database};
use opsctl::error::Exit;
use opsctl::journal::record::Closing;
use opsctl::operations::restore::Migrations;
use opsctl::operations::rollback::Data;
use opsctl::plan::rotation::PausePoint;
use opsctl::plan::step::Step;
use scenarios::releases::Point;
use scenarios::{Scenario, data, releases, rotations};

async fn swept(scenario: Scenario) {
    let tally = sweep::sweep(&scenario).await;
    assert!(tally.states > 20, "{tally:?}: the sweep saw too little to mean anything");
}

#[tokio::test(start_paused = true)]
async fn a_backup() {
    swept(data::backup()).await;
}

#[tokio::test(start_paused = true)]
async fn a_restore_by_swap() {
    swept(data::restore_by_swap("1.0.0", Migrations::UpToDate)).await;
}

#[tokio::test(start_paused = true)]
async fn a_restore_by_swap_of_an_older_backup() {
    swept(data::restore_by_swap("1.1.0", Migrations::MayBeOlder)).await;
}

#[tokio::test(start_paused = true)]
async fn a_restore_in_place() {
    swept(data::restore_in_place("1.0.0", Migrations::UpToDate)).await;
}

#[tokio::test(start_paused = true)]
async fn a_restore_in_place_of_an_older_backup() {
    swept(data::restore_in_place("1.1.0", Migrations::MayBeOlder)).await;
}

#[tokio::test(start_paused = true)]
async fn the_undoing_of_a_restore() {
    swept(data::undo_restore()).await;
}

#[tokio::test(start_paused = true)]
async fn an_upgrade() {
    swept(releases::upgrade("1.1.0", Point::Clone, Client::Steady, Closing::Done)).await;
}

#[tokio::test(start_paused = true)]
async fn a_step_that_never_ends_is_not_begun_a_fourth_time_but_looking_is() {
    let scenario = releases::upgrade("1.1.0", Point::Clone, Client::Steady, Closing::Done);
    let migrate = |step: &Step| matches!(step, Step::Migrate { .. });
    assert_eq!(sweep::killed_three_times(&scenario, migrate).await, Closing::RolledBack);
    let watch = |step: &Step| matches!(step, Step::PassGates { .. });
    assert_eq!(sweep::killed_three_times(&scenario, watch).await, Closing::Done);
}

#[tokio::test(start_paused = true)]
async fn behind_the_commit_point_a_step_that_never_ends_is_left_to_a_person() {
    let scenario = releases::upgrade("1.1.0", Point::Clone, Client::Steady, Closing::Done);
    let (exit, left, ending) = sweep::killed_three_times_behind_the_commit_point(&scenario).await;
    assert_eq!((exit, ending), (Exit::Inconsistent, Closing::Done));
    assert!(left[0].starts_with("left to do: start"), "{left:?}");
    assert!(left.iter().any(|line| line.contains("up --detach")), "the commands are listed: {left:?}");
}

#[tokio::test(start_paused = true)]
async fn what_nothing_else_starts_is_started_again_before_anything_is_said_to_be_done() {
    let archive = backups::archive(scenarios::archived());
    let scenarios = [
        data::restore_by_swap("1.1.0", Migrations::MayBeOlder),
        data::restore_in_place("1.0.0", Migrations::UpToDate),
        data::undo_restore(),
        data::rotate_store(),
        releases::upgrade("1.1.0", Point::Clone, Client::Steady, Closing::Done),
        releases::roll_back(Data::Backup { archive, side: database("ledger_side") }),
    ];
    for scenario in scenarios {
        let cut = sweep::cut_off(&scenario).await;
        assert!(cut > 10, "{cut} moments are too few to mean anything");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_with_a_backup_as_its_restore_point() {
    swept(releases::upgrade("1.1.0", Point::Backup, Client::Steady, Closing::Done)).await;
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_whose_migration_fails_half_way() {
    for point in [Point::Clone, Point::Backup] {
        swept(releases::upgrade("1.1.1-fails-migrating", point, Client::Steady, Closing::RolledBack)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_is_never_ready() {
    swept(releases::upgrade("1.1.2-never-ready", Point::Clone, Client::Steady, Closing::RolledBack)).await;
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_reports_another_version() {
    swept(releases::upgrade("1.1.3-wrong-version", Point::Clone, Client::Steady, Closing::RolledBack)).await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_after_clients_wrote_to_the_new_release() {
    swept(releases::upgrade("1.1.4-worker-dies", Point::Clone, Client::Steady, Closing::PastCommit)).await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_before_anybody_wrote_to_the_new_release() {
    let client = Client::Avoids("1.1.4-worker-dies");
    swept(releases::upgrade("1.1.4-worker-dies", Point::Clone, client, Closing::RolledBack)).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_writes_just_when_the_way_back_was_chosen() {
    let client = Client::ComesLate("1.1.4-worker-dies");
    swept(releases::upgrade("1.1.4-worker-dies", Point::Clone, client, Closing::PastCommit)).await;
}

#[tokio::test(start_paused = true)]
async fn a_rollback_to_the_restore_point() {
    swept(releases::roll_back(Data::RestorePoint(database("ledger_point")))).await;
}

#[tokio::test(start_paused = true)]
async fn a_rollback_to_a_backup() {
    let archive = backups::archive(scenarios::archived());
    swept(releases::roll_back(Data::Backup { archive, side: database("ledger_side") })).await;
}

#[tokio::test(start_paused = true)]
async fn a_rotation_of_the_store() {
    swept(data::rotate_store()).await;
}

#[tokio::test(start_paused = true)]
async fn a_rotation() {
    swept(rotations::rotate(&[])).await;
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_waits_with_both_values_and_again_with_all_keys_re_hashed() {
    swept(rotations::rotate(&[PausePoint::Dual, PausePoint::Rehash])).await;
}

#[tokio::test(start_paused = true)]
async fn a_rotation_of_a_value_under_which_nothing_is_stored() {
    swept(rotations::replace_secret()).await;
}

#[tokio::test(start_paused = true)]
async fn a_rotation_of_the_database_servers_password() {
    swept(rotations::change_password()).await;
}
