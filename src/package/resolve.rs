//! From the paths that a record lists to the places of the image.

use crate::filesystem::NodeId;
use crate::ledger::Ledger;

/// Finds paths from a directory on. Fast where paths that follow each other share directories.
pub(super) struct Resolver<'a> {
    ledger: &'a Ledger,
    base: NodeId,
    /// The directory that was asked for last, and what it was.
    last: Option<(Vec<u8>, Found)>,
    found: Vec<NodeId>,
    outside: u64,
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    At(NodeId),
    Missing,
    /// It leads out of the image.
    Outside,
}

impl<'a> Resolver<'a> {
    /// Finds paths from `base` on.
    pub(super) fn new(ledger: &'a Ledger, base: NodeId) -> Self {
        Self { ledger, base, last: None, found: Vec::new(), outside: 0 }
    }

    /// Takes a path: relative, perhaps upwards, or absolute. What no layer has is passed over.
    pub(super) fn add(&mut self, path: &[u8]) {
        match self.find(path) {
            Found::At(node) => self.found.push(node),
            Found::Missing => {}
            Found::Outside => self.outside += 1,
        }
    }

    /// The place of one path, if some layer has it.
    pub(super) fn one(&mut self, path: &[u8]) -> Option<NodeId> {
        match self.find(path) {
            Found::At(node) => Some(node),
            Found::Missing | Found::Outside => None,
        }
    }

    /// The places that were found, each once, and how many paths led out of the image.
    pub(super) fn finish(self) -> (Vec<NodeId>, u64) {
        (unique(self.found), self.outside)
    }

    fn find(&mut self, path: &[u8]) -> Found {
        let slash = path.iter().rposition(|byte| *byte == b'/');
        let (directory, name) = slash.map_or((&b""[..], path), |at| (&path[..at], &path[at + 1..]));
        let absolute = path.starts_with(b"/");
        let is_last = |last: &(Vec<u8>, Found)| last.0 == directory;
        let found = match self.last.as_ref().filter(|last| is_last(last)) {
            Some((_, found)) if !directory.is_empty() => *found,
            _ => {
                let found = self.walk(directory, absolute);
                self.last = Some((directory.to_vec(), found));
                found
            }
        };
        match found {
            Found::At(parent) if !matches!(name, b"" | b"." | b"..") => {
                self.ledger.child(parent, name).map_or(Found::Missing, Found::At)
            }
            Found::At(_) => Found::Missing,
            other => other,
        }
    }

    fn walk(&self, directory: &[u8], absolute: bool) -> Found {
        let mut names = directory.split(|byte| *byte == b'/');
        if absolute {
            if names.any(|name| matches!(name, b"." | b"..")) {
                return Found::Outside;
            }
            return self.ledger.find(directory).map_or(Found::Missing, Found::At);
        }
        let mut at = self.base;
        for name in names.filter(|name| !matches!(*name, b"" | b".")) {
            if name == b".." {
                if at == NodeId::ROOT {
                    return Found::Outside;
                }
                at = self.ledger.filesystem().parent(at);
            } else if let Some(child) = self.ledger.child(at, name) {
                at = child;
            } else {
                return Found::Missing;
            }
        }
        Found::At(at)
    }
}

/// Places in order, each once.
pub(super) fn unique(mut nodes: Vec<NodeId>) -> Vec<NodeId> {
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::testing::image;

    #[test]
    fn paths_are_found_from_the_directory_on() {
        let (_, ledger) = image(
            "RUN x\n  opt/lib/site/a/b.py 1\n  opt/bin/a 1\n  usr/bin/c 1\n  bin -> usr/bin\n",
        );
        let base = ledger.find(b"opt/lib/site").unwrap();
        let check = |path: &str, expected: Option<&str>, outside: u64| {
            let mut resolver = Resolver::new(&ledger, base);
            resolver.add(b"a/b.py");
            resolver.add(path.as_bytes());
            resolver.add(path.as_bytes());
            let expected = expected.map(|path| ledger.find(path.as_bytes()).unwrap());
            let (found, out) = resolver.finish();
            let first = ledger.find(b"opt/lib/site/a/b.py");
            assert_eq!(found, unique(first.into_iter().chain(expected).collect()), "{path}");
            assert_eq!(out, outside, "{path}");
        };
        check("../../bin/a", Some("opt/bin/a"), 0);
        check("./a/./b.py", Some("opt/lib/site/a/b.py"), 0);
        check("/usr/bin/c", Some("usr/bin/c"), 0);
        check("/bin/c", Some("usr/bin/c"), 0);
        check("a/none.py", None, 0);
        check("none/../a/b.py", None, 0);
        check("..", None, 0);
        check("", None, 0);
        check("../../../../x", None, 2);
        check("/usr/../bin/c", None, 2);
    }
}
