//! The end of a log, and of what comes before it what surrounds errors, in bounded memory.

use std::collections::VecDeque;

use crate::adapters::bundle_store::Room;

/// Most bytes of the last lines, and of what surrounds errors before them.
const MOST_END: usize = 2 << 20;
const MOST_BEFORE: usize = 512 << 10;

/// Lines that are kept before and after one that tells of an error.
const BEFORE: usize = 3;
const AFTER: usize = 5;

/// What lines that tell of an error have in them, in lower case.
const SIGNS: [&[u8]; 8] = [
    b"error",
    b"fatal",
    b"panic",
    b"exception",
    b"critical",
    b"\"level\":50",
    b"\"level\":60",
    b"out of memory",
];

/// A log on its way through.
pub(super) struct Excerpt {
    most: usize,
    end: VecDeque<Vec<u8>>,
    end_bytes: usize,
    /// What surrounds errors, each with the number of its line.
    kept: VecDeque<(u64, Vec<u8>)>,
    kept_bytes: usize,
    /// The last lines that nothing spoke for so far.
    recent: VecDeque<(u64, Vec<u8>)>,
    /// How many lines more belong to the last error.
    owed: usize,
    number: u64,
    room: Room,
}

impl Excerpt {
    /// Keeps the last `most` lines in full.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            end: VecDeque::new(),
            end_bytes: 0,
            kept: VecDeque::new(),
            kept_bytes: 0,
            recent: VecDeque::new(),
            owed: 0,
            number: 0,
            room: Room::More,
        }
    }

    /// Takes whole lines.
    pub(super) fn push(&mut self, lines: &[u8]) {
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            self.end_bytes += line.len();
            self.end.push_back(line.to_vec());
            while self.end.len() > self.most || self.end_bytes > MOST_END {
                let Some(oldest) = self.end.pop_front() else { break };
                self.end_bytes -= oldest.len();
                if self.end.len() < self.most {
                    self.room = Room::Full;
                }
                self.pass(oldest);
            }
        }
    }

    /// A line that is not among the last ones any more.
    fn pass(&mut self, line: Vec<u8>) {
        self.number += 1;
        if tells_of_an_error(&line) {
            for (number, line) in std::mem::take(&mut self.recent) {
                self.keep(number, line);
            }
            self.owed = AFTER;
            self.keep(self.number, line);
        } else if self.owed > 0 {
            self.owed -= 1;
            self.keep(self.number, line);
        } else {
            self.recent.push_back((self.number, line));
            if self.recent.len() > BEFORE {
                self.recent.pop_front();
            }
        }
    }

    fn keep(&mut self, number: u64, line: Vec<u8>) {
        self.kept_bytes += line.len();
        self.kept.push_back((number, line));
        while self.kept_bytes > MOST_BEFORE {
            let Some((_, oldest)) = self.kept.pop_front() else { break };
            self.kept_bytes -= oldest.len();
            self.room = Room::Full;
        }
    }

    /// What is kept, with a line for each gap, and whether a limit on its size was met.
    pub(super) fn finish(self) -> (Vec<u8>, Room) {
        let mut text = Vec::with_capacity(self.kept_bytes + self.end_bytes);
        let mut last = None;
        for (number, line) in &self.kept {
            gap(&mut text, last, *number);
            text.extend_from_slice(line);
            last = Some(*number);
        }
        gap(&mut text, last, self.number + 1);
        for line in &self.end {
            text.extend_from_slice(line);
        }
        (text, self.room)
    }
}

/// Lines further back than was read are not counted.
fn gap(text: &mut Vec<u8>, last: Option<u64>, next: u64) {
    let missing = next - last.unwrap_or(0) - 1;
    if missing > 0 {
        text.extend_from_slice(format!("[... {missing} lines are left out ...]\n").as_bytes());
    }
}

fn tells_of_an_error(line: &[u8]) -> bool {
    let lower = line.to_ascii_lowercase();
    SIGNS.iter().any(|sign| lower.windows(sign.len()).any(|window| window == *sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt(most: usize, lines: &[String]) -> String {
        let mut excerpt = Excerpt::new(most);
        for line in lines {
            excerpt.push(line.as_bytes());
        }
        String::from_utf8(excerpt.finish().0).unwrap()
    }

    #[test]
    fn a_short_log_is_kept_as_it_is() {
        let lines: Vec<String> = (1..=5).map(|n| format!("line {n}\n")).collect();
        assert_eq!(excerpt(5, &lines), lines.concat());
        assert_eq!(excerpt(5, &[]), "");
    }

    #[test]
    fn of_a_long_one_the_end_and_what_surrounds_errors_is_kept() {
        let mut lines: Vec<String> = (1..=100).map(|n| format!("line {n}\n")).collect();
        lines[49] = "{\"level\":50,\"msg\":\"it broke\"}\n".to_owned();
        let kept = excerpt(3, &lines);
        let expected = "[... 46 lines are left out ...]\nline 47\nline 48\nline 49\n{\"level\":50,\"msg\":\"it broke\"}\n\
                        line 51\nline 52\nline 53\nline 54\nline 55\n[... 42 lines are left out ...]\nline 98\nline 99\nline 100\n";
        assert_eq!(kept, expected);
    }

    #[test]
    fn whatever_comes_memory_is_bounded_and_the_newest_is_kept() {
        let mut excerpt = Excerpt::new(1000);
        for number in 0..300 {
            excerpt.push(format!("ERROR {number} {}\n", "x".repeat(50_000)).as_bytes());
            assert!(excerpt.kept_bytes <= MOST_BEFORE && excerpt.end_bytes <= MOST_END);
        }
        let (text, room) = excerpt.finish();
        assert_eq!(room, Room::Full);
        assert!(text.windows(10).any(|window| window == b"ERROR 299 "));
    }
}
