//! What bytes look like that are not a tar archive.

/// How formats begin, and what they are called.
const MAGIC: [(&[u8], &str); 27] = [
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\0", "xz"),
    (b"BZh", "bzip2"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\x02\x21\x4c\x18", "lz4"),
    (b"LZIP", "lzip"),
    (b"\x5d\0\0", "lzma"),
    (b"\x1f\x9d", "compress (.Z)"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"Rar!\x1a\x07", "RAR"),
    (b"070701", "cpio"),
    (b"070702", "cpio"),
    (b"070707", "cpio"),
    (b"\xc7\x71", "cpio"),
    (b"\x71\xc7", "cpio"),
    (b"!<arch>\ndebian-binary", "a Debian package"),
    (b"!<arch>\n", "ar"),
    (b"\xed\xab\xee\xdb", "an RPM package"),
    (b"\x7fELF", "ELF"),
    (b"hsqs", "SquashFS"),
    (b"MZ", "a Windows executable"),
    (b"%PDF-", "PDF"),
    (b"<!DOCTYPE", "HTML"),
    (b"<html", "HTML"),
];

/// Bytes that are looked at to tell text.
const TEXT: usize = 512;

/// Names the format that the first bytes of something look like; `None` where they look like
/// nothing known.
pub(in crate::layer) fn detect(bytes: &[u8]) -> Option<&'static str> {
    if let Some((_, name)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some(name);
    }
    if let [low, 0x2a, 0x4d, 0x18, ..] = bytes
        && low >> 4 == 5
    {
        return Some("zstd");
    }
    let start = &bytes[..bytes.len().min(TEXT)];
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        // A character may be cut at the end.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return None,
    };
    let printable =
        |text: &str| text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'));
    let first = text.trim_start().chars().next()?;
    printable(text).then_some(match first {
        '{' | '[' => "JSON",
        '<' => "HTML or XML",
        _ => "text",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        let check = |bytes: &[u8], expected: Option<&str>| {
            assert_eq!(detect(bytes), expected, "{}", bytes.escape_ascii());
        };
        check(b"\x1f\x8b\x08\0", Some("gzip"));
        check(b"\x28\xb5\x2f\xfd\0", Some("zstd"));
        check(b"\x5e\x2a\x4d\x18\0", Some("zstd"));
        check(b"\xfd7zXZ\0\0", Some("xz"));
        check(b"BZh91AY", Some("bzip2"));
        check(b"\x04\x22\x4d\x18\0", Some("lz4"));
        check(b"PK\x03\x04\x14", Some("zip"));
        check(b"070701000", Some("cpio"));
        check(b"!<arch>\ndebian-binary   1", Some("a Debian package"));
        check(b"!<arch>\nx.o", Some("ar"));
        check(b"\x7fELF\x02", Some("ELF"));
        check(b"404 page not found\n", Some("text"));
        check(b"\n  {\"errors\":[]}", Some("JSON"));
        check(b"<?xml version='1.0'?>", Some("HTML or XML"));
        check("a".repeat(511).as_bytes(), Some("text"));
        check(format!("{}\u{e9}\u{e9}", "a".repeat(511)).as_bytes(), Some("text"));
        check(b"", None);
        check(b"   ", None);
        check(b"\0\x01\x02", None);
        check(b"caf\xe9 au lait", None);
        check(b"bell\x07", None);
    }
}
