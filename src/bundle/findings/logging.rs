//! What the database server writes into its log that should not be there.

use super::Severity::Warning;
use super::{Evidence, Finding, server};
use crate::bundle::contents::member;
use crate::bundle::read::Bundle;

/// A log of statements holds the passwords in them.
pub(super) fn statements(bundle: &Bundle) -> Vec<Finding> {
    let Some(server) = server::server(bundle) else { return Vec::new() };
    let Some(value) = server.settings.get("log_statement").filter(|value| *value != "none") else {
        return Vec::new();
    };
    let line = bundle.line_of(member::SERVER, &["\"log_statement\""]);
    let finding = Finding::new("log-statement", Warning, format!("log_statement = {value} writes passwords of ALTER ROLE into the log"))
        .seen([Evidence::new(member::SERVER, line, format!("log_statement = {value}"))])
        .remedy("set log_statement to none, and change passwords that were set while it was on; `opsctl support-bundle redact FILE` cleans a log")
        .explained("db-logging");
    vec![finding]
}
