use rstest::rstest;

use super::*;

fn read(text: &str) -> Vec<LogEvent> {
    Log::read("logs/api.log", "api", text.lines(), Some(2026)).events
}

#[rstest]
#[case::pino(
    r#"{"level":50,"time":1773453600000,"msg":"it failed","err":{"message":"disk full","code":"ENOSPC"}}"#,
    Level::Error,
    "it failed: disk full (ENOSPC)"
)]
#[case::slog(
    r#"{"time":"2026-03-14T02:00:00Z","level":"ERROR","msg":"it failed","err":"disk full"}"#,
    Level::Error,
    "it failed: disk full"
)]
#[case::nested_time(
    r#"{"@timestamp":"2026-03-14T03:00:00.000+01:00","log.level":"warn","message":"slow"}"#,
    Level::Warning,
    "slow"
)]
#[case::seconds(r#"{"ts":1773453600.25,"severity":"CRITICAL","message":"gone"}"#, Level::Fatal, "gone")]
#[case::logfmt(
    r#"time="2026-03-14T02:00:00Z" level=error msg="it \"failed\"" err=EOF"#,
    Level::Error,
    "it \"failed\": EOF"
)]
#[case::postgres(
    "2026-03-14 02:00:00.000 UTC [77] FATAL:  password authentication failed for user \"x\"",
    Level::Fatal,
    "password authentication failed for user \"x\""
)]
#[case::postgres_prefix(
    "2026-03-14 02:00:00.000 UTC [77] app@ledger 53300 ERROR:  too many",
    Level::Error,
    "too many"
)]
#[case::python("2026-03-14 02:00:00,000 ERROR root: it failed", Level::Error, "root: it failed")]
#[case::nginx(
    "2026/03/14 02:00:00 [error] 7#7: *1 connect() failed",
    Level::Error,
    "7#7: *1 connect() failed"
)]
#[case::access(
    "10.0.0.1 - - [14/Mar/2026:02:00:00 +0000] \"GET / HTTP/1.1\" 502 12",
    Level::Error,
    "\"GET / HTTP/1.1\" 502 12"
)]
#[case::glog("E0314 02:00:00.000000   1 main.go:1] it failed", Level::Error, "1 main.go:1] it failed")]
#[case::syslog("Mar 14 02:00:00 host app[1]: ERROR: it failed", Level::Error, "it failed")]
#[case::rust("2026-03-14T02:00:00.000Z  WARN ledger::api: slow", Level::Warning, "ledger::api: slow")]
#[case::compose("ledger-api-1  | 2026-03-14T02:00:00Z ERROR it failed", Level::Error, "it failed")]
#[case::coloured(
    "\u{1b}[2m2026-03-14T02:00:00Z\u{1b}[0m \u{1b}[31mERROR\u{1b}[0m it failed",
    Level::Error,
    "it failed"
)]
fn every_format_has_time_level_and_message(#[case] line: &str, #[case] level: Level, #[case] message: &str) {
    let events = read(line);
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.level, event.message.as_str()), (Some(level), message));
    assert_eq!(event.at.expect("a time").as_second(), 1_773_453_600, "{line}");
}

#[rstest]
#[case::node(
    "Error: connect ECONNREFUSED 10.0.0.2:5432\n    at TCP.on (node:net:1)\n  errno: -111\n}\nnext",
    Level::Error
)]
#[case::python(
    "Traceback (most recent call last):\n  File \"x\", line 1\n    f()\nValueError: bad\nnext",
    Level::Error
)]
#[case::java(
    "Exception in thread \"main\" java.lang.X: y\n\tat a.b(C.java:1)\nCaused by: java.lang.Z\n\t... 3 more\nnext",
    Level::Error
)]
#[case::rust("thread 'main' panicked at src/main.rs:1:\n  no\nstack backtrace:\n   0: x\nnext", Level::Fatal)]
fn a_stack_trace_is_one_event(#[case] text: &str, #[case] level: Level) {
    let events = read(text);
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(
        (events[0].line, events[0].lines, events[0].level),
        (1, text.lines().count() - 1, Some(level))
    );
    assert_eq!((events[1].message.as_str(), events[1].level), ("next", None));
}

#[test]
fn what_postgresql_says_more_belongs_to_the_event_and_lines_inherit_the_time() {
    let text = "2026-03-14 02:00:00.000 UTC [7] ERROR:  deadlock detected\n\
                2026-03-14 02:00:00.000 UTC [7] DETAIL:  Process 7 waits\n\
                \tfor process 8\n\
                2026-03-14 02:00:00.000 UTC [7] STATEMENT:  update x\n\
                a line without a time";
    let events = read(text);
    assert_eq!((events.len(), events[0].lines), (2, 4));
    assert!(events[0].message.contains("Process 7 waits"), "{}", events[0].message);
    assert_eq!(events[1].at, events[0].at);
}

#[rstest]
#[case("no errors found, all is well")]
#[case("GET /errors 200")]
#[case("the error budget is fine")]
#[case("{not json")]
#[case("x=1 y=2")]
fn words_alone_make_no_error(#[case] line: &str) {
    let events = read(line);
    assert!(!events[0].is_error(), "{events:?}");
}

#[test]
fn shapes_leave_particulars_out() {
    let one = shape("request 7f3a9c1e-1b2c-4d5e-8f90-123456789abc took 153 ms for \"alice\" (23505)");
    assert_eq!(one, "request # took # ms for \"…\" (#)");
    assert_eq!(shape("connect ECONNREFUSED 10.0.0.2:5432"), "connect ECONNREFUSED #:#");
    assert_ne!(shape("a failed"), shape("b failed"));
}

proptest::proptest! {
    #[test]
    fn anything_is_read_and_no_line_is_lost(text in "[ -~\u{80}-\u{ff}\t\n\u{1b}]{0,400}") {
        let events = read(&text);
        let lines: usize = events.iter().map(|event| event.lines).sum();
        let written = text.lines().filter(|line| {
            !anstream::adapter::strip_str(line).to_string().trim().is_empty()
        }).count();
        proptest::prop_assert!(lines <= written, "{lines} of {written}");
    }
}
