//! Images written as lines of text, analysed.

use super::analyze::analyze_image;
use super::{AnalysisOptions, ImageAnalysis};
use crate::collect::{ImageLayers, LayerRead};
use crate::image::{Image, Inspection, Shared};
use crate::ledger::testing::layers;
use crate::oci::{Digest, MediaType};

/// What a reference to the image of a text stands for, and what is found out about it.
pub(crate) fn analysed(text: &str, options: &AnalysisOptions) -> (Inspection, ImageAnalysis) {
    partly(text, options, |_| true)
}

/// The same where only the `wanted` layers are read.
pub(crate) fn partly(
    text: &str,
    options: &AnalysisOptions,
    wanted: impl Fn(usize) -> bool,
) -> (Inspection, ImageAnalysis) {
    let (image, tocs) = layers(text);
    let read = |toc| LayerRead { toc, cached: true, transferred: 0 };
    let layers = tocs.into_iter().enumerate().map(|(at, toc)| wanted(at).then(|| read(toc)));
    let layers = ImageLayers { image: 0, layers: layers.collect() };
    let found = analyze_image(&image, &layers, options);
    (inspection(image), found)
}

fn inspection(image: Image) -> Inspection {
    Inspection {
        reference: "registry.example/image:1".to_owned(),
        digest: Digest::of(b"index"),
        media_type: MediaType("application/vnd.oci.image.index.v1+json".to_owned()),
        platforms: vec![image.platform.clone()],
        images: vec![image],
        shown: 0,
        attachments: Vec::new(),
        shared: Shared::default(),
        rate_limit: None,
        warnings: Vec::new(),
    }
}
