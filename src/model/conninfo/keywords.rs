//! Connection strings as `keyword=value` lists, quoted and escaped as libpq does.

use super::ConnInfoError;
use super::parameters::Parts;

/// Takes a list apart: spaces around `=` are allowed, values may be quoted with `'`, `\` escapes one character.
pub(super) fn parse(text: &str) -> Result<Parts, ConnInfoError> {
    let mut parts = Parts::default();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, value) = rest.split_once('=').ok_or(ConnInfoError::Parameter)?;
        let name = name.trim_end();
        // A URL whose scheme is mistyped has its password in what would be the name.
        if name.is_empty() || !name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_') {
            return Err(ConnInfoError::Parameter);
        }
        let (value, after) = read_value(value.trim_start())?;
        parts.set(name, value);
        rest = after.trim_start();
    }
    Ok(parts)
}

/// The value at the beginning of `text`, and what follows it.
fn read_value(text: &str) -> Result<(String, &str), ConnInfoError> {
    let (text, quoted) = match text.strip_prefix('\'') {
        Some(text) => (text, true),
        None => (text, false),
    };
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            character if !quoted && character.is_whitespace() => return Ok((value, &text[at..])),
            character => value.push(character),
        }
    }
    if quoted { Err(ConnInfoError::Quote) } else { Ok((value, "")) }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::model::conninfo::{ConnInfo, ConnInfoError, Host};

    #[test]
    fn quotes_escapes_and_spaces_are_understood() {
        let info = ConnInfo::parse(
            r"host = db.example port=6000 user='o''s' dbname=my\ db password='it\'s \\ here' ",
            None,
        );
        // Two quotes side by side end the value: libpq does not double them.
        assert_eq!(info.expect_err("a stray word"), ConnInfoError::Parameter);
        let info = ConnInfo::parse(
            r"host = db.example port=6000 user=u dbname=my\ db password='it\'s \\ here' ",
            None,
        )
        .expect("a valid list");
        assert_eq!(info.hosts, [Host::Tcp { name: "db.example".to_owned(), address: None, port: 6000 }]);
        assert_eq!(info.database, "my db");
        assert_eq!(info.password.expect("a password").expose(), r"it's \ here");
    }

    #[test]
    fn a_value_may_look_like_a_url() {
        let info = ConnInfo::parse("user=u password='a://b' host=h", None).expect("a valid list");
        assert_eq!(info.password.expect("a password").expose(), "a://b");
    }

    #[test]
    fn an_empty_value_is_no_value() {
        let info = ConnInfo::parse("host='' user=u password=''", None).expect("a valid list");
        assert!(info.password.is_none());
        assert!(matches!(&info.hosts[0], Host::Socket { .. }));
    }

    #[rstest]
    #[case("user=u password='s3cr3t", ConnInfoError::Quote)]
    #[case("user=u password=s3cr3t more", ConnInfoError::Parameter)]
    #[case("s3cr3t", ConnInfoError::Parameter)]
    #[case("=s3cr3t", ConnInfoError::Parameter)]
    #[case("postgres:/u:s3cr3t@h/d?sslmode=require", ConnInfoError::Parameter)]
    fn broken_lists_are_refused_without_quoting_them(#[case] text: &str, #[case] expected: ConnInfoError) {
        let error = ConnInfo::parse(text, None).expect_err("a broken list");
        assert_eq!(error, expected);
        assert!(!error.to_string().contains("s3cr3t"));
    }
}
