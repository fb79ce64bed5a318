//! Clocks that do not agree.

use super::Severity::{Critical, Warning};
use super::{Evidence, Finding};
use crate::bundle::contents::member;
use crate::bundle::read::Bundle;

/// From here on times in logs cannot be compared, in milliseconds.
const SKEW: u64 = 2_000;

/// From here on tokens and signatures are refused, in milliseconds.
const SKEW_LARGE: u64 = 60_000;

/// The machine's clock against the database's.
pub(super) fn skew(bundle: &Bundle) -> Vec<Finding> {
    let Some(skew) = bundle.facts().host.as_ref().and_then(|host| host.clock_skew_ms) else {
        return Vec::new();
    };
    let severity = match skew.unsigned_abs() {
        0..SKEW => return Vec::new(),
        SKEW..SKEW_LARGE => Warning,
        _ => Critical,
    };
    let which = if skew > 0 { "ahead of" } else { "behind" };
    let seconds = format!("{}.{} s", skew.unsigned_abs() / 1000, skew.unsigned_abs() % 1000 / 100);
    let line = bundle.line_of(member::HOST, &["\"clock_skew_ms\""]);
    let text = format!("the database's clock is {seconds} {which} the machine's");
    let finding = Finding::new("clock-skew", severity, format!("clock skew: the database's clock is {seconds} {which} the machine's"))
        .seen([Evidence::new(member::HOST, line, text)])
        .remedy("which of them is wrong? `timedatectl` shows whether this machine's is kept right; turn on chrony or systemd-timesyncd")
        .explained("host-clock");
    vec![finding]
}
