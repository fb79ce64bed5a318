//! What belongs to a database as a whole, and to the roles in it.

use std::collections::BTreeSet;

use super::error::PgError;
use super::session::Session;
use crate::model::database_name::DatabaseName;
use crate::model::manifest::{Extension, PostgresProperties, RoleSettings};

/// The database that a session is connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// Its size on disk, in bytes.
    pub size_bytes: u64,
    /// What belongs to it as a whole.
    pub properties: PostgresProperties,
}

/// Reads the properties of the database this session is connected to.
///
/// # Errors
/// When the connection is lost, or the database was dropped or renamed under it.
pub async fn database_facts(session: &Session) -> Result<DatabaseFacts, PgError> {
    let doing = "reading the database's properties";
    // The columns of the locale provider came with 15 and were renamed with 17.
    let (provider, locale) = match session.version() / 10_000 {
        ..15 => ("'c'", "NULL"),
        15 | 16 => ("d.datlocprovider::text", "d.daticulocale"),
        17.. => ("d.datlocprovider::text", "d.datlocale"),
    };
    let sql = format!(
        "SELECT pg_database_size(d.oid), pg_get_userbyid(d.datdba)::text, pg_encoding_to_char(d.encoding)::text, \
         d.datcollate::text, d.datctype::text, {provider}, {locale}::text, d.datconnlimit, d.datacl::text[], \
         shobj_description(d.oid, 'pg_database'), t.spcname::text \
         FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace WHERE d.datname = current_database()"
    );
    let row = session.row(doing, &sql, &[]).await?;
    let provider = match row.get::<_, &str>(5) {
        "i" => "icu",
        "b" => "builtin",
        _ => "libc",
    };
    let (settings, role_settings) = settings(session).await?;
    let properties = PostgresProperties {
        owner: row.get(1),
        encoding: row.get(2),
        collate: row.get(3),
        ctype: row.get(4),
        locale_provider: provider.to_owned(),
        icu_locale: row.get(6),
        connection_limit: row.get(7),
        settings,
        role_settings,
        acl: row.get(8),
        comment: row.get(9),
        extensions: extensions(session).await?,
        tablespace: row.get(10),
    };
    Ok(DatabaseFacts { size_bytes: u64::try_from(row.get::<_, i64>(0)).unwrap_or_default(), properties })
}

async fn settings(session: &Session) -> Result<(Vec<String>, Vec<RoleSettings>), PgError> {
    let rows = session
        .rows(
            "reading the database's settings",
            "SELECT r.rolname::text, s.setconfig FROM pg_db_role_setting s \
             JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole \
             WHERE d.datname = current_database() ORDER BY r.rolname",
            &[],
        )
        .await?;
    let mut whole = Vec::new();
    let mut by_role = Vec::new();
    for row in &rows {
        match row.get::<_, Option<String>>(0) {
            None => whole = row.get(1),
            Some(role) => by_role.push(RoleSettings { role, settings: row.get(1) }),
        }
    }
    Ok((whole, by_role))
}

async fn extensions(session: &Session) -> Result<Vec<Extension>, PgError> {
    let sql = "SELECT extname::text, extversion FROM pg_extension ORDER BY 1";
    let rows = session.rows("reading the database's extensions", sql, &[]).await?;
    Ok(rows.iter().map(|row| Extension { name: row.get(0), version: row.get(1) }).collect())
}

/// How large a database is on disk, in bytes, asked from any session.
///
/// # Errors
/// When the database does not exist, or the connection is lost.
pub async fn database_size(session: &Session, name: &DatabaseName) -> Result<u64, PgError> {
    let doing = format!("measuring the database {name}");
    let size: i64 = session.row(&doing, "SELECT pg_database_size($1::name)", &[&name.as_str()]).await?.get(0);
    Ok(u64::try_from(size).unwrap_or_default())
}

/// Every role that a dump of this database would name: owners, grantees, policies, default privileges.
///
/// # Errors
/// When the connection is lost.
pub async fn roles_named(session: &Session) -> Result<BTreeSet<String>, PgError> {
    // The role that initdb made is pinned: dependencies on it are not recorded, so owners are asked for as well.
    let rows = session
        .rows(
            "reading which roles the database names",
            "SELECT r.rolname::text FROM pg_shdepend s JOIN pg_roles r ON r.oid = s.refobjid \
             WHERE s.refclassid = 'pg_authid'::regclass \
             AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) \
             UNION SELECT pg_get_userbyid(c.relowner)::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' \
             UNION SELECT pg_get_userbyid(p.proowner)::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace \
             WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' \
             UNION SELECT pg_get_userbyid(n.nspowner)::text FROM pg_namespace n \
             WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'",
            &[],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
