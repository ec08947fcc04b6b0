//! A target followed from point to point.

use std::collections::BTreeMap;
use std::mem;

use super::{FindingLife, Limit, Moment, Series, Why};
use crate::history::Target;
use crate::oci::Digest;
use crate::snapshot::{Finding, Snapshot};

/// A target of which the next point is awaited.
pub struct Follower {
    series: Series,
    last: Option<Snapshot>,
    open: BTreeMap<String, FindingLife>,
    is_first: bool,
}

impl Follower {
    /// A target that was not seen yet.
    pub fn new(target: Target, limits: Vec<Limit>) -> Self {
        let series = Series { target, limits, ..Series::default() };
        Self { series, last: None, open: BTreeMap::new(), is_first: true }
    }

    /// Whether the last moment is of this image. The point is no moment of its own then: another
    /// platform of the tag changed, or the layers were read.
    pub fn sees_again(&mut self, image: &Digest, content: Option<u64>) -> bool {
        let last = self.series.moments.last_mut().filter(|moment| moment.image == *image);
        last.map(|moment| moment.content = moment.content.or(content)).is_some()
    }

    /// Takes the next point and what is known of its image.
    pub fn observe(&mut self, mut moment: Moment, snapshot: Option<Snapshot>) {
        let Some(snapshot) = snapshot else {
            // What comes after an image that is not known cannot be explained by an older one.
            self.last = None;
            self.series.layers = Vec::new();
            self.series.moments.push(moment);
            return;
        };
        moment.content = moment.content.or(snapshot.sizes.content);
        moment.why = self.last.as_ref().map(|before| Why::of(before, &snapshot));
        if snapshot.is_complete() {
            self.follow_findings(&moment, &snapshot.findings);
        }
        let layers = snapshot.layers.iter();
        self.series.layers = layers.map(|layer| (layer.digest.clone(), layer.compressed)).collect();
        self.series.moments.push(moment);
        self.last = Some(snapshot);
    }

    fn follow_findings(&mut self, moment: &Moment, findings: &[Finding]) {
        let opened = (!mem::take(&mut self.is_first)).then_some(moment.seen);
        let mut before = mem::take(&mut self.open);
        for finding in findings {
            let known = before.remove(&finding.id);
            let life = FindingLife {
                id: finding.id.clone(),
                rule: finding.rule.clone(),
                severity: finding.severity,
                message: finding.message.clone(),
                content: finding.content,
                opened: known.map_or(opened, |known| known.opened),
                closed: None,
            };
            self.open.insert(finding.id.clone(), life);
        }
        let closed =
            before.into_values().map(|life| FindingLife { closed: Some(moment.seen), ..life });
        self.series.findings.extend(closed);
    }

    /// The target over the whole time, and what is known of its last image.
    pub fn finish(self) -> (Series, Option<Snapshot>) {
        let Self { mut series, open, last, .. } = self;
        series.findings.extend(open.into_values());
        series.findings.sort_by(|a, b| b.content.cmp(&a.content).then_with(|| a.id.cmp(&b.id)));
        (series, last)
    }
}
