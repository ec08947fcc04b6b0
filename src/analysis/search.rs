//! Paths that fit patterns, over all layers: also what a later layer deletes or replaces.

use crate::filesystem::{Filesystem, NodeId};
use crate::layer::Kind;
use crate::pattern::Patterns;

/// Paths of one pattern that are kept.
const KEPT: usize = 100;

/// Patterns of paths to look for, as [`crate::pattern`] has them; one without a slash before its
/// end fits at any depth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathSearch {
    /// What to look for.
    pub patterns: Vec<String>,
    /// What to leave out.
    pub except: Vec<String>,
}

/// The paths that one pattern fits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathMatches {
    /// The pattern.
    pub pattern: String,
    /// How many there are.
    pub count: u64,
    /// The first hundred by path.
    pub paths: Vec<PathMatch>,
    /// How many more there are that patterns of what to leave out fit, by the first that does.
    pub excepted: Vec<(String, u64)>,
}

/// A path that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathMatch {
    /// The path, without a slash at the start.
    pub path: Vec<u8>,
    /// The lowest layer that stores it.
    pub layer: usize,
    /// Whether the merged filesystem shows it.
    pub visible: bool,
}

/// What any layer stores at a path.
#[derive(Clone, Copy)]
struct Stored {
    layer: usize,
    directory: bool,
}

/// Looks for paths in the layers that were read; one result for each pattern, in their order.
pub(super) fn search(filesystem: &Filesystem, wanted: &PathSearch) -> Vec<PathMatches> {
    if wanted.patterns.is_empty() {
        return Vec::new();
    }
    let (patterns, except) = (compile(&wanted.patterns), compile(&wanted.except));
    let none = |pattern: &String| PathMatches { pattern: pattern.clone(), ..Default::default() };
    let mut found: Vec<PathMatches> = wanted.patterns.iter().map(none).collect();
    let stored = stored(filesystem);
    for node in filesystem.ids().skip(1) {
        let Some(at) = stored[node.index()] else { continue };
        if !patterns.may_fit(filesystem.name(filesystem.parent(node)), filesystem.name(node)) {
            continue;
        }
        let components = components(filesystem, node);
        let spared = except.fitting(&components, at.directory).min();
        for pattern in patterns.fitting(&components, at.directory) {
            match spared {
                Some(spared) => found[*pattern].spare(&wanted.except[*spared]),
                None => found[*pattern].add(|| PathMatch {
                    path: components.join(&b'/'),
                    layer: at.layer,
                    visible: filesystem.is_visible(node),
                }),
            }
        }
    }
    found
}

fn compile(patterns: &[String]) -> Patterns<usize> {
    let mut compiled = Patterns::default();
    for (at, pattern) in patterns.iter().enumerate() {
        let inner = pattern.strip_suffix('/').unwrap_or(pattern);
        if inner.contains('/') {
            compiled.add(pattern.as_bytes(), at);
        } else {
            compiled.add(format!("**/{pattern}").as_bytes(), at);
        }
    }
    compiled
}

/// What the layers store, markers left out; directories above what is stored are there, too.
fn stored(filesystem: &Filesystem) -> Vec<Option<Stored>> {
    let mut stored: Vec<Option<Stored>> = vec![None; filesystem.ids().count()];
    for layer in 0..filesystem.layers() {
        let entries = filesystem.toc(layer).into_iter().flat_map(|toc| &toc.entries);
        for entry in entries.filter(|entry| !entry.kind.is_marker()) {
            let mut node = filesystem.place(layer, entry);
            let mut directory = entry.kind == Kind::Directory;
            while node != filesystem.root() {
                let slot = &mut stored[node.index()];
                let known = slot.is_some_and(|at| at.directory || !directory);
                let at = slot.get_or_insert(Stored { layer, directory });
                at.directory |= directory;
                if known {
                    break;
                }
                (node, directory) = (filesystem.parent(node), true);
            }
        }
    }
    stored
}

fn components(filesystem: &Filesystem, node: NodeId) -> Vec<&[u8]> {
    let mut components = Vec::new();
    let mut at = node;
    while at != filesystem.root() {
        components.push(filesystem.name(at));
        at = filesystem.parent(at);
    }
    components.reverse();
    components
}

impl PathMatches {
    fn add(&mut self, found: impl FnOnce() -> PathMatch) {
        self.count = self.count.saturating_add(1);
        let found = found();
        let place = self.paths.partition_point(|known| known.path <= found.path);
        if place < KEPT {
            self.paths.insert(place, found);
            self.paths.truncate(KEPT);
        }
    }

    fn spare(&mut self, except: &str) {
        match self.excepted.iter_mut().find(|(known, _)| known == except) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => self.excepted.push((except.to_owned(), 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::AnalysisOptions;
    use crate::analysis::testing::analysed;

    const IMAGE: &str = "
base: ADD rootfs /
  root/.ssh/id_rsa 100
  etc/app.conf 10
RUN rm -rf /root/.ssh
  -root/.ssh
  srv/keys/a.pem 5
  srv/test/b.pem 5
";

    #[test]
    fn paths_are_found_in_every_layer() {
        let check = |pattern: &str, except: &str, expected: &[&str]| {
            let search = PathSearch {
                patterns: vec![pattern.to_owned()],
                except: Some(except.to_owned())
                    .filter(|text| !text.is_empty())
                    .into_iter()
                    .collect(),
            };
            let options = AnalysisOptions { search, ..AnalysisOptions::default() };
            let (_, found) = analysed(IMAGE, &options);
            let matches = &found.matches[0];
            let shown = |found: &PathMatch| {
                let path = String::from_utf8_lossy(&found.path);
                format!("{path} {} {}", found.layer, found.visible)
            };
            let shown: Vec<String> = matches.paths.iter().map(shown).collect();
            assert_eq!(shown, expected, "{pattern}");
            assert_eq!(matches.count, expected.len() as u64);
        };
        check("/root/.ssh/", "", &["root/.ssh 0 false"]);
        check("root/.ssh/**", "", &["root/.ssh/id_rsa 0 false"]);
        check("id_rsa", "", &["root/.ssh/id_rsa 0 false"]);
        check("*.pem", "", &["srv/keys/a.pem 1 true", "srv/test/b.pem 1 true"]);
        check("*.pem", "srv/test/**", &["srv/keys/a.pem 1 true"]);
        check("srv/*.pem", "", &[]);
        check("app.conf/", "", &[]);
    }
}
