//! `opsctl support-bundle`.

mod inspect;

use crate::cli::{BundleAction, SupportBundle};
use crate::commands::context::Outcome;
use crate::error::Failure;

/// Does what was asked.
pub fn run(asked: &SupportBundle) -> Result<Outcome, Failure> {
    match &asked.action {
        BundleAction::Inspect(asked) => inspect::run(asked),
    }
}
