//! Whom a bundle is encrypted for: age recipients, and files that list some.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use age::{Encryptor, Recipient};

/// Recipients that have been understood, one at least.
pub struct Recipients(Vec<Box<dyn Recipient + Send>>);

/// What cannot be encrypted for.
#[derive(Debug, thiserror::Error)]
pub enum RecipientsError {
    /// It is no recipient, and no file either.
    #[error("`{0}` is neither an age recipient (age1...) nor a file of them")]
    Unknown(String),
    /// A secret key was given where a public one belongs; it is not repeated.
    #[error("that is an age identity, which is secret: give its recipient, the line that begins with age1")]
    Identity,
    /// The file cannot be read.
    #[error("the recipients in {} cannot be read", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// A line of a file is no recipient.
    #[error("line {line} of {} is no age recipient (age1...)", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A file names nobody.
    #[error("{} names no recipient", .0.display())]
    Empty(PathBuf),
    /// They do not go together.
    #[error("these recipients cannot be used together")]
    Together(#[source] age::EncryptError),
}

impl Recipients {
    /// Understands what was given, each a recipient or a file with one a line; `None` where nothing was given. Files are
    /// looked for below `directory`.
    ///
    /// # Errors
    /// If one of them cannot be used: nobody is left out.
    pub fn of(given: &[String], directory: &Path) -> Result<Option<Self>, RecipientsError> {
        let mut recipients = Vec::new();
        for text in given {
            let path = directory.join(text);
            match recipient(text) {
                Some(known) => recipients.push(known),
                None if is_identity(text) => return Err(RecipientsError::Identity),
                None if path.is_file() => recipients.extend(listed(&path)?),
                None => return Err(RecipientsError::Unknown(text.clone())),
            }
        }
        let recipients = Self(recipients);
        if given.is_empty() {
            return Ok(None);
        }
        recipients.try_encryptor().map_err(RecipientsError::Together)?;
        Ok(Some(recipients))
    }

    pub(super) fn encryptor(&self) -> io::Result<Encryptor> {
        self.try_encryptor().map_err(io::Error::other)
    }

    fn try_encryptor(&self) -> Result<Encryptor, age::EncryptError> {
        Encryptor::with_recipients(self.0.iter().map(|recipient| &**recipient as &dyn Recipient))
    }
}

fn listed(path: &Path) -> Result<Vec<Box<dyn Recipient + Send>>, RecipientsError> {
    let text = fs::read_to_string(path).map_err(|error| RecipientsError::File(path.to_owned(), error))?;
    let mut found = Vec::new();
    for (index, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if is_identity(line) {
            return Err(RecipientsError::Identity);
        }
        let refused = || RecipientsError::Line { path: path.to_owned(), line: index + 1 };
        found.push(recipient(line).ok_or_else(refused)?);
    }
    if found.is_empty() { Err(RecipientsError::Empty(path.to_owned())) } else { Ok(found) }
}

fn recipient(text: &str) -> Option<Box<dyn Recipient + Send>> {
    let plain = text.parse::<age::x25519::Recipient>().map(|key| Box::new(key) as Box<dyn Recipient + Send>);
    plain.ok().or_else(|| text.parse::<age::tag::Recipient>().ok().map(|key| Box::new(key) as _))
}

fn is_identity(text: &str) -> bool {
    text.to_ascii_uppercase().starts_with("AGE-SECRET-KEY-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> String {
        age::x25519::Identity::generate().to_public().to_string()
    }

    #[test]
    fn recipients_are_given_by_themselves_and_in_files() {
        let dir = tempfile::tempdir().unwrap();
        let list = format!("# support\n{}\n\n{}\n", key(), key());
        super::super::write_private(&dir.path().join("list"), list.as_bytes()).unwrap();
        let found = Recipients::of(&[key(), "list".to_owned()], dir.path()).unwrap().unwrap();
        assert_eq!(found.0.len(), 3);
        assert!(Recipients::of(&[], dir.path()).unwrap().is_none());
    }

    #[test]
    fn one_that_is_bad_spoils_all() {
        use age::secrecy::ExposeSecret as _;
        let dir = tempfile::tempdir().unwrap();
        let secret = age::x25519::Identity::generate().to_string().expose_secret().to_owned();
        let write = |name: &str, text: &str| {
            super::super::write_private(&dir.path().join(name), text.as_bytes()).unwrap();
        };
        write("none", "# nobody\n");
        write("typo", &format!("{}\nage1typo\n", key()));
        write("secret", &secret);
        for bad in ["age1typo", "not-there", "none", "typo", "secret", &secret] {
            let error = Recipients::of(&[key(), bad.to_owned()], dir.path()).err().unwrap();
            assert!(!error.to_string().contains(&secret), "{error}");
        }
    }
}
