use proptest::prelude::*;
use rstest::rstest;

use super::*;

fn name(name: &str) -> VariableName {
    VariableName::try_from(name).expect("a good name")
}

fn process(name: &str) -> Option<String> {
    (name == "OUTER").then(|| "outer".to_owned())
}

fn parsed(content: impl Into<Vec<u8>>) -> EnvFile {
    EnvFile::parse(content).expect("a good file")
}

fn value_of_a(content: &str) -> Option<String> {
    parsed(content).values(&process).expect("values").remove("A")
}

fn set(key: &str, value: &str) -> Edit {
    Edit::Set { name: name(key), value: value.to_owned() }
}

fn comment_out(key: &str) -> Edit {
    Edit::CommentOut { name: name(key), why: "no longer used".to_owned() }
}

fn edited(content: &str, edit: Edit) -> String {
    let file = parsed(content).edit(&[edit]).expect("an edit");
    String::from_utf8(file.bytes().to_vec()).expect("text")
}

#[rstest]
#[case("A=1\n", "1")]
#[case("A=1\r\n", "1")]
#[case("\u{feff}A=1\n", "1")]
#[case("export\tA = 1 \n", "1")]
#[case("A: 1\n", "1")]
#[case("A=x#y\n", "x#y")]
#[case("A=x #y\n", "x")]
#[case("A= # y\n", "# y")]
#[case("A='$x \"#'\n", "$x \"#")]
#[case(r"A='a\'b\n'", r"a'b\n")]
#[case(r#"A="a\n\t\"\\\$x""#, "a\n\t\"\\$x")]
#[case(r#"A="\0101\012\c""#, "A\\12\\c")]
#[case("A=\"l1\r\nl2\"\n", "l1\r\nl2")]
#[case("A=pa$$word\n", "pa$word")]
#[case("A=a$1$\n", "a$1$")]
#[case("A=${B:-${C-d}}e${F:-}\n", "de")]
#[case("B=\nA=${B:-x}${B-y}${B:+z}${B+w}\n", "xw")]
#[case("OUTER=1\nA=$OUTER\n", "outer")]
#[case("B=1\nA=$B\nB=2\n", "1")]
#[case("A=1\nA=$A$A\n", "11")]
#[case("OUTER=1\nA=\"x\"A=2\n", "2")]
fn values_are_read_as_compose_reads_them(#[case] content: &str, #[case] expected: &str) {
    assert_eq!(value_of_a(content).as_deref(), Some(expected));
}

#[test]
fn a_name_alone_takes_what_the_process_has() {
    let values = parsed("OUTER\nNONE\n").values(&process).unwrap();
    assert_eq!(values, BTreeMap::from([("OUTER".to_owned(), "outer".to_owned())]));
}

#[test]
fn the_process_environment_wins_over_the_file() {
    let file = parsed("OUTER=file\nA=1\n");
    assert_eq!(file.get(&name("OUTER"), &process).unwrap().as_deref(), Some("outer"));
    assert_eq!(file.get(&name("A"), &process).unwrap().as_deref(), Some("1"));
    assert_eq!(file.get(&name("B"), &process).unwrap(), None);
}

#[rstest]
#[case("A=1\n\nB!=2\n", 3, ParseProblem::UnexpectedCharacter)]
#[case("# c\nA B=1\n", 2, ParseProblem::SpaceInName)]
#[case("A=1\nB='x\ny\n", 2, ParseProblem::UnterminatedQuote)]
#[case("A=${B:-x\n", 1, ParseProblem::InvalidReference)]
#[case("A=${1}\n", 1, ParseProblem::InvalidReference)]
#[case("A=1\nexport ", 2, ParseProblem::NothingExported)]
fn what_compose_refuses_is_named_by_line(
    #[case] content: &str,
    #[case] line: usize,
    #[case] problem: ParseProblem,
) {
    assert_eq!(EnvFile::parse(content), Err(ParseError { line, problem }));
}

#[test]
fn references_in_one_another_do_not_take_the_stack() {
    let nested = |depth: usize| format!("A={}x{}\n", "${B:-".repeat(depth), "}".repeat(depth));
    assert_eq!(value_of_a(&nested(100)).as_deref(), Some("x"));
    let error = EnvFile::parse(nested(100_000)).unwrap_err();
    assert_eq!(error, ParseError { line: 1, problem: ParseProblem::InvalidReference });
}

#[test]
fn a_missing_required_variable_is_named_by_line() {
    let file = parsed("A=1\nB=${C:?say no secret}\n");
    assert_eq!(file.values(&process), Err(ValueError { line: 2 }));
}

#[test]
fn debug_output_shows_no_value() {
    assert_eq!(format!("{:?}", parsed("A=secret\n")), "EnvFile(9 bytes, 1 statements)");
    assert_eq!(format!("{:?}", set("A", "secret")), "Set(A)");
}

#[rstest]
#[case::only_the_value("# v\nexport A = 1 # note\nB=2\n", "# v\nexport A = x # note\nB=2\n")]
#[case::the_last_one("A=1\nA=2\n", "A=1\nA=x\n")]
#[case::ending_kept("A=1\r\nB=2\r\n", "A=x\r\nB=2\r\n")]
#[case::ending_kept_behind_nothing("A=\r\nB=2\r\n", "A=x\r\nB=2\r\n")]
#[case::appended_after_an_open_line("B=2", "B=2\nA=x\n")]
#[case::appended_with_the_file_s_ending("B=2\r\n", "B=2\r\nA=x\r\n")]
#[case::into_an_empty_file("", "A=x\n")]
#[case::many_lines_become_one("A='1\n2' # n\nB=2\n", "A=x # n\nB=2\n")]
#[case::inherited("export A\nB=1\n", "export A=x\nB=1\n")]
#[case::behind_a_mark("\u{feff}A=1", "\u{feff}A=x")]
#[case::not_in_a_comment("#A=1\n", "#A=1\nA=x\n")]
#[case::glued("A='1'#c\n", "A='x'#c\n")]
#[case::beside_another("A=\"1\" B=2\n", "A='x' B=2\n")]
fn setting_changes_the_value_only(#[case] before: &str, #[case] after: &str) {
    assert_eq!(edited(before, set("A", "x")), after);
}

#[rstest]
#[case("1.2.0", "A=1.2.0\n")]
#[case("", "A=\n")]
#[case("a b", "A='a b'\n")]
#[case("pa$$word#1", "A='pa$$word#1'\n")]
#[case("it's \\ \"$x\"", "A=\"it's \\\\ \\\"\\$x\\\"\"\n")]
#[case("l1\nl2", "A=\"l1\\nl2\"\n")]
fn values_are_quoted_only_as_needed(#[case] value: &str, #[case] expected: &str) {
    assert_eq!(edited("A=0\n", set("A", value)), expected);
}

#[test]
fn an_empty_value_before_a_comment_is_quoted() {
    assert_eq!(edited("A=1 # note\n", set("A", "")), "A='' # note\n");
}

#[test]
fn commenting_out_takes_every_line_and_says_why() {
    let before = "A=1\nB=2\nexport A='3\n4'\nA\n";
    let after =
        "# no longer used\n# A=1\nB=2\n# no longer used\n# export A='3\n# 4'\n# no longer used\n# A\n";
    assert_eq!(edited(before, comment_out("A")), after);
    assert_eq!(edited("\u{feff}A=1\r\nB=2", comment_out("A")), "\u{feff}# no longer used\r\n# A=1\r\nB=2");
    assert_eq!(edited("B=2", comment_out("A")), "B=2");
}

#[test]
fn removing_takes_whole_lines() {
    assert_eq!(edited("A=1 # c\nB=2\nA=3", Edit::Remove { name: name("A") }), "B=2\n");
}

#[test]
fn a_line_shared_with_another_variable_is_not_removed() {
    let error = parsed("B=1\nA=\"1\" C=2\n").edit(&[comment_out("A")]).unwrap_err();
    assert_eq!(error.problem, EditProblem::SharedLine { line: 2 });
}

#[test]
fn bytes_that_are_no_text_stay() {
    let file = parsed(b"# caf\xe9\nB=\xff\xc3x\nA=1 # \xe9\n".to_vec()).edit(&[set("A", "2")]).unwrap();
    assert_eq!(file.bytes(), b"# caf\xe9\nB=\xff\xc3x\nA=2 # \xe9\n");
    assert_eq!(file.values(&process).unwrap()["B"], "\u{fffd}\u{fffd}x");
}

#[test]
fn an_edit_that_would_change_another_variable_is_refused() {
    // Compose reads a last line without `=` and without its end as a value that has no name.
    let error = parsed("A=1\nOUTER").edit(&[set("B", "2")]).unwrap_err();
    assert_eq!(error.problem, EditProblem::WouldChangeOthers);
    assert_eq!(parsed("").edit(&[set("B", "\0")]).unwrap_err().problem, EditProblem::Nul);
}

#[test]
fn a_value_that_refers_to_the_edited_variable_follows() {
    let file = parsed("A=1\nIMAGE=x:${A}\n").edit(&[set("A", "2")]).unwrap();
    assert_eq!(file.values(&process).unwrap()["IMAGE"], "x:2");
}

proptest! {
    #[test]
    fn any_value_is_read_back_as_it_was_set(
        value in r#"[a-z$"'\\#{}=: \n\r\té~-]{0,24}"#,
        tail in prop::sample::select(vec!["", " # note", "\t", "\r"]),
    ) {
        let before = format!("B=$A\nA=old{tail}\nC='x\ny'\n");
        let after = parsed(before).edit(&[set("A", &value)]).unwrap();
        prop_assert_eq!(after.get(&name("A"), &process).unwrap(), Some(value));
        prop_assert_eq!(after.lines_of(&name("C")), vec![3]);
    }

    #[test]
    fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(file) = EnvFile::parse(bytes.clone()) {
            prop_assert_eq!(file.bytes(), &bytes);
            let _ = file.values(&process);
        }
    }

    #[test]
    fn editing_odd_files_keeps_the_promise_or_refuses(
        content in r#"([AB](=|: |)('[ab$#\n]*'|"[ab$#]*"|[ab$# ]*)( #c|)(\n|\r\n| )){0,5}"#,
        value in r#"[ab$"'\\# ]{0,6}"#,
    ) {
        if let Ok(before) = EnvFile::parse(content) {
            for edit in [set("A", &value), comment_out("A"), Edit::Remove { name: name("A") }] {
                let Ok(after) = before.edit(std::slice::from_ref(&edit)) else { continue };
                prop_assert_eq!(before.lines_of(&name("B")).len(), after.lines_of(&name("B")).len());
                let found = after.values(&|_| None).unwrap().remove("A");
                let wanted = matches!(edit, Edit::Set { .. }).then(|| value.clone());
                prop_assert_eq!(found, wanted);
            }
        }
    }
}
