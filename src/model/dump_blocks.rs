//! The data of a custom-format dump, which follows its table of contents: one item after the other.
//!
//! The data of a table: the byte 1, the entry's number, blocks. Large objects: the byte 3, the entry's number, and for
//! each its oid and blocks; an oid of 0 ends them. Blocks: a length and bytes, again and again; a length of 0 ends
//! them. Where one block ends and the next begins means nothing to who reads them.

use crate::model::dump_reader::Widths;
use crate::model::dump_toc::NotUnderstood;

/// A part of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// An item begins.
    Item {
        /// What it is of.
        kind: ItemKind,
        /// The number of its entry.
        dump_id: i64,
    },
    /// Within an item of large objects, one begins. Its oid, as a signed number of 32 bits.
    LargeObject(i64),
    /// Some of the bytes, not more than one block.
    Data(&'a [u8]),
    /// The end of a table's data, of a large object, or of all large objects.
    End,
}

/// What an item holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// The rows of a table.
    Table,
    /// Large objects.
    LargeObjects,
}

impl ItemKind {
    /// The byte that an item of this kind begins with.
    pub fn byte(self) -> u8 {
        match self {
            Self::Table => 1,
            Self::LargeObjects => 3,
        }
    }
}

/// Takes the data apart, in whatever parts it comes.
#[derive(Debug)]
pub struct DumpBlocks {
    widths: Widths,
    expected: Expected,
    /// An integer of which the end has not come yet.
    held: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Item,
    Number(ItemKind),
    Oid,
    Length(ItemKind),
    Data { kind: ItemKind, left: usize },
}

impl DumpBlocks {
    /// At the end of the table of contents.
    pub fn new(widths: Widths) -> Self {
        Self { widths, expected: Expected::Item, held: Vec::with_capacity(1 + widths.int) }
    }

    /// Whether an item has just ended, or none has begun.
    pub fn between_items(&self) -> bool {
        self.expected == Expected::Item
    }

    /// The next piece, taken off the beginning of `input`; `None` when more input is needed.
    ///
    /// # Errors
    /// If the data is not of the kind that is known here.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Piece<'a>>, NotUnderstood> {
        match self.expected {
            Expected::Item => {
                let Some((&first, rest)) = input.split_first() else { return Ok(None) };
                let known = [ItemKind::Table, ItemKind::LargeObjects];
                let kind = known.into_iter().find(|kind| kind.byte() == first);
                self.expected = Expected::Number(kind.ok_or(NotUnderstood("a kind of data"))?);
                *input = rest;
                self.next(input)
            }
            Expected::Number(kind) => {
                let Some(dump_id) = self.int(input) else { return Ok(None) };
                self.expected = match kind {
                    ItemKind::Table => Expected::Length(kind),
                    ItemKind::LargeObjects => Expected::Oid,
                };
                Ok(Some(Piece::Item { kind, dump_id }))
            }
            Expected::Oid => {
                let Some(oid) = self.int(input) else { return Ok(None) };
                if oid == 0 {
                    self.expected = Expected::Item;
                    return Ok(Some(Piece::End));
                }
                self.expected = Expected::Length(ItemKind::LargeObjects);
                Ok(Some(Piece::LargeObject(oid)))
            }
            Expected::Length(kind) => {
                let Some(length) = self.int(input) else { return Ok(None) };
                if length == 0 {
                    self.expected = match kind {
                        ItemKind::Table => Expected::Item,
                        ItemKind::LargeObjects => Expected::Oid,
                    };
                    return Ok(Some(Piece::End));
                }
                let left = i32::try_from(length).ok().and_then(|length| usize::try_from(length).ok());
                self.expected = Expected::Data { kind, left: left.ok_or(NotUnderstood("a block's length"))? };
                self.next(input)
            }
            Expected::Data { kind, left } => {
                if input.is_empty() {
                    return Ok(None);
                }
                let (data, rest) = input.split_at(left.min(input.len()));
                *input = rest;
                self.expected = match left - data.len() {
                    0 => Expected::Length(kind),
                    left => Expected::Data { kind, left },
                };
                Ok(Some(Piece::Data(data)))
            }
        }
    }

    fn int(&mut self, input: &mut &[u8]) -> Option<i64> {
        let width = 1 + self.widths.int;
        if self.held.is_empty()
            && let Some((int, rest)) = input.split_at_checked(width)
        {
            *input = rest;
            return Some(Widths::int(int));
        }
        let (part, rest) = input.split_at(input.len().min(width - self.held.len()));
        self.held.extend_from_slice(part);
        *input = rest;
        if self.held.len() < width {
            return None;
        }
        let int = Widths::int(&self.held);
        self.held.clear();
        Some(int)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIDTHS: Widths = Widths { int: 4, offset: 8 };

    fn bytes(parts: &[Result<i64, &[u8]>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in parts {
            match part {
                Ok(int) => WIDTHS.put_int(*int, &mut bytes),
                Err(raw) => bytes.extend_from_slice(raw),
            }
        }
        bytes
    }

    /// What is read from parts of a given size, in words; adjacent data is one.
    fn read(data: &[u8], part: usize) -> Result<(Vec<String>, bool), NotUnderstood> {
        let mut blocks = DumpBlocks::new(WIDTHS);
        let mut told: Vec<String> = Vec::new();
        let mut run = Vec::new();
        for mut input in data.chunks(part) {
            while let Some(piece) = blocks.next(&mut input)? {
                if let Piece::Data(data) = piece {
                    run.extend_from_slice(data);
                    continue;
                }
                if !run.is_empty() {
                    told.push(String::from_utf8(std::mem::take(&mut run)).unwrap());
                }
                told.push(format!("{piece:?}"));
            }
            assert!(input.is_empty());
        }
        Ok((told, blocks.between_items()))
    }

    fn sample() -> Vec<u8> {
        bytes(&[
            Err(&[1]),
            Ok(3001),
            Ok(6),
            Err(b"1\tone\n"),
            Ok(3),
            Err(b"2\t\n"),
            Ok(0),
            Err(&[3]),
            Ok(3002),
            Ok(-294_967_296),
            Ok(2),
            Err(b"ab"),
            Ok(1),
            Err(b"c"),
            Ok(0),
            Ok(16_400),
            Ok(0),
            Ok(0),
            Err(&[1]),
            Ok(3003),
            Ok(0),
        ])
    }

    #[test]
    fn it_is_read_alike_in_parts_of_any_size() {
        let expected = [
            "Item { kind: Table, dump_id: 3001 }",
            "1\tone\n2\t\n",
            "End",
            "Item { kind: LargeObjects, dump_id: 3002 }",
            "LargeObject(-294967296)",
            "abc",
            "End",
            "LargeObject(16400)",
            "End",
            "End",
            "Item { kind: Table, dump_id: 3003 }",
            "End",
        ];
        for part in 1..=sample().len() {
            let (told, whole) = read(&sample(), part).unwrap();
            assert_eq!(told, expected, "in parts of {part}");
            assert!(whole);
        }
    }

    #[test]
    fn cut_within_an_item_it_is_not_between_items() {
        let sample = sample();
        let ends: Vec<usize> = (0..=sample.len()).filter(|&end| read(&sample[..end], 7).unwrap().1).collect();
        let first = bytes(&[Err(&[1]), Ok(1), Ok(1), Err(b"123456"), Ok(1), Err(b"123"), Ok(1)]).len();
        assert_eq!(ends, [0, first, sample.len() - 11, sample.len()]);
    }

    #[test]
    fn other_data_is_not_understood() {
        for other in [
            bytes(&[Err(&[2])]),
            bytes(&[Err(&[0])]),
            bytes(&[Err(&[1]), Ok(1), Ok(-1)]),
            bytes(&[Err(&[1]), Ok(1), Ok(i64::from(u32::MAX))]),
        ] {
            assert!(read(&other, 64).is_err(), "{other:?}");
        }
    }
}
