//! What is written down and says nothing: an empty text or list, a command without a program, a path of no file.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::Conflict;

/// Keys of commands: a program and its arguments, of which any but the program may be empty.
const COMMANDS: [&str; 9] =
    ["command", "version", "start", "stop", "alive", "before", "after", "failed", "generate"];

/// Keys of the operator's own commands, which are run as they are written.
const HOOKS: [&str; 3] = ["before", "after", "failed"];

/// Keys of files.
const FILES: [&str; 5] = ["env_file", "file", "base", "files", "version_file"];

/// Keys of what is the product's own, in which anything may be empty.
const FREE: [&str; 3] = ["body", "holds", "value"];

/// Keys of lists that mean nothing when they are empty, with what belongs into them.
const NEVER_EMPTY: [(&str, &str); 4] = [
    ("directories", "name the folders in which the base file may be, `.` for the install's own"),
    ("done", "name the states in which a scan has come to its end"),
    ("level", "name the levels that count, as the log writes them"),
    ("steps", "describe the requests, or leave the section out"),
];

/// Finds the first of what says nothing, as far as the text is TOML.
pub(super) fn check(text: &str) -> Result<(), Conflict> {
    let Ok(root) = DeTable::parse(text) else { return Ok(()) };
    in_table(root.get_ref(), &mut Vec::new())
}

fn in_table(table: &DeTable<'_>, keys: &mut Vec<String>) -> Result<(), Conflict> {
    for (key, value) in table {
        let key = key.get_ref().as_ref();
        // `body` of `[health]` is a text to look for, and those of requests are tables as a rule.
        let is_free = FREE.contains(&key) && keys.first().is_none_or(|section| section != "health");
        if !is_free {
            keys.push(key.to_owned());
            in_value(value, keys)?;
            keys.pop();
        }
    }
    Ok(())
}

fn in_value(value: &Spanned<DeValue<'_>>, keys: &mut Vec<String>) -> Result<(), Conflict> {
    let wrong = match value.get_ref() {
        DeValue::Table(inner) => return in_table(inner, keys),
        DeValue::Array(values) => match wrong_with_list(values, keys) {
            None if is_command(keys) => None,
            None => return values.iter().try_for_each(|value| in_value(value, keys)),
            Some(wrong) => Some(wrong),
        },
        DeValue::String(text) => wrong_with_text(text, keys),
        _ => None,
    };
    wrong.map_or(Ok(()), |message| Err(conflict(keys, value.span(), message)))
}

fn is_command(keys: &[String]) -> bool {
    keys.last().is_some_and(|key| COMMANDS.contains(&key.as_str()))
}

fn wrong_with_list(values: &[Spanned<DeValue<'_>>], keys: &[String]) -> Option<String> {
    let key = keys.last()?;
    let first = values.first().map(Spanned::get_ref);
    if !is_command(keys) {
        let (_, right) = NEVER_EMPTY.iter().find(|(name, _)| first.is_none() && name == key)?;
        return Some(format!("`{key}` is empty: {right}"));
    }
    let program = first.map_or(Some(""), DeValue::as_str)?;
    if first.is_none() {
        return Some(format!(
            "`{key}` is empty: a command begins with a program; leave out what is not needed"
        ));
    }
    if program.trim().is_empty() {
        return Some(format!(
            "`{key}` begins with an empty text: a command begins with a program, as in `[\"./product\", \"--flag\"]`"
        ));
    }
    (HOOKS.contains(&key.as_str()) && program.contains("${")).then(|| {
        format!(
            "`{key}` begins with `{program}`, and nothing is filled in there: a relative path begins at the install"
        )
    })
}

fn wrong_with_text(text: &str, keys: &[String]) -> Option<String> {
    let key = keys.last()?;
    let is_file = FILES.contains(&key.as_str());
    if text.trim().is_empty() {
        let right = if is_file {
            "name a file"
        } else {
            "say what it should be, or leave it out where it is not needed"
        };
        return Some(format!("`{key}` is empty: {right}"));
    }
    if !is_file && key != "directories" {
        return None;
    }
    if text.contains("${") {
        return Some(format!("in `{key}`, nothing is filled in for `${{...}}`: write the path itself"));
    }
    let is_folder = text.ends_with('/') || text.ends_with("/.") || Path::new(text).file_name().is_none();
    (is_file && is_folder).then(|| format!("`{key}` names a folder, `{text}`: name the file in it"))
}

fn conflict(keys: &[String], span: Range<usize>, message: String) -> Conflict {
    Conflict { keys: keys.to_vec(), at: Some(span.start), message }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::profile::{COLLECTOR, ProcessProfile, Profile, ProfileError, TEMPLATE};

    fn collector(old: &str, new: &str) -> ProfileError {
        assert!(COLLECTOR.contains(old), "{old}");
        let text = COLLECTOR.replacen(old, new, 1);
        ProcessProfile::parse(&text, "opsctl.toml".as_ref()).expect_err(new)
    }

    fn template(old: &str, new: &str) -> ProfileError {
        assert!(TEMPLATE.contains(old), "{old}");
        Profile::parse(&TEMPLATE.replacen(old, new, 1), "opsctl.toml".as_ref()).expect_err(new)
    }

    const VERSION: &str = "version = [\"./collector\", \"--version\"]";
    const PORT: &str = "port = 8787";
    const FILE: &str = "file = \"collector.db\"";

    #[rstest]
    #[case(VERSION, "version = [\"\"]", "`version` begins with an empty text")]
    #[case(VERSION, "version = [\" \", \"x\"]", "`version` begins with an empty text")]
    #[case(VERSION, "version = []", "`version` is empty: a command begins")]
    #[case(VERSION, "version = [\"./collector\", \"${DATABSE}\"]", "`${DATABSE}` stands for nothing")]
    #[case("command = [\"./collector\"", "command = [\"\"", "`command` begins with an empty text")]
    #[case(FILE, "file = \"\"", "`file` is empty: name a file")]
    #[case(FILE, "file = \".\"", "`file` names a folder, `.`")]
    #[case(FILE, "file = \"data/\"", "`file` names a folder, `data/`")]
    #[case(FILE, "file = \"data/..\"", "`file` names a folder, `data/..`")]
    #[case(FILE, "file = \"${INSTALL}/x.db\"", "in `file`, nothing is filled in")]
    #[case("env_file = \".env\"", "env_file = \" \"", "`env_file` is empty: name a file")]
    #[case("env_file = \".env\"", "source = \"\"", "a source is a folder")]
    #[case("env_file = \".env\"", "checksums = \"\"", "an address begins with")]
    #[case("env_file = \".env\"", "public_key = \"\"", "it is not a public key")]
    #[case("name = \"collector\"\ncommand", "name = \"\"\ncommand", "`` is not the name of a service")]
    #[case("title = \"Collector\"", "title = \"\"", "`title` is empty: say what")]
    #[case("health = \"/healthz\"", "health = \"\"", "`` is not the path of a request")]
    #[case("health = \"/healthz\"", "ready = \"\"", "`` is not the path of a request")]
    #[case("health = \"/healthz\"", "health = \"/${PORT}\"", "`/${PORT}` is not the path of a request")]
    #[case(PORT, "port = 8787\nstart = [\"\"]\nstop = [\"x\"]\nalive = [\"x\"]", "`start` begins with")]
    #[case(PORT, "port = 8787\nstart = [\"x\"]\nstop = []\nalive = [\"x\"]", "`stop` is empty")]
    #[case(PORT, "port = 8787\nunit = \"\"", "`` is not the name of a unit")]
    #[case("[database]", "[migrate]\ncommand = [\"\"]\n[database]", "`command` begins with an empty text")]
    #[case("[database]", "[hooks]\nbefore = []\n[database]", "`before` is empty: a command begins")]
    #[case("[database]", "[hooks]\nfailed = [\"\"]\n[database]", "`failed` begins with an empty text")]
    #[case(
        "[database]",
        "[hooks]\nafter = [\"${INSTALL}/x\"]\n[database]",
        "`after` begins with `${INSTALL}/x`"
    )]
    #[case("[database]", "[smoke]\nsteps = []\n[database]", "`steps` is empty: describe the requests")]
    #[case("[database]", "[smoke]\nleaves = \"\"\nsteps = []\n[database]", "`leaves` is empty")]
    #[case("watch_for = \"5s\"", "watch_for = \"0s\"", "`0s` is too short a time")]
    #[case("stop_grace = \"15s\"", "stop_grace = \"1ns\"", "`1ns` is too short a time")]
    #[case("watch_for = \"5s\"", "watch_for = \"9999999h\"", "`9999999h` is too long a time")]
    #[case("watch_for = \"5s\"", "body = \"\"", "`body` is empty: say what")]
    #[case("level = [\"error\"]", "level = []", "`level` is empty: name the levels")]
    #[case("level = [\"error\"]", "level = [\"\"]", "`level` is empty: say what")]
    #[case("message_starts = \"receipt rejected: \"", "message_starts = \"\"", "`message_starts` is empty")]
    fn a_process_whose_description_says_nothing_is_refused(
        #[case] old: &str,
        #[case] new: &str,
        #[case] expected: &str,
    ) {
        let error = collector(old, new);
        assert!(error.message.starts_with(expected), "{error}");
        assert!(error.line > 1 && error.hint.starts_with("change `"), "{error}: {}", error.hint);
    }

    #[rstest]
    #[case("title = \"AGLedger\"", "title = \"\"", "`title` is empty")]
    #[case("base = \"docker-compose.yml\"", "base = \"\"", "`base` is empty: name a file")]
    #[case("directories = [\".\",", "directories = [\"\",", "`directories` is empty")]
    #[case("\ndirectories = [", "\ndirectories = []\nfiles = [", "`directories` is empty: name the folders")]
    #[case("#files = [\"docker-compose.yml\",", "files = [\"\",", "`files` is empty: name a file")]
    #[case("#files = [\"docker-compose.yml\",", "files = [\"${X}.yml\",", "in `files`, nothing is filled in")]
    #[case("docker-compose.prod.yml", "", "`file` is empty: name a file")]
    #[case("hosts = [\"postgres\"]", "hosts = [\"\"]", "`hosts` is empty: say what")]
    #[case("\ndone = [", "\ndone = []\n#[", "`done` is empty: name the states")]
    #[case(
        "command = [\"/nodejs/bin/node\", \"dist/scripts/preflight.js\"]",
        "command = []",
        "`command` is empty"
    )]
    #[case("generate = [\"/nodejs/bin/node\"", "generate = [\"\"", "`generate` begins with")]
    #[case("# before = [\"/usr/local/bin/announce\"", "before = [\"\"", "`before` begins with")]
    #[case("status_label = \"status_code\"", "status_label = \"\"", "`status_label` is empty")]
    #[case("loses = \"the stored secrets of webhooks\"", "loses = \"\"", "`loses` is empty")]
    fn services_whose_description_says_nothing_are_refused(
        #[case] old: &str,
        #[case] new: &str,
        #[case] expected: &str,
    ) {
        let error = template(old, new);
        assert!(error.message.starts_with(expected), "{error}");
    }

    #[test]
    fn the_key_is_named_also_where_the_rule_is_that_of_a_kind_of_value() {
        let error = collector("health = \"/healthz\"", "health = \"\"");
        assert!(error.hint.starts_with("change `service.health`; see"), "{}", error.hint);
        let error = template("{ path = \"/health\", pointer = \"/version\" }", "{ path = \"\" }");
        assert!(error.hint.starts_with("change `version.endpoints.path`; see"), "{}", error.hint);
    }

    #[test]
    fn the_place_is_that_of_the_value_also_in_a_list() {
        let error = template("docker-compose.prod.yml", "");
        let line = TEMPLATE.lines().nth(error.line - 1).unwrap();
        assert!(line.contains("docker-compose.prod.yml"), "{error}");
        assert_eq!(error.hint, "change `runtime.overlays.file`, or what it refers to");
    }

    /// What the product itself is sent or told may well be empty.
    #[rstest]
    #[case(VERSION, "version = [\"./collector\", \"--version\", \"\"]")]
    #[case(
        "[database]",
        "[smoke]\n[[smoke.steps]]\nname = \"x\"\npath = \"/x\"\nbody = { note = \"\", of = [] }\n\
         holds = { \"/x\" = \"\" }\n[database]"
    )]
    #[case("[database]", "[hooks]\nbefore = [\"sh\", \"-c\", \"echo ${OPSCTL_DIR}\", \"\"]\n[database]")]
    #[case(FILE, "file = \"/var/lib/collector/data..db\"")]
    fn what_makes_sense_empty_is_taken(#[case] old: &str, #[case] new: &str) {
        assert!(COLLECTOR.contains(old), "{old}");
        let text = COLLECTOR.replacen(old, new, 1);
        ProcessProfile::parse(&text, "opsctl.toml".as_ref()).expect(new);
    }
}
