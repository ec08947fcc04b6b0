//! The other opinion on what images hold: `tests/oracle/extract.py`, which reads layers with
//! Python's `tarfile`.

use std::path::Path;

use serde::Deserialize;

use super::real::run;

/// What the oracle says of an image. Paths and targets are text as [`escaped`] gives it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extracted {
    pub layers: Vec<ExtractedLayer>,
    pub tree: Vec<TreeRow>,
    pub content: u64,
    pub visible: Sums,
    pub shadowed: Sums,
    pub waste: Vec<Lost>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtractedLayer {
    pub digest: String,
    pub compressed: u64,
    pub uncompressed: u64,
    pub content: u64,
    pub files: u64,
    pub shadowed: Sums,
    pub entries: Vec<LayerRow>,
}

/// An entry of a layer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerRow {
    pub path: String,
    pub kind: String,
    pub size: u64,
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    pub mtime: i64,
    pub target: Option<String>,
    #[expect(dead_code, reason = "it is decoded all the same")]
    pub sha256: Option<String>,
    pub hidden_in: Option<usize>,
    pub how: Option<String>,
}

/// A path of the merged filesystem.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeRow {
    pub path: String,
    pub kind: String,
    pub layer: Option<usize>,
    pub size: u64,
    pub files: u64,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Sums {
    pub files: u64,
    pub bytes: u64,
}

/// Bytes that one layer writes and another hides.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lost {
    pub written_in: usize,
    pub hidden_in: usize,
    pub files: u64,
    pub bytes: u64,
}

/// Asks the oracle about an image in an OCI layout; `without` are paths to leave out of all
/// layers.
pub fn extract(layout: &Path, tag: &str, without: &[&str]) -> Extracted {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/extract.py");
    let layout = layout.display().to_string();
    let mut arguments = vec![script, &layout, tag];
    arguments.extend(without.iter().flat_map(|path| ["--without", path]));
    let printed = run("python3", "python3", &arguments);
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error} in {printed}"))
}

/// Bytes as the oracle writes them: everything but printable ASCII, and the backslash, as `\xNN`.
pub fn escaped(bytes: &[u8]) -> String {
    let escape = |byte: &u8| match byte {
        b'\\' | 0..=0x1f | 0x7f.. => format!("\\x{byte:02x}"),
        _ => char::from(*byte).to_string(),
    };
    bytes.iter().map(escape).collect()
}
