//! The product's database addresses, pointed at the scratch server.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::model::conninfo::ConnInfo;
use crate::model::secret::Secret;

/// Where the scratch server is reached, and with which password.
#[derive(Debug, Clone)]
pub(super) struct Scratch<'a> {
    /// Its name on the network.
    pub(super) host: &'a str,
    /// The password of every role that may log in.
    pub(super) password: &'a Secret,
}

/// The address in the form it was written in, with the same role, database and the parameters that concern neither
/// server nor TLS.
pub(super) fn redirected(address: &str, info: &ConnInfo, scratch: &Scratch<'_>) -> Secret {
    Secret::new(match address.trim().split_once("://") {
        Some((scheme, _)) => url(scheme, info, scratch),
        None => keywords(info, scratch),
    })
}

fn url(scheme: &str, info: &ConnInfo, scratch: &Scratch<'_>) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let parameters: Vec<String> =
        kept(info).map(|(name, value)| format!("{}={}", encoded(&name), encoded(&value))).collect();
    let separator = if parameters.is_empty() { "" } else { "?" };
    format!(
        "{scheme}://{}:{}@{}:5432/{}{separator}{}",
        encoded(&info.user),
        encoded(scratch.password.expose()),
        scratch.host,
        encoded(&info.database),
        parameters.join("&")
    )
}

fn keywords(info: &ConnInfo, scratch: &Scratch<'_>) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    let mut words = vec![
        format!("host={} port=5432", scratch.host),
        format!("user={} password={}", quoted(&info.user), quoted(scratch.password.expose())),
        format!("dbname={}", quoted(&info.database)),
    ];
    words.extend(kept(info).map(|(name, value)| format!("{name}={}", quoted(&value))));
    words.join(" ")
}

/// The parameters that hold for any server. The scratch server speaks no TLS: drivers have their own words for that.
fn kept(info: &ConnInfo) -> impl Iterator<Item = (String, String)> {
    let options = info.options.clone().map(|options| ("options".to_owned(), options));
    let name = info.application_name.clone().map(|name| ("application_name".to_owned(), name));
    let others = info
        .other_parameters
        .iter()
        .map(|(name, value)| (name.clone(), value.expose().to_owned()))
        .filter(|(name, _)| {
            let name = name.to_ascii_lowercase();
            !["ssl", "tls", "sock", "host", "passfile", "service"].iter().any(|start| name.starts_with(start))
        });
    options.into_iter().chain(name).chain(others)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "postgres://u:p@db:6543/app?sslmode=verify-full&sslrootcert=/ca.pem",
        "postgres://u:n3w@scratch:5432/app"
    )]
    #[case("postgresql+asyncpg://u:p@db/app?ssl=true", "postgresql+asyncpg://u:n3w@scratch:5432/app")]
    #[case(
        "postgres://a%40b:p@db/app?schema=public&sslmode=require",
        "postgres://a%40b:n3w@scratch:5432/app?schema=public"
    )]
    #[case("postgres://u:p@/app?host=/run/postgresql", "postgres://u:n3w@scratch:5432/app")]
    #[case(
        "host=db user=u password=p dbname='a b' sslmode=require",
        "host=scratch port=5432 user='u' password='n3w' dbname='a b'"
    )]
    fn an_address_keeps_its_form_role_and_database(#[case] address: &str, #[case] expected: &str) {
        let info = ConnInfo::parse(address, None).unwrap();
        let password = Secret::new("n3w");
        let scratch = Scratch { host: "scratch", password: &password };
        assert_eq!(redirected(address, &info, &scratch).expose(), expected);
    }
}
