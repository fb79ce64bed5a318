//! Support bundles: what is in one, and what can be told from it.
//!
//! Pure: collecting is left to the commands, and everything here has passed through redaction.

pub mod contents;
