//! Asking a person.

use dialoguer::theme::SimpleTheme;
use dialoguer::{Confirm, Password, Select};
use rustix::termios::{QueueSelector, tcflush};

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
    discard_input();
    match Confirm::with_theme(&SimpleTheme).with_prompt(question).default(false).interact_opt() {
        Ok(Some(true)) => Answer::Yes,
        Ok(Some(false) | None) | Err(_) => Answer::No,
    }
}

/// Lets a person choose at the terminal; Escape and a lost terminal are no choice.
pub fn choose(question: &str, among: &[String]) -> Option<usize> {
    discard_input();
    let select = Select::with_theme(&SimpleTheme).with_prompt(question).items(among).default(0);
    select.interact_opt().ok().flatten()
}

/// Asks for a secret at the terminal, which does not show it; none for nothing, and where there is no terminal any more.
pub fn secret(question: &str) -> Option<Secret> {
    let asked =
        Password::with_theme(&SimpleTheme).with_prompt(question).allow_empty_password(true).interact();
    asked.ok().filter(|text| !text.is_empty()).map(Secret::new)
}

/// What was typed before a question stood there is no answer to it.
fn discard_input() {
    let _no_terminal = tcflush(std::io::stdin(), QueueSelector::IFlush);
}
