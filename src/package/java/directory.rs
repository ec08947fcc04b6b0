//! The directory at the end of a zip archive.

/// Signatures, and what follows them in bytes.
const END: &[u8] = b"PK\x05\x06";
const END_LENGTH: usize = 22;
const ENTRY: &[u8] = b"PK\x01\x02";
const ENTRY_LENGTH: usize = 46;

/// The names in the directory of an archive that ends with `tail`; none where it starts before.
pub(super) fn names(tail: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = directory(tail).unwrap_or_default();
    std::iter::from_fn(move || {
        let entry = rest.strip_prefix(ENTRY).map(|_| rest)?;
        let length = |at: usize| {
            let bytes = entry.get(at..at + 2)?;
            Some(usize::from(u16::from_le_bytes(bytes.try_into().ok()?)))
        };
        let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
        let found = entry.get(ENTRY_LENGTH..ENTRY_LENGTH + name)?;
        rest = entry.get(ENTRY_LENGTH + name + extra + comment..)?;
        Some(found)
    })
}

fn directory(tail: &[u8]) -> Option<&[u8]> {
    let last = tail.len().checked_sub(END_LENGTH)?;
    let end = (0..=last).rev().find(|at| tail[*at..].starts_with(END))?;
    let size = u32::from_le_bytes(tail.get(end + 12..end + 16)?.try_into().ok()?);
    let start = end.checked_sub(usize::try_from(size).ok()?)?;
    tail.get(start..end)
}

/// The end of an archive with some names.
#[cfg(test)]
pub(super) fn archive(names: &[&str]) -> Vec<u8> {
    let mut bytes = b"before".to_vec();
    for name in names {
        let mut entry = [0; ENTRY_LENGTH];
        entry[..4].copy_from_slice(ENTRY);
        entry[28..30].copy_from_slice(&u16::try_from(name.len()).unwrap().to_le_bytes());
        bytes.extend(entry);
        bytes.extend(name.as_bytes());
    }
    let size = u32::try_from(bytes.len() - 6).unwrap();
    bytes.extend(END);
    bytes.extend([0; 8]);
    bytes.extend(size.to_le_bytes());
    bytes.extend([0; 6]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_far_as_they_are_there() {
        let whole = archive(&["a", "b/c"]);
        let check = |tail: &[u8], expected: &[&str]| {
            let found: Vec<_> = names(tail).map(|name| str::from_utf8(name).unwrap()).collect();
            assert_eq!(found, expected);
        };
        check(&whole, &["a", "b/c"]);
        check(&whole[6..], &["a", "b/c"]);
        check(&whole[7..], &[]);
        check(&whole[..whole.len() - 1], &[]);
        check(b"", &[]);
    }
}
