//! Support bundles: what is in one, and what can be told from it.
//!
//! Pure: collecting is left to the commands, and everything here has passed through redaction. What reads a bundle goes
//! three steps: [`read::Bundle`] gives the members as facts and events, [`findings::findings`] judges them, and
//! [`page::render`] shows both.

pub mod contents;
pub mod findings;
pub mod log;
pub mod page;
pub mod read;
