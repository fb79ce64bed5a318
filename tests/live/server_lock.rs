//! The lock that the database's server holds for an operation is lost: it is taken anew, or the operation stops.

use crate::database_faults::Others;
use crate::settings::{Description, Settings};
use crate::stack::Stack;

const SLOW: Description = Description::Brisk {
    health: "watch_for = \"2s\"\nstable_for = \"3s\"\nstart_timeout = \"20s\"\n",
    migrate: "timeout = \"20s\"\n",
};

/// Sessions that hold an operation's lock, by what they call themselves.
const HELD: &str = "FROM pg_stat_activity a JOIN pg_locks l USING (pid) \
                    WHERE l.locktype = 'advisory' AND l.granted AND a.application_name LIKE";

#[test]
fn a_lock_that_the_server_lost_is_taken_anew_or_stops_the_operation() {
    let stack = Stack::of(Settings::new(18, "1.1.0").described(SLOW));
    let writer = stack.writer();
    let before = stack.world();

    let mut run = stack.begin(&["upgrade", "1.2.0"]);
    run.reaches("take backup");
    end_the_session(&stack);
    run.reaches("prove");
    assert_eq!(held_by(&stack, "opsctl:%@%"), 1, "it is taken anew");
    let ended = run.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.told());
    assert_eq!(held_by(&stack, "opsctl:%@%"), 0);
    stack.assert_serves("1.2.0");
    writer.goes_on();
    writer.finish_with_nothing_lost();
    stack.ops_does(&["rollback"]);
    let writer = stack.writer();

    // Somebody else is quicker: as long as they work on the database, opsctl leaves it alone.
    let mut run = stack.begin(&["upgrade", "1.2.0"]);
    run.reaches("restore point");
    let key = format!("SELECT (l.classid::bigint << 32 | l.objid::bigint) {HELD} 'opsctl:%@%'");
    let key = stack.query("postgres", &key);
    let other = Others::wait_for_lock(&stack, &key);
    run.reaches("prove");
    end_the_session(&stack);
    let ended = run.wait();
    assert_eq!(held_by(&stack, "the-report"), 1, "nobody has taken it from them");
    assert_eq!(ended.code, Some(6), "{}", ended.told());
    assert!(ended.fault().contains("the-report"), "who has it is said: {}", ended.fault());
    let refused = stack.ops(&["resume"]);
    assert_eq!(refused.code, Some(7), "{}", refused.told());
    drop(other);
    let resumed = stack.ops(&["resume"]);
    assert_eq!(resumed.code, Some(4), "{}", resumed.told());
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    assert_eq!(stack.world().migrations, before.migrations);
    writer.goes_on();
    writer.finish_with_nothing_lost();
}

/// Ends the session that holds the lock.
fn end_the_session(stack: &Stack) {
    let ended =
        stack.query("postgres", &format!("SELECT count(pg_terminate_backend(l.pid)) {HELD} 'opsctl:%@%'"));
    assert_eq!(ended, "1");
}

fn held_by(stack: &Stack, name: &str) -> u64 {
    stack.number("postgres", &format!("SELECT count(*) {HELD} '{name}'"))
}
