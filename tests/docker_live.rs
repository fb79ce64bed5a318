//! The Docker and Compose adapters against a real engine, a real registry and the real `docker compose`.
//!
//! Needs a running engine, `docker compose`, `busybox` (static) and `docker-registry`. Everything made here bears
//! a prefix and is removed by the test that made it.

#![allow(
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests drive programs and stop at what is odd"
)]

#[path = "docker_live/compose.rs"]
mod compose;
#[path = "docker_live/containers.rs"]
mod containers;
#[path = "docker_live/registry.rs"]
mod registry;
#[path = "docker_live/registry_faults.rs"]
mod registry_faults;
#[path = "docker_live/sandbox.rs"]
mod sandbox;
#[path = "docker_live/throughput.rs"]
mod throughput;
