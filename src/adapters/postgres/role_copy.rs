//! The roles of one server, made again on another: with their rights and memberships, without their passwords.

use super::error::PgError;
use super::session::Session;
use crate::model::secret::Secret;
use crate::model::sql::{identifier, literal, set_clause};

/// A role as another server can be told to make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleDefinition {
    /// Its name.
    pub name: String,
    /// `SUPERUSER`, `CREATEDB` and the like; what a role does not have is not named.
    pub rights: Vec<&'static str>,
    /// The roles that it is a member of.
    pub member_of: Vec<String>,
    /// Settings of its sessions, each as `name=value`.
    pub settings: Vec<String>,
}

/// All roles of a server but those that every server has.
///
/// # Errors
/// When the connection is lost.
pub async fn role_definitions(session: &Session) -> Result<Vec<RoleDefinition>, PgError> {
    let rows = session
        .rows(
            "reading the roles",
            "SELECT r.rolname::text, r.rolsuper, r.rolcreatedb, r.rolcreaterole, r.rolbypassrls, r.rolinherit, \
             ARRAY(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid \
             WHERE m.member = r.oid ORDER BY 1), r.rolconfig FROM pg_roles r WHERE r.rolname NOT LIKE 'pg\\_%' \
             ORDER BY 1",
            &[],
        )
        .await?;
    let rights = ["SUPERUSER", "CREATEDB", "CREATEROLE", "BYPASSRLS", "INHERIT"];
    Ok(rows
        .iter()
        .map(|row| RoleDefinition {
            name: row.get(0),
            rights: rights
                .into_iter()
                .enumerate()
                .filter(|(index, _)| row.get(index + 1))
                .map(|(_, right)| right)
                .collect(),
            member_of: row.get(6),
            settings: row.get::<_, Option<Vec<String>>>(7).unwrap_or_default(),
        })
        .collect())
}

/// Makes the roles that are missing. None of them may log in yet.
///
/// # Errors
/// When the session's role is no superuser, or the connection is lost.
pub async fn create_roles(session: &Session, roles: &[RoleDefinition]) -> Result<(), PgError> {
    let present = super::server::roles(session).await?;
    let missing: Vec<&RoleDefinition> = roles.iter().filter(|role| !present.contains(&role.name)).collect();
    for role in &missing {
        let name = identifier(&role.name);
        let inherits = if role.rights.contains(&"INHERIT") { "" } else { " NOINHERIT" };
        let sql = format!("CREATE ROLE {name} {}{inherits}", role.rights.join(" "));
        session.execute(&format!("making the role {}", role.name), &sql).await?;
        for clause in role.settings.iter().filter_map(|setting| set_clause(setting)) {
            let sql = format!("ALTER ROLE {name} {clause}");
            session.execute(&format!("setting up the role {}", role.name), &sql).await?;
        }
    }
    for role in &missing {
        for group in &role.member_of {
            let sql = format!("GRANT {} TO {}", identifier(group), identifier(&role.name));
            session.execute(&format!("making {} a member of {group}", role.name), &sql).await?;
        }
    }
    Ok(())
}

/// Lets a role log in with a password; it is made if it is not there.
///
/// # Errors
/// When the session's role is no superuser, or the connection is lost.
pub async fn let_in(session: &Session, role: &str, password: &Secret) -> Result<(), PgError> {
    let verb = if super::server::roles(session).await?.contains(role) { "ALTER" } else { "CREATE" };
    let sql = format!("{verb} ROLE {} LOGIN PASSWORD {}", identifier(role), literal(password.expose()));
    session.execute(&format!("letting {role} log in"), &sql).await
}

/// Settings of a server that it has a value for, each as `name=value` in the unit that the server counts in.
///
/// # Errors
/// When the connection is lost.
pub async fn settings(session: &Session, names: &[&str]) -> Result<Vec<String>, PgError> {
    let sql = "SELECT name || '=' || reset_val FROM pg_settings WHERE name = ANY($1) AND reset_val <> '' ORDER BY 1";
    let rows = session.rows("reading the server's settings", sql, &[&names]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
