use super::*;
use crate::profile::KnownLogs;

const LOG: &str = r#"{"time":"2026-11-25T10:00:00.100Z","level":"INFO","msg":"collector listening"}
{"time":"2026-11-25T10:00:01Z","level":"INFO","msg":"receipt accepted","id":"a"}
{"time":"2026-11-25T10:00:01.5Z","level":"INFO","msg":"receipt accepted","id":"b"}
{"time":"2026-11-25T10:01:10Z","level":"INFO","msg":"receipt accepted","id":"c"}
{"time":"2026-11-25T10:01:11Z","level":"INFO","msg":"receipt already exists, returning 409","id":"c"}

{"time":"2026-11-25T10:01:12Z","level":"WARN","msg":"receipt rejected: malformed json"}
{"time":"2026-11-25T10:01:13Z","level":"ERROR","msg":"receipt insert failed","id":"d"}
{"level":"ERROR","msg":"healthz: store unreachable"}
panic: not JSON
["neither"]
{"time":"2026-11-25T10:10:00.100Z","level":"INFO","msg":"collector shutting down"}
"#;

fn count(logs: &Logs, per: Per, span: Span, text: &str) -> Stats {
    let mut counter = Counter::new(logs, per, span);
    text.lines().for_each(|line| counter.line(line.as_bytes()));
    counter.finish()
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn counts(stats: &Stats) -> Vec<(&str, u64)> {
    stats.metrics.iter().map(|metric| (metric.name.as_str(), metric.count)).collect()
}

#[test]
fn a_collector_is_counted_as_its_guide_says() {
    let stats = count(&KnownLogs::Collector.logs(), Per::Minute, Span::default(), LOG);
    assert_eq!(counts(&stats), [("ingest", 3), ("conflicts", 1), ("client-errors", 1), ("server-errors", 2)]);
    assert_eq!(stats.lines, Lines { counted: 9, outside: 0, without_time: 1, not_json: 2 });
    assert_eq!(stats.from, Some(time("2026-11-25T10:00:00.1Z")));
    assert_eq!(stats.metrics[0].mean, Some(0.3));
    assert_eq!(stats.metrics[0].most, Some(Peak { count: 2, at: time("2026-11-25T10:00:00Z") }));
    let series: Vec<_> = stats.series.iter().map(|window| window.counts.clone()).collect();
    assert_eq!(series, [[2, 0, 0, 0], [1, 1, 1, 1]]);
}

#[test]
fn what_is_outside_the_span_or_may_be_is_not_counted() {
    let span = Span { since: Some(time("2026-11-25T10:01:00Z")), until: Some(time("2026-11-25T10:01:13Z")) };
    let stats = count(&KnownLogs::Collector.logs(), Per::Second, span, LOG);
    assert_eq!(counts(&stats), [("ingest", 1), ("conflicts", 1), ("client-errors", 1), ("server-errors", 0)]);
    assert_eq!((stats.lines.counted, stats.lines.outside), (3, 6));
    assert_eq!(stats.metrics[0].mean, Some(1.0 / 13.0));
    assert_eq!(stats.metrics[3].most, None);
}

#[test]
fn a_moment_is_a_whole_window() {
    let logs = KnownLogs::Collector.logs();
    let line = r#"{"time":"2026-11-25T10:00:01Z","level":"INFO","msg":"receipt accepted"}"#;
    assert_eq!(count(&logs, Per::Hour, Span::default(), line).metrics[0].mean, Some(1.0));
    assert_eq!(count(&logs, Per::Hour, Span::default(), "").metrics[0].mean, None);
}

#[test]
fn numbers_stand_for_times_levels_and_states() {
    let logs: Logs = toml::from_str(
        r#"
        time = "/ts"
        [[metrics]]
        name = "errors"
        title = "errors"
        level = ["50", "60"]
        [[metrics]]
        name = "refused"
        title = "answers from 400 to 499"
        message = "request"
        number = { at = "/res/status", from = 400, to = 499 }
        "#,
    )
    .unwrap();
    let text = r#"{"ts":1700000000123,"level":50,"msg":"request","res":{"status":500}}
{"ts":1700000000.5,"level":30,"msg":"request","res":{"status":404}}
{"ts":1700000001,"level":30,"msg":"other","res":{"status":404}}"#;
    let stats = count(&logs, Per::Second, Span::default(), text);
    assert_eq!(counts(&stats), [("errors", 1), ("refused", 1)]);
    assert_eq!(stats.from, Some(time("2023-11-14T22:13:20.123Z")));
    assert_eq!(stats.to, Some(time("2023-11-14T22:13:21Z")));
}
