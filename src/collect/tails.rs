//! The uncompressed sizes of layers, from the ends of their blobs.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;

use super::Found;
use super::documents::Documents;
use crate::cache::Bucket;
use crate::image::Uncompressed;
use crate::layer::tail::{Inferred, Plan, infer, plan};
use crate::oci::{Descriptor, Digest};
use crate::registry::{Error, ErrorKind};
use crate::size::Units;

/// Finds the lengths of the tar streams of all distinct layers, as far as a few bytes tell.
pub(super) async fn read(
    documents: &Documents<'_>,
    found: &[Found<'_>],
) -> BTreeMap<Digest, Uncompressed> {
    let layers = found.iter().flat_map(|found| &found.manifest.layers);
    let distinct: BTreeMap<&Digest, &Descriptor> =
        layers.map(|layer| (&layer.digest, layer)).collect();
    let mut lengths = BTreeMap::new();
    let mut wanted = Vec::new();
    for layer in distinct.into_values() {
        match plan(&layer.media_type, &layer.annotations, layer.size) {
            Plan::Known(bytes) => keep(&mut lengths, layer, bytes),
            Plan::Read(range) => wanted.push((layer, range)),
            Plan::Unknown => {}
        }
    }
    for (layer, inferred) in tails(documents, wanted).await {
        match inferred {
            Inferred::Length(bytes) => keep(&mut lengths, layer, bytes),
            Inferred::Ambiguous(candidates) => documents.warn(ambiguous(layer, &candidates)),
            Inferred::Unknown => {}
        }
    }
    lengths
}

fn keep(lengths: &mut BTreeMap<Digest, Uncompressed>, layer: &Descriptor, bytes: u64) {
    lengths.insert(layer.digest.clone(), Uncompressed { bytes, inferred: true });
}

fn ambiguous(layer: &Descriptor, candidates: &[u64]) -> String {
    let sizes: Vec<String> =
        candidates.iter().map(|bytes| Units::Decimal.format(u128::from(*bytes))).collect();
    format!(
        "the uncompressed size of layer {} cannot be told from its end: it is one of {}",
        layer.digest.short(),
        sizes.join(", ")
    )
}

type Wanted<'a> = (&'a Descriptor, Range<u64>);
type Read<'a> = (&'a Descriptor, Inferred);

/// Waits before the ranges that were ignored are asked for again.
const WAITS: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

/// Reads the ranges. A cache in front of another registry ignores ranges of a blob until it has
/// stored it, so after a while one that was ignored is asked for again, and if it comes, the rest.
async fn tails<'a>(documents: &Documents<'_>, wanted: Vec<Wanted<'a>>) -> Vec<Read<'a>> {
    let (mut read, mut ignored) = pass(documents, wanted).await;
    for wait in WAITS {
        let Some(probe) = ignored.pop() else { break };
        documents.timer.sleep(wait).await;
        let (first, still_ignored) = pass(documents, vec![probe]).await;
        if still_ignored.is_empty() {
            let (rest, still_ignored) = pass(documents, ignored).await;
            read.extend(first.into_iter().chain(rest));
            ignored = still_ignored;
        } else {
            ignored.extend(still_ignored);
        }
    }
    if !ignored.is_empty() {
        documents.warn(format!(
            "the registry does not serve parts of blobs, so the uncompressed size of {} layers is unknown",
            ignored.len(),
        ));
    }
    read
}

async fn pass<'a>(
    documents: &Documents<'_>,
    wanted: Vec<Wanted<'a>>,
) -> (Vec<Read<'a>>, Vec<Wanted<'a>>) {
    let answers = join_all(wanted.iter().map(|(layer, range)| async move {
        // Inferred at once, so that the tails of all layers are never in memory together.
        let bytes = tail(documents, layer, range).await?;
        Ok(bytes.map(|bytes| infer(&layer.media_type, layer.size, &bytes)))
    }))
    .await;
    let (mut read, mut ignored) = (Vec::new(), Vec::new());
    for ((layer, range), answer) in wanted.into_iter().zip(answers) {
        match answer {
            Ok(Some(inferred)) => read.push((layer, inferred)),
            Ok(None) => ignored.push((layer, range)),
            Err(error) => documents.warn(failed(layer, &error)),
        }
    }
    (read, ignored)
}

fn failed(layer: &Descriptor, error: &Error) -> String {
    if error.kind() == ErrorKind::NotFound {
        let foreign =
            matches!(layer.media_type.kind(), crate::oci::Kind::Layer(kind) if kind.foreign);
        let why = if foreign || !layer.urls.is_empty() {
            " (it is kept elsewhere, where this program does not go)"
        } else {
            ""
        };
        return format!(
            "the manifest refers to layer {}, which the registry does not have{why}",
            layer.digest.short()
        );
    }
    format!("the end of layer {} could not be read: {error}", layer.digest.short())
}

async fn tail(
    documents: &Documents<'_>,
    layer: &Descriptor,
    range: &Range<u64>,
) -> Result<Option<Bytes>, Error> {
    let length = range.end - range.start;
    let key = key(documents, layer, range);
    let cached = key.as_ref().and_then(|key| documents.cache.get(Bucket::Tails, key));
    if let Some(bytes) = cached.filter(|bytes| bytes.len() as u64 == length) {
        return Ok(Some(bytes.into()));
    }
    let bytes = documents.store.range(&layer.digest, layer.size, range.start, length).await?;
    if let (Some(bytes), Some(key)) = (&bytes, &key) {
        documents.cache.put(Bucket::Tails, key, bytes);
    }
    Ok(bytes)
}

/// What a tail is kept under. No digest covers it, so what one registry says about a blob is no
/// answer for another registry's blob of the same digest. Those of files are read again.
fn key(documents: &Documents<'_>, layer: &Descriptor, range: &Range<u64>) -> Option<Digest> {
    let Range { start, end } = range;
    let registry = documents.store.registry()?.1.registry();
    let (digest, size) = (&layer.digest, layer.size);
    Some(Digest::of(format!("{registry} {digest} {start}-{end}/{size}").as_bytes()))
}
