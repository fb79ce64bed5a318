//! What a dump without `--create` and a copy by template leave behind: settings, grants, limits of the database as a whole.

use super::error::PgError;
use super::session::Session;
use crate::model::database_name::DatabaseName;
use crate::model::manifest::PostgresProperties;
use crate::model::sql::{identifier, set_clause};

/// What could not be carried over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotCarriedOver {
    /// What it is, as in `the setting log_statement`.
    pub what: String,
    /// What the server said.
    pub reason: String,
}

/// Gives a database the connection limit, settings, settings of roles in it, and grants that `properties` name.
/// Owner, encoding and locale are set when it is created, the comment when it is swapped in.
///
/// What this role may not do, or what names a role that does not exist, is left out and returned.
///
/// # Errors
/// When the connection is lost.
pub async fn carry_over(
    session: &Session,
    properties: &PostgresProperties,
    to: &DatabaseName,
) -> Result<Vec<NotCarriedOver>, PgError> {
    let database = identifier(to.as_str());
    let mut refused = Vec::new();
    for (what, sql) in statements(properties, &database) {
        attempt(session, what, &sql, &mut refused).await?;
    }
    if let Some(acl) = &properties.acl {
        grants(session, acl, &properties.owner, &database, &mut refused).await?;
    }
    Ok(refused)
}

fn statements(properties: &PostgresProperties, database: &str) -> Vec<(String, String)> {
    let mut statements = Vec::new();
    if properties.connection_limit != -1 {
        let sql = format!("ALTER DATABASE {database} CONNECTION LIMIT {}", properties.connection_limit);
        statements.push(("the connection limit".to_owned(), sql));
    }
    let name = |setting: &str| setting.split('=').next().unwrap_or_default().to_owned();
    for setting in &properties.settings {
        if let Some(clause) = set_clause(setting) {
            let what = format!("the setting {}", name(setting));
            statements.push((what, format!("ALTER DATABASE {database} {clause}")));
        }
    }
    for role in &properties.role_settings {
        for setting in &role.settings {
            if let Some(clause) = set_clause(setting) {
                let what = format!("the setting {} of the role {}", name(setting), role.role);
                let sql = format!("ALTER ROLE {} IN DATABASE {database} {clause}", identifier(&role.role));
                statements.push((what, sql));
            }
        }
    }
    statements
}

/// The server itself takes the access list apart: role names in it are quoted in ways of their own.
async fn grants(
    session: &Session,
    acl: &[String],
    owner: &str,
    database: &str,
    refused: &mut Vec<NotCarriedOver>,
) -> Result<(), PgError> {
    let revoke = format!("REVOKE ALL ON DATABASE {database} FROM PUBLIC, {}", identifier(owner));
    attempt(session, "revoking the default grants".to_owned(), &revoke, refused).await?;
    for item in acl {
        let sql = "SELECT coalesce(r.rolname::text, 'PUBLIC'), r.rolname IS NULL, a.privilege_type, a.is_grantable \
                   FROM aclexplode(ARRAY[$1::text::aclitem]) a LEFT JOIN pg_roles r ON r.oid = a.grantee";
        let rows = match session.rows("reading a grant", sql, &[&item]).await {
            Ok(rows) => rows,
            Err(error) => {
                refuse(format!("the grant {item}"), error, refused)?;
                continue;
            }
        };
        for row in &rows {
            let (grantee, public, privilege): (String, bool, String) = (row.get(0), row.get(1), row.get(2));
            let role = if public { "PUBLIC".to_owned() } else { identifier(&grantee) };
            let option = if row.get(3) { " WITH GRANT OPTION" } else { "" };
            let sql = format!("GRANT {privilege} ON DATABASE {database} TO {role}{option}");
            attempt(session, format!("the grant of {privilege} to {grantee}"), &sql, refused).await?;
        }
    }
    Ok(())
}

async fn attempt(
    session: &Session,
    what: String,
    sql: &str,
    refused: &mut Vec<NotCarriedOver>,
) -> Result<(), PgError> {
    match session.execute(&what, sql).await {
        Ok(()) => Ok(()),
        Err(error) => refuse(what, error, refused),
    }
}

/// Only what the server refused can be left out; a lost connection cannot.
fn refuse(what: String, error: PgError, refused: &mut Vec<NotCarriedOver>) -> Result<(), PgError> {
    match error {
        PgError::Statement { message, .. } => {
            refused.push(NotCarriedOver { what, reason: message });
            Ok(())
        }
        other => Err(other),
    }
}
