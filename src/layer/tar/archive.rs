//! Writes tar archives, also such as no writer should write.

use super::header::BLOCK;

/// A header block to be changed at will; its checksum is added last.
#[derive(Clone)]
pub(in crate::layer) struct Head(pub [u8; BLOCK]);

/// An archive that grows.
#[derive(Clone, Default)]
pub(in crate::layer) struct Archive(pub Vec<u8>);

pub(in crate::layer) const USTAR: &[u8] = b"ustar\x0000";
pub(in crate::layer) const GNU: &[u8] = b"ustar  \0";

impl Head {
    /// A ustar header.
    pub(in crate::layer) fn new(flag: u8, name: &[u8], size: u64) -> Self {
        let head = Self([0; BLOCK]);
        let head = head.put(0, &name[..name.len().min(100)]).put(100, b"0000644\0");
        let head = head.put(108, b"0001750\0").put(116, b"0001751\0");
        let head = head.put(124, format!("{size:011o}\0").as_bytes());
        head.put(136, b"14500000000\0").put(156, &[flag]).magic(USTAR)
    }

    /// Overwrites bytes.
    pub(in crate::layer) fn put(mut self, at: usize, bytes: &[u8]) -> Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// Sets magic and version, and with them the format.
    pub(in crate::layer) fn magic(self, magic: &[u8]) -> Self {
        self.put(257, magic)
    }

    /// Sets the target of a link.
    pub(in crate::layer) fn link(self, target: &[u8]) -> Self {
        self.put(157, target)
    }

    /// The block with its checksum.
    pub(in crate::layer) fn sealed(self) -> [u8; BLOCK] {
        let head = self.put(148, b"        ");
        let sum: u32 = head.0.iter().map(|byte| u32::from(*byte)).sum();
        head.put(148, format!("{sum:06o}\0 ").as_bytes()).0
    }
}

impl Archive {
    /// Adds a header.
    pub(in crate::layer) fn head(self, head: Head) -> Self {
        let block = head.sealed();
        self.raw(&block)
    }

    /// Adds bytes as they are.
    pub(in crate::layer) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Adds zeros up to the next block.
    pub(in crate::layer) fn pad(mut self) -> Self {
        self.0.resize(self.0.len().next_multiple_of(BLOCK), 0);
        self
    }

    /// Adds content and its padding.
    pub(in crate::layer) fn data(self, bytes: &[u8]) -> Self {
        self.raw(bytes).pad()
    }

    /// Adds an entry with content.
    pub(in crate::layer) fn entry(self, flag: u8, name: &[u8], content: &[u8]) -> Self {
        self.head(Head::new(flag, name, content.len() as u64)).data(content)
    }

    /// Adds a regular file.
    pub(in crate::layer) fn file(self, name: &str, content: &[u8]) -> Self {
        self.entry(b'0', name.as_bytes(), content)
    }

    /// Adds a PAX header.
    pub(in crate::layer) fn pax(self, records: &[(&str, &str)]) -> Self {
        let data = records.iter().flat_map(|(key, value)| record(key.as_bytes(), value.as_bytes()));
        self.entry(b'x', b"PaxHeaders/x", &data.collect::<Vec<u8>>())
    }

    /// Adds the end marker; the archive's bytes.
    pub(in crate::layer) fn end(self) -> Vec<u8> {
        self.raw(&[0; 2 * BLOCK]).0
    }
}

/// A PAX record, whose length counts itself.
pub(in crate::layer) fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    [length.to_string().as_bytes(), b" ", key, b"=", value, b"\n"].concat()
}

/// A part of a map in the old GNU format.
pub(in crate::layer) fn part(offset: u64, length: u64) -> Vec<u8> {
    format!("{offset:011o}\0{length:011o}\0").into_bytes()
}
