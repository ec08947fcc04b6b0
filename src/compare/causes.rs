//! What made the difference, in plain words and in bytes that add up.
//!
//! Every share of an owner in a layer that differs goes into exactly one cause: by the base image,
//! or by its step and by what it is. Layers of only one image are taken together, so that what
//! left one step and came with another is told once.

mod phrase;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::packages::{Name, PackageChange, PackageStatus};
use super::side::Side;
use super::{Change, Comparison, Difference, LayerRow, Status};
use crate::image::Origin;
use crate::rule::Phrase;
use crate::snapshot::{Layer, Owner, Snapshot};

/// A reason for a difference in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// What it is about.
    pub kind: CauseKind,
    /// The reason in one sentence.
    pub text: Phrase,
    /// Positions in [`Comparison::layers`].
    pub rows: Vec<usize>,
    /// How much of the difference it is.
    pub change: Change,
}

/// What causes are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CauseKind {
    /// Another base image.
    Base,
    /// Packages.
    Packages,
    /// A component.
    Component,
    /// Files that no package owns.
    Files,
    /// The records of package managers, and what the system's tools generate.
    System,
    /// The same tar streams or files in other blobs.
    Blobs,
    /// Layers that were not read.
    Unread,
}

impl CauseKind {
    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Packages => "packages",
            Self::Component => "component",
            Self::Files => "files",
            Self::System => "system",
            Self::Blobs => "blobs",
            Self::Unread => "unread",
        }
    }
}

/// Causes of less than one part in so many of all are not told one by one.
const SMALL: u128 = 200;

impl Comparison {
    /// The causes to tell one by one, `most` of them; of the others how many there are and what
    /// they are together.
    pub fn leading(&self, most: usize) -> (&[Cause], Option<(usize, Change)>) {
        let sum = self
            .causes
            .iter()
            .fold(0_u128, |sum, cause| sum.saturating_add(cause.change.weight().0));
        let is_large = |cause: &&Cause| cause.change.weight().0.saturating_mul(SMALL) >= sum;
        let large = self.causes.iter().take(most).take_while(is_large).count();
        // One that is left is told as well.
        let kept = if large + 1 == self.causes.len() { self.causes.len() } else { large };
        let (leading, others) = self.causes.split_at(kept);
        let together = others.iter().map(|cause| cause.change).fold(Change::ZERO, Change::plus);
        (leading, (!others.is_empty()).then_some((others.len(), together)))
    }
}

/// Where a difference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// In one row.
    Row(usize),
    /// In layers of only one image, of both.
    Between,
    /// Wherever.
    All,
}

/// What a difference is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Topic<'a> {
    Base,
    Recompressed,
    Rebuilt,
    Unread,
    Packages(&'a str, PackageStatus),
    Component(&'a str),
    Path(&'a str),
    System,
}

/// What goes into one cause.
#[derive(Default)]
struct Group<'a> {
    rows: BTreeSet<usize>,
    change: Change,
    /// Content bytes that only the old image has, and the new one.
    sides: (Difference, Difference),
    packages: BTreeMap<Name<'a>, Difference>,
    versions: BTreeSet<(bool, &'a str)>,
}

/// A share with a sign.
struct Part<'a> {
    row: usize,
    is_new: bool,
    owner: &'a Owner,
    content: Difference,
    compressed: Difference,
}

/// What phrases are made from.
struct Scene<'a> {
    old: &'a Snapshot,
    new: &'a Snapshot,
    rows: &'a [LayerRow],
    packages: HashMap<Name<'a>, &'a PackageChange>,
}

type Groups<'a> = BTreeMap<(Place, Topic<'a>), Group<'a>>;

/// All causes, the most bytes first.
pub(super) fn causes(
    old: &Side<'_>,
    new: &Side<'_>,
    rows: &[LayerRow],
    packages: &[PackageChange],
) -> Vec<Cause> {
    let mut by_name: HashMap<Name<'_>, &PackageChange> = HashMap::new();
    for change in packages {
        by_name.entry((&change.ecosystem, &change.name)).or_insert(change);
    }
    let scene = Scene { old: old.snapshot, new: new.snapshot, rows, packages: by_name };
    let mut groups = Groups::new();
    let mut parts = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        if !row.differs() && row.change == Change::ZERO {
            continue;
        }
        match scene.topic_of_row(at) {
            Some((place, topic)) => {
                let group = groups.entry((place, topic)).or_default();
                group.add_row(at, row.change);
            }
            None => parts.extend(scene.parts(at)),
        }
    }
    let both = scene.on_both_sides(&parts);
    for part in &parts {
        let key = scene.key(part, &both);
        groups.entry(key).or_default().add(part);
    }
    let mut causes: Vec<Cause> = groups
        .into_iter()
        .map(|((place, topic), group)| scene.cause(place, topic, group))
        .collect();
    causes.retain(|cause| cause.change != Change::ZERO);
    causes.sort_by(|a, b| {
        b.change.weight().cmp(&a.change.weight()).then_with(|| a.rows.cmp(&b.rows))
    });
    causes
}

impl<'a> Group<'a> {
    fn add_row(&mut self, row: usize, change: Change) {
        let before = if self.rows.is_empty() { Change::ZERO } else { self.change };
        self.change = before.plus(change);
        self.rows.insert(row);
    }

    fn add(&mut self, part: &Part<'a>) {
        let change = Change { compressed: part.compressed, content: Some(part.content) };
        self.add_row(part.row, change);
        let side = if part.is_new { &mut self.sides.1 } else { &mut self.sides.0 };
        *side += part.content.abs();
        let name = (part.owner.kind.as_str(), part.owner.name.as_str());
        if part.owner.package.is_some() {
            *self.packages.entry(name).or_default() += part.content;
        }
        if let Some(version) = &part.owner.version {
            self.versions.insert((part.is_new, version));
        }
    }
}

impl<'a> Scene<'a> {
    fn layers(&self, row: usize) -> (Option<&'a Layer>, Option<&'a Layer>) {
        let LayerRow { old, new, .. } = self.rows[row];
        (old.and_then(|at| self.old.layers.get(at)), new.and_then(|at| self.new.layers.get(at)))
    }

    /// The topic of a row that is one as a whole.
    fn topic_of_row(&self, at: usize) -> Option<(Place, Topic<'a>)> {
        let row = &self.rows[at];
        let (old, new) = self.layers(at);
        let mut layers = old.into_iter().chain(new);
        if layers.all(|layer| layer.origin == Origin::Base) {
            return Some((Place::All, Topic::Base));
        }
        match row.status {
            _ if !row.differs() => Some((Place::All, Topic::Recompressed)),
            Status::Rebuilt => Some((Place::All, Topic::Rebuilt)),
            _ if row.change.content.is_none() => Some((Place::Row(at), Topic::Unread)),
            _ => None,
        }
    }

    fn parts(&self, row: usize) -> Vec<Part<'a>> {
        let (old, new) = self.layers(row);
        let of_layer = |layer: Option<&'a Layer>, snapshot: &'a Snapshot, is_new: bool| {
            let shares = layer.and_then(|layer| layer.contents.as_ref());
            let shares = shares.map(|contents| contents.shares.as_slice()).unwrap_or_default();
            let sign = if is_new { 1 } else { -1 };
            shares.iter().filter_map(move |share| {
                Some(Part {
                    row,
                    is_new,
                    owner: snapshot.owners.get(share.owner as usize)?,
                    content: sign * Difference::from(share.content),
                    compressed: sign * Difference::from(share.compressed),
                })
            })
        };
        of_layer(old, self.old, false).chain(of_layer(new, self.new, true)).collect()
    }

    /// Whether only one image has the layer of a row.
    fn is_alone(&self, row: usize) -> bool {
        matches!(self.rows[row].status, Status::Added | Status::Removed)
    }

    /// Owners of which layers of only the old image and of only the new one store something.
    fn on_both_sides(&self, parts: &[Part<'a>]) -> BTreeSet<Name<'a>> {
        let of_side = |is_new: bool| -> BTreeSet<Name<'a>> {
            let alone = parts.iter().filter(|part| self.is_alone(part.row));
            let of_side = alone.filter(|part| part.is_new == is_new);
            of_side.map(|part| (part.owner.kind.as_str(), part.owner.name.as_str())).collect()
        };
        of_side(false).intersection(&of_side(true)).copied().collect()
    }

    fn key(&self, part: &Part<'a>, both: &BTreeSet<Name<'a>>) -> (Place, Topic<'a>) {
        let owner = part.owner;
        let name = (owner.kind.as_str(), owner.name.as_str());
        let is_between = self.is_alone(part.row) && both.contains(&name);
        let place = if is_between { Place::Between } else { Place::Row(part.row) };
        let topic = match owner.kind.as_str() {
            "component" => Topic::Component(&owner.name),
            "package-database" | "generated" => Topic::System,
            kind if owner.package.is_some() => {
                let change = self.packages.get(&name);
                let status = change.map_or(PackageStatus::Rewritten, |change| change.status);
                Topic::Packages(kind, status)
            }
            _ => Topic::Path(&owner.name),
        };
        (place, topic)
    }

    fn cause(&self, place: Place, topic: Topic<'a>, group: Group<'a>) -> Cause {
        let kind = match topic {
            Topic::Base => CauseKind::Base,
            Topic::Recompressed | Topic::Rebuilt => CauseKind::Blobs,
            Topic::Unread => CauseKind::Unread,
            Topic::Packages(..) => CauseKind::Packages,
            Topic::Component(_) => CauseKind::Component,
            Topic::Path(_) => CauseKind::Files,
            Topic::System => CauseKind::System,
        };
        let text = self.phrase(place, topic, &group);
        Cause { kind, text, change: group.change, rows: group.rows.into_iter().collect() }
    }
}
