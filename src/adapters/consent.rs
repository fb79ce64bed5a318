//! Asking a person.

use dialoguer::theme::SimpleTheme;
use dialoguer::{Password, Select};
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

/// Asks at the terminal, for a line: a single key can be an accident. What is neither `y` nor `yes`, an ended input and a
/// lost terminal all are a no.
pub fn ask(question: &str) -> Answer {
    discard_input();
    anstream::eprint!("{question} [y/N] ");
    let mut line = String::new();
    // By the terminal's own rules, under which Ctrl-C and Ctrl-D are what they are everywhere.
    let read = std::io::stdin().read_line(&mut line);
    if !line.ends_with('\n') {
        anstream::eprintln!();
    }
    let is_yes = ["y", "yes"].contains(&line.trim().to_lowercase().as_str());
    if read.is_ok() && is_yes { Answer::Yes } else { Answer::No }
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
