//! What the rules find that compare the stored files of all images of a reference.

use std::sync::Arc;

use super::claims::without_layers;
use super::{Detect, Finding, Selection};
use crate::image::Inspection;
use crate::layer::Toc;

/// What is in the layers of each image of an inspection, base first; `None` for an image of which
/// not all layers were read.
pub type Stacks = Vec<Option<Vec<Arc<Toc>>>>;

/// What the rules find that compare the layers of the images of a reference. Nothing where layers
/// of an image were not read.
pub fn platform_findings(
    inspection: &Inspection,
    stacks: &Stacks,
    selection: &Selection,
) -> Vec<Finding> {
    let all: Option<Vec<&[Arc<Toc>]>> = stacks.iter().map(Option::as_deref).collect();
    let shown = inspection.images.get(inspection.shown);
    let Some((shown, all)) = shown.zip(all).filter(|(_, all)| all.len() > 1) else {
        return Vec::new();
    };
    without_layers(shown, selection, |rule| match &rule.detect {
        Detect::Platforms(detect) => detect(inspection, &all),
        _ => Vec::new(),
    })
}
