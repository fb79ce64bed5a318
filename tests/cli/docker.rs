use crate::sandbox::Sandbox;

#[test]
fn an_engine_that_does_not_answer() {
    let sandbox = Sandbox::install();
    let told: Vec<String> = ["status", "backup", "upgrade 1.3.0 --plan"]
        .map(|line| format!("$ opsctl {line}\n{}", sandbox.run(line)))
        .to_vec();
    insta::assert_snapshot!(told.join("\n"));
    assert!(sandbox.operations().is_empty(), "an operation was begun");
}

#[test]
fn an_engine_on_another_machine_cannot_be_operated() {
    let sandbox = Sandbox::install();
    let run = sandbox.finish(sandbox.command().env("DOCKER_HOST", "tcp://192.0.2.1:2375").arg("status"));
    insta::assert_snapshot!(run);
}

#[test]
fn looking_back_needs_no_engine() {
    let sandbox = Sandbox::install();
    assert_eq!(
        sandbox.run("history").to_string(),
        "exit status: 0\n----- stdout -----\nnothing was done yet\n----- stderr -----\n"
    );
}
