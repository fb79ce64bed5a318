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

#[test]
fn a_folder_of_releases_is_that_of_a_collector() {
    let sandbox = Sandbox::empty();
    sandbox.write("releases/1.0.0/collector", "");
    insta::assert_snapshot!(sandbox.run("init"));
    let written = fs::read_to_string(sandbox.path().join("opsctl.toml")).expect("the description");
    assert_eq!(written, opsctl::profile::COLLECTOR);
    let named = Sandbox::install().run("init --product collector --stdout");
    assert_eq!(named.stdout.trim_end(), written.trim_end());
}

#[test]
fn a_unit_is_written_with_a_description_that_uses_it_or_beside_one_that_does_not() {
    let (fresh, described) = (Sandbox::empty(), Sandbox::empty());
    described.write("opsctl.toml", opsctl::profile::COLLECTOR);
    let other = Sandbox::install();
    let runs = [
        fresh.run("init --product collector --systemd"),
        fresh.run("init --systemd"),
        described.run("init --systemd"),
        other.run("init --systemd"),
    ];
    let told = runs.map(|run| run.to_string()).join("\n");
    // Whoever owns the folder and is not root is told more.
    let told: Vec<&str> =
        told.split('\n').filter(|line| !line.contains("polkit") && !line.contains("usermod")).collect();
    insta::assert_snapshot!(told.join("\n"));
    let read = |sandbox: &Sandbox, name: &str| fs::read_to_string(sandbox.path().join(name)).expect(name);
    assert_eq!(read(&described, "opsctl.toml"), opsctl::profile::COLLECTOR, "it is left as it is");
    let text = read(&fresh, "opsctl.toml");
    let profile = opsctl::profile::ProcessProfile::parse(&text, fresh.path()).expect("a description");
    assert!(profile.service.supervisor().is_some());
    assert!(!other.path().join("opsctl.toml").exists());
}

/// Where systemd is not there to judge, the snapshot still shows every line.
#[test]
fn systemd_finds_the_unit_sound_and_tight() {
    let sandbox = Sandbox::empty();
    sandbox.write("releases/1.0.0/collector", "#!/bin/sh\n");
    let program = sandbox.path().join("releases/1.0.0/collector");
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a program");
    std::os::unix::fs::symlink("releases/1.0.0", sandbox.path().join("current")).expect("a link");
    assert_eq!(sandbox.run("init --systemd").status, 0);
    let unit = sandbox.path().join("collector.service");
    let text = fs::read_to_string(&unit).expect("the unit");
    let groups = ["@system-service", "@privileged", "@resources"];
    let rest = groups.iter().fold(text, |text, group| text.replace(group, ""));
    assert!(!rest.contains('@'), "nothing is left to be filled in: {rest}");
    let judged = |arguments: &[&str]| {
        let output = assert_cmd::Command::new("systemd-analyze").args(arguments).arg(&unit).output();
        output.ok().map(|output| {
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            (output.status.success(), said)
        })
    };
    let Some((is_sound, said)) = judged(&["verify"]) else { return };
    assert!(is_sound && !said.contains("collector.service"), "{said}");
    // An exposure of at most 2.0; one without any of it has 9.6.
    let (is_tight, said) = judged(&["security", "--offline=true", "--threshold=20"]).expect("a judgement");
    assert!(is_tight, "{said}");
}

#[test]
fn below_another_install_it_asks_which_is_meant() {
    let sandbox = Sandbox::install();
    sandbox.write("below/note", "");
    let below = |arguments: &str| {
        let mut command = sandbox.command();
        sandbox.finish(command.args(arguments.split(' ')).current_dir(sandbox.path().join("below")))
    };
    let run = below("init --product collector");
    assert_eq!(run.status, 2, "{run}");
    assert!(
        run.stderr.contains("is inside of another install") && !sandbox.path().join("opsctl.toml").exists()
    );
    assert_eq!(below("--dir . init --product collector").status, 0);
    assert!(sandbox.path().join("below/opsctl.toml").exists());
}
