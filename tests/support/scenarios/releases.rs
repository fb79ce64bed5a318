//! Operations that change the release: upgrades, and going back from them.

use opsctl::journal::record::Closing;
use opsctl::model::backup_id::BackupId;
use opsctl::operations::{rollback, upgrade};
use opsctl::plan::step::RestorePoint;

use super::{Scenario, install, or_kept, outcome, own_backup, product, with_database};
use crate::fake::install::{Client, Content, LIVE};
use crate::fake::releases::{Image, release};
use crate::fake::{database, service};

/// What an upgrade goes back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// A copy on the server.
    Clone,
    /// A backup.
    Backup,
}

/// An upgrade from 1.0.0.
pub(crate) fn upgrade(target: &'static str, point: Point, client: Client, ends: Closing) -> Scenario {
    let past = Content::new("past", "1.0.0", &[1]);
    let safety: BackupId = "2026-03-14-120001".parse().expect("an id");
    let restore_point = match point {
        Point::Clone => RestorePoint::Clone { database: database("ledger_point") },
        Point::Backup => RestorePoint::Backup { id: safety, side: database("ledger_side") },
    };
    let request = upgrade::Request {
        target: release(target),
        backup: Some(own_backup()),
        keep: 7,
        restore_point,
        failed: database("ledger_failed"),
        removed_variables: vec!["LICENSE_MODE".to_owned()],
        canary_service: service("api"),
        canary_name: "opsctl-canary".to_owned(),
        migrate_name: "opsctl-migrate".to_owned(),
        superseded: vec![database("ledger_point_before")],
    };
    let mut new = outcome(target, "live", &[LIVE]);
    if point == Point::Clone {
        new.databases.insert("ledger_point");
    }
    new.deprecated = false;
    new.previous_version = Some("1.0.0");
    let mut old = outcome("1.0.0", "live", &[LIVE, "ledger_point_before"]);
    old.may_be_kept.insert("ledger_failed");
    Scenario {
        superseded: vec!["ledger_point_before"],
        install: with_database(install("1.0.0", client), "ledger_point_before", past),
        plan: upgrade::plan(&product("1.0.0"), request).expect("an upgrade"),
        ends,
        old,
        new,
    }
}

/// A rollback from 1.1.0 to 1.0.0.
pub(crate) fn roll_back(data: rollback::Data) -> Scenario {
    let point = Content::new("point", "1.0.0", &[1, 2]);
    let mut before = with_database(install("1.1.0", Client::Steady), "ledger_point", point);
    let (superseded, line, left, image) = match data {
        rollback::Data::RestorePoint(_) => (Vec::new(), "point", None, rollback::ImageSource::Local),
        rollback::Data::Backup { .. } => {
            (vec![database("ledger_point")], "archive", Some("ledger_point"), rollback::ImageSource::Registry)
        }
    };
    if image == rollback::ImageSource::Local {
        before.local_images.insert(Image::of("1.0.0").id());
    }
    let request = rollback::Request {
        target: release("1.0.0"),
        image,
        data,
        replaced: database("ledger_replaced"),
        superseded,
        guard: None,
    };
    let mut old = or_kept(outcome("1.1.0", "live", &[LIVE, "ledger_point"]), "ledger_side");
    old.databases.extend(left);
    Scenario {
        superseded: left.into_iter().collect(),
        install: before,
        plan: rollback::plan(&product("1.1.0"), request),
        ends: Closing::Done,
        old,
        new: outcome("1.0.0", line, &[LIVE, "ledger_replaced"]),
    }
}
