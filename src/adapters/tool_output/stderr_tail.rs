//! The end of a tool's standard error, in bounded memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// So much of it is kept.
pub(in crate::adapters) const MOST_BYTES: usize = 64 * 1024;

/// Shared between who reads standard error and who reports it in the end.
#[derive(Clone, Default)]
pub(in crate::adapters) struct StderrTail(Arc<Mutex<VecDeque<u8>>>);

impl StderrTail {
    pub(in crate::adapters) fn push(&self, piece: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(&piece[piece.len().saturating_sub(MOST_BYTES)..]);
        let excess = kept.len().saturating_sub(MOST_BYTES);
        kept.drain(..excess);
    }

    /// The text, from its first whole line on if the start was let go.
    pub(in crate::adapters) fn text(&self) -> String {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let was_cut = kept.len() == MOST_BYTES;
        let bytes = kept.make_contiguous();
        let first_line = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let start = if was_cut { first_line } else { 0 };
        String::from_utf8_lossy(&bytes[start..]).trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_output_is_kept_whole() {
        let tail = StderrTail::default();
        tail.push(b"one\n");
        tail.push(b"two\n");
        assert_eq!(tail.text(), "one\ntwo");
    }

    #[test]
    fn of_long_output_the_last_whole_lines_are_kept() {
        let tail = StderrTail::default();
        for number in 0..20_000 {
            tail.push(format!("line {number}\n").as_bytes());
        }
        let text = tail.text();
        assert!(text.len() <= MOST_BYTES);
        assert!(text.starts_with("line ") && text.ends_with("line 19999"));
    }
}
