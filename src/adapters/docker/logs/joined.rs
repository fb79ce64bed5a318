//! Whole lines out of two streams that come in pieces: the engine cuts a long line, and the other stream may come in between.

use super::LogStream;

/// A line that is longer goes out in parts.
const LONGEST: usize = 256 * 1024;

#[derive(Default)]
pub(super) struct Joined {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Joined {
    /// Takes a piece of a stream and gives the lines that are whole now.
    pub(super) fn push(&mut self, stream: LogStream, piece: &[u8]) -> Vec<u8> {
        let pending = match stream {
            LogStream::Stdout => &mut self.stdout,
            LogStream::Stderr => &mut self.stderr,
        };
        pending.extend_from_slice(piece);
        match pending.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => {
                let rest = pending.split_off(end + 1);
                std::mem::replace(pending, rest)
            }
            None if pending.len() >= LONGEST => std::mem::take(pending),
            None => Vec::new(),
        }
    }

    /// What is left at the end, each with a line end.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        for pending in [&mut self.stdout, &mut self.stderr] {
            if !pending.is_empty() {
                rest.append(pending);
                rest.push(b'\n');
            }
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_cut_is_whole_again_though_the_other_stream_came_in_between() {
        let mut joined = Joined::default();
        assert_eq!(joined.push(LogStream::Stdout, b"one\npass"), b"one\n");
        assert_eq!(joined.push(LogStream::Stderr, b"warning\n"), b"warning\n");
        assert_eq!(joined.push(LogStream::Stdout, b"word\ntwo"), b"password\n");
        assert_eq!(joined.push(LogStream::Stderr, b"last"), b"");
        assert_eq!(joined.finish(), b"two\nlast\n");
        assert_eq!(joined.finish(), b"");
    }

    #[test]
    fn a_line_without_end_does_not_grow_for_ever() {
        let mut joined = Joined::default();
        let out: usize = (0..64).map(|_| joined.push(LogStream::Stdout, &[b'x'; 16 * 1024]).len()).sum();
        assert_eq!(out, 64 * 16 * 1024);
    }
}
