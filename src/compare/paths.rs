//! Directories and files that grew, shrank or changed, over all layers that differ.
//!
//! Of large layers only the larger paths are known. A path that such a layer does not list may be
//! in it, and smaller than what it does list: then the difference is off by that at most, and says
//! so.

use std::collections::{BTreeMap, HashMap};

use super::Difference;
use super::side::Side;
use crate::layer::Hashing;

/// What became of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathStatus {
    /// Only layers of the new image store it.
    Added,
    /// Only layers of the old image store it.
    Removed,
    /// It has more content.
    Grown,
    /// It has less content.
    Shrunk,
    /// It has as much content, but another one.
    Changed,
}

/// A path that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathChange {
    /// What became of it.
    pub status: PathStatus,
    /// The path from the root, without a slash at the start.
    pub path: String,
    /// Whether it is a directory.
    pub directory: bool,
    /// Content bytes that the old image's layers store at it and below it.
    pub old: u64,
    /// Those of the new image's layers.
    pub new: u64,
    /// By how much the difference may be off.
    pub uncertainty: u64,
}

impl PathStatus {
    /// The word used in reports and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Grown => "grown",
            Self::Shrunk => "shrunk",
            Self::Changed => "changed",
        }
    }
}

impl PathChange {
    /// New less old.
    pub fn delta(&self) -> Difference {
        Difference::from(self.new) - Difference::from(self.old)
    }

    fn weight(&self) -> (u128, u64) {
        (self.delta().unsigned_abs(), self.new.max(self.old))
    }
}

/// A directory of which one thing in it makes so many per cent of the difference says nothing that
/// that does not.
const DOMINATED: u128 = 90;
/// Paths that are kept at most of those with another size, and of those with the same one.
const MOST: usize = 1_000;

/// What the layers of one image store at a path.
#[derive(Default)]
struct Stored<'a> {
    content: u64,
    directory: bool,
    /// The largest sizes below which layers that list it do not say.
    listed_floors: u64,
    /// The contents, where all are known.
    hashes: Option<Vec<(Hashing, &'a str)>>,
}

/// All that the layers of one image store.
struct Paths<'a> {
    by_path: HashMap<&'a str, Stored<'a>>,
    /// What all layers together may store of a path that none lists.
    floors: u64,
}

/// Paths that differ, the most bytes first.
pub(super) fn changes(old: &Side<'_>, new: &Side<'_>) -> Vec<PathChange> {
    let (before, after) = (paths(old), paths(new));
    let mut changes: BTreeMap<&str, PathChange> = BTreeMap::new();
    for path in before.by_path.keys().chain(after.by_path.keys()) {
        if let Some(change) = changed(path, &before, &after) {
            changes.insert(path, change);
        }
    }
    let mut found = telling(&changes);
    found.sort_by(|a, b| b.weight().cmp(&a.weight()).then_with(|| a.path.cmp(&b.path)));
    let (mut sized, mut same): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|change| change.status != PathStatus::Changed);
    sized.truncate(MOST);
    same.truncate(MOST);
    sized.extend(same);
    sized
}

fn paths<'a>(side: &Side<'a>) -> Paths<'a> {
    let mut by_path: HashMap<&str, Stored<'_>> = HashMap::new();
    let mut floors: u64 = 0;
    for (_, contents) in side.layers() {
        let floor = contents.paths.floor.saturating_sub(1);
        floors = floors.saturating_add(floor);
        for row in &contents.paths.rows {
            let fresh = || Stored { hashes: Some(Vec::new()), ..Stored::default() };
            let stored = by_path.entry(&row.path).or_insert_with(fresh);
            stored.content = stored.content.saturating_add(row.content);
            stored.directory |= row.directory;
            stored.listed_floors = stored.listed_floors.saturating_add(floor);
            let hash = row.hash.as_deref().map(|hash| (contents.paths.hashing, hash));
            stored.hashes = stored.hashes.take().zip(hash).map(|(mut hashes, hash)| {
                hashes.push(hash);
                hashes
            });
        }
    }
    by_path.values_mut().flat_map(|stored| &mut stored.hashes).for_each(|hashes| {
        hashes.sort_unstable_by_key(|(_, hash)| *hash);
    });
    Paths { by_path, floors }
}

fn changed(path: &str, before: &Paths<'_>, after: &Paths<'_>) -> Option<PathChange> {
    let (old, new) = (before.by_path.get(path), after.by_path.get(path));
    let content = |stored: Option<&Stored<'_>>| stored.map_or(0, |stored| stored.content);
    let off = |paths: &Paths<'_>, stored: Option<&Stored<'_>>| {
        paths.floors.saturating_sub(stored.map_or(0, |stored| stored.listed_floors))
    };
    let uncertainty = off(before, old).saturating_add(off(after, new));
    let (was, is) = (content(old), content(new));
    let status = match (old, new) {
        (None, _) if before.floors == 0 => PathStatus::Added,
        (_, None) if after.floors == 0 => PathStatus::Removed,
        _ if is > was => PathStatus::Grown,
        _ if is < was => PathStatus::Shrunk,
        (Some(old), Some(new)) if has_other_content(old, new) => PathStatus::Changed,
        _ => return None,
    };
    let directory = new.or(old).is_some_and(|stored| stored.directory);
    let change =
        PathChange { status, path: path.to_owned(), directory, old: was, new: is, uncertainty };
    let is_clear = change.status == PathStatus::Changed
        || change.delta().unsigned_abs() > u128::from(uncertainty);
    is_clear.then_some(change)
}

/// Whether the contents are known to differ: hashes of different kinds say nothing.
fn has_other_content(old: &Stored<'_>, new: &Stored<'_>) -> bool {
    let Some((old, new)) = old.hashes.as_ref().zip(new.hashes.as_ref()) else { return false };
    let mut kinds = old.iter().chain(new).map(|(kind, _)| kind);
    let first = kinds.next();
    kinds.all(|kind| Some(kind) == first) && old != new
}

/// Those that say something: not the root, and no directory of which one thing in it makes nearly
/// all of the difference; of contents that changed at the same size only files.
fn telling(changes: &BTreeMap<&str, PathChange>) -> Vec<PathChange> {
    let mut heaviest: HashMap<&str, u128> = HashMap::new();
    for (path, change) in changes {
        if let Some((parent, _)) = path.rsplit_once('/') {
            let is_up = |change: &PathChange| change.delta() > 0;
            let alike = changes.get(parent).is_some_and(|other| is_up(other) == is_up(change));
            if alike {
                let weight = heaviest.entry(parent).or_default();
                *weight = (*weight).max(change.delta().unsigned_abs());
            }
        }
    }
    let is_telling = |change: &&PathChange| {
        if change.path.is_empty() || (change.status == PathStatus::Changed && change.directory) {
            return false;
        }
        let most = heaviest.get(change.path.as_str()).copied().unwrap_or_default();
        let all = change.delta().unsigned_abs();
        most == 0 || most.saturating_mul(100) < all.saturating_mul(DOMINATED)
    };
    changes.values().filter(is_telling).cloned().collect()
}
