//! Packages over time: a database that is one file, compared in layer after layer.

use std::collections::HashMap;

use super::Package;
use crate::filesystem::{Hidden, How, NodeId};
use crate::ledger::{Document, Documents, Ledger};

/// What makes two records the same package: name, version and architecture.
type Key = (String, Option<String>, Option<String>);

/// The packages that were in a database in any layer.
#[derive(Default)]
pub(super) struct History {
    /// Those that it listed last, by their positions.
    listed: HashMap<Key, usize>,
    packages: Vec<Package>,
}

impl History {
    /// Takes what the database lists in a layer. Packages that were listed before and are not any
    /// more are removed by it, unless the list is not complete.
    ///
    /// `fill` completes a package that is new, told by its position in `records`.
    pub(super) fn state(
        &mut self,
        layer: usize,
        is_complete: bool,
        records: Vec<Package>,
        mut fill: impl FnMut(usize, &mut Package),
    ) {
        let mut listed = HashMap::with_capacity(records.len());
        for (at, mut package) in records.into_iter().enumerate() {
            let key = (package.name.clone(), package.version.clone(), package.architecture.clone());
            if listed.contains_key(&key) {
                continue;
            }
            let known = self.listed.remove(&key).unwrap_or_else(|| {
                package.layer = layer;
                fill(at, &mut package);
                self.packages.push(package);
                self.packages.len() - 1
            });
            listed.insert(key, known);
        }
        if is_complete {
            self.remove(Hidden { layer, how: How::OverwriteChanged });
        }
        self.listed.extend(listed);
    }

    /// The packages, once all layers were told; `hidden` is what hides the database.
    pub(super) fn finish(mut self, hidden: Option<Hidden>) -> Vec<Package> {
        if let Some(hidden) = hidden {
            self.remove(hidden);
        }
        self.packages
    }

    fn remove(&mut self, hidden: Hidden) {
        for (_, at) in self.listed.drain() {
            self.packages[at].removed = Some(hidden);
        }
    }
}

/// The contents that layers have at a path, base first, of each layer the last one.
pub(super) fn versions<'a, 'd>(
    documents: &'a Documents<'d>,
    ledger: &Ledger,
    path: &[u8],
) -> Vec<&'a Document<'d>> {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let node = ledger.find(path);
    documents
        .named(name)
        .iter()
        .filter(|document| Some(document.node) == node && lasts(document))
        .collect()
}

/// Whether a layer itself shows the document.
pub(super) fn lasts(document: &Document<'_>) -> bool {
    !document.hidden.is_some_and(|hidden| matches!(hidden.how, How::Repeated | How::Marker))
}

/// Documents by the node they are at, base layers first.
pub(super) fn by_node<'a, 'd>(
    documents: impl Iterator<Item = &'a Document<'d>>,
) -> Vec<(NodeId, Vec<&'a Document<'d>>)>
where
    'd: 'a,
{
    let mut all: Vec<_> = documents.filter(|document| lasts(document)).collect();
    all.sort_by_key(|document| (document.node, document.layer));
    all.chunk_by(|a, b| a.node == b.node).map(|chunk| (chunk[0].node, chunk.to_vec())).collect()
}

/// Of documents, that which a layer wrote; else the nearest one, rather an earlier one.
pub(super) fn nearest<'a, 'd>(
    documents: impl Iterator<Item = &'a Document<'d>>,
    layer: usize,
) -> Option<&'a Document<'d>>
where
    'd: 'a,
{
    documents
        .filter(|document| lasts(document))
        .min_by_key(|document| (document.layer.abs_diff(layer), document.layer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str) -> Vec<Package> {
        let record = |word: &str| {
            let (name, version) = word.split_once('=').unwrap();
            Package {
                name: name.to_owned(),
                version: Some(version.to_owned()),
                ..Package::default()
            }
        };
        text.split_whitespace().map(record).collect()
    }

    #[test]
    fn packages_come_and_go() {
        let check = |states: &[(&str, bool)], hidden: Option<Hidden>, expected: &[&str]| {
            let mut history = History::default();
            for (layer, (text, complete)) in states.iter().enumerate() {
                history.state(layer, *complete, records(text), |_, _| {});
            }
            let told: Vec<String> = history
                .finish(hidden)
                .iter()
                .map(|package| {
                    let version = package.version.as_deref().unwrap();
                    let removed = package
                        .removed
                        .map_or(String::new(), |hidden| format!("-{}", hidden.layer));
                    format!("{}={version} {}{removed}", package.name, package.layer)
                })
                .collect();
            assert_eq!(told, expected, "{states:?}");
        };
        check(&[("a=1 b=1", true), ("a=2 b=1", true)], None, &["a=1 0-1", "b=1 0", "a=2 1"]);
        check(&[("a=1 a=1", true), ("", true), ("a=1", true)], None, &["a=1 0-1", "a=1 2"]);
        check(&[("a=1 b=1", true), ("a=1", false), ("a=1", true)], None, &["a=1 0", "b=1 0-2"]);
        check(&[("k=1", true), ("k=1 k=2", true)], None, &["k=1 0", "k=2 1"]);
        let hidden = Some(Hidden { layer: 7, how: How::Whiteout });
        check(&[("a=1", true), ("b=1", true)], hidden, &["a=1 0-1", "b=1 1-7"]);
    }
}
