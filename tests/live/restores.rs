//! Restores, by swap and in place, of what opsctl and the scripts before it left: with all that no dump carries.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::stack::Stack;

#[test]
fn archives_go_both_ways_between_the_scripts_and_opsctl() {
    let stack = Stack::up(15, "1.0.0");
    dress(&stack);
    let dressed = properties(&stack);
    let first = stack.writer().finish();
    let archive = stack.backup_by_script("2026-03-14-120000");
    let rows = stack.rows();
    let later = stack.writer().finish();
    assert!(stack.rows() > rows);

    // Clients that come back at once: the scripts lost this race.
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| reconnect(&stack, &stop));
        }
        let ended = stack.ops(&["restore", &archive.display().to_string()]);
        stop.store(true, Ordering::SeqCst);
        assert_eq!(ended.code, Some(0), "{}", ended.told());
    });
    stack.assert_serves("1.0.0");
    stack.assert_tidy();
    assert_eq!(stack.rows(), rows);
    assert_eq!(first.missing(&stack.client()), Vec::<String>::new());
    assert!(!later.missing(&stack.client()).is_empty(), "what came after the backup is not in it");
    assert_eq!(properties(&stack), dressed, "the database is dressed as before");
    assert!(may_select(&stack), "a grant on the schema's tables survives");

    let ours = stack.ops_does(&["backup"]);
    let ours = PathBuf::from(ours["path"].as_str().unwrap());
    stack.restore_by_script(&ours, "by_script");
    assert_eq!(stack.number("by_script", "SELECT count(*) FROM records"), rows);
    stack.query("postgres", "DROP DATABASE by_script");

    let more = stack.writer().finish();
    assert!(more.acknowledged.len() > 2 && stack.rows() > rows);
    stack.ops_does(&["restore", "--in-place", &ours.display().to_string()]);
    stack.assert_serves("1.0.0");
    stack.assert_tidy();
    assert_eq!(stack.rows(), rows);
    // The data that was dropped is in the safety backup.
    stack.ops_does(&["restore", "latest"]);
    assert_eq!(more.missing(&stack.client()), Vec::<String>::new());
    assert_eq!(properties(&stack), dressed);
    stack.assert_tidy();
}

/// Properties that a dump does not carry.
fn dress(stack: &Stack) {
    stack.query(
        "ledger",
        "CREATE ROLE reader LOGIN PASSWORD 'r'; GRANT SELECT ON records TO reader; \
         GRANT CONNECT, TEMPORARY ON DATABASE ledger TO reader; REVOKE ALL ON DATABASE ledger FROM PUBLIC; \
         CREATE ROLE keeper; ALTER DATABASE ledger OWNER TO keeper; \
         ALTER DATABASE ledger CONNECTION LIMIT 77; \
         ALTER DATABASE ledger SET work_mem = '7MB'; \
         ALTER ROLE reader IN DATABASE ledger SET search_path = 'public, pg_temp'; \
         COMMENT ON DATABASE ledger IS 'the books'",
    );
}

fn properties(stack: &Stack) -> String {
    let sql = "SELECT pg_get_userbyid(datdba), datconnlimit, \
               (SELECT string_agg(item::text, ' ' ORDER BY item::text) FROM unnest(datacl) AS item), \
               (SELECT string_agg(setrole::regrole::text || setconfig::text, ' ' ORDER BY setrole::regrole::text) \
                FROM pg_db_role_setting WHERE setdatabase = d.oid), \
               shobj_description(d.oid, 'pg_database') FROM pg_database d WHERE datname = 'ledger'";
    stack.query("postgres", sql)
}

fn may_select(stack: &Stack) -> bool {
    stack.query("ledger", "SELECT has_table_privilege('reader', 'records', 'SELECT')") == "t"
}

/// A client of the database, outside of the product, that connects again whenever it is thrown out.
fn reconnect(stack: &Stack, stop: &AtomicBool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let port = stack.variable("POSTGRES_HOST_PORT");
    let address = format!(
        "host=127.0.0.1 port={port} user=ledger password={} dbname=ledger connect_timeout=5",
        crate::settings::DATABASE_PASSWORD
    );
    runtime.block_on(async {
        while !stop.load(Ordering::SeqCst) {
            if let Ok((client, connection)) = tokio_postgres::connect(&address, tokio_postgres::NoTls).await {
                let connection = tokio::spawn(connection);
                while !stop.load(Ordering::SeqCst)
                    && client.simple_query("SELECT 1 FROM records LIMIT 1").await.is_ok()
                {
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                }
                connection.abort();
            }
            tokio::task::yield_now().await;
        }
    });
}
