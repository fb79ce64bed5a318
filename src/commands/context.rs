//! What every command is given: options, surroundings, and somebody to report to.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anstream::StripStream;
use serde_json::{Value, json};

use crate::adapters::consent::{self, Answer};
use crate::adapters::surroundings::Surroundings;
use crate::cli::{Color, Global, Output};
use crate::error::{Failure, Fault};
use crate::report::human::{HumanReporter, Redraw};
use crate::report::json::JsonReporter;
use crate::report::verbose;
use crate::report::{Event, Reporter};

/// A command's surroundings.
pub struct Context {
    /// The options that every command takes.
    pub global: Global,
    /// Environment, directory and terminals.
    pub surroundings: Surroundings,
    sink: Sink,
    log: Mutex<Option<HumanReporter<StripStream<File>>>>,
    warnings: Arc<Mutex<Vec<String>>>,
}

enum Sink {
    Human(HumanReporter<anstream::AutoStream<std::io::Stderr>>),
    Json(JsonReporter<std::io::Stdout>),
}

/// What a command produced.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// For people, on stdout; may be empty.
    pub text: String,
    /// For machines.
    pub data: Value,
}

impl Outcome {
    /// A result in both forms.
    pub fn new(text: impl Into<String>, data: Value) -> Self {
        Self { text: text.into(), data }
    }

    /// A result that is a text whoever reads it, such as a script.
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { data: json!({"text": text}), text }
    }
}

impl Context {
    /// Makes the reporter that the options ask for.
    pub fn new(global: Global, surroundings: Surroundings) -> Self {
        colour(global.color);
        if global.verbose {
            verbose::turn_on();
        }
        let sink = match global.output {
            Output::Json => Sink::Json(JsonReporter::new(std::io::stdout())),
            Output::Human => {
                let redraw = if surroundings.can_redraw { Redraw::InPlace } else { Redraw::Lines };
                Sink::Human(HumanReporter::new(anstream::stderr(), redraw))
            }
        };
        Self { global, surroundings, sink, log: Mutex::default(), warnings: Arc::default() }
    }

    /// Tells an operator something that stops nothing, and remembers it for the result.
    pub fn warn(&self, text: impl Into<String>) {
        self.report(&Event::Warning(&text.into()));
    }

    /// Remembers a warning for the result: it is shown as part of that.
    pub fn count_warning(&self, text: String) {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }

    /// Tells an operator something.
    pub fn note(&self, text: &str) {
        self.report(&Event::Note(text));
    }

    /// Writes what is said from now on into a file too: a terminal may be closed, and the operation goes on.
    pub fn log_to(&self, path: &Path) {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
        match file {
            Ok(file) => {
                let log = HumanReporter::new(StripStream::new(file), Redraw::Lines);
                *self.log.lock().unwrap_or_else(PoisonError::into_inner) = Some(log);
            }
            Err(error) => self.warn(format!("what is said cannot be kept in {}: {error}", path.display())),
        }
    }

    /// Whether an operation was begun, so that what is said is kept.
    pub fn has_begun(&self) -> bool {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Writes why the command failed into that file.
    pub fn log_failure(&self, fault: &Fault) {
        self.logged(&Event::Note(&crate::report::human::fault(fault)));
    }

    fn logged(&self, event: &Event<'_>) {
        if let Some(log) = &*self.log.lock().unwrap_or_else(PoisonError::into_inner) {
            log.report(event);
        }
    }

    /// What was warned of up to now.
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes a result for people. A reader that went away is no failure of the command.
    pub fn print(&self, text: &str) {
        if !text.is_empty() {
            let _ = writeln!(anstream::stdout(), "{}", text.trim_end());
        }
    }

    /// Says what is known before the command fails, so that the failure does not hide it.
    pub fn known_so_far(&self, known: &Outcome) {
        match self.global.output {
            Output::Human => self.print(&known.text),
            Output::Json => self.json_line(&json!({"event": "known", "result": known.data})),
        }
    }

    /// Writes to people about what went wrong.
    pub fn print_error(&self, text: &str) {
        let _ = writeln!(anstream::stderr(), "{text}");
    }

    /// Writes a line for machines.
    pub fn json_line(&self, value: &Value) {
        if let Sink::Json(reporter) = &self.sink {
            reporter.line(value);
        }
    }

    /// Whether somebody is there to be asked, and wants to be.
    pub fn asks(&self) -> bool {
        self.surroundings.can_ask && !self.global.non_interactive
    }

    /// Asks whether to go on: a no, or nobody to ask, is no failure.
    pub fn agrees(&self, question: &str) -> bool {
        self.global.non_interactive || (self.surroundings.can_ask && consent::ask(question) == Answer::Yes)
    }

    /// Asks for consent to change something. No terminal is never a yes.
    pub fn consent(&self, question: &str) -> Result<(), Failure> {
        if self.global.non_interactive {
            return Ok(());
        }
        if !self.surroundings.can_ask {
            return Err(Failure::usage(
                Fault::new("consent is needed, and there is no terminal to ask at; nothing was changed")
                    .hint("add `--non-interactive` to say yes beforehand, or run it at a terminal"),
            ));
        }
        match consent::ask(question) {
            Answer::Yes => Ok(()),
            Answer::No => Err(Failure::usage(Fault::new("the answer was no; nothing was changed"))),
        }
    }
}

/// Says for the whole process when to colour.
pub fn colour(wanted: Color) {
    let choice = match wanted {
        Color::Auto => anstream::ColorChoice::Auto,
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}

impl Reporter for Context {
    fn report(&self, event: &Event<'_>) {
        if let Event::Warning(text) = event {
            self.count_warning((*text).to_owned());
        }
        self.logged(event);
        match &self.sink {
            Sink::Human(reporter) => reporter.report(event),
            Sink::Json(reporter) => reporter.report(event),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clap::Parser;

    use super::*;
    use crate::cli::Cli;
    use crate::error::Exit;
    use crate::model::operation::Actor;

    fn without_a_terminal(arguments: &[&str]) -> Context {
        let global = Cli::try_parse_from(["opsctl"].iter().chain(arguments)).unwrap().global;
        let actor = Actor {
            user: "root".to_owned(),
            sudo_user: None,
            host: "here".to_owned(),
            pid: 1,
            ssh_client: None,
            ci: None,
            terminal: false,
            tty: None,
        };
        let surroundings = Surroundings {
            environment: BTreeMap::new(),
            arguments: Vec::new(),
            directory: "/".into(),
            can_ask: false,
            can_redraw: false,
            actor,
        };
        Context::new(global, surroundings)
    }

    #[test]
    fn no_terminal_is_never_a_yes() {
        let refused = without_a_terminal(&["rollback"]).consent("Roll back?").unwrap_err();
        assert_eq!(refused.exit, Exit::Usage);
        for yes in ["--non-interactive", "--yes", "-y"] {
            assert_eq!(without_a_terminal(&["rollback", yes]).consent("Roll back?"), Ok(()), "{yes}");
        }
    }
}
