//! Which roles a dump names: from its table of contents, or from the definitions that `pg_restore --schema-only` prints.

mod words;

use std::collections::BTreeSet;

use self::words::{Word, words};
use crate::model::dump_toc::{DumpToc, TocEntry};

/// Kinds of things that have an owner in a dump, but are not given to one by themselves.
const NOT_OWNED: [&str; 12] = [
    "CAST",
    "CHECK CONSTRAINT",
    "CONSTRAINT",
    "DATABASE PROPERTIES",
    "DEFAULT",
    "FK CONSTRAINT",
    "INDEX",
    "POLICY",
    "ROW SECURITY",
    "RULE",
    "TRIGGER",
    "USER MAPPING",
];

/// Kinds of which the definition names roles.
const NAMING: [&str; 4] = ["ACL", "DEFAULT ACL", "POLICY", "USER MAPPING"];

/// The roles that must exist for owners and grants to be restored as they were dumped, from a table of contents.
pub fn roles_in_toc(toc: &DumpToc<'_>) -> BTreeSet<String> {
    let mut roles = BTreeSet::new();
    for entry in toc.entries.iter().filter(|entry| !is_of_the_database(entry)) {
        let is_one_of = |kinds: &[&str]| kinds.iter().any(|kind| entry.kind == kind.as_bytes());
        if is_one_of(&NAMING) {
            roles.append(&mut roles_in_dump(&String::from_utf8_lossy(entry.definition)));
        }
        if !is_one_of(&NOT_OWNED) {
            roles.extend(owner(entry));
        }
    }
    roles
}

/// The database itself, and what is granted on it, is in every dump, and is not restored into one that is there.
fn is_of_the_database(entry: &TocEntry<'_>) -> bool {
    entry.kind == b"DATABASE" || entry.kind == b"ACL" && entry.tag.starts_with(b"DATABASE ")
}

/// What nothing drops has no owner of its own: grants, comments, data.
fn owner(entry: &TocEntry<'_>) -> Option<String> {
    let owned = !entry.owner.is_empty() && !entry.drop.is_empty();
    owned.then(|| String::from_utf8_lossy(entry.owner).into_owned())
}

/// The roles that must exist for owners and grants to be restored as they were dumped, from definitions in SQL.
pub fn roles_in_dump(sql: &str) -> BTreeSet<String> {
    let mut roles = BTreeSet::new();
    let mut statement = Vec::new();
    for word in words(sql) {
        if word == Word::Mark(';') {
            roles.extend(roles_in_statement(&statement));
            statement.clear();
        } else {
            statement.push(word);
        }
    }
    roles
}

fn roles_in_statement(statement: &[Word<'_>]) -> Vec<String> {
    let before_roles: &[&[&str]] = match statement {
        [Word::Plain("REVOKE"), ..] => &[&["FROM"]],
        [Word::Plain("ALTER"), Word::Plain("DEFAULT"), ..] => &[&["FOR", "ROLE"], &["TO"], &["FROM"]],
        [Word::Plain("ALTER"), ..] => &[&["OWNER", "TO"]],
        [Word::Plain("GRANT"), ..] | [Word::Plain("CREATE"), Word::Plain("POLICY"), ..] => &[&["TO"]],
        [Word::Plain("CREATE"), Word::Plain("USER"), ..] => &[&["MAPPING", "FOR"]],
        [Word::Plain("SET"), ..] => &[&["SESSION", "AUTHORIZATION"]],
        _ => return Vec::new(),
    };
    let mut roles = Vec::new();
    let mut depth = 0_usize;
    for (index, word) in statement.iter().enumerate() {
        match word {
            Word::Mark('(') => depth += 1,
            Word::Mark(')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        let rest = &statement[index..];
        let found = before_roles.iter().find(|&&keywords| depth == 0 && begins_with(rest, keywords));
        if let Some(keywords) = found {
            roles.extend(listed(&rest[keywords.len()..]));
        }
    }
    roles
}

fn begins_with(words: &[Word<'_>], keywords: &[&str]) -> bool {
    keywords.len() <= words.len()
        && keywords.iter().zip(words).all(|(keyword, word)| *word == Word::Plain(keyword))
}

/// The names at the beginning, with commas between them; `PUBLIC` is none.
fn listed(words: &[Word<'_>]) -> Vec<String> {
    let mut names = Vec::new();
    for name in words.split(|word| *word == Word::Mark(',')) {
        match name.first() {
            Some(Word::Plain(name)) if name.eq_ignore_ascii_case("public") => {}
            Some(Word::Plain(name)) => names.push((*name).to_owned()),
            Some(Word::Quoted(name)) => names.push(name.clone()),
            Some(Word::Mark(_)) | None => {}
        }
        // What follows a name without a comma is no list of names any more.
        if name.len() != 1 {
            break;
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::dump_toc::tests::{Sample, SampleEntry};

    fn found(sql: &str) -> Vec<String> {
        roles_in_dump(sql).into_iter().collect()
    }

    #[test]
    fn owners_and_grantees_are_found_and_bodies_are_not_searched() {
        let sql = r#"
-- Name: records; Owner: somebody; ALTER TABLE x OWNER TO comment;
ALTER TABLE public.records OWNER TO ledger;
CREATE FUNCTION public.f() RETURNS text
    LANGUAGE sql
    AS $_$
GRANT SELECT ON TABLE public.records TO nobody;
$_$;
CREATE FUNCTION public.g() RETURNS text LANGUAGE sql AS $$ SELECT '$1'; GRANT x TO nobody; $$;
ALTER FUNCTION public.f() OWNER TO "odd ""role""";
REVOKE ALL ON TABLE public.records FROM writer;
GRANT SELECT,INSERT ON TABLE public.records TO ledger_app WITH GRANT OPTION;
GRANT SELECT(a,b) ON TABLE public."TO x" TO columns;
GRANT SELECT ON TABLE public.records TO PUBLIC;
GRANT SELECT ON TABLE public.records TO "PUBLIC";
SET SESSION AUTHORIZATION granting;
RESET SESSION AUTHORIZATION;
ALTER DEFAULT PRIVILEGES FOR ROLE migrator IN SCHEMA public GRANT SELECT ON TABLES TO reader;
CREATE POLICY p ON public.records TO tenant USING (true);
CREATE POLICY q ON public.records FOR SELECT TO one, "two, three", four USING ((a = 'x TO y;'::text)) WITH CHECK ((b IS DISTINCT FROM c));
CREATE POLICY r ON public.records USING ((EXTRACT(year FROM at) > 1));
CREATE USER MAPPING FOR mapped SERVER far;
CREATE USER MAPPING FOR public SERVER far;
CREATE VIEW v AS SELECT a FROM viewed;
COMMENT ON TABLE public.records IS 'OWNER TO the reader; GRANT x TO y;';
"#;
        let expected = [
            "PUBLIC",
            "columns",
            "four",
            "granting",
            "ledger",
            "ledger_app",
            "mapped",
            "migrator",
            "odd \"role\"",
            "one",
            "reader",
            "tenant",
            "two, three",
            "writer",
        ];
        assert_eq!(found(sql), expected);
    }

    #[test]
    fn a_table_of_contents_tells_owners_and_what_definitions_name() {
        let entry = |kind, definition, drop, owner| SampleEntry {
            dump_id: 1,
            tag: "t",
            kind,
            definition,
            drop,
            owner,
            state: 3,
        };
        let bytes = Sample::of(
            16,
            vec![
                entry("DATABASE", "CREATE DATABASE d;", "DROP DATABASE d;", "of the database"),
                SampleEntry {
                    tag: "DATABASE d",
                    ..entry("ACL", "GRANT CONNECT ON DATABASE d TO visitor;", "", "of the database")
                },
                entry("TABLE", "CREATE TABLE t ();", "DROP TABLE t;", "ledger"),
                entry("FUNCTION", "AS $$GRANT x TO nobody;$$;", "DROP FUNCTION f();", "odd \"role\""),
                entry("INDEX", "CREATE INDEX i ON t (a);", "DROP INDEX i;", "of the table"),
                entry("EXTENSION", "CREATE EXTENSION e;", "DROP EXTENSION e;", ""),
                entry("COMMENT", "COMMENT ON TABLE t IS 'x';", "", "of the table"),
                entry("ACL", "GRANT SELECT ON TABLE t TO reader;\n", "", "of the table"),
                entry(
                    "DEFAULT ACL",
                    "ALTER DEFAULT PRIVILEGES FOR ROLE a REVOKE ALL ON TABLES FROM b;",
                    "",
                    "a",
                ),
                entry("POLICY", "CREATE POLICY p ON t TO tenant;", "DROP POLICY p ON t;", "of the table"),
                entry("A KIND TO COME", "CREATE IT;", "DROP IT;", "newcomer"),
            ],
        )
        .bytes();
        let toc = DumpToc::parse(&bytes).unwrap();
        let found: Vec<String> = roles_in_toc(&toc).into_iter().collect();
        assert_eq!(found, ["a", "b", "ledger", "newcomer", "odd \"role\"", "reader", "tenant"]);
    }

    #[test]
    fn half_a_statement_names_nobody() {
        for sql in [
            "GRANT SELECT ON t TO",
            "GRANT SELECT ON t TO ;",
            "GRANT x TO \"open",
            "ALTER TABLE t OWNER TO $$x",
        ] {
            assert!(found(sql).is_empty(), "{sql}");
        }
    }
}
