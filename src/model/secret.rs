//! A value that must not leave: no `Display`, no `Serialize`, and a `Debug` that shows nothing.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A secret held in memory, wiped when dropped.
///
/// Reading it takes a call to [`Secret::expose`], so that every place where a secret is used can be found by name.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a value into keeping.
    pub fn new(value: impl Into<String>) -> Self {
        Self(SecretString::from(value.into()))
    }

    /// The value itself.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_does_not_show_the_value() {
        let secret = Secret::new("not-a-real-password");
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert_eq!(secret.expose(), "not-a-real-password");
    }
}
