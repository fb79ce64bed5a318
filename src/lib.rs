//! Operates a self-hosted product: backup, restore, upgrade, rollback.
//!
//! The program is layered, and each layer knows only the ones to its right:
//!
//! ```text
//! main -> cli -> commands --+-> operations ---> plan::step ---> model          pure: facts in, a plan or a refusal out
//!                           +-> preflight -------------------> profile         pure: facts in, a judgement out
//!                           +-> explain                                        pure: the runbook, read
//!                           +-> logs ------------------------> profile         pure: lines in, numbers out
//!                           +-> plan::runner ----------------> ports, journal, report
//!                           +-> adapters --------------------> ports, and the facts of preflight; only commands builds adapters
//! ```

pub mod adapters;
pub mod bundle;
pub mod cli;
pub mod commands;
pub mod env_file;
pub mod error;
pub mod explain;
pub mod gates;
pub mod interrupt;
pub mod journal;
pub mod logs;
pub mod model;
#[cfg(test)]
mod nearly_right;
pub mod operations;
pub mod plan;
pub mod ports;
pub mod preflight;
pub mod profile;
pub mod redaction;
pub mod report;
