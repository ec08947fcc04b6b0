//! What a layer stores by path: directories and files with sums and hashes.
//!
//! A directory's hash covers the names and hashes of all that the layer stores in it, so that a
//! change that keeps every size is seen. Of a layer with many paths only the larger ones are kept,
//! and [`LayerPaths::floor`] says from which size on.

use std::cmp::Reverse;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use twox_hash::xxhash3_128::Hasher;

use crate::layer::{Entry, Hashing, Kind, Link, PathId, Toc};

/// Paths that are kept of a layer at most.
const MOST: usize = 2_000;

/// What a layer stores by path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerPaths {
    /// Paths of less content are left out; 1 if all that have some are there.
    pub floor: u64,
    /// How contents were hashed; hashes of different kinds say nothing about one another.
    pub hashing: Hashing,
    /// Directories and files, by path; a directory's sums hold those of what is in it.
    pub rows: Vec<PathSum>,
}

/// What a layer stores at a path and below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathSum {
    /// The path from the root, without a slash at the start; bytes that are not UTF-8 as `\xNN`.
    pub path: String,
    /// Whether it is a directory.
    pub directory: bool,
    /// Regular files.
    pub files: u64,
    /// Content bytes.
    pub content: u64,
    /// Bytes of the blob that they cost.
    pub compressed: u64,
    /// A hash of the contents and names, in hexadecimal; `None` if one of them is not known.
    pub hash: Option<String>,
}

/// Sums of one path while they are made.
#[derive(Clone, Copy)]
struct Sum {
    files: u64,
    content: u64,
    compressed: u64,
    hash: Option<u128>,
    is_stored: bool,
    is_directory: bool,
}

impl Default for Sum {
    fn default() -> Self {
        let hash = Some(0);
        Self { files: 0, content: 0, compressed: 0, hash, is_stored: false, is_directory: false }
    }
}

impl LayerPaths {
    /// Adds up a layer. Takes time linear in its paths.
    pub(super) fn of(toc: &Toc) -> Self {
        let sums = sums(toc);
        let content = |path: &PathId| sums[path.index()].content;
        let mut chosen: Vec<_> = toc.paths.ids().filter(|path| content(path) > 0).collect();
        let mut floor = 1;
        if chosen.len() > MOST {
            chosen.sort_by_key(|path| (Reverse(content(path)), *path));
            floor = content(&chosen[MOST]).saturating_add(1);
            chosen.retain(|path| content(path) >= floor);
        }
        let mut rows: Vec<PathSum> = chosen
            .into_iter()
            .map(|path| {
                let Sum { files, content, compressed, hash, is_directory, .. } = sums[path.index()];
                let hash = hash.map(|hash| format!("{hash:032x}"));
                let path = text_of_path(&toc.paths.join(path));
                PathSum { path, directory: is_directory, files, content, compressed, hash }
            })
            .collect();
        rows.sort_by(|a, b| a.path.cmp(&b.path));
        Self { floor, hashing: toc.hashing, rows }
    }
}

/// By path, what the layer stores at it and below it.
fn sums(toc: &Toc) -> Vec<Sum> {
    let mut sums = vec![Sum::default(); toc.paths.len()];
    for entry in &toc.entries {
        let sum = &mut sums[entry.path.index()];
        sum.is_stored = true;
        sum.is_directory |= entry.kind == Kind::Directory;
        sum.compressed = sum.compressed.saturating_add(entry.compressed);
        if entry.kind == Kind::File {
            sum.files += 1;
            sum.content = sum.content.saturating_add(entry.size);
        }
        sum.hash = sum.hash.zip(hash_of(toc, entry)).map(|(all, one)| all.wrapping_add(one));
    }
    let ids: Vec<_> = toc.paths.ids().skip(1).collect();
    for path in ids.into_iter().rev() {
        let sum = sums[path.index()];
        if !sum.is_stored {
            continue;
        }
        let named = sum.hash.map(|hash| hashed(&[toc.paths.name(path), &hash.to_be_bytes()]));
        let parent = &mut sums[toc.paths.parent(path).index()];
        (parent.is_stored, parent.is_directory) = (true, true);
        parent.files += sum.files;
        parent.content = parent.content.saturating_add(sum.content);
        parent.compressed = parent.compressed.saturating_add(sum.compressed);
        parent.hash = parent.hash.zip(named).map(|(all, one)| all.wrapping_add(one));
    }
    sums
}

/// What tells an entry from others at its path; that of a directory is nothing, since any step
/// that writes into one stores it.
fn hash_of(toc: &Toc, entry: &Entry) -> Option<u128> {
    match entry.kind {
        Kind::Directory => Some(0),
        Kind::File if entry.size == 0 => Some(hashed(&[b"empty"])),
        Kind::File => entry.hash.map(|hash| u128::from_be_bytes(hash.0)),
        kind => Some(hashed(&[kind.as_str().as_bytes(), &target(toc, entry)])),
    }
}

/// Where a link leads, as its layer has it.
fn target(toc: &Toc, entry: &Entry) -> Vec<u8> {
    match entry.link {
        Some(Link::Hard(path)) => toc.paths.join(path),
        Some(Link::Symbolic(text)) => toc.text(text).to_vec(),
        None => Vec::new(),
    }
}

fn hashed(parts: &[&[u8]]) -> u128 {
    let mut hasher = Hasher::new();
    for part in parts {
        hasher.write(part);
    }
    hasher.finish_128()
}

/// A path as text: bytes that are not UTF-8 as `\xNN`.
pub fn text_of_path(path: &[u8]) -> String {
    let mut text = String::new();
    for chunk in path.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}
