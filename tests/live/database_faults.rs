//! The database server fails in the middle of an operation: the product is wholly old or wholly new, and nothing is lost.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::docker::{attempt, client, docker, printed};
use crate::operator::Ended;
use crate::settings::{DATABASE_PASSWORD, Description, Settings};
use crate::stack::Stack;

/// Long enough for a server to come back, and short enough to wait for when it does not.
const HASTY: Description = Description::Brisk {
    health: "watch_for = \"3s\"\nstable_for = \"2s\"\nstart_timeout = \"25s\"\n",
    migrate: "timeout = \"8s\"\n",
};

/// Few connections, so that they can all be taken.
const FEW_CONNECTIONS: &str = "services:\n  postgres:\n    command: [postgres, -c, max_connections=24, -c, superuser_reserved_connections=1]\n";

#[test]
fn a_server_that_dies_or_hangs_up_costs_the_operation_and_no_write() {
    let stack = Stack::of(Settings::new(18, "1.1.0").described(HASTY));
    let writer = stack.writer();
    // While it is dumped, while it is copied, while it is migrated: it comes back by itself each time.
    for (step, after, codes) in [
        ("take backup", 0, &[1, 4][..]),
        ("restore point", 10, &[4, 0]),
        ("\"migrate\"", 300, &[4, 0]),
        ("\"pass-gates\"", 500, &[0, 4, 9]),
    ] {
        let mut run = stack.begin(&["upgrade", "1.2.0"]);
        run.reaches(step);
        std::thread::sleep(Duration::from_millis(after));
        kill_server(&stack);
        let ended = run.wait();
        assert!(codes.contains(&ended.code.unwrap_or(-1)), "{step}: {}", ended.told());
        writer.goes_on();
        let release = if matches!(ended.code, Some(0 | 9)) { "1.2.0" } else { "1.1.0" };
        stack.assert_serves(release);
        stack.assert_tidy();
        if release == "1.2.0" {
            break;
        }
        let migrations = stack.world().migrations.len();
        assert_eq!(migrations, 2, "{step}: the data is that of 1.1.0");
    }
    if stack.world().migrations.len() == 2 {
        stack.ops_does(&["upgrade", "1.2.0"]);
    }
    writer.goes_on();

    // Somebody ends every session of opsctl, again and again, while a restore loads and swaps.
    let log = writer.finish_with_nothing_lost();
    stack.ops_does(&["backup"]);
    let (rows, databases) = (stack.rows(), stack.databases());
    let mut run = stack.begin(&["restore", "latest"]);
    run.reaches("\"load-backup\"");
    stack.query("postgres", END_OPSCTL);
    let ended = run.wait();
    assert!(matches!(ended.code, Some(1 | 4)), "{}", ended.told());
    stack.assert_serves("1.2.0");
    stack.assert_tidy();
    assert_eq!((stack.rows(), stack.databases()), (rows, databases));
    assert_eq!(log.missing(&stack.client()), Vec::<String>::new());
}

/// In the server itself: a client that asks again and again leaves time enough to load a small database in between.
const END_OPSCTL: &str = "DO $$ BEGIN FOR round IN 1..250 LOOP PERFORM pg_stat_clear_snapshot(); \
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'opsctl:%'; \
    PERFORM pg_sleep(0.01); END LOOP; END $$";

#[test]
fn a_server_that_comes_back_elsewhere_is_found_again() {
    let stack = Stack::of(Settings::new(15, "1.1.0").described(HASTY));
    let writer = stack.writer();
    let before = address(&stack);
    let mut run = stack.begin(&["upgrade", "1.2.0"]);
    run.reaches("prove");
    let squatter = Squatter::in_the_place_of_the_server(&stack);
    let ended = run.wait();
    assert_ne!(address(&stack), before, "the server has another address now");
    assert!(matches!(ended.code, Some(0 | 4)), "{}", ended.told());
    writer.goes_on();
    drop(squatter);
    let release = if ended.code == Some(0) { "1.2.0" } else { "1.1.0" };
    stack.assert_serves(release);
    stack.assert_tidy();
    writer.finish_with_nothing_lost();
}

#[test]
fn a_migration_that_waits_for_a_lock_names_who_holds_it() {
    let stack = Stack::of(Settings::new(18, "1.0.0").described(HASTY));
    let writer = stack.writer();
    let before = stack.world();
    let holder = Others::lock(&stack, "records");
    let ended = stack.ops(&["upgrade", "1.1.0"]);
    drop(holder);
    assert_eq!(ended.code, Some(4), "{}", ended.told());
    assert!(ended.fault().contains("did not end within 8 s"), "{}", ended.fault());
    assert!(ended.fault().contains("the-report"), "who holds the lock is named: {}", ended.fault());
    writer.goes_on();
    stack.assert_serves("1.0.0");
    stack.assert_tidy();
    assert_eq!(stack.world().migrations, before.migrations);
    writer.finish_with_nothing_lost();
}

#[test]
fn going_back_that_is_stuck_is_finished_by_resume_or_by_hand() {
    let stack = Stack::of(Settings::new(18, "1.1.0").described(HASTY).overlaid(FEW_CONNECTIONS));
    let writer = stack.writer();

    // Somebody takes every connection, and gives them back later.
    let mut run = stack.begin(&["upgrade", "1.2.0"]);
    run.reaches("prove");
    let hog = Others::take_all_connections(&stack);
    let ended = run.wait();
    assert_eq!(ended.code, Some(6), "{}", ended.told());
    assert!(ended.fault().contains("no free connection"), "{}", ended.fault());
    assert!(ended.fault().contains("opsctl resume"), "{}", ended.fault());
    drop(hog);
    let resumed = stack.ops(&["resume"]);
    assert_eq!(resumed.code, Some(4), "{}", resumed.told());
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    writer.goes_on();

    // The server is stopped for good while it is migrated. A person starts it, and does the rest by hand.
    let before = stack.world();
    let mut run = stack.begin(&["upgrade", "1.2.0"]);
    run.reaches("prove");
    let server = stack.server();
    docker(["stop", "-t", "0", &server]);
    let ended = run.wait();
    assert_eq!(ended.code, Some(6), "{}", ended.told());
    assert!(ended.fault().contains("abort --leave"), "{}", ended.fault());
    let unable = stack.ops(&["resume"]);
    assert_eq!(unable.code, Some(5), "it waits as it was: {}", unable.told());
    assert!(unable.fault().contains("docker compose up -d --no-deps postgres"), "{}", unable.fault());
    docker(["start", &server]);
    stack.server_gets_well();
    let typed = type_by_hand(&stack, &ended);
    assert!(typed.iter().any(|line| line.contains("ALTER DATABASE")), "{typed:?}");
    stack.ops_does(&["abort", "--leave"]);
    stack.assert_serves("1.1.0");
    stack.assert_tidy();
    writer.goes_on();
    let after = stack.world();
    assert_eq!((after.env, after.images, after.migrations), (before.env, before.images, before.migrations));
    assert_eq!(stack.kept("restore_point"), Vec::<String>::new());
    let comment = "SELECT count(*) FROM pg_shdescription d JOIN pg_database b ON b.oid = d.objoid \
                   WHERE b.datname = 'ledger'";
    assert_eq!(stack.number("postgres", comment), 0, "the live database bears no mark of a copy");
    stack.ops_exits(2, &["resume"]);

    stack.ops_does(&["upgrade", "1.2.0"]);
    stack.assert_serves("1.2.0");
    stack.assert_tidy();
    writer.goes_on();
    let log = writer.finish_with_nothing_lost();

    // The same where the live database is dropped and loaded again: it comes back from the safety backup.
    stack.query(
        "postgres",
        "ALTER DATABASE ledger SET work_mem = '7MB'; COMMENT ON DATABASE ledger IS 'ours'",
    );
    // Enough for the load to be still under way when the server is killed.
    let ballast = "CREATE TABLE ballast AS SELECT i, md5(i::text) FROM generate_series(1, 500000) AS i";
    stack.query("ledger", ballast);
    let archive = stack.ops_does(&["backup"])["path"].as_str().unwrap().to_owned();
    let rows = stack.rows();
    let mut run = stack.begin(&["restore", "--in-place", &archive]);
    run.reaches("\"replace-in-place\"");
    docker(["kill", &server]);
    let ended = run.wait();
    assert_eq!(ended.code, Some(6), "{}", ended.told());
    docker(["start", &server]);
    stack.server_gets_well();
    let typed = type_by_hand(&stack, &ended);
    assert!(typed.iter().any(|line| line.contains("pg_restore")), "{typed:?}");
    stack.ops_does(&["abort", "--leave"]);
    stack.assert_serves("1.2.0");
    stack.assert_tidy();
    assert_eq!(stack.rows(), rows);
    assert_eq!(log.missing(&stack.client()), Vec::<String>::new());
    assert_eq!(stack.query("ledger", "SHOW work_mem"), "7MB");
    let comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'ledger'";
    assert_eq!(stack.query("postgres", comment), "ours");
}

/// Types what opsctl said is left to do, as a person would: commands into a shell, the rest with an editor.
fn type_by_hand(stack: &Stack, ended: &Ended) -> Vec<String> {
    let evidence = ended.result()["error"]["evidence"].as_array().unwrap().clone();
    let lines = evidence.iter().filter_map(|line| line.as_str()?.strip_prefix("    ").map(str::to_owned));
    let lines: Vec<String> = lines.collect();
    for line in &lines {
        if line.starts_with('#') {
            continue;
        }
        let output = Command::new("sh").args(["-c", line]).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{line}\n{said}");
    }
    assert!(!lines.iter().any(|line| line.starts_with("# in ")), "nothing was selected yet: {lines:?}");
    stack.gets_ready();
    lines
}

/// Kills the server's process: to Docker it fell over, and is started again.
fn kill_server(stack: &Stack) {
    let process = docker(["inspect", "--format", "{{.State.Pid}}", &stack.server()]);
    assert!(Command::new("kill").args(["-9", &process]).status().unwrap().success());
}

fn address(stack: &Stack) -> String {
    let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    docker(["inspect", "--format", format, &stack.server()])
}

/// A container that has the server's address.
struct Squatter(String);

impl Squatter {
    /// Stops the server, takes its address, and starts it again.
    fn in_the_place_of_the_server(stack: &Stack) -> Self {
        let server = stack.server();
        docker(["kill", &server]);
        let network = format!("{}_ledger", stack.project);
        let image = stack.settings.server_image();
        let squatter = Self(docker(["run", "-d", "--network", &network, &image, "sleep", "600"]));
        docker(["start", &server]);
        squatter
    }
}

impl Drop for Squatter {
    fn drop(&mut self) {
        attempt(&["rm", "-fv", &self.0]);
    }
}

/// Somebody else's clients of the server, in a container that goes away when dropped.
pub(crate) struct Others(String);

impl Others {
    /// Takes every connection that there is, and each that somebody gives back.
    fn take_all_connections(stack: &Stack) -> Self {
        let one = "(sleep 600 | psql -h 127.0.0.1 -U ledger -d template1)";
        Self::run(stack, &format!("while :; do for i in 1 2 3 4 5 6 7 8; do {one} & done; sleep 0.3; done"))
    }

    /// Locks a table of the product as soon as the copy of its database has been made: before, nobody may be connected.
    fn lock(stack: &Stack, table: &str) -> Self {
        let copies = "SELECT 1 FROM pg_database WHERE datname LIKE '%restore_point%'";
        let psql = "psql -h 127.0.0.1 -U ledger -XAt";
        Self::run(
            stack,
            &format!(
                "until [ \"$({psql} -d template1 -c \"{copies}\")\" ]; do sleep 0.05; done; \
                 (echo 'BEGIN; LOCK TABLE {table};'; sleep 600) | {psql} -d ledger"
            ),
        )
    }

    /// Waits for a lock that has nothing to do with tables, and keeps it.
    pub(crate) fn wait_for_lock(stack: &Stack, key: &str) -> Self {
        let psql = "psql -h 127.0.0.1 -U ledger -XAt -d postgres";
        let others =
            Self::run(stack, &format!("(echo 'SELECT pg_advisory_lock({key});'; sleep 600) | {psql}"));
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'the-report' \
                     AND wait_event_type = 'Lock'";
        let began = std::time::Instant::now();
        while stack.number("postgres", waits) == 0 {
            assert!(began.elapsed() < Duration::from_secs(20), "nobody waits for the lock");
        }
        others
    }

    fn run(stack: &Stack, script: &str) -> Self {
        let (network, image) = (format!("container:{}", stack.server()), stack.settings.server_image());
        let run =
            ["run", "-d", "--init", "--network", &network, "-e", "PGPASSWORD", "-e", "PGAPPNAME=the-report"];
        let mut client = client(&[&run[..], &[&image, "sh", "-c", script]].concat());
        client.env("PGPASSWORD", DATABASE_PASSWORD);
        Self(printed(client))
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        attempt(&["rm", "-fv", &self.0]);
    }
}
