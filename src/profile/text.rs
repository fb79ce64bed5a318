//! Texts that have been checked: a name is a name, a path a path.

use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

/// A text that is not what it should be, with the rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {kind}: {rule}")]
pub struct InvalidText {
    text: String,
    kind: &'static str,
    rule: &'static str,
}

/// A text that holds by a rule.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidText;

            fn try_from(text: String) -> Result<Self, InvalidText> {
                let holds: fn(&str) -> bool = $check;
                if holds(&text) { Ok(Self(text)) } else { Err(InvalidText { text, kind: $kind, rule: $rule }) }
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidText;

            fn try_from(text: &str) -> Result<Self, InvalidText> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

checked_text!(
    /// The short name of a product.
    ProductName,
    "the name of a product",
    "use lower-case letters, digits and `-`, a letter first, 32 at most",
    |text| {
        text.len() <= 32
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-')
    }
);

checked_text!(
    /// The name of a service, as the Compose file has it.
    ServiceName,
    "the name of a service",
    "use letters, digits, `.`, `_` and `-`, as in the Compose file",
    |text| !text.is_empty() && text.chars().all(|char| char.is_ascii_alphanumeric() || "._-".contains(char))
);

checked_text!(
    /// The name of a unit of systemd: `collector.service`.
    UnitName,
    "the name of a unit",
    "end it with `.service`, and use letters, digits, `:`, `_`, `.`, `@` and `-` before that",
    |text| {
        text.strip_suffix(".service").is_some_and(|name| {
            name.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
                && name.chars().all(|char| char.is_ascii_alphanumeric() || ":_.@-".contains(char))
        })
    }
);

checked_text!(
    /// An image without tag and digest: `registry.example.com:5000/team/product`.
    ImageName,
    "the name of an image",
    "leave out the tag and the digest, and use lower-case letters for what follows the registry",
    |text| {
        let (registry, repository) = match text.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
            _ => ("", text),
        };
        let part = |part: &str| {
            part.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
                && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c))
        };
        registry.chars().all(|char| char.is_ascii_alphanumeric() || ".:-".contains(char))
            && repository.split('/').all(part)
    }
);

checked_text!(
    /// The path of an HTTP request, query included.
    HttpPath,
    "the path of a request",
    "begin it with `/`, without host, space, `#` and `${...}`, for which nothing is filled in",
    is_http_path
);

checked_text!(
    /// The path of an HTTP request with `{id}` in it.
    PollPath,
    "the path of a request for one scan",
    "begin it with `/`, and write `{id}` where the identifier of the scan goes",
    |text| is_http_path(text) && text.contains("{id}")
);

checked_text!(
    /// Where in a JSON document a value is (RFC 6901): `/data/version`.
    JsonPointer,
    "a JSON pointer",
    "begin it with `/` and separate keys by `/`, as in `/data/version`",
    |text| text.starts_with('/')
);

checked_text!(
    /// The name of a table or column, with its schema or without: `audit.entries`.
    SqlName,
    "the name of a table or column",
    "use letters, digits and `_`, no digit first, and `.` behind a schema; write a query for anything else",
    |text| {
        text.split('.').count() <= 2
            && text.split('.').all(|part| {
                part.starts_with(|first: char| first == '_' || first.is_ascii_alphabetic())
                    && part.chars().all(|char| char == '_' || char.is_ascii_alphanumeric())
            })
    }
);

checked_text!(
    /// The name of something that is counted.
    MetricName,
    "the name of a metric",
    "use lower-case letters, digits, `_` and `-`",
    |text| {
        let is_fine = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || "_-".contains(char);
        !text.is_empty() && text.chars().all(is_fine)
    }
);

checked_text!(
    /// The name of a file, without a directory.
    FileName,
    "the name of a file",
    "use letters, digits, `.`, `_` and `-`, and no `.` first",
    |text| {
        !text.is_empty()
            && !text.starts_with('.')
            && text.chars().all(|char| char.is_ascii_alphanumeric() || "._-".contains(char))
    }
);

impl PollPath {
    /// The path for one identifier.
    pub fn for_id(&self, id: &str) -> String {
        self.0.replace("{id}", &utf8_percent_encode(id, NON_ALPHANUMERIC).to_string())
    }
}

impl SqlName {
    /// The name in double quotes, as SQL wants it to be taken literally.
    pub fn quoted(&self) -> String {
        self.0.split('.').map(|part| format!("\"{part}\"")).collect::<Vec<_>>().join(".")
    }
}

fn is_http_path(text: &str) -> bool {
    text.starts_with('/')
        && !text.contains(|char: char| char.is_whitespace() || char.is_control() || char == '#')
        && !text.contains("${")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("agledger/agledger", true)]
    #[case("registry.example.com:5000/Team/x", false)]
    #[case("Registry.example.com:5000/team/x_y.z", true)]
    #[case("localhost/x", true)]
    #[case("x:1.0.0", false)]
    #[case("x@sha256:ab", false)]
    #[case("x/", false)]
    #[case("", false)]
    fn image_names_have_no_tag(#[case] text: &str, #[case] good: bool) {
        assert_eq!(ImageName::try_from(text).is_ok(), good);
    }

    #[rstest]
    #[case("_migrations", Some("\"_migrations\""))]
    #[case("audit.Entries", Some("\"audit\".\"Entries\""))]
    #[case("a.b.c", None)]
    #[case("a\"b", None)]
    #[case("a;b", None)]
    #[case("", None)]
    fn sql_names_are_quoted(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(SqlName::try_from(text).ok().map(|name| name.quoted()).as_deref(), expected);
    }

    #[test]
    fn an_identifier_cannot_change_the_path() {
        let path = PollPath::try_from("/scan/{id}").unwrap();
        assert_eq!(path.for_id("a/../b?c"), "/scan/a%2F%2E%2E%2Fb%3Fc");
        assert!(PollPath::try_from("/scan").is_err());
    }
}
