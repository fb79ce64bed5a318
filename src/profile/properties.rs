//! Descriptions that somebody mistyped: refused by line without a secret, or whole in all that is derived from them.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::nearly_right;

const SECRET: &str = "hunter2-not-real";

const PIECES: &[&str] = &[
    "\"",
    "'",
    "[",
    "]",
    "{",
    "}",
    "=",
    "\n",
    "#",
    ",",
    ".",
    "$",
    "0",
    "-1",
    "9223372036854775807h",
    "true",
    "é",
    "\0",
    "\u{1F980}",
    "[[",
    "]]",
    "\"\"\"",
    "\\u",
    "[services.x]\nrole = \"api\"\n",
    "/",
    "${",
    "api",
    "database",
    "worker",
];

fn descriptions() -> Vec<&'static str> {
    BUILT_IN.iter().map(|(_, text)| *text).chain([TEMPLATE]).collect()
}

/// A description in the place of one of whose values something stands that holds a secret.
fn with_a_secret() -> impl Strategy<Value = String> {
    let secret = select(vec![
        format!("postgres://ledger:{SECRET}@db:5432/ledger"),
        format!("API_KEY_SECRET={SECRET}"),
        format!("https://ops:{SECRET}@registry.example.com/ledger"),
    ]);
    (select(descriptions()), any::<Index>(), secret, any::<bool>()).prop_map(
        |(text, place, secret, in_list)| {
            let lines: Vec<&str> = text.lines().collect();
            let has_value = |line: &&str| line.contains(" = ") && !line.starts_with('#');
            let places: Vec<usize> = (0..lines.len()).filter(|&at| has_value(&lines[at])).collect();
            let at = places[place.index(places.len())];
            let key = lines[at].split(" = ").next().unwrap_or_default();
            let value = if in_list { format!("[\"{secret}\"]") } else { format!("\"{secret}\"") };
            let replaced = format!("{key} = {value}");
            lines
                .iter()
                .enumerate()
                .map(|(line, old)| if line == at { &replaced } else { *old })
                .collect::<Vec<_>>()
                .join("\n")
        },
    )
}

fn check(text: &str) -> Result<(), TestCaseError> {
    match Profile::parse(text, Path::new("opsctl.toml")) {
        Err(error) => {
            prop_assert!((1..=text.matches('\n').count() + 1).contains(&error.line), "{}", error);
            prop_assert!(error.column >= 1 && !error.message.is_empty() && !error.message.contains('\n'));
            let shown = format!("{error} {} {error:?}", error.hint);
            prop_assert!(!shown.contains(SECRET), "{}", shown);
        }
        Ok(profile) => {
            let (name, api) = profile.api();
            prop_assert_eq!(profile.with_role(Role::Api).collect::<Vec<_>>(), [name]);
            prop_assert!(
                !profile.stop_order().iter().any(|name| profile.services[*name].role == Role::Database)
            );
            prop_assert!(api.quiesce == Quiesce::Leave || profile.start_order().contains(&name));
            let files = profile.runtime.compose_files(DatabaseMode::External, &|_| true);
            prop_assert!(!files.is_empty());
            for service in profile.services.keys() {
                prop_assert_eq!(ServiceName::try_from(service.as_str()), Ok(service.clone()));
            }
            if let Some(migrate) = &profile.migrate {
                prop_assert!(profile.services.contains_key(migrate.run.service()));
            }
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_mistyped_description_is_refused_by_line_or_whole(
        text in select(descriptions()).prop_flat_map(|text| nearly_right::text(text.to_owned(), PIECES)),
    ) {
        check(&text)?;
    }

    #[test]
    fn no_error_shows_a_secret_that_was_written_in_the_wrong_place(text in with_a_secret()) {
        check(&text)?;
    }

    #[test]
    fn anything_like_toml_is_refused_by_line(text in "(\\[|\\]|\"|=|\n|product|services|name|1|'|\\{|\\}|é|,|\\.){0,30}") {
        check(&text)?;
        prop_assert!(Profile::parse(&text, Path::new("opsctl.toml")).is_err());
    }
}
