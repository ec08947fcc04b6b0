//! Ceilings that protect this machine from what a layer holds.

/// Ceilings of one layer, and one of all layers of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Entries.
    pub entries: usize,
    /// Bytes of all path components together, each directory's name counted once.
    pub names: usize,
    /// Bytes of the decompressed stream.
    pub unpacked: u64,
    /// How many times longer than the blob the decompressed stream may be, once it is longer than
    /// 64 MiB.
    pub ratio: u64,
    /// Bytes of a table of contents as it is stored.
    pub toc: u64,
    /// Bytes of a table of contents once it is decompressed.
    pub toc_unpacked: u64,
    /// Bytes of the contents that are kept of a layer's files.
    pub captured: usize,
    /// Bytes of memory that all layers of a run may take together; a file takes some 300.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 20_000_000,
            names: 256 << 20,
            unpacked: 1 << 40,
            ratio: 30_000,
            toc: 16 << 20,
            toc_unpacked: 64 << 20,
            captured: 128 << 20,
            memory: 1536 << 20,
        }
    }
}
