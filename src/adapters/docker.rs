//! The Docker Engine API.
