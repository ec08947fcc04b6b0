//! Large tools that came, went, or have another version or size.

use std::collections::BTreeSet;

use super::side::Side;
use super::{Change, Difference, PackageStatus, version};
use crate::snapshot::Component;

/// A component that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentChange {
    /// What became of it; as with packages.
    pub status: PackageStatus,
    /// The id in the knowledge base.
    pub id: String,
    /// Its name.
    pub title: String,
    /// Its root in the new image, or in the old one if it is gone.
    pub root: Option<String>,
    /// Its version in the old image.
    pub old_version: Option<String>,
    /// Its version in the new image.
    pub new_version: Option<String>,
    /// How the bytes differ that layers store of it. Components may be in one another.
    pub change: Change,
}

/// Components that differ, the most bytes first.
pub(super) fn changes(old: &Side<'_>, new: &Side<'_>) -> Vec<ComponentChange> {
    let (mut before, mut after) = (found(old), found(new));
    let keys: [fn(&Component, &Component) -> bool; 3] = [
        |a, b| a.id == b.id && a.root == b.root,
        |a, b| a.id == b.id && a.version == b.version,
        |a, b| a.id == b.id,
    ];
    let mut pairs = Vec::new();
    for fits in keys {
        before.retain(|component| {
            let place = after.iter().position(|other| fits(component, other));
            if let Some(place) = place {
                pairs.push((Some(*component), Some(after.remove(place))));
            }
            place.is_none()
        });
    }
    pairs.extend(before.into_iter().map(|component| (Some(component), None)));
    pairs.extend(after.into_iter().map(|component| (None, Some(component))));
    let changes = pairs.into_iter().filter_map(|pair| changed(pair, old, new));
    let mut changes: Vec<_> = changes.collect();
    changes.sort_by(|a, b| {
        let key = |change: &ComponentChange| std::cmp::Reverse(change.change.weight());
        key(a).cmp(&key(b)).then_with(|| (&a.id, &a.root).cmp(&(&b.id, &b.root)))
    });
    changes
}

/// Those that the layers store which differ; all of them if both images are known as a whole.
fn found<'a>(side: &Side<'a>) -> Vec<&'a Component> {
    let components = side.snapshot.components.iter();
    let known: BTreeSet<_> = side.differing.iter().copied().collect();
    let is_seen = |component: &&Component| {
        side.is_whole || component.layers.iter().any(|share| known.contains(&share.layer))
    };
    components.filter(is_seen).collect()
}

fn changed(
    (before, after): (Option<&Component>, Option<&Component>),
    old: &Side<'_>,
    new: &Side<'_>,
) -> Option<ComponentChange> {
    let shown = after.or(before)?;
    let bytes = |component: Option<&Component>, side: &Side<'_>| {
        let shares = component.into_iter().flat_map(|component| &component.layers);
        let shares = shares.filter(|share| side.differing.contains(&share.layer));
        shares.fold((0, 0), |sum, share| {
            (sum.0 + Difference::from(share.content), sum.1 + Difference::from(share.compressed))
        })
    };
    let (less, more) = (bytes(before, old), bytes(after, new));
    let change = Change { compressed: more.1 - less.1, content: Some(more.0 - less.0) };
    let version = |component: Option<&Component>| component.and_then(|c| c.version.clone());
    let (old_version, new_version) = (version(before), version(after));
    let status = match (before, after) {
        (None, _) => PackageStatus::Added,
        (_, None) => PackageStatus::Removed,
        _ if old_version == new_version => PackageStatus::Rewritten,
        _ => {
            let versions = old_version.as_deref().zip(new_version.as_deref());
            match versions.and_then(|(old, new)| version::order("component", old, new)) {
                Some(std::cmp::Ordering::Less) => PackageStatus::Upgraded,
                Some(std::cmp::Ordering::Greater) => PackageStatus::Downgraded,
                _ => PackageStatus::Changed,
            }
        }
    };
    if status == PackageStatus::Rewritten && change.content == Some(0) {
        return None;
    }
    let (id, title, root) = (shown.id.clone(), shown.title.clone(), shown.root.clone());
    Some(ComponentChange { status, id, title, root, old_version, new_version, change })
}
