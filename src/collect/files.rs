//! What has to be said of an image in files.

use super::documents::Documents;
use super::layers::{descriptor, is_optional};
use crate::image::{Image, Layer};
use crate::local::Local;
use crate::oci::{Compression, Kind};
use crate::registry::Error;

/// Refuses an image whose layers are not all there: it could not be pushed.
pub(super) fn check(local: &Local, image: &Image) -> Result<(), Error> {
    let layers = image.layers.iter().map(descriptor);
    layers.filter(|layer| !is_optional(layer)).try_for_each(|layer| local.check(&layer))
}

/// Counts the layers that are stored as they are, and says that they will be smaller once they are
/// pushed.
pub(super) fn mark_plain(documents: &Documents<'_>, image: &mut Image) {
    let is_plain = |layer: &&Layer| matches!(layer.media_type.kind(), Kind::Layer(kind) if kind.compression == Compression::None);
    let (count, of) = (image.layers.iter().filter(is_plain).count(), image.layers.len());
    image.plain_layers = count;
    if count > 0 {
        documents.warn(format!(
            "{}: {count} of {of} layers are stored uncompressed here, so their compressed sizes are those of the tars; a push compresses them",
            image.platform
        ));
    }
}
