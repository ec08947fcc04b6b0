//! What rules find without reading a layer: in an image, and among the images of a reference.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use super::ImageJson;
use super::finding::FindingJson;
use crate::image::{Image, Inspection};
use crate::rule::{Finding, Selection, manifest_findings};
use crate::snapshot::Snapshot;

/// An image of which no layer was read, and what rules find that need none.
pub(super) struct InspectedJson<'a> {
    inspection: &'a Inspection,
    image: &'a Image,
    findings: Vec<Finding>,
}

/// What rules find that compare the images of a reference.
pub(super) struct IndexFindings<'a> {
    pub(super) inspection: &'a Inspection,
    pub(super) findings: Cow<'a, [Finding]>,
}

impl<'a> InspectedJson<'a> {
    pub(super) fn new(inspection: &'a Inspection, image: &'a Image) -> Self {
        let findings = manifest_findings(image, &Selection::default());
        Self { inspection, image, findings }
    }
}

impl Serialize for InspectedJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct WithFindings<'a> {
            #[serde(flatten)]
            image: ImageJson<'a>,
            findings: Vec<FindingJson<'a>>,
            snapshot: Snapshot,
        }
        let findings = self.findings.iter();
        let findings = findings.map(|found| FindingJson::new(self.image, &[], None, found));
        WithFindings {
            image: ImageJson::new(self.image),
            findings: findings.collect(),
            snapshot: Snapshot::of_inspection(self.inspection, self.image),
        }
        .serialize(serializer)
    }
}

impl Serialize for IndexFindings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shown = self.inspection.images.get(self.inspection.shown);
        let findings = shown.into_iter().flat_map(|image| {
            self.findings.iter().map(|found| FindingJson::new(image, &[], None, found))
        });
        serializer.collect_seq(findings)
    }
}
