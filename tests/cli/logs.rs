use crate::sandbox::Sandbox;

const COLLECTOR: &str = r#"{"time":"2026-11-25T10:00:00.1Z","level":"INFO","msg":"collector listening"}
{"time":"2026-11-25T10:00:01Z","level":"INFO","msg":"receipt accepted","id":"a"}
{"time":"2026-11-25T10:00:01.5Z","level":"INFO","msg":"receipt accepted","id":"b"}
{"time":"2026-11-25T10:01:11Z","level":"INFO","msg":"receipt already exists, returning 409","id":"b"}
{"time":"2026-11-25T10:01:12Z","level":"WARN","msg":"receipt rejected: malformed json"}
Listening again
{"time":"2026-11-25T10:05:00Z","level":"ERROR","msg":"receipt insert failed","id":"d"}
"#;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("collector.log", COLLECTOR);
    sandbox
}

#[test]
fn a_collectors_log_is_counted() {
    insta::assert_snapshot!(sandbox().run("logs stats --product collector --file collector.log --series"));
}

#[test]
fn machines_get_the_numbers() {
    let run = sandbox().run(
        "--output json logs stats --product collector --file collector.log --since 2026-11-25T10:01:00Z --per hour",
    );
    insta::assert_json_snapshot!(run.json_lines());
}

#[test]
fn standard_input_is_read_and_without_a_description_levels_are_counted() {
    let sandbox = sandbox();
    let run = sandbox.finish(sandbox.command().args(["logs", "stats", "--file", "-"]).write_stdin(COLLECTOR));
    insta::assert_snapshot!(run);
}

#[test]
fn a_log_that_cannot_be_counted_is_no_success() {
    let sandbox = sandbox();
    sandbox.write("plain.log", "Listening\nStopping\n");
    insta::assert_snapshot!("not_json", sandbox.run("logs stats --file plain.log"));
    insta::assert_snapshot!("missing", sandbox.run("logs stats --file nowhere.log"));
}

#[test]
fn the_description_of_the_install_says_what_is_counted() {
    let sandbox = sandbox();
    let start =
        "[[logs.metrics]]\nname = \"starts\"\ntitle = \"starts\"\nmessage_starts = \"collector listening\"\n";
    sandbox
        .write("opsctl.toml", format!("{}\n{start}", include_str!("../../templates/profiles/ledger.toml")));
    let run = sandbox.run("--output json logs stats --file collector.log");
    let lines = run.json_lines();
    let [result] = lines.as_slice() else { panic!("{run}") };
    let metrics = result["result"]["metrics"].as_array().expect("metrics");
    let counted: Vec<_> = metrics.iter().map(|metric| (&metric["name"], &metric["count"])).collect();
    assert_eq!(counted, [(&"starts".into(), &1.into())]);
}
