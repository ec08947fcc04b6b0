//! What the tests and programs here have in common: the targets, and the tar walker held against
//! another reader.

pub mod differential;

use regsize::filesystem::fuzzing::merge;
use regsize::layer::fuzzing::{
    codec, estargz, layer, path, tar_archives, tar_walker, zstd_chunked, ztoc,
};
use regsize::package::fuzzing::language_packages;
use regsize::package::system::fuzzing::{apk_installed, dpkg_status, rpm_header, rpm_sqlite};

/// A target: bytes that it must hold for, whatever they are.
pub type Body = fn(&[u8]);

/// The targets by name; their seeds are in `seeds/NAME`.
pub const TARGETS: [(&str, Body); 14] = [
    ("tar_walker", tar_walker),
    ("tar_archives", tar_archives),
    ("layer", layer),
    ("estargz", estargz),
    ("zstd_chunked", zstd_chunked),
    ("ztoc", ztoc),
    ("merge", merge),
    ("codec", codec),
    ("path", path),
    ("dpkg_status", dpkg_status),
    ("apk_installed", apk_installed),
    ("rpm_sqlite", rpm_sqlite),
    ("rpm_header", rpm_header),
    ("language_packages", language_packages),
];

/// The seeds of a target with their names, in the order of these.
///
/// # Panics
///
/// If there are none.
pub fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    let files = std::fs::read_dir(&directory).expect("every target has seeds");
    let mut seeds: Vec<_> = files
        .map(|file| {
            let file = file.expect("a directory that can be read");
            let bytes = std::fs::read(file.path()).expect("a file that can be read");
            (file.file_name().to_string_lossy().into_owned(), bytes)
        })
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{target} has no seeds");
    seeds
}

/// Numbers that look random: xorshift64*.
pub struct Random(u64);

impl Random {
    /// Starts from a seed; each gives other numbers.
    pub fn new(seed: u64) -> Self {
        let mut random = Self(seed << 1 | 1);
        for _ in 0..16 {
            random.number();
        }
        random
    }

    /// Any number of 32 bits.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32
    }

    /// A number below `end`, or 0.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.number()).expect("32 bits") % end.max(1)
    }

    /// Any byte.
    pub fn byte(&mut self) -> u8 {
        self.number().to_le_bytes()[0]
    }
}
