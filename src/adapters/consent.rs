//! Asking a person.

use dialoguer::theme::SimpleTheme;
use dialoguer::{Confirm, Password};

use crate::model::secret::Secret;

/// What a person answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Yes,
    /// No, or nothing that can be taken for a yes.
    No,
}

/// Asks at the terminal. Enter alone, Escape, an ended input and a lost terminal all are a no.
pub fn ask(question: &str) -> Answer {
    match Confirm::with_theme(&SimpleTheme).with_prompt(question).default(false).interact_opt() {
        Ok(Some(true)) => Answer::Yes,
        Ok(Some(false) | None) | Err(_) => Answer::No,
    }
}

/// Asks for a secret at the terminal, which does not show it; none for nothing, and where there is no terminal any more.
pub fn secret(question: &str) -> Option<Secret> {
    let asked =
        Password::with_theme(&SimpleTheme).with_prompt(question).allow_empty_password(true).interact();
    asked.ok().filter(|text| !text.is_empty()).map(Secret::new)
}
