//! PostgreSQL: connections, catalogue questions, databases as a whole.
