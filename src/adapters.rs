//! Everything that touches the world outside the process: Docker, Compose, PostgreSQL, files.

pub mod archive;
pub mod catalogue;
pub mod compose;
pub mod docker;
pub mod env_store;
pub mod files;
pub mod http;
pub mod postgres;
pub mod process;
pub mod tool_output;
