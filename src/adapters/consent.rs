//! Asking a person.

use dialoguer::Confirm;
use dialoguer::theme::SimpleTheme;

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
