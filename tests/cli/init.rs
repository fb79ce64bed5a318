use std::fs;

use crate::sandbox::Sandbox;

#[test]
fn it_writes_a_description_once() {
    let sandbox = Sandbox::install();
    let first = sandbox.run("init");
    let written = fs::read_to_string(sandbox.path().join("opsctl.toml")).expect("the description");
    let second = sandbox.run("init");
    insta::assert_snapshot!(format!("{first}\n{second}"));
    assert_eq!(fs::read_to_string(sandbox.path().join("opsctl.toml")).expect("the description"), written);
}

#[test]
fn what_it_prints_is_what_it_writes_and_can_be_read_back() {
    let sandbox = Sandbox::install();
    let printed = sandbox.run("init --stdout");
    assert!(!sandbox.path().join("opsctl.toml").exists());
    sandbox.run("init");
    let written = fs::read_to_string(sandbox.path().join("opsctl.toml")).expect("the description");
    assert_eq!(printed.stdout.trim_end(), written.trim_end());
    let path = sandbox.path().join("opsctl.toml");
    assert!(opsctl::profile::Profile::parse(&written, &path).is_ok());
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    insta::assert_snapshot!(Sandbox::empty().run("--dir nowhere init"));
}
