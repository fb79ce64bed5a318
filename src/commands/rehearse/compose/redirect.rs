//! What the product's migrations are given in place of the live server's addresses and passwords.

use std::collections::{BTreeMap, BTreeSet};

use super::address::{Scratch, redirected};
use crate::commands::install::Install;
use crate::error::Fault;
use crate::model::conninfo::ConnInfo;
use crate::model::secret::Secret;
use crate::profile::{ServiceName, VariableName};

/// Words in the names of variables that hold passwords. Values alone do not tell: a role's name may be its password.
const PASSWORD_WORDS: [&str; 2] = ["PASS", "PWD"];

/// The settings of a container that concern the database, pointed at the scratch server.
#[derive(Debug)]
pub(super) struct Redirected {
    /// Variables of the container.
    pub(super) environment: Vec<(String, Secret)>,
    /// Variables that Compose fills in where a file or a command names them.
    pub(super) filled_in: Vec<(String, Secret)>,
    /// The roles that log in.
    pub(super) roles: BTreeSet<String>,
}

impl Redirected {
    pub(super) fn of(install: &Install, service: &ServiceName, scratch: &Scratch<'_>) -> Result<Self, Fault> {
        let service = install.model.services.get(service.as_str()).ok_or_else(|| {
            Fault::new(format!("the Compose files have no service {service}, which migrates"))
        })?;
        let given: BTreeMap<&str, &str> = service
            .environment
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.as_ref()?.expose())))
            .collect();
        let settings: BTreeMap<&str, &str> =
            install.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let database = &install.profile.database;
        let named: Vec<&str> = [Some(&database.url_variable), database.migrate_url_variable.as_ref()]
            .into_iter()
            .flatten()
            .map(VariableName::as_str)
            .collect();
        Ok(redirect(&given, &settings, &named, scratch))
    }
}

fn redirect(
    given: &BTreeMap<&str, &str>,
    settings: &BTreeMap<&str, &str>,
    named: &[&str],
    scratch: &Scratch<'_>,
) -> Redirected {
    let address = |name: &str, value: &str| {
        let is_address = named.contains(&name) || value.trim_start().starts_with("postgres");
        is_address.then(|| ConnInfo::parse(value, None).ok()).flatten()
    };
    let addresses: Vec<ConnInfo> =
        given.iter().chain(settings).filter_map(|(name, value)| address(name, value)).collect();
    let passwords: BTreeSet<String> =
        addresses.iter().filter_map(|info| Some(info.password.as_ref()?.expose().to_owned())).collect();
    let in_place_of = |name: &str, value: &str| -> Option<Secret> {
        let holds_password = || {
            let upper = name.to_ascii_uppercase();
            PASSWORD_WORDS.iter().any(|word| upper.contains(word)) && passwords.contains(value)
        };
        match (name, address(name, value)) {
            ("PGHOST", _) => Some(Secret::new(scratch.host)),
            ("PGPORT", _) => Some(Secret::new("5432")),
            ("PGHOSTADDR" | "PGSERVICE" | "PGPASSFILE", _) => Some(Secret::new("")),
            ("PGSSLMODE", _) => Some(Secret::new("prefer")),
            ("PGPASSWORD", _) => Some(scratch.password.clone()),
            (_, Some(info)) => Some(redirected(value, &info, scratch)),
            (_, None) => holds_password().then(|| scratch.password.clone()),
        }
    };
    let replaced = |from: &BTreeMap<&str, &str>| -> Vec<(String, Secret)> {
        let changed = |(name, value): (&&str, &&str)| Some(((*name).to_owned(), in_place_of(name, value)?));
        from.iter().filter_map(changed).collect()
    };
    let (environment, mut filled_in) = (replaced(given), replaced(settings));
    // What a file or a command names may be set in the container alone.
    for name in named {
        let known = filled_in.iter().any(|(filled, _)| filled == name);
        let set = environment.iter().find(|(set, _)| set == name);
        filled_in.extend(set.filter(|_| !known).cloned());
    }
    let user = given.get("PGUSER").map(|user| (*user).to_owned());
    let roles = addresses.into_iter().map(|info| info.user).chain(user).collect();
    Redirected { environment, filled_in, roles }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(variables: &[(String, Secret)]) -> Vec<String> {
        variables.iter().map(|(name, value)| format!("{name}={}", value.expose())).collect()
    }

    #[test]
    fn addresses_and_passwords_lead_to_the_scratch_server_and_nothing_else_changes() {
        let password = Secret::new("n3w");
        let scratch = Scratch { host: "scratch", password: &password };
        let given = BTreeMap::from([
            ("DATABASE_URL", "postgres://app:app@db/app"),
            ("DB_PASSWORD", "app"),
            ("DB_USER", "app"),
            ("PGHOST", "db"),
            ("PGUSER", "other"),
            ("LOG_LEVEL", "info"),
        ]);
        let settings = BTreeMap::from([("OWNER_URL", "postgres://owner:0ld@db/app"), ("PATH", "/bin")]);
        let found = redirect(&given, &settings, &["DATABASE_URL"], &scratch);
        let environment =
            ["DATABASE_URL=postgres://app:n3w@scratch:5432/app", "DB_PASSWORD=n3w", "PGHOST=scratch"];
        assert_eq!(shown(&found.environment), environment);
        let filled_in = [
            "OWNER_URL=postgres://owner:n3w@scratch:5432/app",
            "DATABASE_URL=postgres://app:n3w@scratch:5432/app",
        ];
        assert_eq!(shown(&found.filled_in), filled_in);
        assert_eq!(found.roles, ["app", "other", "owner"].map(str::to_owned).into());
    }
}
