//! Loading: whatever a dump can hold arrives as it was, from opsctl's archives and from those of the scripts.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use opsctl::model::dump_rewrite::DumpRewriter;
use opsctl::model::dump_roles::{roles_in_dump, roles_in_toc};
use opsctl::model::dump_toc::DumpToc;

use crate::archives::unpack;
use crate::docker::docker;
use crate::stack::Stack;

/// Owners, grants and policies of oddly named roles; rows by the block, a row that is larger than one, no rows at all;
/// large objects, one of them with a number that is negative where it is signed.
const EVERYTHING: &str = r#"
CREATE ROLE "odd ""role"""; CREATE ROLE maker; CREATE ROLE reader; CREATE ROLE "Tenant, one"; CREATE ROLE other;
CREATE ROLE of_objects; CREATE ROLE of_the_database; CREATE ROLE visitor;
ALTER DATABASE ledger OWNER TO of_the_database; GRANT CONNECT ON DATABASE ledger TO visitor;
CREATE SCHEMA strange AUTHORIZATION "odd ""role""";
CREATE TABLE strange."We ird" (id int PRIMARY KEY, body text NOT NULL, at timestamptz DEFAULT now());
INSERT INTO strange."We ird" SELECT i, repeat(md5(i::text), 1 + i % 20) FROM generate_series(1, 20000) i;
INSERT INTO strange."We ird" SELECT 0, string_agg(md5(i::text), E'\n\t\\') FROM generate_series(1, 60000) i;
ALTER TABLE strange."We ird" OWNER TO maker;
CREATE INDEX ON strange."We ird" (at);
CREATE TABLE strange.nothing (a int CHECK (a > 0));
CREATE TABLE strange.parts (k int, v text) PARTITION BY RANGE (k);
CREATE TABLE strange.part_1 PARTITION OF strange.parts FOR VALUES FROM (0) TO (100);
CREATE TABLE strange.part_2 PARTITION OF strange.parts FOR VALUES FROM (100) TO (1000);
INSERT INTO strange.parts SELECT i, 'part' FROM generate_series(0, 500) i;
CREATE MATERIALIZED VIEW strange.seen AS SELECT count(*) FROM strange.parts;
CREATE FUNCTION strange.f() RETURNS text LANGUAGE sql AS $body$
SELECT $$
ALTER TABLE x OWNER TO nobody;
GRANT SELECT ON TABLE x TO nobody;
$$ $body$;
ALTER FUNCTION strange.f() OWNER TO other;
COMMENT ON FUNCTION strange.f() IS 'GRANT x TO nobody;';
GRANT SELECT (id, at), UPDATE ON strange."We ird" TO reader WITH GRANT OPTION;
REVOKE ALL ON FUNCTION strange.f() FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE maker IN SCHEMA strange GRANT SELECT ON TABLES TO reader;
CREATE POLICY p ON strange.nothing FOR SELECT TO "Tenant, one", reader USING (a IS DISTINCT FROM 3);
ALTER TABLE strange.nothing ENABLE ROW LEVEL SECURITY;
SELECT lo_from_bytea(70001, decode(repeat('00ff10', 100000), 'hex')), lo_from_bytea(70002, ''),
       lo_from_bytea('4000000000'::oid, 'a large number');
ALTER LARGE OBJECT 70001 OWNER TO of_objects; GRANT SELECT ON LARGE OBJECT 70002 TO reader;
"#;

const NOTHING: &str =
    "DROP SCHEMA strange CASCADE; SELECT lo_unlink(oid) FROM pg_largeobject_metadata WHERE oid >= 70001";

#[test]
fn everything_arrives_on_postgresql_15() {
    everything_arrives(&Stack::up(15, "1.1.0"));
}

#[test]
fn everything_arrives_on_postgresql_18() {
    everything_arrives(&Stack::up(18, "1.1.0"));
}

fn everything_arrives(stack: &Stack) {
    stack.query("ledger", EVERYTHING);
    let was = contents(stack);
    assert!(was.contains("lo_open('4000000000'"), "large objects are looked at");
    let ours = PathBuf::from(stack.ops_does(&["backup"])["path"].as_str().unwrap());
    let of_the_scripts = stack.backup_by_script("2026-03-14-120000");
    for archive in [ours, of_the_scripts] {
        is_understood(stack, &archive);
        stack.query("ledger", NOTHING);
        assert_eq!(stack.query("ledger", "SELECT to_regnamespace('strange') IS NULL"), "t");
        stack.ops_does(&["restore", &archive.display().to_string()]);
        assert!(contents(stack) == was, "{} did not arrive as it was", archive.display());
        let analysed = "SELECT count(DISTINCT tablename) FROM pg_stats WHERE schemaname = 'strange'";
        assert_eq!(stack.number("ledger", analysed), 5, "all but the empty table have statistics");
    }
    stack.assert_tidy();
}

/// All that was made here, as SQL.
fn contents(stack: &Stack) -> String {
    let dump = stack.pg(&["pg_dump", "-n", "strange", "-b", "ledger"]);
    // These have a random word in each dump.
    dump.lines().filter(|line| !line.contains("restrict ")).collect::<Vec<_>>().join("\n")
}

/// The dump is one that opsctl rewrites, and that it reads the roles of as PostgreSQL's own tool does.
fn is_understood(stack: &Stack, archive: &Path) {
    let scratch = tempfile::tempdir().unwrap();
    let dump = unpack(archive, scratch.path()).join("db.dump");
    let bytes = fs::read(&dump).unwrap();
    let mut rewriter = DumpRewriter::default();
    bytes.chunks(1 << 20).try_for_each(|part| rewriter.feed(part)).unwrap();
    rewriter.finish().unwrap();

    let server = stack.server();
    docker(["cp", &dump.display().to_string(), &format!("{server}:/tmp/roles.dump")]);
    let sql = stack.pg(&["pg_restore", "--schema-only", "--file=-", "/tmp/roles.dump"]);
    docker(["exec", "-u", "0", &server, "rm", "/tmp/roles.dump"]);
    let mut by_tool = roles_in_dump(&sql);
    let expected = ["Tenant, one", "ledger", "maker", "odd \"role\"", "other", "reader"].map(str::to_owned);
    assert!(by_tool.is_superset(&BTreeSet::from(expected)), "{by_tool:?}");
    assert!(!by_tool.contains("nobody"), "{by_tool:?}");
    // The tool counts large objects among the data.
    by_tool.insert("of_objects".to_owned());
    assert_eq!(roles_in_toc(&DumpToc::parse(&bytes).unwrap()), by_tool);
}
