//! A target followed from point to point.

use std::collections::BTreeMap;
use std::mem;

use super::{FindingLife, Limit, Moment, Series, Subject};
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
    pub fn new(subject: Subject, limits: Vec<Limit>) -> Self {
        let series = Series { subject, limits, ..Series::default() };
        Self { series, last: None, open: BTreeMap::new(), is_first: true }
    }

    /// Takes the next point and what is known of its image; `explain` tells in sentences why two
    /// images differ.
    pub fn observe(
        &mut self,
        mut moment: Moment,
        snapshot: Option<Snapshot>,
        explain: impl Fn(&Snapshot, &Snapshot) -> Vec<String>,
    ) {
        let Some(snapshot) = snapshot else {
            // What comes after an image that is not known cannot be explained by an older one.
            self.last = None;
            self.series.moments.push(moment);
            return;
        };
        if let Some(before) = &self.last {
            moment.causes = explain(before, &snapshot);
        }
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

    /// The target, without what was before `since` except the last moment of it.
    pub fn finish(self, since: Option<jiff::Timestamp>) -> Series {
        let Self { mut series, open, .. } = self;
        series.findings.extend(open.into_values());
        series.findings.sort_by(|a, b| b.content.cmp(&a.content).then_with(|| a.id.cmp(&b.id)));
        if let Some(since) = since {
            let later = series.moments.partition_point(|moment| moment.seen < since);
            series.moments.drain(..later.saturating_sub(1));
            series.findings.retain(|life| life.closed.is_none_or(|closed| closed >= since));
        }
        series
    }
}
