//! What has to be said of an image in files.

use super::documents::Documents;
use super::layers::{descriptor, is_optional};
use crate::image::Image;
use crate::local::Local;
use crate::registry::Error;

/// Refuses an image whose layers are not all there: it could not be pushed.
pub(super) fn check(local: &Local, image: &Image) -> Result<(), Error> {
    let layers = image.layers.iter().map(descriptor);
    layers.filter(|layer| !is_optional(layer)).try_for_each(|layer| local.check(&layer))
}

/// Says that what is stored as it is will be smaller once it is pushed.
pub(super) fn warn_of_plain(documents: &Documents<'_>, image: &Image) {
    let (count, of) = (image.plain_layers(), image.layers.len());
    if count > 0 {
        documents.warn(format!(
            "{}: {count} of {of} layers are stored uncompressed here, so their compressed sizes are those of the tars; a push compresses them",
            image.platform
        ));
    }
}
