//! The words of the field as types: releases, backups and their manifests, secrets.

pub mod conninfo;
pub mod manifest;
pub mod secret;
pub mod operation;
pub mod release;
