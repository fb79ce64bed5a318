use rstest::rstest;

use crate::sandbox::Sandbox;

#[rstest]
#[case("db-pooler")]
#[case("exit-6")]
#[case("host-engine")]
#[case("store-open")]
fn one_is_told_in_four_parts(#[case] id: &str) {
    insta::assert_snapshot!(format!("one_{id}"), Sandbox::empty().run(&format!("explain {id}")));
}

#[test]
fn without_an_identifier_all_are_listed_by_group() {
    insta::assert_snapshot!(Sandbox::empty().run("explain"));
}

#[test]
fn a_number_is_an_exit_status_and_capitals_do_not_matter() {
    let sandbox = Sandbox::empty();
    assert_eq!(sandbox.run("explain 6").stdout, sandbox.run("explain EXIT-6").stdout);
}

#[test]
fn machines_get_the_parts() {
    let sandbox = Sandbox::empty();
    let all = sandbox.run("--output json explain").json_lines();
    let [all] = all.as_slice() else { panic!("{all:?}") };
    let entries = all["result"]["entries"].as_array().expect("a list");
    assert!(entries.len() > 60, "{}", entries.len());
    for entry in entries {
        let id = entry["id"].as_str().expect("an identifier");
        assert!(entry["title"].is_string() && entry["group"].is_string(), "{entry}");
        if !["db-tls", "exit-9", "no-room"].contains(&id) {
            continue;
        }
        let told = sandbox.run(&format!("--output json explain {id}")).json_lines();
        let [told] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((&told["ok"], &told["result"]["id"]), (&true.into(), &id.into()));
        for part in ["symptom", "cause", "how_to_tell", "what_to_do"] {
            assert!(told["result"][part].as_str().is_some_and(|text| !text.is_empty()), "{told}");
        }
    }
}

#[test]
fn every_one_fits_a_page_and_keeps_what_is_to_be_typed_on_its_lines() {
    let sandbox = Sandbox::empty();
    for entry in opsctl::explain::entries() {
        let run = sandbox.run(&format!("explain {}", entry.id));
        assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{run}");
        for line in run.stdout.lines() {
            assert!(line.chars().count() <= 100, "{}: {line}", entry.id);
        }
        for (_, part) in entry.parts() {
            for typed in part.lines().filter(|line| line.starts_with("    ")) {
                assert!(run.stdout.contains(typed), "{}: {typed}", entry.id);
            }
        }
    }
}

#[test]
fn shells_complete_identifiers() {
    let script = Sandbox::empty().run("completions bash").stdout;
    assert!(script.contains("db-pooler") && script.contains("exit-6"), "{script}");
}
