//! Everything that touches the world outside the process: Docker, Compose, PostgreSQL, files, the terminal.

pub mod archive;
pub mod catalogue;
pub mod compose;
pub mod compose_services;
pub mod consent;
pub mod disk;
pub mod docker;
pub mod dump_backups;
pub mod dump_spool;
pub mod env_settings;
pub mod env_store;
pub mod files;
pub mod fingerprint_key;
pub mod http;
pub mod image_program;
pub mod kept_values;
pub mod machine;
pub mod postgres;
pub mod process;
pub mod product_database;
pub mod role_password;
pub mod server_container;
pub mod surroundings;
pub mod tool_host;
pub mod tool_output;
