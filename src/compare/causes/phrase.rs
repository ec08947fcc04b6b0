//! The sentences of causes.

use std::cmp::Reverse;

use super::super::packages::PackageStatus;
use super::super::{Difference, LayerRow, Status};
use super::{Group, Place, Scene, Topic};
use crate::rule::Phrase;
use crate::snapshot::{Base, Layer};

/// Packages that are named of a cause at most.
const NAMED: usize = 3;

impl<'a> Scene<'a> {
    pub(super) fn phrase(&self, place: Place, topic: Topic<'a>, group: &Group<'a>) -> Phrase {
        match topic {
            Topic::Base => self.base(),
            Topic::Recompressed if self.is_plain() => {
                let count = Phrase::default().count(group.rows.len());
                let (one, many) =
                    (" layer with the same content is", " layers with the same content are");
                let layers = count.and(if group.rows.len() == 1 { one } else { many });
                layers.and(" not compressed in the files of one image")
            }
            Topic::Recompressed => {
                steps(group.rows.len(), " compressed anew, with the same content")
            }
            Topic::Rebuilt => steps(group.rows.len(), " built anew, with the same files"),
            Topic::Unread => self.unread(group),
            Topic::Packages(kind, status) => self.packages(place, kind, status, group),
            Topic::Component(title) => self.component(place, title, group),
            Topic::Path(path) => self.files(place, path, group),
            Topic::System => {
                let records = "the records of package managers and generated files";
                let verb = if group.sides.1 == 0 { " no longer writes " } else { " writes " };
                self.step(place, group).and(verb).and(records)
            }
        }
    }

    /// Whether an image is in files that hold layers uncompressed.
    fn is_plain(&self) -> bool {
        [self.old, self.new].iter().any(|image| image.sizes.plain_layers > 0)
    }

    fn base(&self) -> Phrase {
        let name = |base: &Option<Base>| base.as_ref().and_then(|base| base.name.clone());
        match (name(&self.old.base), name(&self.new.base)) {
            (Some(old), Some(new)) if old != new => {
                Phrase::words("the base image moved from ").name(old).and(" to ").name(new)
            }
            (Some(name), Some(_)) => {
                Phrase::words("the base image ").name(name).and(" is another build")
            }
            _ => Phrase::words("the base image changed"),
        }
    }

    fn unread(&self, group: &Group<'a>) -> Phrase {
        let row = group.rows.first().map(|at| (*at, self.rows[*at].status));
        let Some((at, status)) = row else { return Phrase::default() };
        let what = match status {
            Status::Added | Status::Removed => "",
            Status::Moved => " moved, with another content",
            _ => " has another content",
        };
        let phrase = self.row(at).and(what);
        let (old, new) = self.layers(at);
        match new.or(old).and_then(|layer| layer.step.as_ref()) {
            Some(step) => phrase.and(": ").name(shortened(&step.instruction)),
            None => phrase,
        }
    }

    /// The step, as in `step 4`, as the subject of a sentence.
    fn step(&self, place: Place, group: &Group<'a>) -> Phrase {
        match place {
            Place::Row(at) => self.row(at),
            Place::Between | Place::All => {
                let Some(at) = group.rows.iter().find(|at| self.rows[**at].new.is_some()) else {
                    return Phrase::words("another step");
                };
                self.row(*at)
            }
        }
    }

    fn row(&self, at: usize) -> Phrase {
        let LayerRow { old, new, status, .. } = self.rows[at];
        let (before, after) = self.layers(at);
        let numbered = |layer: Option<&Layer>, index: Option<usize>, start: Phrase| match layer
            .and_then(|layer| layer.step.as_ref())
        {
            Some(step) => start.and("step ").count(step.number),
            None => start.and("layer ").count(index.unwrap_or_default()),
        };
        match status {
            Status::Added => numbered(after, new, Phrase::words("new ")),
            Status::Removed => numbered(before, old, Phrase::words("old ")),
            _ => numbered(after, new, Phrase::default()),
        }
    }

    fn packages(
        &self,
        place: Place,
        kind: &'a str,
        status: PackageStatus,
        group: &Group<'a>,
    ) -> Phrase {
        let verb = match status {
            PackageStatus::Added => " adds ",
            PackageStatus::Removed => " no longer brings ",
            PackageStatus::Upgraded => " upgrades ",
            PackageStatus::Downgraded => " downgrades ",
            PackageStatus::Changed => " has other versions of ",
            PackageStatus::Rewritten => match group.change.content {
                Some(0) => " has other bytes of ",
                Some(..0) => " stores less of ",
                _ => " stores more of ",
            },
            PackageStatus::Stored if group.sides.1 == 0 => " no longer stores ",
            PackageStatus::Stored => " installs or changes ",
        };
        let mut names: Vec<(&str, Difference, bool)> = group
            .packages
            .iter()
            .map(|(name, bytes)| {
                let change = self.packages.get(name);
                let requested = change.and_then(|change| change.requested);
                (name.1, *bytes, requested == Some(true))
            })
            .collect();
        names.sort_by_key(|(name, bytes, asked)| {
            (Reverse(*asked), Reverse(bytes.unsigned_abs()), *name)
        });
        let most = if names.len() == NAMED + 1 { names.len() } else { names.len().min(NAMED) };
        let (shown, others) = names.split_at(most);
        let mut phrase = self.step(place, group).and(verb);
        for (at, (name, ..)) in shown.iter().enumerate() {
            let is_last = at + 1 == shown.len() && others.is_empty();
            phrase = match at {
                0 => phrase,
                _ if is_last => phrase.and(" and "),
                _ => phrase.and(", "),
            };
            phrase = self.versioned(phrase, (kind, name), status);
        }
        if others.is_empty() {
            return phrase;
        }
        phrase.and(" and ").count(others.len()).and(" more ").name(kind).and(" packages")
    }

    /// A package's name, with versions where they differ.
    fn versioned(&self, phrase: Phrase, name: (&str, &str), status: PackageStatus) -> Phrase {
        use PackageStatus::{Changed, Downgraded, Upgraded};
        let phrase = phrase.name(name.1);
        let change = self.packages.get(&name).filter(|change| change.status == status);
        let versions =
            change.and_then(|change| change.old_version.clone().zip(change.new_version.clone()));
        match versions.filter(|_| matches!(status, Upgraded | Downgraded | Changed)) {
            Some((old, new)) => phrase.and(" from ").name(old).and(" to ").name(new),
            None => phrase,
        }
    }

    fn component(&self, place: Place, title: &'a str, group: &Group<'a>) -> Phrase {
        let of = |is_new: bool| {
            let mut versions = group.versions.iter().filter(|(side, _)| *side == is_new);
            versions.next().map(|(_, version)| *version)
        };
        let (old, new) = (of(false), of(true));
        let step = self.step(place, group);
        let with = |phrase: Phrase, version: Option<&str>| match version {
            Some(version) => phrase.name(title).and(" ").name(version),
            None => phrase.name(title),
        };
        match group.sides {
            (0, _) => with(step.and(" adds "), new),
            (_, 0) => with(step.and(" no longer brings "), old),
            _ => match old.zip(new).filter(|(old, new)| old != new) {
                Some((old, new)) => {
                    step.and(" moves ").name(title).and(" from ").name(old).and(" to ").name(new)
                }
                None => with(step.and(more_or_less(group)), new),
            },
        }
    }

    fn files(&self, place: Place, path: &'a str, group: &Group<'a>) -> Phrase {
        let deepest = group.change.content.and_then(|content| self.deepest(group, path, content));
        let step = self.step(place, group);
        let verb = match (group.sides, deepest) {
            ((0, 0), _) => " has other entries in ",
            ((0, _), Some(_)) => " adds ",
            ((0, _), None) => " adds files in ",
            ((_, 0), Some(_)) => " no longer stores ",
            ((_, 0), None) => " no longer stores files in ",
            _ => more_or_less(group),
        };
        step.and(verb)
            .name(deepest.map_or_else(|| path.to_owned(), |deepest| format!("/{deepest}")))
    }

    /// The deepest path in an owner's directory that makes nearly all of a difference.
    fn deepest(&self, group: &Group<'a>, owner: &str, content: Difference) -> Option<&'a str> {
        let below = owner.trim_start_matches('/');
        let mut sums: std::collections::HashMap<&str, Difference> =
            std::collections::HashMap::new();
        for row in &group.rows {
            let (old, new) = self.layers(*row);
            for (layer, sign) in [(old, -1), (new, 1)] {
                let contents = layer.and_then(|layer| layer.contents.as_ref());
                for path in contents.into_iter().flat_map(|contents| &contents.paths.rows) {
                    let rest = path.path.strip_prefix(below);
                    if rest.is_some_and(|rest| below.is_empty() || rest.starts_with('/')) {
                        *sums.entry(&path.path).or_default() +=
                            sign * Difference::from(path.content);
                    }
                }
            }
        }
        let whole = content.unsigned_abs();
        let is_nearly = |sum: Difference| {
            let part = sum.unsigned_abs();
            (sum > 0) == (content > 0)
                && part.saturating_mul(10) >= whole.saturating_mul(9)
                && part.saturating_mul(50) <= whole.saturating_mul(51)
        };
        let fitting = sums.into_iter().filter(|(_, sum)| is_nearly(*sum));
        fitting.map(|(path, _)| path).max_by_key(|path| (path.len(), Reverse(*path)))
    }
}

fn more_or_less(group: &Group<'_>) -> &'static str {
    match group.change.content {
        Some(0) => " has other bytes in ",
        Some(..0) => " stores less in ",
        _ => " stores more in ",
    }
}

fn steps(count: usize, what: &'static str) -> Phrase {
    let phrase = Phrase::default().count(count);
    phrase.and(if count == 1 { " layer was" } else { " layers were" }).and(what)
}

/// Characters of an instruction that are shown.
const LONGEST: usize = 80;

fn shortened(instruction: &str) -> String {
    let mut shown: String = instruction.chars().take(LONGEST).collect();
    if shown.len() < instruction.len() {
        shown.push('…');
    }
    shown
}
