//! Names of environment variables.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of an environment variable that Compose can interpolate: ASCII letters, digits and `_`, no digit first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VariableName(String);

/// A text that is not the name of a variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of a variable: use letters, digits and `_`, and no digit first")]
pub struct InvalidName(String);

impl VariableName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for VariableName {
    type Error = InvalidName;

    fn try_from(name: String) -> Result<Self, InvalidName> {
        let starts_well = name.starts_with(|first: char| first == '_' || first.is_ascii_alphabetic());
        if starts_well && name.chars().all(|char| char == '_' || char.is_ascii_alphanumeric()) {
            Ok(Self(name))
        } else {
            Err(InvalidName(name))
        }
    }
}

impl TryFrom<&str> for VariableName {
    type Error = InvalidName;

    fn try_from(name: &str) -> Result<Self, InvalidName> {
        Self::try_from(name.to_owned())
    }
}

impl From<VariableName> for String {
    fn from(name: VariableName) -> Self {
        name.0
    }
}

impl fmt::Display for VariableName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("AGLEDGER_VERSION", true)]
    #[case("_a1", true)]
    #[case("1A", false)]
    #[case("A-B", false)]
    #[case("A B", false)]
    #[case("É", false)]
    #[case("", false)]
    fn names_are_those_that_compose_interpolates(#[case] name: &str, #[case] good: bool) {
        assert_eq!(VariableName::try_from(name).is_ok(), good);
    }
}
