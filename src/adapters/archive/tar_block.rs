//! The 512-byte blocks of a tar archive.

use tar::{EntryType, Header};

use crate::model::backup_id::BackupId;

/// Bytes of a tar block.
pub(super) const BLOCK: usize = 512;

/// Blocks of zeros that end an archive.
pub(super) const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// The header of the regular file `<id>/<name>` of `size` bytes, mode 0600.
///
/// Owner 0 without a name: unpacked by root the files belong to root, by anyone else to that account.
/// Sizes from 8 GiB on are written as binary numbers, as GNU tar does.
pub(super) fn header(id: BackupId, name: &str, size: u64) -> [u8; BLOCK] {
    let mut header = Header::new_gnu();
    let path = format!("{id}/{name}");
    let field = &mut header.as_old_mut().name;
    let length = path.len().min(field.len());
    field[..length].copy_from_slice(&path.as_bytes()[..length]);
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o600);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(u64::try_from(id.timestamp().as_second()).unwrap_or(0));
    header.set_size(size);
    header.set_cksum();
    *header.as_bytes()
}

/// Zeros that fill `size` bytes of content up to whole blocks.
pub(super) fn padding(size: u64) -> usize {
    let beyond = usize::try_from(size % BLOCK as u64).unwrap_or(0);
    (BLOCK - beyond) % BLOCK
}

/// A header as it was read, if its checksum is right.
pub(super) fn parse(block: &[u8; BLOCK]) -> Option<Header> {
    let header = Header::from_byte_slice(block).clone();
    // The sum is over the block with the checksum field itself as spaces.
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    let field: u32 = block[148..156].iter().map(|&byte| u32::from(byte)).sum();
    (header.cksum().ok()? == sum - field + 8 * u32::from(b' ')).then_some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_also_above_eight_gibibytes() {
        let id = "2026-03-04-050607".parse().unwrap();
        for size in [0, 1, (8 << 30) - 1, 8 << 30, 100_u64 << 40] {
            let read = parse(&header(id, "db.dump", size)).unwrap();
            assert_eq!(read.entry_size().unwrap(), size);
            assert_eq!(&*read.path_bytes(), b"2026-03-04-050607/db.dump");
        }
        let mut damaged = header(id, "db.dump", 1);
        damaged[130] ^= 1;
        assert!(parse(&damaged).is_none());
    }

    #[test]
    fn content_is_filled_up_to_blocks() {
        assert_eq!([0, 1, 511, 512, 513].map(padding), [0, 511, 1, 0, 511]);
    }
}
