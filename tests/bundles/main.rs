//! Support bundles that are read: what is found in those of machines that are well and of such that are not, the page, and
//! what becomes of archives that are damaged or were made to do harm.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod archives;
mod findings;
mod page;
#[path = "../support/bundles.rs"]
mod samples;
mod single;
