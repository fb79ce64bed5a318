//! Dumps that are put together by hand, also for the tests of what reads their data.

use super::*;

/// How one is made: archive version, widths, entries.
pub(in crate::model) struct Sample {
    pub(in crate::model) minor: u8,
    pub(in crate::model) widths: Widths,
    pub(in crate::model) entries: Vec<SampleEntry>,
}

pub(in crate::model) struct SampleEntry {
    pub(in crate::model) dump_id: i64,
    pub(in crate::model) tag: &'static str,
    pub(in crate::model) kind: &'static str,
    pub(in crate::model) definition: &'static str,
    pub(in crate::model) drop: &'static str,
    pub(in crate::model) owner: &'static str,
    pub(in crate::model) state: u8,
}

pub(in crate::model) fn data(dump_id: i64, state: u8) -> SampleEntry {
    SampleEntry { dump_id, tag: "t", kind: "TABLE DATA", definition: "", drop: "", owner: "ledger", state }
}

impl Sample {
    pub(in crate::model) fn of(minor: u8, entries: Vec<SampleEntry>) -> Self {
        Self { minor, widths: Widths { int: 4, offset: 8 }, entries }
    }

    pub(in crate::model) fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"PGDMP".to_vec();
        let [int, offset] = [self.widths.int, self.widths.offset].map(|width| u8::try_from(width).unwrap());
        bytes.extend([1, self.minor, 0, int, offset, 1]);
        if self.minor < 15 {
            self.int(0, &mut bytes);
        } else {
            bytes.push(0);
        }
        for part in [59, 4, 3, 2, 0, 126, 0] {
            self.int(part, &mut bytes);
        }
        for part in ["ledger", "15.18", "15.18"] {
            self.text(part, &mut bytes);
        }
        self.int(i64::try_from(self.entries.len()).unwrap(), &mut bytes);
        for entry in &self.entries {
            self.entry(entry, &mut bytes);
        }
        bytes
    }

    fn entry(&self, entry: &SampleEntry, bytes: &mut Vec<u8>) {
        self.int(entry.dump_id, bytes);
        self.int(i64::from(entry.state != 3), bytes);
        for part in ["1259", "16384", entry.tag, entry.kind] {
            self.text(part, bytes);
        }
        self.int(2, bytes);
        for part in [entry.definition, entry.drop, "COPY x FROM stdin;\n", "public", ""] {
            self.text(part, bytes);
        }
        if self.minor >= 14 {
            self.text("heap", bytes);
        }
        if self.minor >= 16 {
            self.int(114, bytes);
        }
        for part in [entry.owner, "false", "17", "4"] {
            self.text(part, bytes);
        }
        self.int(-1, bytes);
        bytes.push(entry.state);
        bytes.extend(vec![7; self.widths.offset]);
    }

    pub(in crate::model) fn int(&self, value: i64, bytes: &mut Vec<u8>) {
        self.widths.put_int(value, bytes);
    }

    fn text(&self, text: &str, bytes: &mut Vec<u8>) {
        self.int(i64::try_from(text.len()).unwrap(), bytes);
        bytes.extend(text.as_bytes());
    }
}

fn sample(minor: u8) -> Sample {
    let table = SampleEntry {
        dump_id: 215,
        tag: "t",
        kind: "TABLE",
        definition: "CREATE TABLE t ();\n",
        drop: "DROP TABLE t;\n",
        owner: "odd \"role\"",
        state: 3,
    };
    Sample::of(minor, vec![table, data(3001, 1), data(3002, 2)])
}

#[test]
fn every_version_is_read_to_its_end() {
    for minor in 12..=16 {
        let bytes = sample(minor).bytes();
        let toc = DumpToc::parse(&bytes).unwrap();
        assert_eq!(toc.length, bytes.len(), "1.{minor}");
        let told: Vec<_> =
            toc.entries.iter().map(|entry| (entry.dump_id, entry.data, bytes[entry.data_at])).collect();
        assert_eq!(
            told,
            [(215, DataState::NoData, 3), (3001, DataState::Unknown, 1), (3002, DataState::Known, 2)]
        );
        let table = &toc.entries[0];
        assert_eq!((table.tag, table.kind), (&b"t"[..], &b"TABLE"[..]));
        assert_eq!(table.owner, b"odd \"role\"");
        assert_eq!((table.definition, table.drop), (&b"CREATE TABLE t ();\n"[..], &b"DROP TABLE t;\n"[..]));
    }
}

#[test]
fn cut_anywhere_it_asks_for_more() {
    let bytes = sample(16).bytes();
    for end in 0..bytes.len() {
        assert_eq!(DumpToc::parse(&bytes[..end]), Err(TocError::Cut), "cut at {end}");
    }
}

#[test]
fn what_follows_is_not_looked_at() {
    let mut bytes = sample(14).bytes();
    let length = bytes.len();
    bytes.extend([255; 40]);
    assert_eq!(DumpToc::parse(&bytes).unwrap().length, length);
}

#[test]
fn what_came_later_or_makes_no_sense_is_not_understood() {
    let is_refused = |bytes: &[u8]| assert!(matches!(DumpToc::parse(bytes), Err(TocError::NotUnderstood(_))));
    is_refused(&sample(17).bytes());
    is_refused(b"-- PostgreSQL database dump");
    for dump_id in [0, -3, i64::from(u32::MAX)] {
        is_refused(&Sample::of(16, vec![data(dump_id, 1)]).bytes());
    }
    for state in [0, 4, 255] {
        is_refused(&Sample::of(16, vec![data(1, state)]).bytes());
    }
    let mut entries = Sample::of(16, vec![]).bytes();
    let last = entries.len() - 1;
    entries[last] = 0x7f;
    is_refused(&entries);
}

#[test]
fn other_widths_are_read() {
    for (int, offset) in [(2, 4), (7, 8)] {
        let sample = Sample { widths: Widths { int, offset }, ..sample(15) };
        let bytes = sample.bytes();
        assert_eq!(DumpToc::parse(&bytes).unwrap().length, bytes.len());
    }
}
