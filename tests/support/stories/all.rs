//! What opsctl promises of every product, whatever runs it and whatever keeps its data: each story is told once here, by every
//! suite on installs of its own kind.

pub(crate) mod broken;
pub(crate) mod bundles;
pub(crate) mod damaged;
pub(crate) mod dies_later;
pub(crate) mod disks;
pub(crate) mod hooks;
pub(crate) mod keeping;
pub(crate) mod killed;
pub(crate) mod outside;
pub(crate) mod places;
pub(crate) mod restores;
pub(crate) mod rollbacks;
pub(crate) mod terminal;
pub(crate) mod together;
pub(crate) mod upgrades;

/// The tests of a suite: every story that begins with a product which serves, on installs of this kind. Stories that do not
/// disturb each other are chapters of one test, for an install takes longer to make than many of them take to tell.
macro_rules! every_story {
    ($stand:ty) => {
        $crate::stories::tests! { $stand:
            upgrades_lose_nothing from "1.0.0":
                upgrades::upgrades_lose_nothing_and_what_cannot_be_is_refused;
            rollbacks_go_back_wholly from "1.0.0":
                rollbacks::going_back_is_possible_by_restore_point_by_version_and_by_backup;
            backups_are_kept_operators_kept_apart_and_a_person_is_asked from "1.0.0":
                keeping::backups_are_kept_listed_and_pruned_as_asked,
                together::only_one_operates_an_install_at_a_time,
                terminal::a_person_is_asked_and_only_a_yes_is_a_yes;
            hooks_are_told_and_what_is_damaged_or_taken_away_is_noticed from "1.0.0":
                hooks::hooks_are_told_what_happens_and_one_that_says_no_stops_it,
                damaged::what_is_no_sound_backup_is_refused_and_touches_nothing,
                outside::what_others_take_away_is_noticed_and_gone_back_from;
            a_restore_can_be_undone_and_an_install_moved from "1.1.0":
                restores::a_restore_can_be_undone_twice_and_nothing_is_lost,
                places::an_install_that_was_moved_or_cannot_be_written_to_loses_nothing;
            bundles_disturb_nobody_and_full_disks_are_waited_for from "1.0.0":
                bundles::a_bundle_leaves_nothing_behind_and_disturbs_nobody,
                disks::a_full_disk_for_backups_or_records_is_waited_for;
            an_operation_that_is_stopped_waits_and_a_restore_that_is_killed_goes_on_or_back from "1.0.0":
                together::an_operation_that_is_stopped_waits_where_nothing_is_half_done,
                killed::a_restore_killed_at_any_step_ends_wholly_old_or_wholly_new;
            an_upgrade_that_is_killed_goes_on_or_back from "1.0.0":
                killed::an_upgrade_killed_at_any_step_ends_wholly_old_or_wholly_new;
            a_rollback_that_is_killed_goes_on_or_back from "1.0.0":
                killed::a_rollback_killed_at_any_step_ends_wholly_old_or_wholly_new;
        }
    };
}

macro_rules! tests {
    ($stand:ty: $($test:ident from $release:literal: $($theme:ident::$story:ident),+;)+) => {$(
        #[test]
        fn $test() {
            let stand = <$stand as $crate::stand::Stand>::serving($release);
            $(
                println!("{}", stringify!($story));
                $crate::stories::$theme::$story(&stand);
            )+
        }
    )+};
}

pub(crate) use {every_story, tests};
