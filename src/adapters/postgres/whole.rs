//! Databases as a whole: made empty, copied, marked, dropped. All from a session of the maintenance database.

use super::error::PgError;
use super::server::connected_clients;
use super::session::Session;
use crate::model::database_name::{DatabaseMark, DatabaseName};
use crate::model::manifest::PostgresProperties;
use crate::model::sql::{identifier, literal};

/// Creates an empty database with the owner, encoding, locale and tablespace of another one, and marks it.
///
/// A crash between the two leaves a database that is known by its name and has no mark: it is not whole.
///
/// # Errors
/// When the name is taken, the role may not create databases or is no member of the owner, or the server lacks the
/// encoding, locale or tablespace.
pub async fn create_empty(
    session: &Session,
    name: &DatabaseName,
    properties: &PostgresProperties,
    mark: &DatabaseMark,
) -> Result<(), PgError> {
    let sql = create_empty_sql(session.version() / 10_000, name, properties);
    session.execute(&format!("creating the database {name}"), &sql).await?;
    set_mark(session, name, mark).await
}

fn create_empty_sql(major: u32, name: &DatabaseName, properties: &PostgresProperties) -> String {
    let mut sql = format!(
        "CREATE DATABASE {} TEMPLATE template0 OWNER {} ENCODING {} LC_COLLATE {} LC_CTYPE {}",
        identifier(name.as_str()),
        identifier(&properties.owner),
        literal(&properties.encoding),
        literal(&properties.collate),
        literal(&properties.ctype),
    );
    if major >= 15 && !properties.locale_provider.is_empty() {
        sql.push_str(" LOCALE_PROVIDER ");
        sql.push_str(&properties.locale_provider);
        let option = match properties.locale_provider.as_str() {
            "icu" => Some(" ICU_LOCALE "),
            "builtin" => Some(" BUILTIN_LOCALE "),
            _ => None,
        };
        if let (Some(option), Some(locale)) = (option, &properties.icu_locale) {
            sql.push_str(option);
            sql.push_str(&literal(locale));
        }
    }
    // Naming the default one takes a right that only superusers have.
    if !matches!(properties.tablespace.as_str(), "" | "pg_default") {
        sql.push_str(" TABLESPACE ");
        sql.push_str(&identifier(&properties.tablespace));
    }
    sql
}

/// Copies a database that nobody is connected to, as a copy of its files where the server can, and marks the copy.
///
/// The copy has the contents, encoding, locale and owner, but none of the settings, grants and comment of the database
/// as a whole: [`super::carry_over::carry_over`].
///
/// # Errors
/// [`PgError::InUse`] with who is connected to the source; else when the name is taken, room runs out, or the role may
/// not create databases or is not the source's owner.
pub async fn copy(
    session: &Session,
    source: &DatabaseName,
    name: &DatabaseName,
    owner: &str,
    mark: &DatabaseMark,
) -> Result<(), PgError> {
    let doing = format!("copying the database {source} to {name}");
    // Before 15 this was the only way; since then the default writes every page to the log as well.
    let strategy = if session.version() >= 150_000 { " STRATEGY file_copy" } else { "" };
    let (target, template) = (identifier(name.as_str()), identifier(source.as_str()));
    let sql = format!("CREATE DATABASE {target} TEMPLATE {template} OWNER {}{strategy}", identifier(owner));
    match session.execute(&doing, &sql).await {
        Ok(()) => set_mark(session, name, mark).await,
        Err(error) if error.sqlstate() == Some("55006") => Err(in_use(session, &doing, &[source]).await),
        Err(error) => Err(error),
    }
}

/// Drops a database, ending the sessions on it; that it does not exist is fine.
///
/// # Errors
/// When the role is not its owner, or sessions on it cannot be ended.
pub async fn drop_database(session: &Session, name: &DatabaseName) -> Result<(), PgError> {
    let doing = format!("dropping the database {name}");
    let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", identifier(name.as_str()));
    match session.execute(&doing, &sql).await {
        Err(error) if error.sqlstate() == Some("55006") => Err(in_use(session, &doing, &[name]).await),
        outcome => outcome,
    }
}

/// Writes opsctl's mark into a database's comment.
///
/// # Errors
/// When the database does not exist, or the role is not its owner.
pub async fn set_mark(session: &Session, name: &DatabaseName, mark: &DatabaseMark) -> Result<(), PgError> {
    session
        .execute(&format!("marking the database {name}"), &comment_sql(name, Some(&mark.to_comment())))
        .await
}

/// Reads opsctl's mark; `None` if the database has none, or does not exist.
///
/// # Errors
/// When the connection is lost.
pub async fn read_mark(session: &Session, name: &DatabaseName) -> Result<Option<DatabaseMark>, PgError> {
    Ok(read_comment(session, name).await?.as_deref().and_then(DatabaseMark::from_comment))
}

/// A database's comment, whoever wrote it.
///
/// # Errors
/// When the connection is lost.
pub async fn read_comment(session: &Session, name: &DatabaseName) -> Result<Option<String>, PgError> {
    let sql = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = $1";
    let rows = session.rows("reading a database's comment", sql, &[&name.as_str()]).await?;
    Ok(rows.first().and_then(|row| row.get(0)))
}

/// Gives a database a comment, or takes the one that it has.
///
/// # Errors
/// When the database does not exist, or the role is not its owner.
pub async fn set_comment(
    session: &Session,
    name: &DatabaseName,
    comment: Option<&str>,
) -> Result<(), PgError> {
    session.execute(&format!("commenting the database {name}"), &comment_sql(name, comment)).await
}

pub(super) fn comment_sql(name: &DatabaseName, comment: Option<&str>) -> String {
    let comment = comment.map_or_else(|| "NULL".to_owned(), literal);
    format!("COMMENT ON DATABASE {} IS {comment}", identifier(name.as_str()))
}

/// The error that names who is in the way.
pub(super) async fn in_use(session: &Session, doing: &str, names: &[&DatabaseName]) -> PgError {
    let mut who = Vec::new();
    for name in names {
        match connected_clients(session, name).await {
            Ok(clients) => who.extend(clients.iter().map(ToString::to_string)),
            Err(error) => return error,
        }
    }
    let reason = match who.len() {
        0 => "it was in use, by sessions that are gone now".to_owned(),
        1..=5 => format!("still connected: {}", who.join("; ")),
        count => format!("{count} sessions are still connected: {}; ...", who[..5].join("; ")),
    };
    PgError::InUse { doing: doing.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(provider: &str, locale: Option<&str>) -> PostgresProperties {
        PostgresProperties {
            owner: "the owner".to_owned(),
            encoding: "UTF8".to_owned(),
            collate: "C".to_owned(),
            ctype: "C".to_owned(),
            locale_provider: provider.to_owned(),
            icu_locale: locale.map(str::to_owned),
            tablespace: "fast".to_owned(),
            ..PostgresProperties::default()
        }
    }

    #[test]
    fn each_locale_provider_has_its_own_words() {
        let name = DatabaseName::new("side");
        let common = "CREATE DATABASE \"side\" TEMPLATE template0 OWNER \"the owner\" ENCODING 'UTF8' \
                      LC_COLLATE 'C' LC_CTYPE 'C'";
        for (major, provider, locale, rest) in [
            (14, "libc", None, ""),
            (15, "libc", None, " LOCALE_PROVIDER libc"),
            (16, "icu", Some("und-x-icu"), " LOCALE_PROVIDER icu ICU_LOCALE 'und-x-icu'"),
            (17, "builtin", Some("C.UTF-8"), " LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'"),
        ] {
            let sql = create_empty_sql(major, &name, &properties(provider, locale));
            assert_eq!(sql, format!("{common}{rest} TABLESPACE \"fast\""));
        }
    }
}
