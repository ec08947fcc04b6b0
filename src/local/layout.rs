//! The index of an OCI image layout: which document a name stands for. See image-spec
//! `image-layout.md`.

use bytes::Bytes;

use super::choice::choose;
use super::fault::Place;
use crate::oci::{Descriptor, Digest, Document, Index};
use crate::reference::LocalSource;
use crate::registry::{Error, ErrorKind, Fetched};

/// The file that lists what is in a layout.
pub(super) const INDEX: &str = "index.json";
/// The annotations that name an image; the second has the whole reference.
const NAMES: [&str; 2] = ["org.opencontainers.image.ref.name", "io.containerd.image.name"];

/// What the source stands for.
pub(super) enum Choice {
    /// The index of the layout as a whole: its images have no names.
    Whole(Fetched),
    /// What the index lists under the name.
    Listed(Box<Descriptor>),
}

/// Finds what is meant in a layout's index.
pub(super) fn find(bytes: &Bytes, source: &LocalSource, place: &Place) -> Result<Choice, Error> {
    let index = read(bytes, place)?;
    let names: Vec<Vec<String>> = index.manifests.iter().map(names).collect();
    if source.name().is_none() && names.len() > 1 && names.iter().all(Vec::is_empty) {
        let digest = Digest::of(bytes);
        return Ok(Choice::Whole(Fetched { digest, bytes: bytes.clone(), media_type: None }));
    }
    let at = choose(&names, source, place)?;
    let listed = index.manifests.into_iter().nth(at);
    listed
        .map(|listed| Choice::Listed(Box::new(listed)))
        .ok_or_else(|| Error::new(ErrorKind::BadData, format!("{place} lists no image")))
}

fn read(bytes: &[u8], place: &Place) -> Result<Index, Error> {
    let unusable = |why: String| {
        Error::new(ErrorKind::BadData, format!("{INDEX} in {place} cannot be used: {why}"))
    };
    match Document::parse(bytes, None).map_err(|error| unusable(error.to_string()))?.value {
        Document::Index(index) => Ok(index),
        Document::Manifest(_) => Err(unusable("it is an image manifest, not an index".to_owned())),
    }
}

fn names(listed: &Descriptor) -> Vec<String> {
    NAMES.iter().filter_map(|key| listed.annotation(key)).map(str::to_owned).collect()
}
