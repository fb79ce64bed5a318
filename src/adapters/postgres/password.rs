//! The password of a role: which one the server takes, and giving it another one without telling it.

use postgres_protocol::password::scram_sha_256;

use super::connect::connect;
use super::error::PgError;
use super::session::Session;
use crate::model::conninfo::ConnInfo;
use crate::model::secret::Secret;
use crate::model::sql;

/// How the server keeps the password of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verifier {
    /// As SCRAM has it.
    Scram,
    /// As an MD5 hash.
    Md5,
    /// It keeps none.
    None,
    /// This session may not look.
    Hidden,
}

/// Whether the server takes a password.
///
/// # Errors
/// Anything else that keeps the role from logging in.
pub async fn takes(info: &ConnInfo, password: &Secret, application: &str) -> Result<bool, PgError> {
    let info = ConnInfo { password: Some(password.clone()), ..info.clone() };
    match connect(&info, application).await {
        Ok(_) => Ok(true),
        Err(PgError::Authentication { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Gives a role another password. The statement holds a verifier, from which the password cannot be told: the server's log, its
/// statistics and whoever looks at its sessions see no more than that.
///
/// # Errors
/// When the server refuses it, or the connection is lost.
pub async fn set_password(session: &Session, role: &str, password: &Secret) -> Result<(), PgError> {
    let verifier = scram_sha_256(password.expose().as_bytes());
    let statement = format!("ALTER ROLE {} PASSWORD {}", sql::identifier(role), sql::literal(&verifier));
    session.execute("changing the password", &statement).await
}

/// How the server keeps the password of a role.
///
/// # Errors
/// When the connection is lost.
pub async fn verifier_of(session: &Session, role: &str) -> Result<Verifier, PgError> {
    let sql = "SELECT CASE WHEN NOT has_column_privilege('pg_authid', 'rolpassword', 'SELECT') THEN 'hidden' ELSE \
               (SELECT left(coalesce(rolpassword, ''), 3) FROM pg_authid WHERE rolname = $1) END";
    let kept = session.row("asking how the password is kept", sql, &[&role]).await;
    match kept {
        Ok(row) => Ok(match row.get::<_, Option<String>>(0).as_deref() {
            Some("md5") => Verifier::Md5,
            Some("SCR") => Verifier::Scram,
            Some("hidden") => Verifier::Hidden,
            _ => Verifier::None,
        }),
        Err(error) if error.sqlstate() == Some("42501") => Ok(Verifier::Hidden),
        Err(error) => Err(error),
    }
}
