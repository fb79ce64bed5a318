//! The command line as its users meet it: what it prints, where, and with which exit status. Nothing here needs Docker.
//!
//! Each snapshot holds all three. A changed text is looked at in the diff of `tests/cli/snapshots`:
//! `INSTA_UPDATE=always cargo test --test cli` writes it.

#![allow(missing_docs, reason = "a test")]

mod bundle;
mod completions;
mod description;
mod docker;
mod explain;
mod help;
mod history;
mod init;
mod locked;
mod logs;
mod output;
mod paused;
mod places;
mod process;
mod redact;
mod sandbox;
mod support_bundle;
mod unfinished;
mod usage;
