//! What a tar archive holds, from its first and last bytes, also where gzip compresses it.
//!
//! A header is told by its checksum. Members whose headers were not kept are not told; of an
//! archive that gzip compresses only those at its start are. Nothing is unpacked.

use flate2::{Decompress, FlushDecompress};

use super::zip::Member;

const BLOCK: usize = 512;
const MAGIC: std::ops::Range<usize> = 257..262;
const CHECKSUM: std::ops::Range<usize> = 148..156;
/// Bytes that the start of a compressed archive may become.
const UNPACKED: usize = 1 << 20;
/// The header that programs write most: no name, no remark.
const GZIP: &[u8] = b"\x1f\x8b\x08";

/// The members that the start and the end of an archive list, each once.
pub(super) fn members(head: &[u8], tail: &[u8]) -> Vec<Member> {
    let unpacked = gunzip(head);
    let mut members = listed(unpacked.as_deref().unwrap_or(head), 0);
    if unpacked.is_none() && head.get(MAGIC) == Some(b"ustar") {
        // Archives are whole blocks long.
        members.extend(listed(tail, tail.len() % BLOCK));
    }
    members.sort_unstable();
    members.dedup();
    members
}

/// The members whose headers are there, in blocks from `start` on.
fn listed(bytes: &[u8], start: usize) -> Vec<Member> {
    let mut members = Vec::new();
    let mut at = start;
    while let Some(block) = bytes.get(at..at.saturating_add(BLOCK)) {
        at = at.saturating_add(BLOCK);
        let Some((member, size)) = header(block) else { continue };
        members.extend(member);
        let blocks = usize::try_from(size.div_ceil(BLOCK as u64)).unwrap_or(usize::MAX);
        at = at.saturating_add(blocks.saturating_mul(BLOCK));
    }
    members
}

/// The member of a header, if it is a file with content, and the length of what follows.
fn header(block: &[u8]) -> Option<(Option<Member>, u64)> {
    if block.get(MAGIC)? != b"ustar" || octal(block.get(CHECKSUM)?)? != checksum(block) {
        return None;
    }
    let size = octal(block.get(124..136)?)?;
    let name = block.get(..100)?.split(|byte| *byte == 0).next().unwrap_or_default();
    let last = name.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let is_file = matches!(block.get(156), Some(b'0' | 0)) && size > 0 && !last.is_empty();
    Some((is_file.then(|| Member { name: last.to_vec(), size }), size))
}

fn checksum(block: &[u8]) -> u64 {
    let counted = |at: usize, byte: u8| if CHECKSUM.contains(&at) { b' ' } else { byte };
    block.iter().enumerate().map(|(at, byte)| u64::from(counted(at, *byte))).sum()
}

fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    u64::from_str_radix(text, 8).ok()
}

/// What the start of a gzip stream becomes; `None` if it is none.
fn gunzip(head: &[u8]) -> Option<Vec<u8>> {
    let flags = *head.strip_prefix(GZIP)?.first()?;
    let mut at = 10;
    for (flag, text) in [(4, false), (8, true), (16, true)] {
        if flags & flag == 0 {
            continue;
        }
        let rest = head.get(at..)?;
        at += if text {
            rest.iter().position(|byte| *byte == 0)? + 1
        } else {
            2 + usize::from(u16::from_le_bytes([*rest.first()?, *rest.get(1)?]))
        };
    }
    let mut unpacked = Vec::with_capacity(UNPACKED);
    let mut inflate = Decompress::new(false);
    // What is cut off or damaged gives what stands before.
    let _cut = inflate.decompress_vec(head.get(at..)?, &mut unpacked, FlushDecompress::None);
    Some(unpacked)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use super::*;

    /// An archive of some files, without its end.
    pub(crate) fn archive(files: &[(&str, usize)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, size) in files {
            let mut block = [0_u8; BLOCK];
            block[..name.len()].copy_from_slice(name.as_bytes());
            block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
            block[156] = b'0';
            block[MAGIC].copy_from_slice(b"ustar");
            let sum = format!("{:06o}\0 ", checksum(&block));
            block[CHECKSUM].copy_from_slice(sum.as_bytes());
            bytes.extend_from_slice(&block);
            bytes.resize(bytes.len() + size.next_multiple_of(BLOCK), b'x');
        }
        bytes
    }

    fn names(head: &[u8], tail: &[u8]) -> Vec<(String, u64)> {
        let text = |member: Member| (String::from_utf8(member.name).unwrap(), member.size);
        members(head, tail).into_iter().map(text).collect()
    }

    #[test]
    fn members_are_read_as_far_as_they_are_there() {
        let whole = archive(&[("x/a", 10), ("x/b", 700), ("x/c", 20)]);
        let expected = [("a".to_owned(), 10), ("b".to_owned(), 700), ("c".to_owned(), 20)];
        assert_eq!(names(&whole, b""), expected);
        assert_eq!(
            names(&whole[..1024], &whole[1500..]),
            [expected[0].clone(), expected[2].clone()]
        );
        assert_eq!(names(b"none", &whole), []);
        let mut damaged = whole.clone();
        damaged[0] ^= 1;
        assert_eq!(names(&damaged, b""), expected[1..]);
        for end in 0..whole.len() {
            names(&whole[..end], &whole[end..]);
        }
    }

    #[test]
    fn the_start_of_a_compressed_archive_is_read() {
        let whole = archive(&[("x/a", 10), ("x/b", 700)]);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&whole).unwrap();
        let gzip = gzip.finish().unwrap();
        assert_eq!(names(&gzip, b"").len(), 2);
        for end in 0..gzip.len() {
            names(&gzip[..end], b"");
        }
    }
}
