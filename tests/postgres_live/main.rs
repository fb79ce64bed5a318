//! What the PostgreSQL adapter promises, against real servers that are started for each test and removed after it.

mod cluster;
mod condition;
mod connecting;
mod contents;
mod databases;
mod pooling;
mod statistics;
mod swapping;
mod watching;
