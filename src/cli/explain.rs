//! The command line of `opsctl explain`.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Args};

use crate::cli::help;
use crate::explain::{self, Entry};

/// `opsctl explain`
#[derive(Debug, Clone, Args)]
#[command(after_help = help::EXPLAIN)]
pub struct Explain {
    /// A check, an exit status, or an error, by its identifier; without it, all are listed
    #[arg(value_name = "ID", value_parser = ByIdentifier, hide_possible_values = true)]
    pub entry: Option<Entry>,
}

/// Finds an entry. That shells complete identifiers is why it is more than a function.
#[derive(Debug, Clone)]
struct ByIdentifier;

impl TypedValueParser for ByIdentifier {
    type Value = Entry;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Entry, clap::Error> {
        StringValueParser::new().try_map(|text| text.parse::<Entry>()).parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(explain::entries().into_iter().map(|entry| PossibleValue::new(entry.id))))
    }
}
