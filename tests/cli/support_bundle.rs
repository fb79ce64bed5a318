use std::fs;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::sandbox::Sandbox;

const NAME: &str = "support-bundle-2026-03-14-023000.tar.gz";

/// A place without an install, with the bundle of a machine whose worker runs out of memory.
fn with_bundle() -> Sandbox {
    let sandbox = Sandbox::empty();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bundles/schema-1.tar.gz");
    sandbox.write(NAME, fs::read(fixture).expect("a fixture"));
    sandbox
}

#[test]
fn inspecting_tells_what_is_found_on_what_it_rests_and_what_to_do() {
    insta::assert_snapshot!(with_bundle().run(&format!("support-bundle inspect {NAME}")));
}

#[test]
fn machines_get_the_same_findings() {
    let lines = with_bundle().run(&format!("--output json support-bundle inspect {NAME}")).json_lines();
    let [result] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((&result["ok"], &result["command"]), (&true.into(), &"support-bundle inspect".into()));
    let findings = result["result"]["findings"].as_array().expect("a list");
    assert_eq!(findings[0]["id"], "out-of-memory");
    assert_eq!(findings[0]["severity"], "critical");
    assert_eq!(
        (&findings[1]["id"], &findings[1]["because"]),
        (&"crash-loop".into(), &"out-of-memory".into())
    );
    let evidence = &findings[0]["evidence"][0];
    assert!(evidence["line"].is_u64() && evidence["member"] == "compose/containers.json", "{evidence}");
}

#[test]
fn the_page_is_written_anew() {
    let sandbox = with_bundle();
    let run = sandbox.run(&format!("support-bundle inspect {NAME} --page index.html"));
    assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{run}");
    let page = fs::read_to_string(sandbox.path().join("index.html")).expect("a page");
    assert!(page.contains("agledger-worker was ended"));
}

#[test]
fn what_is_no_bundle_is_said_and_what_to_do_about_it() {
    let sandbox = Sandbox::empty();
    sandbox.write("letter.txt", "hello\n");
    sandbox.write("bundle.tar.gz.age", "age-encryption.org/v1\n-> X25519 notarealrecipient\n");
    sandbox.write("folder/readme.txt", "hello\n");
    for name in ["letter.txt", "bundle.tar.gz.age", "folder", "nowhere.tar.gz"] {
        insta::assert_snapshot!(
            name.replace('.', "_"),
            sandbox.run(&format!("support-bundle inspect {name}"))
        );
    }
}

#[test]
fn a_pipe_is_no_bundle_and_is_not_waited_for() {
    let sandbox = Sandbox::empty();
    let pipe = sandbox.path().join("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
    let run = sandbox.run("support-bundle inspect pipe");
    assert!(run.status == 1 && run.stderr.contains("neither a file nor a folder"), "{run}");
}

#[test]
fn what_was_altered_on_its_way_is_told() {
    let sandbox = with_bundle();
    let cut = fs::read(sandbox.path().join(NAME)).expect("a bundle");
    sandbox.write("cut.tar.gz", &cut[..cut.len() - 200]);
    let run = sandbox.run("support-bundle inspect cut.tar.gz");
    assert_eq!(run.status, 0, "{run}");
    assert!(run.stdout.contains("the archive is damaged or cut short"), "{run}");
    assert!(run.stdout.contains("out of memory: agledger-worker"), "{run}");
    assert!(run.stdout.starts_with("cut: without its manifest"), "{run}");
}
