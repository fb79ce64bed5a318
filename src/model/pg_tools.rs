//! PostgreSQL's own tools: how they are called, and which versions go together.

mod call;
mod version;

pub use call::{
    EnvValue, Ownership, RestoreLoad, ToolCall, Tools, decode, definitions, dump, restore, schema,
};
pub use version::{Skew, ToolVersion, check_dump, check_restore, newest_archive_read};
