//! The command line program: parse, run, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    opsctl::commands::main()
}
