//! Support bundles that are read: what is found in those of machines that are well and of such that are not, the page, and
//! what becomes of archives that are damaged or were made to do harm.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::cast_possible_wrap,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod page;
#[path = "../support/bundles.rs"]
#[allow(dead_code, clippy::wildcard_imports, reason = "each test takes what it needs")]
mod samples;
