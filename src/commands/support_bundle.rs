//! `opsctl support-bundle`: what support is given.

mod redact;

use crate::cli::{BundleAction, SupportBundle};
use crate::commands::context::{Context, Outcome};
use crate::error::Failure;

/// Does what was asked.
pub fn run(context: &Context, asked: &SupportBundle) -> Result<Outcome, Failure> {
    match &asked.action {
        BundleAction::Redact(asked) => redact::run(context, asked),
    }
}
