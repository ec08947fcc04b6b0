//! What a descriptor says about a table of contents in its layer.
//!
//! A table is only trusted if the descriptor, which the manifest's digest covers, has the table's
//! digest; annotations that are malformed are no claim.

use std::str::FromStr;

use crate::layer::tail;
use crate::oci::{Annotations, Compression, Digest, Kind, MediaType};

const STARGZ_DIGEST: &str = "containerd.io/snapshot/stargz/toc.digest";
/// Before and since containers/storage 1.44; the newer one counts where both are.
const PREFIXES: [&str; 2] = ["io.github.containers.zstd-chunked.", "io.containers.zstd-chunked."];

/// Which table of contents a descriptor claims its layer to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// An eStargz table in a gzip layer.
    EStargz {
        /// The digest of the table's JSON.
        json: Digest,
        /// Length of the layer's decompressed bytes, as annotated.
        tar_size: Option<u64>,
    },
    /// A zstd:chunked table. At least one digest is given.
    ZstdChunked {
        /// Where it is; if not annotated, the blob's footer tells.
        position: Option<Position>,
        /// The digest of the compressed table.
        compressed: Option<Digest>,
        /// The digest of the table's JSON, which containerd's tools annotate.
        json: Option<Digest>,
        /// Where the tar-split is, from which the tar's length follows.
        tar_split: Option<Position>,
        /// Length of the layer's decompressed bytes, as annotated.
        tar_size: Option<u64>,
    },
}

/// Where a compressed part of a blob is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Its first byte.
    pub offset: u64,
    /// Its compressed bytes.
    pub length: u64,
    /// Its decompressed bytes.
    pub unpacked: u64,
}

/// Which table of contents a descriptor claims its layer to have, by its annotations and media
/// type alone; `None` where it claims none, or none that could be verified.
pub fn claim(media_type: &MediaType, annotations: &Annotations, size: u64) -> Option<Claim> {
    let Kind::Layer(layer) = media_type.kind() else { return None };
    let json = digest(annotations, STARGZ_DIGEST).ok()?;
    let tar_size = match tail::plan(media_type, annotations, size) {
        tail::Plan::Known(length) => Some(length),
        _ => None,
    };
    match layer.compression {
        Compression::Gzip => json.map(|json| Claim::EStargz { json, tar_size }),
        Compression::Zstd => zstd_chunked(annotations, size, json, tar_size),
        Compression::None => None,
    }
}

fn zstd_chunked(
    annotations: &Annotations,
    size: u64,
    json: Option<Digest>,
    tar_size: Option<u64>,
) -> Option<Claim> {
    let key = |prefix: &str, name: &str| format!("{prefix}{name}");
    let annotated =
        PREFIXES.iter().find(|prefix| annotations.contains_key(&key(prefix, "manifest-position")));
    let Some(prefix) = annotated else {
        json.as_ref()?;
        let (position, compressed, tar_split) = (None, None, None);
        return Some(Claim::ZstdChunked { position, compressed, json, tar_split, tar_size });
    };
    let text = annotations.get(&key(prefix, "manifest-position"))?.strip_suffix(":1")?;
    let position = Some(Position::parse(text, size)?);
    let compressed = digest(annotations, &key(prefix, "manifest-checksum")).ok()?;
    if compressed.is_none() && json.is_none() {
        return None;
    }
    let tar_split = annotations
        .get(&key(prefix, "tarsplit-position"))
        .and_then(|text| Position::parse(text, size));
    Some(Claim::ZstdChunked { position, compressed, json, tar_split, tar_size })
}

/// The digest under a key, if there is something.
fn digest(
    annotations: &Annotations,
    key: &str,
) -> Result<Option<Digest>, <Digest as FromStr>::Err> {
    annotations.get(key).map(|text| text.parse()).transpose()
}

impl Claim {
    /// What a listing depends on beside the blob's digest.
    pub fn key(&self) -> String {
        let text = |digest: &Option<Digest>| digest.as_ref().map_or("-", Digest::as_str).to_owned();
        let number = |number: Option<u64>| number.map_or("-".to_owned(), |n| n.to_string());
        match self {
            Self::EStargz { json, tar_size } => format!("estargz {json} {}", number(*tar_size)),
            Self::ZstdChunked { position, compressed, json, tar_split, tar_size } => format!(
                "zstd-chunked {} {} {} {} {}",
                text(compressed),
                text(json),
                number(position.map(|position| position.offset)),
                number(tar_split.map(|position| position.offset)),
                number(*tar_size)
            ),
        }
    }
}

impl Position {
    /// Reads `offset:length:unpacked` and checks that it is in a blob of `size` bytes.
    fn parse(text: &str, size: u64) -> Option<Self> {
        let mut numbers = text.split(':').map(|number| {
            let digits = number.bytes().all(|byte| byte.is_ascii_digit());
            number.parse::<u64>().ok().filter(|_| digits)
        });
        let position =
            Self { offset: numbers.next()??, length: numbers.next()??, unpacked: numbers.next()?? };
        (numbers.next().is_none() && position.is_within(size)).then_some(position)
    }

    /// Whether there is such a part in the first `size` bytes of a blob.
    pub(super) fn is_within(&self, size: u64) -> bool {
        let end = self.offset.checked_add(self.length);
        self.length > 0 && self.offset > 0 && end.is_some_and(|end| end <= size)
    }
}
