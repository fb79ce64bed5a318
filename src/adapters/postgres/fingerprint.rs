//! A hash over everything that defines a schema, so that one can tell that nothing changed.

use sha2::{Digest, Sha256};

use super::error::PgError;
use super::session::Session;

/// Each query yields one line of text for each object.
const DEFINITIONS: [(&str, &str); 10] = [
    (
        "schemas",
        "SELECT concat_ws('|', n.nspname, pg_get_userbyid(n.nspowner), n.nspacl::text) FROM pg_namespace n \
         WHERE {schema}",
    ),
    (
        "relations",
        "SELECT concat_ws('|', n.nspname, c.relname, c.relkind, c.relpersistence, c.relrowsecurity, \
         c.relforcerowsecurity, pg_get_userbyid(c.relowner), c.relacl::text, c.reloptions::text, \
         pg_get_partkeydef(c.oid), pg_get_expr(c.relpartbound, c.oid), \
         CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END) \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {schema} AND c.relkind <> 'i'",
    ),
    (
        "columns",
        "SELECT concat_ws('|', n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, \
         a.attidentity, a.attgenerated, a.attacl::text, a.attcollation::regcollation::text, \
         pg_get_expr(d.adbin, d.adrelid)) \
         FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
         LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
         WHERE {schema} AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind <> 'i'",
    ),
    (
        "indexes",
        "SELECT concat_ws('|', n.nspname, pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisreplident) \
         FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE {schema}",
    ),
    (
        "constraints",
        "SELECT concat_ws('|', n.nspname, x.conrelid::regclass::text, x.contypid::regtype::text, x.conname, \
         pg_get_constraintdef(x.oid), x.convalidated) \
         FROM pg_constraint x JOIN pg_namespace n ON n.oid = x.connamespace WHERE {schema}",
    ),
    (
        "types",
        "SELECT concat_ws('|', n.nspname, t.typname, t.typtype, format_type(t.typbasetype, t.typtypmod), t.typnotnull, \
         t.typdefault, (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_enum e \
         WHERE e.enumtypid = t.oid)) \
         FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE {schema}",
    ),
    (
        "functions",
        "SELECT concat_ws('|', n.nspname, pg_get_function_identity_arguments(p.oid), pg_get_userbyid(p.proowner), \
         p.proacl::text, CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) ELSE p.proname::text END) \
         FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {schema}",
    ),
    (
        "triggers",
        "SELECT concat_ws('|', n.nspname, pg_get_triggerdef(t.oid), t.tgenabled) \
         FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE {schema} AND NOT t.tgisinternal",
    ),
    (
        "rules and policies",
        "SELECT concat_ws('|', n.nspname, c.relname, pg_get_ruledef(r.oid)) FROM pg_rewrite r \
         JOIN pg_class c ON c.oid = r.ev_class JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {schema} \
         UNION ALL SELECT concat_ws('|', n.nspname, c.relname, p.polname, p.polcmd, p.polpermissive, \
         (SELECT string_agg(CASE o WHEN 0 THEN 'public' ELSE pg_get_userbyid(o) END, ',' ORDER BY o) \
         FROM unnest(p.polroles) o), pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) \
         FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE {schema}",
    ),
    (
        "sequences and extensions",
        "SELECT concat_ws('|', n.nspname, c.relname, s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmax, s.seqmin, \
         s.seqcache, s.seqcycle) FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid \
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {schema} \
         UNION ALL SELECT concat_ws('|', extname, extversion) FROM pg_extension",
    ),
];

/// Without system schemas; also without those of temporary tables, which come and go.
const PRODUCT_SCHEMAS: &str = "n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'";

/// SHA-256, in hexadecimal, over the definitions of schemas, tables, columns, indexes, constraints, types, functions,
/// triggers, rules, policies, sequences (not their values) and extensions, with owners and grants.
///
/// Two databases with the same definitions give the same hash, whatever their history, on servers of one major
/// version; between majors the server may word a definition differently.
///
/// # Errors
/// When the connection is lost.
pub async fn schema_fingerprint(session: &Session) -> Result<String, PgError> {
    let doing = "reading the schema's definitions";
    let mut hash = Sha256::new();
    // Names are written in full only where the search path does not find them.
    let before = session.row(doing, "SELECT current_setting('search_path')", &[]).await?.get::<_, String>(0);
    let set = "SELECT set_config('search_path', $1, false)";
    session.row(doing, set, &[&""]).await?;
    for (kind, sql) in DEFINITIONS {
        hash.update(kind.as_bytes());
        let sql = sql.replace("{schema}", PRODUCT_SCHEMAS);
        let rows = session.rows(&format!("{doing} ({kind})"), &sql, &[]).await?;
        // Sorted here: the server would sort by the database's own collation.
        let mut lines: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
        lines.sort_unstable();
        for line in lines {
            hash.update((line.len() as u64).to_be_bytes());
            hash.update(line.as_bytes());
        }
    }
    session.row(doing, set, &[&before]).await?;
    Ok(hex::encode(hash.finalize()))
}
