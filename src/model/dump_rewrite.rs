//! A dump in the form that is quickest to load: the same entries and the same data, in blocks that are not too small,
//! with a table of contents that says where the data of each entry begins.
//!
//! `pg_dump` cannot note where data begins when it writes into a pipe, and some of its versions make a block of every
//! row. What reads such a file in parallel looks through all of it, once for each reader, and hands rows on one by one.

use std::collections::HashMap;

use crate::model::dump_blocks::{DumpBlocks, ItemKind, Piece};
use crate::model::dump_reader::Widths;
use crate::model::dump_toc::{DataState, DumpToc, NotUnderstood, TocError};

/// Bytes of data in a block: enough that blocks cost nothing, and no more than a reader hands on at once.
const BLOCK: usize = 64 << 10;

/// Most bytes of a table of contents, which is held in memory: some ten thousand tables.
pub const MOST_TOC: usize = 8 << 20;

/// Rewrites a dump as it comes. What it makes is taken away in parts, in order, and its beginning is written again at the
/// end.
#[derive(Debug)]
pub struct DumpRewriter {
    stage: Stage,
    /// What was made and not taken away yet.
    made: Vec<u8>,
    /// Where in `made` a block begins that may still grow.
    open: Option<usize>,
    /// Bytes that were taken away.
    taken: u64,
}

#[derive(Debug)]
enum Stage {
    /// The table of contents has not come in full.
    Head(Vec<u8>),
    Data {
        head: Vec<u8>,
        widths: Widths,
        blocks: DumpBlocks,
        entries: HashMap<i64, Entry>,
    },
}

#[derive(Debug)]
struct Entry {
    data: DataState,
    /// Where in the head that is said.
    data_at: usize,
    /// Where its data begins now, if it came.
    found: Option<u64>,
}

/// What is left when a dump has come in full.
#[derive(Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// The last part.
    pub rest: Vec<u8>,
    /// What the first bytes have to be instead of what they were: of the same length.
    pub head: Vec<u8>,
}

impl Default for DumpRewriter {
    fn default() -> Self {
        Self { stage: Stage::Head(Vec::new()), made: Vec::new(), open: None, taken: 0 }
    }
}

impl DumpRewriter {
    /// Takes the next bytes of the dump.
    ///
    /// # Errors
    /// If they are not of the kind that is known here. Nothing that was made counts then.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), NotUnderstood> {
        let Stage::Head(head) = &mut self.stage else { return self.data(bytes) };
        head.extend_from_slice(bytes);
        let toc = match DumpToc::parse(head) {
            Ok(toc) => toc,
            Err(TocError::Cut) if head.len() <= MOST_TOC => return Ok(()),
            Err(TocError::Cut) => return Err(NotUnderstood("so long a table of contents")),
            Err(TocError::NotUnderstood(what)) => return Err(what),
        };
        let (length, widths) = (toc.length, toc.widths);
        let entries = entries(&toc)?;
        let data = head.split_off(length);
        let head = std::mem::take(head);
        self.made.extend_from_slice(&head);
        self.stage = Stage::Data { head, widths, blocks: DumpBlocks::new(widths), entries };
        self.data(&data)
    }

    /// How many bytes can be taken away.
    pub fn ready(&self) -> usize {
        self.open.unwrap_or(self.made.len())
    }

    /// Takes away what is ready. `empty` is used for what will be made.
    pub fn take(&mut self, mut empty: Vec<u8>) -> Vec<u8> {
        let ready = self.ready();
        empty.clear();
        empty.extend_from_slice(&self.made[ready..]);
        self.made.truncate(ready);
        self.taken += ready as u64;
        self.open = self.open.map(|_| 0);
        std::mem::replace(&mut self.made, empty)
    }

    /// The end of the dump.
    ///
    /// # Errors
    /// If it ends too early, or lacks data that it said it has.
    pub fn finish(self) -> Result<Rewritten, NotUnderstood> {
        let Stage::Data { mut head, widths, blocks, entries } = self.stage else {
            return Err(NotUnderstood("the end of its table of contents"));
        };
        if !blocks.between_items() {
            return Err(NotUnderstood("the end of its data"));
        }
        for entry in entries.values() {
            let Some(found) = entry.found else {
                if entry.data == DataState::Known {
                    return Err(NotUnderstood("an entry's missing data"));
                }
                continue;
            };
            let offset = widths.offset(found).ok_or(NotUnderstood("so far an offset"))?;
            head[entry.data_at] = DumpToc::KNOWN;
            head[entry.data_at + 1..][..offset.len()].copy_from_slice(&offset);
        }
        Ok(Rewritten { rest: self.made, head })
    }

    fn data(&mut self, mut bytes: &[u8]) -> Result<(), NotUnderstood> {
        let Stage::Data { widths, blocks, entries, .. } = &mut self.stage else { return Ok(()) };
        let (widths, made, open) = (*widths, &mut self.made, &mut self.open);
        while let Some(piece) = blocks.next(&mut bytes)? {
            if !matches!(piece, Piece::Data(_)) {
                close(widths, made, open);
            }
            match piece {
                Piece::Item { kind, dump_id } => {
                    note(entries, dump_id, self.taken + made.len() as u64)?;
                    begin_item(widths, made, kind, dump_id);
                }
                Piece::LargeObject(oid) => widths.put_int(oid, made),
                Piece::Data(data) => append(widths, made, open, data),
                Piece::End => widths.put_int(0, made),
            }
        }
        Ok(())
    }
}

fn entries(toc: &DumpToc<'_>) -> Result<HashMap<i64, Entry>, NotUnderstood> {
    let mut entries = HashMap::with_capacity(toc.entries.len());
    for entry in &toc.entries {
        let noted = Entry { data: entry.data, data_at: entry.data_at, found: None };
        if entries.insert(entry.dump_id, noted).is_some() {
            return Err(NotUnderstood("an entry that is there twice"));
        }
    }
    Ok(entries)
}

fn note(entries: &mut HashMap<i64, Entry>, dump_id: i64, at: u64) -> Result<(), NotUnderstood> {
    match entries.get_mut(&dump_id) {
        Some(entry) if entry.found.is_none() && entry.data != DataState::NoData => {
            entry.found = Some(at);
            Ok(())
        }
        Some(Entry { found: Some(_), .. }) => Err(NotUnderstood("data that is there twice")),
        _ => Err(NotUnderstood("data without an entry")),
    }
}

fn begin_item(widths: Widths, made: &mut Vec<u8>, kind: ItemKind, dump_id: i64) {
    made.push(kind.byte());
    widths.put_int(dump_id, made);
}

/// Adds to the block that is open, and opens and closes others as it takes.
fn append(widths: Widths, made: &mut Vec<u8>, open: &mut Option<usize>, mut data: &[u8]) {
    while !data.is_empty() {
        let start = *open.get_or_insert_with(|| {
            let start = made.len();
            widths.put_int(0, made);
            start
        });
        let held = made.len() - start - (1 + widths.int);
        let (part, rest) = data.split_at(data.len().min(BLOCK - held));
        made.extend_from_slice(part);
        data = rest;
        if held + part.len() == BLOCK {
            close(widths, made, open);
        }
    }
}

/// Writes the length of the block that is open in front of it.
fn close(widths: Widths, made: &mut [u8], open: &mut Option<usize>) {
    let Some(start) = open.take() else { return };
    let length = made.len() - start - (1 + widths.int);
    let digits = (length as u64).to_le_bytes();
    made[start + 1..][..widths.int].copy_from_slice(&digits[..widths.int]);
}

#[cfg(test)]
mod tests;
