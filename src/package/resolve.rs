//! From the paths of records to nodes.

use crate::filesystem::NodeId;
use crate::layer::Kind;
use crate::ledger::Ledger;

/// Looks up paths of which many follow each other in one directory.
pub(super) struct Resolver<'a> {
    ledger: &'a Ledger,
    /// What paths start from, with a slash at its end unless it is empty.
    root: Vec<u8>,
    directory: Vec<u8>,
    node: Option<NodeId>,
}

impl<'a> Resolver<'a> {
    /// Looks up paths below a directory.
    pub(super) fn new(ledger: &'a Ledger, root: &[u8]) -> Self {
        let mut prefix = root.to_vec();
        if !root.is_empty() {
            prefix.push(b'/');
        }
        let node = ledger.find(root);
        Self { ledger, root: prefix, directory: Vec::new(), node }
    }

    /// The node of what is not a directory; slashes around directory and name may be there or not.
    pub(super) fn file(&mut self, directory: &[u8], name: &[u8]) -> Option<NodeId> {
        let directory = directory.strip_prefix(b"/").unwrap_or(directory);
        if self.directory != directory {
            self.directory = directory.to_vec();
            self.node = self.ledger.find(&[&self.root[..], directory].concat());
        }
        let node = self.ledger.child(self.node?, name)?;
        (self.ledger.filesystem().node(node).kind != Kind::Directory).then_some(node)
    }

    /// The same for a whole path.
    pub(super) fn path(&mut self, path: &[u8]) -> Option<NodeId> {
        let path = path.strip_suffix(b"/").unwrap_or(path);
        let (directory, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(at) => (&path[..at], &path[at + 1..]),
            None => (&b""[..], path),
        };
        self.file(directory, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::testing::image;

    #[test]
    fn paths_lead_to_files() {
        let text = "
ADD rootfs /
  usr/lib/a/x 1
  usr/lib/a/y -> x
  usr/bin/z 1
  lib -> usr/lib
  top 1
  nested/lib/x 1
";
        let (_, ledger) = image(text);
        let check = |root: &str, path: &str, expected: Option<&str>| {
            let mut resolver = Resolver::new(&ledger, root.as_bytes());
            for _ in 0..2 {
                let found = resolver.path(path.as_bytes());
                let found = found.map(|node| ledger.filesystem().path(node));
                let found = found.map(|path| String::from_utf8(path).unwrap());
                assert_eq!(found.as_deref(), expected, "{root} {path}");
            }
        };
        check("", "/usr/lib/a/x", Some("usr/lib/a/x"));
        check("", "/lib/a/x", Some("usr/lib/a/x"));
        check("", "lib/a/y", Some("usr/lib/a/y"));
        check("", "/usr/lib/a", None);
        check("", "/usr/lib/b", None);
        check("", "/no/where", None);
        check("", "/top", Some("top"));
        check("", "/.", None);
        check("nested", "lib/x", Some("nested/lib/x"));
        check("nested", "top", None);
    }
}
