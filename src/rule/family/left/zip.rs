//! What a zip archive holds, from the end of the file: its central directory.
//!
//! Where the end that was kept begins in the middle of the directory, the members before it are
//! not told. Nothing is unpacked.

/// A member with content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Member {
    /// The last component of its path.
    pub(super) name: Vec<u8>,
    /// Bytes when unpacked.
    pub(super) size: u64,
}

const HEADER: &[u8] = b"PK\x01\x02";
const FIXED: usize = 46;

/// The members that the end of an archive lists.
pub(super) fn members(tail: &[u8]) -> Vec<Member> {
    let mut members = Vec::new();
    let mut at = first(tail).unwrap_or(tail.len());
    while let Some((member, length)) = tail.get(at..).and_then(read) {
        members.extend(member);
        at = at.saturating_add(length);
    }
    members
}

/// The first header after which another one, or the end of the directory, follows.
fn first(tail: &[u8]) -> Option<usize> {
    let mut starts = tail.windows(4).enumerate().filter(|(_, four)| *four == HEADER);
    let follows = |at: usize| {
        let length = read(tail.get(at..)?)?.1;
        let next = tail.get(at + length..at + length + 4)?;
        (next == HEADER || next == b"PK\x05\x06" || next == b"PK\x06\x06").then_some(at)
    };
    starts.find_map(|(at, _)| follows(at))
}

/// The member of a header, if it has content, and the header's length.
fn read(bytes: &[u8]) -> Option<(Option<Member>, usize)> {
    let header = bytes.get(..FIXED).filter(|header| header.starts_with(HEADER))?;
    let short = |at: usize| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
    let size = u32::from_le_bytes([header[24], header[25], header[26], header[27]]);
    let name = bytes.get(FIXED..FIXED + short(28))?;
    let length = FIXED + short(28) + short(30) + short(32);
    // The largest number says that the size is elsewhere.
    let counts = size > 0 && size < u32::MAX && !name.ends_with(b"/");
    let last = name.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let member = counts.then(|| Member { name: last.to_vec(), size: u64::from(size) });
    Some((member, length))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A central directory of some files.
    pub(crate) fn directory(files: &[(&str, u32)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, size) in files {
            let mut header = [0_u8; FIXED];
            header[..4].copy_from_slice(HEADER);
            header[24..28].copy_from_slice(&size.to_le_bytes());
            header[28..30].copy_from_slice(&u16::try_from(name.len()).unwrap().to_le_bytes());
            bytes.extend_from_slice(&header);
            bytes.extend_from_slice(name.as_bytes());
        }
        bytes.extend_from_slice(b"PK\x05\x06");
        bytes.extend_from_slice(&[0; 18]);
        bytes
    }

    #[test]
    fn members_are_read_as_far_as_they_are_there() {
        let whole = directory(&[("a/b.txt", 10), ("a/", 0), ("c", 20)]);
        let names = |bytes: &[u8]| -> Vec<(String, u64)> {
            let text = |member: Member| (String::from_utf8(member.name).unwrap(), member.size);
            members(bytes).into_iter().map(text).collect()
        };
        let (b, c) = (("b.txt".to_owned(), 10), ("c".to_owned(), 20));
        assert_eq!(names(&whole), [b.clone(), c.clone()]);
        assert_eq!(names(&[b"data".as_slice(), &whole].concat()), [b, c.clone()]);
        assert_eq!(names(&whole[3..]), [c]);
        for end in 0..whole.len() {
            members(&whole[..end]);
        }
        assert_eq!(names(b""), []);
    }
}
