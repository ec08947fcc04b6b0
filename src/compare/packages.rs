//! Packages that came, went or changed.
//!
//! A distribution's packages are in one list, which each step that installs something writes anew:
//! if the layers of one image that differ have no list, what the other one's list says cannot be
//! told to be new, and is not.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::side::Side;
use super::{Change, Difference, version};
use crate::snapshot::{Layer, Owner, Package};

/// What became of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PackageStatus {
    /// Only the new image has it.
    Added,
    /// Only the old image has it.
    Removed,
    /// The new version is later.
    Upgraded,
    /// The new version is earlier.
    Downgraded,
    /// The version is another one; which is later is not known.
    Changed,
    /// The same version with other bytes.
    Rewritten,
    /// Layers that differ store it, in one image; the other one's list is not in such a layer.
    Stored,
}

/// A package that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageChange {
    /// What became of it.
    pub status: PackageStatus,
    /// Its ecosystem, as `dpkg`.
    pub ecosystem: String,
    /// Its name.
    pub name: String,
    /// The directory that it is installed under; empty for those of the distribution.
    pub location: String,
    /// Its version in the old image.
    pub old_version: Option<String>,
    /// Its version in the new image.
    pub new_version: Option<String>,
    /// Whether somebody asked for it, where that is known.
    pub requested: Option<bool>,
    /// How the bytes differ that layers store of it.
    pub change: Change,
}

impl PackageStatus {
    /// The word used in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Upgraded => "upgraded",
            Self::Downgraded => "downgraded",
            Self::Changed => "changed",
            Self::Rewritten => "rewritten",
            Self::Stored => "stored",
        }
    }
}

/// An ecosystem and a name.
pub(super) type Name<'a> = (&'a str, &'a str);

/// One package of one image.
#[derive(Clone, Copy)]
struct Instance<'a> {
    owner: &'a Owner,
    package: &'a Package,
    content: Difference,
    compressed: Difference,
}

/// What one image has of a name.
#[derive(Default)]
struct Found<'a> {
    installed: Vec<Instance<'a>>,
    /// Bytes of versions that a later step removed or replaced.
    left: (Difference, Difference),
}

/// Packages that differ, the most bytes first, and the ecosystems of which it is not known.
pub(super) fn changes(old: &Side<'_>, new: &Side<'_>) -> (Vec<PackageChange>, BTreeSet<String>) {
    let unsure = unsure(old, new);
    let (mut before, mut after) = (found(old, &unsure), found(new, &unsure));
    let names: BTreeSet<Name<'_>> = before.keys().chain(after.keys()).copied().collect();
    let mut changes = Vec::new();
    for name in names {
        let (old, new) = (before.remove(&name), after.remove(&name));
        let is_unsure = unsure.contains(name.0);
        changes.extend(of_name(old.unwrap_or_default(), new.unwrap_or_default(), is_unsure));
    }
    changes.sort_by(|a, b| {
        let key = |change: &PackageChange| std::cmp::Reverse(change.change.weight());
        key(a).cmp(&key(b)).then_with(|| {
            (&a.ecosystem, &a.name, &a.location).cmp(&(&b.ecosystem, &b.name, &b.location))
        })
    });
    let found: HashSet<&str> = changes.iter().map(|change| change.ecosystem.as_str()).collect();
    let unsure = unsure.into_iter().filter(|kind| found.contains(kind)).map(str::to_owned);
    let unsure = unsure.collect();
    (changes, unsure)
}

/// Where the lists of whole distributions are.
const LISTS: [(&str, &[&str]); 3] = [
    ("dpkg", &["var/lib/dpkg/status"]),
    ("apk", &["lib/apk/db/installed", "usr/lib/apk/db/installed"]),
    ("rpm", &["var/lib/rpm/", "usr/lib/sysimage/rpm/"]),
];

/// The distributions of which an image has no list in the layers that differ.
fn unsure<'a>(old: &Side<'_>, new: &Side<'_>) -> BTreeSet<&'a str> {
    let both_know = |kind: &str, lists: &[&str]| {
        old.is_whole || (knows(old, kind, lists) && knows(new, kind, lists))
    };
    let unknown = LISTS.iter().filter(|(kind, lists)| !both_know(kind, lists));
    unknown.map(|(kind, _)| *kind).collect()
}

/// Whether there is a list in a layer that differs, or in one above all that were not read.
fn knows(side: &Side<'_>, kind: &str, lists: &[&str]) -> bool {
    let layers = &side.snapshot.layers;
    if side.differing.len() == layers.len() {
        return true;
    }
    let unread = layers.iter().rposition(|layer| layer.contents.is_none());
    let is_told =
        |at: usize| side.differing.contains(&at) || unread.is_none_or(|unread| at > unread);
    let is_listed = |owner: &Owner| {
        let package = owner.package.as_ref().filter(|_| owner.kind == kind);
        package.is_some_and(|package| is_told(package.layer))
    };
    let is_list = |path: &str| lists.iter().any(|list| path.starts_with(list));
    let has_list = |(at, layer): (usize, &Layer)| {
        let contents = layer.contents.as_ref().filter(|_| is_told(at));
        contents.is_some_and(|contents| contents.paths.rows.iter().any(|row| is_list(&row.path)))
    };
    side.snapshot.owners.iter().any(is_listed) || layers.iter().enumerate().any(has_list)
}

fn found<'a>(side: &Side<'a>, unsure: &BTreeSet<&str>) -> BTreeMap<Name<'a>, Found<'a>> {
    let mut bytes: HashMap<usize, (Difference, Difference)> = HashMap::new();
    for stored in side.stored() {
        let sum = bytes.entry(stored.owner).or_default();
        sum.0 += Difference::from(stored.share.content);
        sum.1 += Difference::from(stored.share.compressed);
    }
    let mut found: BTreeMap<Name<'_>, Found<'_>> = BTreeMap::new();
    for (at, owner) in side.snapshot.owners.iter().enumerate() {
        let Some(package) = &owner.package else { continue };
        let stored = bytes.get(&at).copied();
        let kind = owner.kind.as_str();
        let is_of_list = LISTS.iter().any(|(list, _)| *list == kind) && !unsure.contains(kind);
        let is_seen = side.is_whole || is_of_list || side.differing.contains(&package.layer);
        if stored.is_none() && (!is_seen || unsure.contains(kind)) {
            continue;
        }
        let (content, compressed) = stored.unwrap_or_default();
        let of_name = found.entry((kind, &owner.name)).or_default();
        if package.installed {
            of_name.installed.push(Instance { owner, package, content, compressed });
        } else {
            of_name.left.0 += content;
            of_name.left.1 += compressed;
        }
    }
    found
}

/// The changes of one name: its packages are paired by place, then by order.
fn of_name(mut old: Found<'_>, mut new: Found<'_>, is_unsure: bool) -> Vec<PackageChange> {
    let left = (new.left.0 - old.left.0, new.left.1 - old.left.1);
    let keys: [fn(&Instance<'_>, &Instance<'_>) -> bool; 4] = [
        |a, b| is_same_place(a, b) && a.owner.version == b.owner.version,
        is_same_place,
        |a, b| a.owner.version == b.owner.version,
        |_, _| true,
    ];
    let mut pairs = Vec::new();
    for fits in keys {
        let mut at = 0;
        while let Some(instance) = old.installed.get(at).copied() {
            match new.installed.iter().position(|other| fits(&instance, other)) {
                Some(place) => {
                    old.installed.remove(at);
                    pairs.push((Some(instance), Some(new.installed.remove(place))));
                }
                None => at += 1,
            }
        }
    }
    pairs.extend(old.installed.into_iter().map(|instance| (Some(instance), None)));
    pairs.extend(new.installed.into_iter().map(|instance| (None, Some(instance))));
    let mut changes: Vec<_> =
        pairs.into_iter().filter_map(|(old, new)| changed(old, new, is_unsure)).collect();
    if let Some(first) = changes.first_mut() {
        first.change = first.change.plus(Change { compressed: left.1, content: Some(left.0) });
    }
    changes.retain(|change| {
        change.status != PackageStatus::Rewritten || change.change.content != Some(0)
    });
    changes
}

fn is_same_place(a: &Instance<'_>, b: &Instance<'_>) -> bool {
    a.package.location == b.package.location && a.package.architecture == b.package.architecture
}

fn changed(
    old: Option<Instance<'_>>,
    new: Option<Instance<'_>>,
    is_unsure: bool,
) -> Option<PackageChange> {
    let shown = new.or(old)?;
    let version = |instance: Option<Instance<'_>>| instance.and_then(|i| i.owner.version.clone());
    let status = match (old, new) {
        (Some(old), Some(new)) => status(old.owner, new.owner),
        _ if is_unsure => PackageStatus::Stored,
        (None, _) => PackageStatus::Added,
        (_, None) => PackageStatus::Removed,
    };
    let bytes = |instance: Option<Instance<'_>>| {
        instance.map_or((0, 0), |instance| (instance.content, instance.compressed))
    };
    let (before, after) = (bytes(old), bytes(new));
    Some(PackageChange {
        status,
        ecosystem: shown.owner.kind.clone(),
        name: shown.owner.name.clone(),
        location: shown.package.location.clone(),
        old_version: version(old),
        new_version: version(new),
        requested: shown.package.requested,
        change: Change { compressed: after.1 - before.1, content: Some(after.0 - before.0) },
    })
}

fn status(old: &Owner, new: &Owner) -> PackageStatus {
    let versions = old.version.as_deref().zip(new.version.as_deref());
    if old.version == new.version {
        return PackageStatus::Rewritten;
    }
    match versions.and_then(|(before, after)| version::order(&old.kind, before, after)) {
        Some(std::cmp::Ordering::Less) => PackageStatus::Upgraded,
        Some(std::cmp::Ordering::Greater) => PackageStatus::Downgraded,
        _ => PackageStatus::Changed,
    }
}
