//! Archives as `docker save` writes them: `manifest.json` names a config and layers of each image.
//!
//! Most writers store layers as plain tars, whose digests the config lists; some store them
//! compressed, and then their digest is worked out, unless they lie under it.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::Files;
use super::choice::choose;
use super::fault::{AGAIN, Place};
use super::name;
use crate::oci::{Digest, ImageConfig, decode};
use crate::reference::LocalSource;
use crate::registry::{Error, ErrorKind, Fetched, Limits};

/// The file that lists what is in an archive.
pub(super) const MANIFEST: &str = "manifest.json";
const MANIFEST_TYPE: &str = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG_TYPE: &str = "application/vnd.docker.container.image.v1+json";
const LAYER_TYPE: &str = "application/vnd.docker.image.rootfs.diff.tar";

/// A manifest that was made of what an archive says.
pub(super) struct Made {
    pub(super) root: Fetched,
    /// Where the blobs are.
    pub(super) names: BTreeMap<Digest, String>,
    /// The config, which was read already.
    pub(super) config: (Digest, Bytes),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

/// Makes a manifest of the image that is meant.
pub(super) fn make(
    files: &Files,
    source: &LocalSource,
    place: &Place,
    limits: &Limits,
) -> Result<Made, Error> {
    let row = row(files, source, place, limits)?;
    let (digest, bytes) = config(files, &row.config, place, limits)?;
    let config =
        decode::<ImageConfig>(&bytes).map_err(|error| unusable(&row.config, place, &error))?;
    let diff_ids = config.value.rootfs.diff_ids;
    let paths = row.layers.unwrap_or_default();
    if diff_ids.len() != paths.len() {
        let text = format!(
            "{MANIFEST} in {place} lists {} layers and the image config {}",
            paths.len(),
            diff_ids.len()
        );
        return Err(Error::new(ErrorKind::BadData, text).hint(AGAIN));
    }
    let mut names = BTreeMap::new();
    let mut layers = Vec::new();
    for (path, diff_id) in paths.iter().zip(diff_ids) {
        let path = member(path, place)?;
        let absent = || {
            let text = format!("the layer {path} is missing from {place}");
            Error::new(ErrorKind::NotFound, text).hint(AGAIN)
        };
        let size = files.size(place, &path)?.ok_or_else(absent)?;
        let suffix = compression(&files.start(place, &path)?);
        let digest = match name::blob_of(&path) {
            Some(digest) => digest,
            None if suffix.is_empty() => diff_id.0,
            None => files.digest(place, &path)?.ok_or_else(absent)?,
        };
        let media_type = format!("{LAYER_TYPE}{suffix}");
        layers.push(json!({"mediaType": media_type, "digest": digest, "size": size}));
        names.insert(digest, path);
    }
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": CONFIG_TYPE, "digest": digest, "size": bytes.len()},
        "layers": layers,
    });
    let manifest = Bytes::from(manifest.to_string());
    let root = Fetched { digest: Digest::of(&manifest), bytes: manifest, media_type: None };
    Ok(Made { root, names, config: (digest, bytes) })
}

fn row(files: &Files, source: &LocalSource, place: &Place, limits: &Limits) -> Result<Row, Error> {
    let bytes = files.small(place, MANIFEST, limits.manifest, MANIFEST)?;
    let bytes = bytes.unwrap_or_default();
    let rows = decode::<Vec<Row>>(&bytes).map_err(|error| unusable(MANIFEST, place, &error))?.value;
    let names: Vec<Vec<String>> =
        rows.iter().map(|row| row.repo_tags.clone().unwrap_or_default()).collect();
    let at = choose(&names, source, place)?;
    rows.into_iter()
        .nth(at)
        .ok_or_else(|| Error::new(ErrorKind::BadData, format!("{place} lists no image")))
}

/// The config with its digest, which has to be the one in its name, if there is one.
fn config(
    files: &Files,
    path: &str,
    place: &Place,
    limits: &Limits,
) -> Result<(Digest, Bytes), Error> {
    let path = member(path, place)?;
    let what = "the image config";
    let bytes = files.small(place, &path, limits.config, what)?.ok_or_else(|| {
        let text = format!("{what} {path} is missing from {place}");
        Error::new(ErrorKind::NotFound, text).hint(AGAIN)
    })?;
    let hex = path.strip_suffix(".json").unwrap_or_default();
    let named = name::blob_of(&path).or_else(|| format!("sha256:{hex}").parse().ok());
    match named {
        Some(named) if !named.matches(&bytes) => Err(place.changed(what, &named)),
        Some(named) => Ok((named, bytes)),
        None => Ok((Digest::of(&bytes), bytes)),
    }
}

fn member(path: &str, place: &Place) -> Result<String, Error> {
    name::of_member(path.as_bytes()).ok_or_else(|| {
        let text = format!("{MANIFEST} in {place} names {path:?}, which leads out of it");
        Error::new(ErrorKind::BadData, text)
    })
}

fn unusable(name: &str, place: &Place, error: &crate::oci::JsonError) -> Error {
    let text = format!("{name} in {place} cannot be used: {error}");
    Error::new(ErrorKind::BadData, text).hint(AGAIN)
}

/// What the media type of a layer ends in that starts so.
fn compression(start: &[u8]) -> &'static str {
    match start {
        [0x1f, 0x8b, ..] => ".gzip",
        [0x28, 0xb5, 0x2f, 0xfd] => ".zstd",
        _ => "",
    }
}
