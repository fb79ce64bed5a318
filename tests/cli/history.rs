use crate::sandbox::Sandbox;

fn lived() -> Sandbox {
    let sandbox = Sandbox::install();
    for (id, fixture) in [
        ("20260314-110000-backup", "1-backup.jsonl"),
        ("20260314-120000-upgrade", "1-upgrade-done.jsonl"),
        ("20260315-120000-rollback", "1-rollback.jsonl"),
        ("20260316-120000-upgrade", "1-upgrade-rolled-back.jsonl"),
        ("20260317-120000-restore", "1-restore-by-swap.jsonl"),
        ("20260318-120000-upgrade", "1-upgrade-past-its-commit-point.jsonl"),
    ] {
        sandbox.operation(id, fixture);
    }
    sandbox
}

#[test]
fn operations_are_listed_in_their_order_and_one_that_cannot_be_read_hides_none() {
    let sandbox = lived();
    sandbox.operation_altered("20260319-120000-upgrade", "1-upgrade-done.jsonl", |text| {
        text.replacen("\"schema\":1", "\"schema\":99", 1)
    });
    insta::assert_snapshot!(sandbox.run("history"));
}

#[test]
fn one_is_shown_step_by_step() {
    insta::assert_snapshot!(lived().run("history show 20260316-120000-upgrade"));
}

#[test]
fn an_identifier_that_is_unknown_or_none_at_all() {
    let sandbox = lived();
    let told = ["20990101-000000-upgrade", "../../etc"].map(|id| sandbox.run(&format!("history show {id}")));
    insta::assert_snapshot!(told.map(|run| run.to_string()).join("\n"));
}

#[test]
fn a_journal_of_a_newer_version_is_refused_with_the_reason() {
    let sandbox = Sandbox::install();
    let id = "20260319-120000-upgrade";
    sandbox.operation_altered(id, "1-upgrade-done.jsonl", |text| {
        text.replacen("\"schema\":1", "\"schema\":99", 1).replacen(
            "\"kind\":\"upgrade\"",
            "\"kind\":\"warp\"",
            1,
        )
    });
    let show = sandbox.run(&format!("history show {id}"));
    let change = sandbox.run("backup");
    insta::assert_snapshot!(format!("{show}\n{change}"));
}

/// opsctl was replaced by a newer one half-way, and the older one is back: it touches nothing.
#[test]
fn an_operation_of_a_newer_version_is_neither_gone_on_with_nor_undone() {
    let sandbox = Sandbox::install();
    let id = "20260319-120000-upgrade";
    sandbox.operation_altered(id, "1-upgrade-killed-while-migrating.jsonl", |text| {
        text.replacen("\"schema\":1", "\"schema\":2", 1)
    });
    let journal = sandbox.path().join(format!(".opsctl/operations/{id}/journal.jsonl"));
    let before = std::fs::read(&journal).expect("a journal");
    for line in ["resume", "abort", "abort --leave", "upgrade 1.3.0", "rollback"] {
        let run = sandbox.run(&format!("{line} --non-interactive"));
        assert_eq!(run.status, 3, "{line}: {run}");
        assert!(run.stderr.contains("use the newer opsctl that wrote it"), "{line}: {run}");
    }
    assert_eq!(std::fs::read(&journal).expect("a journal"), before);
}

#[test]
fn machines_get_the_same() {
    let lines = lived().run("--output json history").json_lines();
    let [result] = lines.as_slice() else { panic!("{lines:?}") };
    let operations = result["result"]["operations"].as_array().expect("a list");
    let endings: Vec<&str> =
        operations.iter().map(|operation| operation["ending"].as_str().expect("an ending")).collect();
    assert_eq!(endings, ["done", "done", "done", "rolled-back", "done", "past-commit"]);
    let shown = lived().run("--output json history show 20260316-120000-upgrade").json_lines();
    assert_eq!(shown[0]["result"]["entries"][0]["record"], "planned");
}
