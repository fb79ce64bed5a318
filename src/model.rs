//! The words of the field as types: releases, backups and their manifests, secrets.

pub mod backup_id;
pub mod compose_model;
pub mod conninfo;
pub mod database_name;
pub mod dump_blocks;
pub mod dump_header;
pub mod dump_reader;
pub mod dump_rewrite;
pub mod dump_roles;
pub mod dump_toc;
pub mod fingerprint;
pub mod image_ref;
pub mod manifest;
pub mod operation;
pub mod pg_tools;
#[cfg(test)]
mod properties;
pub mod redaction;
pub mod release;
pub mod retention;
pub mod secret;
pub mod sql;
