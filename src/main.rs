//! The command line program: parse, run, exit.

fn main() {}
