//! PostgreSQL: connections, catalogue questions, databases as a whole.

pub mod connect;
pub mod error;
mod tls;
