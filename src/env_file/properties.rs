//! Files and edits of any kind: what was not edited stays, and what was reads back.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

const NAMES: [&str; 4] = ["A", "B", "LONG_NAME_1", "_c"];

/// A line that Compose takes, whole, with what it assigns.
fn line() -> impl Strategy<Value = (String, Option<&'static str>)> {
    let value = select(vec![
        "",
        "1",
        "a b # c",
        "'x #\"$' # c",
        "\"a\\n$$\"",
        "pa$$word",
        "${A:-x}",
        "$B",
        "'two\nlines'",
        "é",
        "x#y",
    ]);
    let assignment =
        (select(vec!["", "  ", "export "]), select(NAMES.to_vec()), select(vec!["=", " = ", ": "]), value)
            .prop_map(|(before, name, separator, value)| {
                (format!("{before}{name}{separator}{value}"), Some(name))
            });
    let other = select(vec!["", "# A=1", "   ", "#"]).prop_map(|text| (text.to_owned(), None));
    prop_oneof![4 => assignment, 1 => other]
}

fn whole(lines: &[(String, Option<&'static str>)], ending: &str) -> String {
    lines.iter().flat_map(|(line, _)| [line.as_str(), ending]).collect()
}

fn name(text: &str) -> VariableName {
    VariableName::try_from(text).expect("a good name")
}

fn edit() -> impl Strategy<Value = Edit> {
    let names = || select(NAMES.to_vec()).prop_map(name);
    prop_oneof![
        (names(), "[ -~é\n\r\t\u{85}]{0,12}|\\PC{0,6}").prop_map(|(name, value)| Edit::Set { name, value }),
        (names(), "\\PC{0,9}(\n\\PC{0,5})?").prop_map(|(name, why)| Edit::CommentOut { name, why }),
        names().prop_map(|name| Edit::Remove { name }),
    ]
}

proptest! {
    #[test]
    fn what_was_not_edited_stays_and_what_was_reads_back(
        lines in vec(line(), 0..7),
        edits in vec(edit(), 1..4),
        ending in select(vec!["\n", "\r\n"]),
        is_open in any::<bool>(),
    ) {
        let mut text = whole(&lines, ending);
        if is_open {
            text.truncate(text.trim_end_matches(['\n', '\r']).len());
        }
        let before = EnvFile::parse(text.clone()).unwrap();
        let after = before.edit(&edits).unwrap();
        let edited: Vec<&str> = edits.iter().map(|edit| edit.name().as_str()).collect();
        let others = |file: &EnvFile| -> Vec<Vec<u8>> {
            let others = file.statements.iter().filter(|found| !edited.contains(&found.name.as_str()));
            others.map(|found| file.bytes()[found.span.clone()].to_vec()).collect()
        };
        prop_assert_eq!(others(&before), others(&after));
        // Lines outside of every edited statement are there, in their order.
        let mut rest = after.bytes();
        for (line, _) in lines.iter().filter(|(_, name)| name.is_none_or(|name| !edited.contains(&name))) {
            let line = line.trim_end().as_bytes();
            let at = rest.windows(line.len().max(1)).position(|part| part.starts_with(line));
            prop_assert!(at.is_some() || line.is_empty(), "{:?} in {:?}", line, after.bytes());
            rest = &rest[at.unwrap_or(0) + line.len()..];
        }
        let values = after.values(&|_| None).unwrap();
        for (index, edit) in edits.iter().enumerate() {
            if edits[index + 1..].iter().any(|later| later.name() == edit.name()) {
                continue;
            }
            let expected = match edit {
                Edit::Set { value, .. } => Some(value),
                Edit::CommentOut { .. } | Edit::Remove { .. } => None,
            };
            prop_assert_eq!(values.get(edit.name().as_str()), expected, "{:?}", edit);
        }
    }

    #[test]
    fn a_value_that_was_set_is_set_only_once(lines in vec(line(), 0..5), value in "[ -~é]{0,8}") {
                let set = [Edit::Set { name: name("A"), value }];
        let once = EnvFile::parse(whole(&lines, "\n")).unwrap().edit(&set).unwrap();
        let twice = once.edit(&set).unwrap();
        prop_assert_eq!(twice.bytes(), once.bytes());
    }

    #[test]
    fn any_bytes_are_read_and_edited_or_refused(
        pieces in vec(prop_oneof![
            select(vec![
                &b"A"[..], b"=", b":", b"'", b"\"", b"\n", b"\r\n", b" ", b"#", b"${", b"}", b":-", b"?", b"$", b"\\",
                b"export ", b"\xef\xbb\xbf", b"\xff", b"\0", "é".as_bytes(), "\u{85}".as_bytes(),
            ]).prop_map(<[u8]>::to_vec),
            vec(any::<u8>(), 1..3),
        ], 0..24),
        edits in vec(edit(), 1..3),
    ) {
        let bytes = pieces.concat();
        let Ok(file) = EnvFile::parse(bytes.clone()) else { return Ok(()) };
        prop_assert_eq!(file.bytes(), &bytes);
        let _ = file.values(&|_| None);
        if let Ok(edited) = file.edit(&edits) {
            prop_assert_eq!(EnvFile::parse(edited.bytes()), Ok(edited));
        }
    }
}
