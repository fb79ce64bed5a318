//! Another password in an address, and nothing else.

use super::ConnInfo;
use super::url::strip_scheme;

/// A URL with another password, which must need no escaping; `None` if it is no URL, has none between `:` and `@`, or can be read
/// in more than one way.
pub fn with_password(url: &str, password: &str) -> Option<String> {
    let before = ConnInfo::parse(url, None).ok()?;
    strip_scheme(url.trim())?;
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (credentials, _) = rest[..end].rsplit_once('@')?;
    let (user, _) = credentials.split_once(':')?;
    let changed = format!("{scheme}://{user}:{password}{}", &rest[credentials.len()..]);
    let after = ConnInfo::parse(&changed, None).ok()?;
    let same = (&after.user, &after.hosts, &after.database, &after.notes)
        == (&before.user, &before.hosts, &before.database, &before.notes);
    let holds = after.password.is_some_and(|held| held.expose() == password);
    (same && holds).then_some(changed)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("postgres://u:p@h/d", Some("postgres://u:n3w@h/d"))]
    #[case(
        "postgresql://u:p%40x@h:6000/d?sslmode=require&a=b@c",
        Some("postgresql://u:n3w@h:6000/d?sslmode=require&a=b@c")
    )]
    #[case("postgresql+asyncpg://a%2Fb:p@[::1]/d", Some("postgresql+asyncpg://a%2Fb:n3w@[::1]/d"))]
    #[case("postgres://u:a:b@h1:1,h2:2/d", Some("postgres://u:n3w@h1:1,h2:2/d"))]
    #[case("postgres://u:p@ss@h/d", None)]
    #[case("postgres://u:pa/ss@h/d", None)]
    #[case("postgres://u@h/d", None)]
    #[case("postgres://h/d?user=u&password=p", None)]
    #[case("host=h user=u password=p", None)]
    fn only_a_plain_password_is_replaced(#[case] url: &str, #[case] expected: Option<&str>) {
        assert_eq!(with_password(url, "n3w").as_deref(), expected);
    }
}
