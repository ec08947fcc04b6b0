//! The merge once more, as simple as it can be: full paths in a map, every rule a pass over all of
//! it. The two are held to agree.

use std::collections::BTreeMap;

use super::lines::{assert_sums, layer, merge};
use super::*;
use crate::layer::{Link, Toc};

/// Layer and position.
type Id = (usize, usize);
type Path = Vec<u8>;

#[derive(Default)]
struct Model {
    tocs: Vec<std::sync::Arc<Toc>>,
    /// What is visible: the entries of each path, the last one on top; none if it is implied.
    live: BTreeMap<Path, Vec<Id>>,
    /// What this layer's markers took away: what was on top at each path.
    taken: BTreeMap<Path, Id>,
    hidden: BTreeMap<Id, Hidden>,
    files: BTreeMap<Id, Id>,
}

fn above(path: &[u8]) -> Vec<Path> {
    (0..path.len()).filter(|at| path[*at] == b'/').map(|at| path[..at].to_vec()).collect()
}

fn is_below(path: &[u8], directory: &[u8]) -> bool {
    directory.is_empty() && !path.is_empty()
        || path.strip_prefix(directory).is_some_and(|rest| rest.first() == Some(&b'/'))
}

impl Model {
    fn kind(&self, (layer, at): Id) -> Kind {
        self.tocs[layer].entries[at].kind
    }

    fn is_directory(&self, path: &[u8]) -> bool {
        path.is_empty()
            || self.live.get(path).is_some_and(|entries| {
                entries.last().is_none_or(|id| self.kind(*id) == Kind::Directory)
            })
    }

    fn hide(&mut self, path: &[u8], layer: usize, how: How) {
        for id in self.live.remove(path).unwrap_or_default() {
            self.hidden.insert(id, Hidden { layer, how });
        }
    }

    fn hide_below(&mut self, directory: &[u8], layer: usize, how: How, taken: bool) {
        let below: Vec<Path> =
            self.live.keys().filter(|path| is_below(path, directory)).cloned().collect();
        for path in below {
            if taken {
                self.take(&path);
            }
            self.hide(&path, layer, how);
        }
    }

    fn take(&mut self, path: &[u8]) {
        if let Some(id) = self.live.get(path).and_then(|entries| entries.last()) {
            self.taken.insert(path.to_vec(), *id);
        }
    }

    fn how(&self, old: Id, new: Id) -> How {
        if old.0 == new.0 {
            return How::Repeated;
        }
        let entry = |id: Id| self.tocs[id.0].entries[id.1];
        if let (Some(a), Some(b)) = (self.files.get(&old), self.files.get(&new)) {
            let (x, y) = (entry(*a), entry(*b));
            return match (x.hash, y.hash) {
                _ if a == b || (x.size, y.size) == (0, 0) => How::OverwriteSame,
                _ if x.size != y.size => How::OverwriteChanged,
                (Some(x), Some(y)) if x == y => How::OverwriteSame,
                (Some(_), Some(_)) => How::OverwriteChanged,
                _ => How::Overwrite,
            };
        }
        let text = |id: Id| match entry(id).link {
            Some(Link::Symbolic(text)) => Some(self.tocs[id.0].text(text).to_vec()),
            _ => None,
        };
        match (text(old), text(new)) {
            _ if self.kind(old) != self.kind(new) => How::TypeChange,
            (Some(a), Some(b)) if a == b => How::OverwriteSame,
            (Some(_), Some(_)) => How::OverwriteChanged,
            _ => How::Overwrite,
        }
    }

    fn put_back(&mut self, path: &[u8], layer: usize, new: Option<Id>) {
        let Some(old) = self.taken.remove(path) else { return };
        let directory = |id| self.kind(id) == Kind::Directory;
        if directory(old) && new.is_none_or(directory) {
            return;
        }
        let how = new.map_or(How::TypeChange, |new| self.how(old, new));
        self.hidden.insert(old, Hidden { layer, how });
    }

    fn markers(&mut self, layer: usize, toc: &Toc) {
        for wanted in [Kind::Whiteout, Kind::Opaque, Kind::Reserved] {
            for (at, entry) in toc.entries.iter().enumerate().filter(|(_, e)| e.kind == wanted) {
                let path = toc.paths.join(entry.path);
                self.hidden.insert((layer, at), Hidden { layer, how: How::Marker });
                if wanted == Kind::Whiteout {
                    self.take(&path);
                    self.hide(&path, layer, How::Whiteout);
                    self.hide_below(&path, layer, How::Whiteout, true);
                } else if wanted == Kind::Opaque {
                    self.hide_below(&path, layer, How::OpaqueDirectory, true);
                }
            }
        }
    }

    fn store(&mut self, id: Id, path: &[u8]) {
        let layer = id.0;
        let directory = self.kind(id) == Kind::Directory;
        if path.is_empty() {
            if !directory {
                self.hidden.insert(id, Hidden { layer, how: How::Marker });
            }
            return;
        }
        for parent in above(path) {
            if !self.is_directory(&parent) {
                let old = self.live.get(&parent).map(|entries| entries[0].0);
                let how = if old == Some(layer) { How::Repeated } else { How::TypeChange };
                self.hide(&parent, layer, how);
                self.put_back(&parent, layer, None);
                self.live.insert(parent, Vec::new());
            }
        }
        self.put_back(path, layer, Some(id));
        if directory && self.is_directory(path) {
            self.live.entry(path.to_vec()).or_default().push(id);
            return;
        }
        let old = self.live.get(path).and_then(|entries| entries.last()).copied();
        self.hide_below(path, layer, How::AncestorReplaced, false);
        if let Some(old) = old {
            let how = self.how(old, id);
            self.hide(path, layer, how);
        }
        self.live.insert(path.to_vec(), vec![id]);
    }

    fn apply(&mut self, toc: &std::sync::Arc<Toc>) {
        let layer = self.tocs.len();
        self.tocs.push(toc.clone());
        self.taken.clear();
        self.markers(layer, toc);
        for (at, entry) in toc.entries.iter().enumerate().filter(|(_, e)| !e.kind.is_marker()) {
            let id = (layer, at);
            match entry.link {
                Some(Link::Hard(target)) => {
                    let target = toc.paths.join(target);
                    let top = self.live.get(&target).and_then(|entries| entries.last());
                    if let Some(file) = top.and_then(|top| self.files.get(top)).copied() {
                        self.files.insert(id, file);
                    }
                }
                _ if entry.kind == Kind::File => {
                    self.files.insert(id, id);
                }
                _ => {}
            }
            self.store(id, &toc.paths.join(entry.path));
        }
    }

    /// By which layer and how the bytes of an entry are hidden.
    fn fate(&self, id: Id) -> Option<Hidden> {
        if self.kind(id) != Kind::File {
            return self.hidden.get(&id).copied();
        }
        let names = self.files.iter().filter(|(_, file)| **file == id);
        let fates: Option<Vec<Hidden>> =
            names.map(|(name, _)| self.hidden.get(name).copied()).collect();
        let last = fates.as_ref()?.iter().map(|hidden| hidden.layer).max()?;
        fates?.into_iter().find(|hidden| hidden.layer == last)
    }

    /// The name at which a file's bytes count.
    fn carrier(&self, file: Id) -> Option<Path> {
        let names = self.live.iter().filter_map(|(path, entries)| Some((path, entries.last()?)));
        let mut names: Vec<_> = names.filter(|(_, id)| self.files.get(id) == Some(&file)).collect();
        names.sort_by_key(|(path, id)| (**id != file, (*path).clone()));
        names.first().map(|(path, _)| (*path).clone())
    }
}

/// Holds a merge of layers, as [`layer`] reads them, against the model.
///
/// # Panics
///
/// Where the two differ.
pub(super) fn compare(layers: &[String]) {
    let texts: Vec<&str> = layers.iter().map(String::as_str).collect();
    let filesystem = merge(&texts);
    let mut model = Model::default();
    for text in &texts {
        model.apply(&layer(text));
    }
    let nodes = filesystem.walk(filesystem.root()).skip(1).map(|(node, _)| node);
    let shown: BTreeMap<Path, NodeId> = nodes.map(|node| (filesystem.path(node), node)).collect();
    assert!(shown.keys().eq(model.live.keys()), "{layers:?} shows {:?}", shown.keys());
    for (path, node) in shown {
        let node = filesystem.node(node);
        let top = model.live[&path].last().copied();
        assert_eq!(node.layer.zip(node.entry), top, "{layers:?} {path:?}");
        let file = top.and_then(|top| model.files.get(&top)).copied();
        assert_eq!(node.file, file, "{layers:?} {path:?}");
        let counted = file.and_then(|file| model.carrier(file)).as_ref() == Some(&path);
        assert_eq!(node.counted, counted, "{layers:?} {path:?}");
    }
    let mut shadowed = Amount::default();
    for (layer, toc) in model.tocs.iter().enumerate() {
        for (at, entry) in toc.entries.iter().enumerate() {
            let fate = model.fate((layer, at));
            assert_eq!(filesystem.hidden(layer, at), fate, "{layers:?} {layer}/{at}");
            if fate.is_some() {
                shadowed += Amount::of(entry);
            }
        }
    }
    assert_eq!(filesystem.shadowed(), shadowed, "{layers:?}");
    assert_sums(&filesystem);
}
