use crate::sandbox::Sandbox;

/// What `opsctl status` says of a description in which one line of the annotated one was replaced.
fn with(line: &str, instead: &str) -> String {
    let sandbox = Sandbox::install();
    let text = opsctl::profile::TEMPLATE;
    assert!(text.contains(line), "{line}");
    sandbox.write("opsctl.toml", text.replacen(line, instead, 1));
    sandbox.run("status").to_string()
}

#[test]
fn a_key_that_is_unknown_is_named_with_its_place_and_what_was_probably_meant() {
    insta::assert_snapshot!(with("\nversion_variable =", "\nversion_varable ="));
}

#[test]
fn a_value_that_is_bad_is_named_with_its_place_and_the_rule() {
    insta::assert_snapshot!(with("\nname = \"", "\nname = \"Not A Name "));
}

#[test]
fn what_is_no_toml_is_named_with_its_place() {
    insta::assert_snapshot!(with("\nname = \"", "\nname == \""));
}
