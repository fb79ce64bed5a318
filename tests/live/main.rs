//! opsctl as its users run it: as a process, on real Docker, Compose and PostgreSQL.
//!
//! Each test is a story of several steps on an install of its own. What is asserted is the state of the world afterwards:
//! which images run, what `.env` says, which rows and databases there are, and what the process exited with.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::format_push_string,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "tests start processes, write files and print what they measured, and panic when the machine fails them"
)]

mod archives;
mod backups;
mod broken_releases;
mod bundle_page;
mod bundles;
mod compose_lives_on;
mod database_faults;
#[path = "../support/disk.rs"]
mod disk;
mod docker;
mod dockers_disk;
mod engine;
mod engine_restarts;
mod external;
mod from_registry;
mod full_disks;
mod http;
mod in_place;

mod loads;
mod memory;
mod memory_group;
mod migration_in_doubt;
mod operator;
mod outside;
mod own_engine;
mod past_commit;
mod ports;
mod preflight;
mod registry;
mod rehearsals;
mod restores;
mod rollbacks;
mod rotations;
mod server_lock;
mod settings;
mod stack;
#[path = "../support/stand.rs"]
mod stand;
#[path = "../support/stories/all.rs"]
mod stories;
mod third_party;
mod upgrades;
mod verify;
mod world;
mod writer;

stories::every_story!(stack::Stack);
