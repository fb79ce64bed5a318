//! PostgreSQL: connections, catalogue questions, databases as a whole.
//!
//! Questions are asked of the database that the given session is connected to, unless a name is a parameter. What makes
//! or changes whole databases wants a session of the maintenance database: [`connect::connect_maintenance`].

pub mod carry_over;
pub mod certificate;
pub mod condition;
pub mod connect;
pub mod error;
pub mod fingerprint;
pub mod insight;
pub mod lock;
pub mod obstacles;
pub mod password;
pub mod pooler;
pub mod properties;
pub mod relation_locks;
pub mod role_copy;
pub mod rows;
pub mod server;
pub mod session;
pub mod snapshot;
pub mod statistics;
pub mod swap;
mod tls;
pub mod tools;
pub mod whole;
pub mod writes;
