//! A command line that asks for no command: for help, for the version, or for nothing that can be understood.

use std::io::Write;

use clap::ValueEnum;
use clap::error::ErrorKind;
use serde_json::{Value, json};

use crate::adapters::surroundings::Surroundings;
use crate::cli::{Color, Output};
use crate::commands::context::colour;
use crate::error::{Exit, Fault};

/// Answers in the form that was asked for, as far as that can be told.
pub(super) fn answer(error: &clap::Error, surroundings: &Surroundings) -> Exit {
    let arguments = &surroundings.arguments;
    let format = chosen(arguments, "--output").or_else(|| surroundings.variable("OPSCTL_OUTPUT"));
    colour(chosen(arguments, "--color").and_then(value).unwrap_or(Color::Auto));
    let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
    match format.and_then(value).unwrap_or(Output::Human) {
        Output::Json => {
            let _ = writeln!(std::io::stdout(), "{}", for_machines(error, exit));
        }
        Output::Human => {
            let text = error.render();
            let _ = match exit {
                Exit::Done => write!(anstream::stdout(), "{}", text.ansi()),
                _ => write!(anstream::stderr(), "{}", text.ansi()),
            };
        }
    }
    exit
}

fn for_machines(error: &clap::Error, exit: Exit) -> Value {
    let text = error.render().to_string();
    let mut line = json!({"event": "result", "command": null, "ok": exit == Exit::Done,
        "exit_code": exit.code(), "warnings": []});
    if exit == Exit::Done {
        line["result"] = json!({"text": text});
    } else {
        line["error"] = json!(fault(error.kind(), &text));
    }
    line
}

/// What the parser says in several lines, as a fault: its first paragraph, and its tips as hints.
fn fault(kind: ErrorKind, text: &str) -> Fault {
    if kind == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Fault::new("no command was given").hint("`opsctl --help` lists them");
    }
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let what: Vec<&str> = lines.iter().copied().take_while(|line| !line.is_empty()).collect();
    let what = what.join(" ");
    let tips = lines.iter().filter_map(|line| line.strip_prefix("tip: "));
    let fault = tips.fold(Fault::new(what.strip_prefix("error: ").unwrap_or(&what)), Fault::hint);
    match lines.iter().find_map(|line| line.strip_prefix("Usage: ")) {
        Some(usage) => fault.hint(format!("usage: {usage}")),
        None => fault,
    }
}

/// The value of an option, in a command line that cannot be relied on otherwise.
fn chosen<'a>(arguments: &'a [String], option: &str) -> Option<&'a str> {
    let given = arguments.iter().position(|argument| argument == option);
    let following = given.and_then(|index| arguments.get(index + 1)).map(String::as_str);
    let joined = || arguments.iter().find_map(|argument| argument.strip_prefix(option)?.strip_prefix('='));
    following.or_else(joined)
}

fn value<T: ValueEnum>(text: &str) -> Option<T> {
    T::from_str(text, true).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn an_option_is_found_in_both_forms() {
        assert_eq!(chosen(&arguments("opsctl --output json bakup"), "--output"), Some("json"));
        assert_eq!(chosen(&arguments("opsctl --output=json bakup"), "--output"), Some("json"));
        assert_eq!(chosen(&arguments("opsctl --outputs json --output"), "--output"), None);
    }

    #[test]
    fn what_the_parser_says_becomes_a_fault() {
        let text = "error: unrecognized subcommand 'x'\n\n  tip: try 'y'\n\nUsage: opsctl <COMMAND>\n";
        let fault = fault(ErrorKind::InvalidSubcommand, text);
        assert_eq!(fault.what, "unrecognized subcommand 'x'");
        assert_eq!(fault.hints, ["try 'y'", "usage: opsctl <COMMAND>"]);
    }
}
