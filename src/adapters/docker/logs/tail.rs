//! The last lines of two interleaved streams, in bounded memory.

use std::collections::VecDeque;

use super::{LogLine, LogStream, LogTail};

pub(super) struct Tail {
    most_lines: usize,
    most_bytes: usize,
    lines: VecDeque<LogLine>,
    bytes: usize,
    shortened: bool,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl Tail {
    pub(super) fn new(most_lines: usize, most_bytes: usize) -> Self {
        Self {
            most_lines,
            most_bytes,
            lines: VecDeque::new(),
            bytes: 0,
            shortened: false,
            stdout: Vec::new(),
            stderr: Vec::new(),
        }
    }

    /// Takes a piece of a stream; the engine cuts long lines into several.
    pub(super) fn push(&mut self, stream: LogStream, mut piece: &[u8]) {
        while let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
            self.extend(stream, &piece[..end]);
            self.end_line(stream);
            piece = &piece[end + 1..];
        }
        self.extend(stream, piece);
    }

    pub(super) fn finish(mut self) -> LogTail {
        for stream in [LogStream::Stdout, LogStream::Stderr] {
            if !self.pending(stream).is_empty() {
                self.end_line(stream);
            }
        }
        LogTail { lines: self.lines.into(), shortened: self.shortened }
    }

    fn pending(&mut self, stream: LogStream) -> &mut Vec<u8> {
        match stream {
            LogStream::Stdout => &mut self.stdout,
            LogStream::Stderr => &mut self.stderr,
        }
    }

    /// Keeps the start of a line that is longer than all there is room for.
    fn extend(&mut self, stream: LogStream, piece: &[u8]) {
        let most = self.most_bytes;
        let pending = self.pending(stream);
        let room = most.saturating_sub(pending.len()).min(piece.len());
        pending.extend_from_slice(&piece[..room]);
        self.shortened |= room < piece.len();
    }

    fn end_line(&mut self, stream: LogStream) {
        let line = std::mem::take(self.pending(stream));
        let text = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
        self.bytes += text.len();
        self.lines.push_back(LogLine { stream, text });
        while self.lines.len() > self.most_lines || self.bytes > self.most_bytes {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.bytes -= oldest.text.len();
            self.shortened = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(tail: &LogTail) -> Vec<&str> {
        tail.lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn lines_cut_into_pieces_are_put_together_by_stream() {
        let mut tail = Tail::new(10, 1000);
        tail.push(LogStream::Stdout, b"first ha");
        tail.push(LogStream::Stderr, b"warning\r\n");
        tail.push(LogStream::Stdout, b"lf\nno end");
        let tail = tail.finish();
        assert_eq!(texts(&tail), ["warning", "first half", "no end"]);
        assert_eq!(tail.lines[0].stream, LogStream::Stderr);
        assert!(!tail.shortened);
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let mut tail = Tail::new(2, 1000);
        tail.push(LogStream::Stdout, b"a\nb\nc\n");
        let tail = tail.finish();
        assert_eq!(texts(&tail), ["b", "c"]);
        assert!(tail.shortened);
    }

    #[test]
    fn memory_is_bounded_in_bytes_too() {
        let mut tail = Tail::new(1000, 64);
        for _ in 0..10_000 {
            tail.push(LogStream::Stdout, &[b'x'; 100]);
        }
        tail.push(LogStream::Stdout, b"\nlast\n");
        let tail = tail.finish();
        assert_eq!(texts(&tail), ["last"]);
        assert!(tail.shortened);
    }
}
