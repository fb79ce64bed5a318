//! Frames: gzip members that say how long they are.
//!
//! Their headers have no time and no name and are therefore the same byte for byte, except for the length: a bit
//! that flips in one does not go unnoticed, though gzip protects its headers with nothing.

use libdeflater::{CompressionError, Compressor, Decompressor, crc32};

/// Most bytes of content in a frame that is written.
pub(super) const FRAME_CONTENT: usize = 1 << 20;

/// Most bytes of content in a frame that is read: room for a later opsctl to use larger ones.
pub(super) const MAX_CONTENT: usize = 2 << 20;

/// Bytes before a frame's deflated data.
pub(super) const HEADER_BYTES: usize = 20;

/// Bytes of the frame that ends an archive.
pub(super) const TRAILER_BYTES: usize = 42;

/// Most bytes of a frame that is read: content that cannot be compressed, and what stored blocks add.
pub(super) const MAX_FRAME: usize = MAX_CONTENT + (64 << 10);

const FOOTER_BYTES: usize = 8;
/// gzip, deflate, with an extra field; no time, no flags of the compressor, no operating system.
const FIXED: [u8; 10] = [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff];
/// The extra field `OP` of four bytes: the frame's whole length.
const LENGTH_FIELD: [u8; 4] = [b'O', b'P', 4, 0];
/// The extra field `OI` of eight bytes: where the manifest's first frame begins.
const INDEX_FIELD: [u8; 4] = [b'O', b'I', 8, 0];

/// A frame is not sound.
pub(super) const BAD_FRAME: &str = "a block's checksum, length or header is wrong";

fn header(frame_bytes: usize, extra_bytes: u8) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..10].copy_from_slice(&FIXED);
    bytes[10] = extra_bytes;
    bytes[12..16].copy_from_slice(&LENGTH_FIELD);
    let length = u32::try_from(frame_bytes).unwrap_or(u32::MAX);
    bytes[16..].copy_from_slice(&length.to_le_bytes());
    bytes
}

fn push_footer(frame: &mut Vec<u8>, content: &[u8]) {
    frame.extend(crc32(content).to_le_bytes());
    frame.extend(u32::try_from(content.len()).unwrap_or(u32::MAX).to_le_bytes());
}

/// A frame with `content` deflated.
pub(super) fn deflated(compressor: &mut Compressor, content: &[u8]) -> Result<Vec<u8>, CompressionError> {
    let mut frame = vec![0; HEADER_BYTES + compressor.deflate_compress_bound(content.len()) + FOOTER_BYTES];
    let length = compressor.deflate_compress(content, &mut frame[HEADER_BYTES..])?;
    frame.truncate(HEADER_BYTES + length);
    push_footer(&mut frame, content);
    let header = header(frame.len(), 8);
    frame[..HEADER_BYTES].copy_from_slice(&header);
    Ok(frame)
}

/// A frame with `content`, below 64 KiB, as it is: of the same length whatever the content.
pub(super) fn stored(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    let mut frame = header(HEADER_BYTES + 5 + content.len() + FOOTER_BYTES, 8).to_vec();
    frame.push(1);
    frame.extend(length.to_le_bytes());
    frame.extend((!length).to_le_bytes());
    frame.extend(content);
    push_footer(&mut frame, content);
    frame
}

/// The empty frame that ends an archive and says where the manifest begins.
pub(super) fn trailer(manifest_offset: u64) -> [u8; TRAILER_BYTES] {
    let mut bytes = [0; TRAILER_BYTES];
    bytes[..HEADER_BYTES].copy_from_slice(&header(TRAILER_BYTES, 20));
    bytes[20..24].copy_from_slice(&INDEX_FIELD);
    bytes[24..32].copy_from_slice(&manifest_offset.to_le_bytes());
    // An empty final deflate block; CRC and length are zero.
    bytes[32] = 3;
    bytes
}

/// Where the manifest begins, if these are a whole trailer.
pub(super) fn manifest_offset(bytes: &[u8]) -> Option<u64> {
    let offset = u64::from_le_bytes(bytes.get(24..32)?.try_into().ok()?);
    (trailer(offset) == bytes).then_some(offset)
}

/// Whether a gzip file that begins like this is cut into frames.
pub(super) fn is_framed(head: &[u8]) -> bool {
    head.starts_with(&FIXED) && head.get(12..16) == Some(&LENGTH_FIELD)
}

/// Length in bytes of the frame that begins like this, if it is one.
pub(super) fn frame_bytes(head: &[u8; HEADER_BYTES]) -> Option<usize> {
    let length = u32::from_le_bytes([head[16], head[17], head[18], head[19]]) as usize;
    let expected = if length == TRAILER_BYTES && head[10] == 20 { 20 } else { 8 };
    let sound =
        *head == header(length, expected) && length > HEADER_BYTES + FOOTER_BYTES && length <= MAX_FRAME;
    sound.then_some(length)
}

/// The content of a whole frame, its checksum compared; `None` if it is not sound.
pub(super) fn content(decompressor: &mut Decompressor, frame: &[u8]) -> Option<Vec<u8>> {
    let (body, footer) = frame.get(HEADER_BYTES..)?.split_last_chunk::<FOOTER_BYTES>()?;
    let expected_crc = u32::from_le_bytes([footer[0], footer[1], footer[2], footer[3]]);
    let length = u32::from_le_bytes([footer[4], footer[5], footer[6], footer[7]]) as usize;
    if length > MAX_CONTENT {
        return None;
    }
    let mut content = vec![0; length];
    let written = decompressor.deflate_decompress(body, &mut content).ok()?;
    (written == length && crc32(&content) == expected_crc).then_some(content)
}

#[cfg(test)]
mod tests {
    use libdeflater::CompressionLvl;

    use super::*;

    #[test]
    fn every_flipped_bit_of_a_frame_is_noticed() {
        let content_in: Vec<u8> = (0..600_u32).map(|n| (n * n % 251) as u8).collect();
        let mut compressor = Compressor::new(CompressionLvl::fastest());
        for whole in [deflated(&mut compressor, &content_in).unwrap(), stored(&content_in)] {
            for bit in 0..whole.len() * 8 {
                let mut frame = whole.clone();
                frame[bit / 8] ^= 1 << (bit % 8);
                let head = frame.first_chunk().unwrap();
                let read = frame_bytes(head)
                    .filter(|&length| length == frame.len())
                    .and_then(|_| content(&mut Decompressor::new(), &frame));
                assert!(read.is_none_or(|read| read == content_in), "bit {bit}");
                assert!(bit >= HEADER_BYTES * 8 || frame_bytes(head) != Some(frame.len()), "bit {bit}");
            }
        }
    }

    #[test]
    fn a_trailer_is_read_back_only_whole() {
        let whole = trailer(0x0123_4567_89ab);
        assert_eq!(manifest_offset(&whole), Some(0x0123_4567_89ab));
        assert_eq!(frame_bytes(whole.first_chunk().unwrap()), Some(TRAILER_BYTES));
        assert_eq!(manifest_offset(&whole[1..]), None);
    }
}
