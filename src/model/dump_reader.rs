//! The numbers and texts that a custom-format dump is made of.
//!
//! Integers are a sign byte and a fixed number of bytes, least significant first; texts are a length (-1: none) and
//! bytes; offsets are a fixed number of bytes, least significant first.

/// Most bytes of one text. What `pg_dump` writes is far below: the longest is the definition of a function.
const MOST_TEXT: i64 = 64 << 20;

/// Most bytes of an integer or an offset, without its sign.
const MOST_WIDTH: usize = 8;

/// How wide numbers are in a dump, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Widths {
    /// Of an integer, without its sign byte; 1 to 7.
    pub int: usize,
    /// Of an offset; 1 to 8.
    pub offset: usize,
}

impl Widths {
    /// The widths that a dump's head tells.
    ///
    /// # Errors
    /// If no machine has such numbers.
    pub fn new(int: u8, offset: u8) -> Result<Self, ReadError> {
        let (int, offset) = (usize::from(int), usize::from(offset));
        if (1..MOST_WIDTH).contains(&int) && (1..=MOST_WIDTH).contains(&offset) {
            Ok(Self { int, offset })
        } else {
            Err(ReadError::Senseless)
        }
    }

    /// An integer from its sign and its digits.
    pub fn int(bytes: &[u8]) -> i64 {
        let Some((sign, digits)) = bytes.split_first() else { return 0 };
        let value = digits.iter().rev().fold(0, |value, &byte| value << 8 | i64::from(byte));
        if *sign == 0 { value } else { -value }
    }

    /// Appends an integer as a dump has it; only the digits that fit.
    pub fn put_int(self, value: i64, into: &mut Vec<u8>) {
        into.push(u8::from(value < 0));
        into.extend_from_slice(&value.unsigned_abs().to_le_bytes()[..self.int]);
    }

    /// An offset as a dump has it; `None` if it does not fit.
    pub fn offset(self, value: u64) -> Option<Vec<u8>> {
        let bytes = value.to_le_bytes();
        let (kept, cut) = bytes.split_at(self.offset);
        cut.iter().all(|&byte| byte == 0).then(|| kept.to_vec())
    }
}

/// Why something could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The bytes end within it.
    Cut,
    /// It cannot be what it should be.
    Senseless,
}

/// Reads a dump from its beginning.
pub struct DumpReader<'a> {
    bytes: &'a [u8],
    position: usize,
    /// How wide numbers are: known as soon as the head has told it.
    pub widths: Widths,
}

impl<'a> DumpReader<'a> {
    /// At the first of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0, widths: Widths { int: 4, offset: 8 } }
    }

    /// How many bytes have been read.
    pub fn position(&self) -> usize {
        self.position
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// If there are fewer.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], ReadError> {
        let rest = &self.bytes[self.position..];
        let (taken, _) = rest.split_at_checked(count).ok_or(ReadError::Cut)?;
        self.position += count;
        Ok(taken)
    }

    /// The next byte.
    ///
    /// # Errors
    /// If there is none.
    pub fn byte(&mut self) -> Result<u8, ReadError> {
        Ok(self.take(1)?[0])
    }

    /// The next integer.
    ///
    /// # Errors
    /// If it is cut.
    pub fn int(&mut self) -> Result<i64, ReadError> {
        self.take(1 + self.widths.int).map(Widths::int)
    }

    /// The next text; `None` where the dump has none, which is not the empty one.
    ///
    /// # Errors
    /// If it is cut, or longer than any text.
    pub fn text(&mut self) -> Result<Option<&'a [u8]>, ReadError> {
        match self.int()? {
            ..0 => Ok(None),
            length if length > MOST_TEXT => Err(ReadError::Senseless),
            length => self.take(usize::try_from(length).map_err(|_| ReadError::Senseless)?).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_read() {
        for (width, value) in [(4, 0), (4, -1), (4, 70_000), (7, 1 << 40), (1, 255), (4, -294_967_296)] {
            let widths = Widths::new(width, 8).unwrap();
            let mut bytes = Vec::new();
            widths.put_int(value, &mut bytes);
            assert_eq!(bytes.len(), 1 + usize::from(width));
            assert_eq!(Widths::int(&bytes), value);
        }
    }

    #[test]
    fn an_offset_that_does_not_fit_is_none() {
        let narrow = Widths::new(4, 4).unwrap();
        assert_eq!(narrow.offset(0xffff_ffff), Some(vec![0xff; 4]));
        assert_eq!(narrow.offset(0x1_0000_0000), None);
        assert_eq!(Widths::new(4, 8).unwrap().offset(258), Some(vec![2, 1, 0, 0, 0, 0, 0, 0]));
    }

    #[test]
    fn widths_of_no_machine_are_refused() {
        for (int, offset) in [(0, 8), (8, 8), (4, 0), (4, 9), (255, 255)] {
            assert_eq!(Widths::new(int, offset), Err(ReadError::Senseless));
        }
    }

    #[test]
    fn a_text_is_cut_none_or_senseless() {
        let text = |bytes: &[u8]| DumpReader::new(bytes).text().map(|text| text.map(<[u8]>::to_vec));
        assert_eq!(text(&[0, 2, 0, 0, 0, b'a', b'b', b'c']), Ok(Some(b"ab".to_vec())));
        assert_eq!(text(&[0, 0, 0, 0, 0]), Ok(Some(Vec::new())));
        assert_eq!(text(&[1, 1, 0, 0, 0]), Ok(None));
        assert_eq!(text(&[0, 3, 0, 0, 0, b'a', b'b']), Err(ReadError::Cut));
        assert_eq!(text(&[0, 3, 0, 0]), Err(ReadError::Cut));
        assert_eq!(text(&[0, 0, 0, 0, 0x7f]), Err(ReadError::Senseless));
    }
}
