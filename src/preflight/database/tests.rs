use super::*;
use crate::preflight::Status;

fn condition() -> Condition {
    Condition {
        major: 17,
        version: "17.5".to_owned(),
        in_recovery: false,
        read_only: false,
        role: "ledger".to_owned(),
        superuser: false,
        creates_databases: true,
        ends_sessions: true,
        creates_schemas: true,
        creates_tables: true,
        foreign_tables: Vec::new(),
        connections: 97,
        connections_used: 12,
        size: 1 << 30,
        largest_table: 1 << 30,
        time_limits: BTreeMap::new(),
        log_statement: "none".to_owned(),
        oldest_transaction: 1_000,
        collation: None,
        clock_apart: Duration::ZERO,
        clock_uncertain: Duration::ZERO,
    }
}

fn limited(name: &str, seconds: u64) -> Condition {
    Condition {
        time_limits: BTreeMap::from([(name.to_owned(), Duration::from_secs(seconds))]),
        ..condition()
    }
}

#[test]
fn a_server_in_good_order_passes() {
    let found = condition();
    for judged in
        [version(&found), writable(&found), rights(&found), restore_rights(&found), timeouts(&found)]
    {
        assert_eq!(judged.status, Status::Pass, "{judged:?}");
    }
    for judged in
        [logging(&found), wraparound(&found), transactions(&[]), indexes(&[]), locks(&Locks::default())]
    {
        assert_eq!(judged.status, Status::Pass, "{judged:?}");
    }
}

#[test]
fn versions_that_nobody_mends_are_said() {
    assert_eq!(version(&Condition { major: 13, ..condition() }).status, Status::Warn);
    assert_eq!(version(&Condition { major: 11, ..condition() }).status, Status::Fail);
}

#[test]
fn a_standby_and_a_read_only_role_take_no_writes() {
    assert_eq!(writable(&Condition { in_recovery: true, ..condition() }).status, Status::Fail);
    let judged = writable(&Condition { read_only: true, ..condition() });
    assert_eq!(judged.evidence, "transactions of ledger begin read-only");
}

#[test]
fn what_a_role_may_not_do_is_told_apart() {
    let judged = rights(&Condition {
        creates_tables: false,
        foreign_tables: vec!["records".to_owned(), "vault".to_owned()],
        ..condition()
    });
    assert_eq!(judged.status, Status::Fail);
    assert_eq!(judged.evidence, "ledger may not create tables; ledger does not own records, vault");
    let no_databases = restore_rights(&Condition { creates_databases: false, ..condition() });
    assert_eq!(no_databases.status, Status::Warn);
}

#[test]
fn the_sum_of_the_pools_is_shown() {
    let pools = |api, worker, each| Pools {
        instances: BTreeMap::from([("api".to_owned(), api), ("worker".to_owned(), worker)]),
        each,
        from: "DATABASE_POOL_MAX".to_owned(),
    };
    let judged = connections(&condition(), Some(&pools(3, 2, 20)));
    assert_eq!(judged.status, Status::Fail);
    assert_eq!(
        judged.evidence,
        "(3 api + 2 worker) x 20 (DATABASE_POOL_MAX) = 100, of 97 that the server has; 12 of 97 in use"
    );
    assert!(judged.remedies[0].starts_with("set DATABASE_POOL_MAX to at most 19"), "{judged:?}");
    assert_eq!(connections(&condition(), Some(&pools(3, 2, 18))).status, Status::Warn);
    assert_eq!(connections(&condition(), Some(&pools(3, 2, 10))).status, Status::Pass);
    let busy = Condition { connections_used: 96, ..condition() };
    assert_eq!(connections(&busy, Some(&pools(1, 1, 20))).status, Status::Warn);
    assert_eq!(connections(&busy, None).status, Status::Warn);
}

#[test]
fn a_time_limit_matters_where_the_largest_table_takes_longer() {
    assert_eq!(timeouts(&limited("statement_timeout", 300)).status, Status::Pass);
    let judged = timeouts(&limited("statement_timeout", 30));
    assert_eq!(judged.status, Status::Warn, "{judged:?}");
    assert!(judged.evidence.starts_with("statement_timeout is 30.0 s, and the largest table has 1.00 GiB"));
    assert_eq!(timeouts(&limited("lock_timeout", 5)).status, Status::Pass);
    let small = Condition { largest_table: 8 << 20, ..limited("statement_timeout", 30) };
    assert_eq!(timeouts(&small).status, Status::Pass);
}

#[test]
fn a_log_that_takes_values_is_warned_of() {
    let logs =
        |setting: &str| logging(&Condition { log_statement: setting.to_owned(), ..condition() }).status;
    assert_eq!((logs("all"), logs("mod"), logs("ddl")), (Status::Warn, Status::Warn, Status::Pass));
}

#[test]
fn transaction_numbers_run_out_slowly() {
    let used = |count| wraparound(&Condition { oldest_transaction: count, ..condition() }).status;
    assert_eq!(used(200_000_000), Status::Pass);
    assert_eq!(used(1_100_000_000), Status::Warn);
    assert_eq!(used(1_700_000_000), Status::Fail);
}

#[test]
fn another_collation_is_another_order() {
    let judged = |found: &Condition| collation(found, "ledger").status;
    let made = |made: &str| {
        let collation = Some((made.to_owned(), "2.36".to_owned()));
        judged(&Condition { collation, ..condition() })
    };
    assert_eq!((made("2.36"), made("2.31")), (Status::Pass, Status::Warn));
    assert_eq!(judged(&condition()), Status::Skipped);
}
