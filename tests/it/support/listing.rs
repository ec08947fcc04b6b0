//! The JSON of `files` as a reader of the schema would decode it: every field named, no others.
//!
//! ```ignore
//! let listing = Listing::of(&sandbox.run(&["files", &reference, "--all", "--format", "json"]));
//! assert_eq!(listing.entries[0].path(), b"etc/passwd");
//! ```

#![expect(dead_code, reason = "what no test reads is decoded all the same")]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::sandbox::Output;

/// A listing of one image.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    pub schema: String,
    pub reference: String,
    pub digest: String,
    pub platform: String,
    pub image_digest: String,
    pub root: Root,
    pub layer: Option<usize>,
    pub shadowed: bool,
    pub totals: Totals,
    pub overhead: Option<u64>,
    pub transferred: u64,
    pub left_out: Vec<LeftOut>,
    pub entries: Vec<Listed>,
    pub warnings: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    pub path: String,
    pub path_bytes: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    pub files: u64,
    pub bytes: u64,
    pub compressed: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    pub index: usize,
    pub digest: String,
    pub compressed: u64,
}

/// A row of a listing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    path: String,
    path_bytes: Option<String>,
    pub kind: String,
    pub files: u64,
    pub content: u64,
    pub compressed: u64,
    pub layer: Option<usize>,
    pub mode: Option<String>,
    pub uid: Option<u64>,
    pub gid: Option<u64>,
    pub mtime: Option<i64>,
    target: Option<String>,
    target_bytes: Option<String>,
    pub shadowed_in: Option<usize>,
    pub how: Option<String>,
}

impl Listing {
    /// The listing of a run that succeeded.
    pub fn of(output: &Output) -> Self {
        assert_eq!(output.code, Some(0), "{output}");
        let listing: Self = serde_json::from_str(&output.stdout)
            .unwrap_or_else(|error| panic!("{error} in {output}"));
        assert_eq!(listing.schema, "regsize.files/1");
        listing
    }
}

impl Listed {
    /// The path, exactly.
    pub fn path(&self) -> Vec<u8> {
        exact(&self.path, self.path_bytes.as_deref())
    }

    /// The target of a link, exactly.
    pub fn target(&self) -> Option<Vec<u8>> {
        let target = self.target.as_deref()?;
        Some(exact(target, self.target_bytes.as_deref()))
    }
}

fn exact(text: &str, bytes: Option<&str>) -> Vec<u8> {
    bytes.map_or_else(
        || text.as_bytes().to_vec(),
        |bytes| STANDARD.decode(bytes).expect("bytes in base64"),
    )
}
