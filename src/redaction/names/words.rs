//! The words that a name is made of.

/// Words that say nothing about what they stand behind.
const PASSED_OVER: [&str; 34] = [
    "previous",
    "prev",
    "old",
    "new",
    "current",
    "next",
    "backup",
    "bak",
    "tmp",
    "b64",
    "base64",
    "hex",
    "pem",
    "raw",
    "value",
    "val",
    "plain",
    "plaintext",
    "string",
    "str",
    "data",
    "env",
    "prod",
    "dev",
    "staging",
    "test",
    "primary",
    "secondary",
    "file",
    "header",
    "headers",
    "json",
    "base",
    "enc",
];

/// The words of a name, in small letters: `API_KEY`, `apiKey` and `x-api-key` hold `api` and `key`.
pub(super) struct Words {
    letters: [u8; LONGEST],
    /// Where each ends; it begins where the one before it ends.
    ends: [u8; LONGEST],
    pub(super) count: usize,
}

/// The last so many characters of a name are looked at. Names are looked at in every line: this needs no memory.
const LONGEST: usize = 192;

impl Words {
    pub(super) fn of(name: &str) -> Self {
        let mut words = Self { letters: [0; LONGEST], ends: [0; LONGEST], count: 0 };
        let (mut length, mut begins, mut before) = (0_u8, false, b' ');
        for byte in &name.as_bytes()[name.len().saturating_sub(LONGEST)..] {
            begins |=
                byte.is_ascii_uppercase() && before.is_ascii_lowercase() || !byte.is_ascii_alphanumeric();
            before = *byte;
            if !byte.is_ascii_alphanumeric() {
                continue;
            }
            if begins || words.count == 0 {
                words.count += 1;
                begins = false;
            }
            words.letters[usize::from(length)] = byte.to_ascii_lowercase();
            length += 1;
            words.ends[words.count - 1] = length;
        }
        words
    }

    pub(super) fn get(&self, at: usize) -> &str {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        std::str::from_utf8(&self.letters[usize::from(start)..usize::from(self.ends[at])]).unwrap_or_default()
    }

    pub(super) fn last(&self) -> Option<&str> {
        self.count.checked_sub(1).map(|last| self.get(last))
    }

    /// The last word that says something, and which it is.
    pub(super) fn last_that_speaks(&self) -> Option<(usize, &str)> {
        let says_something =
            |word: &str| !PASSED_OVER.contains(&word) && !word.bytes().all(|byte| byte.is_ascii_digit());
        let at = (0..self.count).rev().find(|at| says_something(self.get(*at)))?;
        Some((at, self.get(at).trim_end_matches(|char: char| char.is_ascii_digit())))
    }
}
