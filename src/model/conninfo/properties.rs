//! Connection strings: both forms mean the same, and nothing that may be a password is shown.

use percent_encoding::NON_ALPHANUMERIC;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn keyword(name: &str, value: &str) -> String {
    format!("{name} = '{}' ", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Everything that two readings must agree on, the password too.
fn facts(info: &ConnInfo) -> (Vec<Host>, Vec<(String, String)>, Option<String>) {
    let password = info.password.as_ref().map(|secret| secret.expose().to_owned());
    (info.hosts.clone(), info.to_pg_env(), password)
}

proptest! {
    #[test]
    fn a_url_and_a_list_of_keywords_mean_the_same(
        user in "[ -~é]{1,8}",
        password in prop::option::of("[ -~é\n]{1,8}"),
        hosts in prop::collection::vec(("[a-zA-Z0-9._-]{1,8}|/[a-z/]{1,8}", 1..=u16::MAX), 1..4),
        database in "[ -~é]{1,8}",
        mode in select(vec!["disable", "require", "verify-full"]),
    ) {
        let names: Vec<&str> = hosts.iter().map(|(name, _)| name.as_str()).collect();
        let ports: Vec<String> = hosts.iter().map(|(_, port)| port.to_string()).collect();
        let list = [("user", user.as_str()), ("dbname", database.as_str()), ("sslmode", mode)]
            .map(|(name, value)| keyword(name, value))
            .concat()
            + &keyword("host", &names.join(","))
            + &keyword("port", &ports.join(","))
            + &password.as_ref().map(|password| keyword("password", password)).unwrap_or_default();
        let addresses: Vec<String> =
            hosts.iter().map(|(name, port)| format!("{}:{port}", encoded(name))).collect();
        let secret = password.as_ref().map(|password| format!(":{}", encoded(password))).unwrap_or_default();
        let url = format!(
            "postgres://{}{secret}@{}/{}?sslmode={mode}",
            encoded(&user), addresses.join(","), encoded(&database)
        );
        let (of_list, of_url) = (ConnInfo::parse(&list, None).unwrap(), ConnInfo::parse(&url, None).unwrap());
        prop_assert_eq!(facts(&of_list), facts(&of_url));
        prop_assert_eq!((&of_url.user, &of_url.database), (&user, &database));
        prop_assert_eq!(facts(&of_url).2, password);
        prop_assert_eq!(&of_url.notes, &[]);
        // One kind of address, so that what is shown can be connected to again.
        if names.iter().all(|name| name.starts_with('/')) || !names.iter().any(|name| name.starts_with('/')) {
            let again = ConnInfo::parse(&of_url.redacted(), None).unwrap();
            prop_assert_eq!((again.hosts, again.user, again.database), (of_url.hosts, user, database));
        }
    }

    #[test]
    fn passwords_that_nobody_escaped_are_not_shown(
        scheme in select(vec!["postgres://", "postgresql+driver://", "mysql://", "postgres:/", ""]),
        before in "[:#&=%\\[\\], a0]{0,4}",
        after in "[@:?#&=%\\[\\], a0]{0,4}",
        rest in select(vec!["@h/d", "@h:6000/d?sslmode=require", "@[::1]/d", "@", "/d", "@h:x/d", ""]),
    ) {
        let text = format!("{scheme}u:{before}s3cr3t{after}{rest}");
        match ConnInfo::parse(&text, Some("osuser")) {
            Err(error) => {
                let shown = format!("{error} {error:?} {}", error.hint());
                prop_assert!(!shown.contains("s3cr3t"), "{}", shown);
            }
            Ok(info) => {
                // Without an `@` there is no password, but a host of that name.
                prop_assume!(text.contains('@'));
                let shown = format!("{info:?} {} {:?}", info.redacted(), info.to_pg_env());
                prop_assert!(!shown.contains("s3cr3t"), "{} shows as {}", text, shown);
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused(
        text in "(postgres://|host|port|user|password|sslmode|=|'|\\\\|@|:|/|\\?|&|%41|%|\\[|\\]|,| |s3cr3t|é){0,16}",
    ) {
        if let Err(error) = ConnInfo::parse(&text, Some("osuser")) {
            let shown = format!("{error} {error:?}");
            prop_assert!(!shown.contains("s3cr3t"), "{}", shown);
        }
    }
}
