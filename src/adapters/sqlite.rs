//! SQLite files: looked at, copied while they are written to, checked, and compared.
//!
//! Everything here blocks; asynchronous callers run it on a blocking thread.

pub mod condition;
pub mod content;
pub mod copy;
pub mod error;
pub mod facts;
pub mod head;
pub mod swap;

pub use error::SqliteError;
