//! Where things are, and which of them a shell finds first.

use std::collections::HashMap;

use crate::filesystem::NodeId;
use crate::image::Image;
use crate::ledger::{AtomId, Ledger};

/// The places of directories on `PATH`.
pub(super) struct SearchPath(HashMap<Vec<u8>, usize>);

impl SearchPath {
    pub(super) fn new(image: &Image) -> Self {
        let value = image.runtime.env.get("PATH").map_or("", String::as_str);
        let mut places = HashMap::new();
        for (place, directory) in value.split(':').enumerate() {
            let directory = directory.trim_matches('/').as_bytes().to_vec();
            places.entry(directory).or_insert(place);
        }
        Self(places)
    }

    /// The place of a directory, given without a slash at the start.
    pub(super) fn place(&self, directory: &[u8]) -> Option<usize> {
        self.0.get(directory).copied()
    }
}

/// The visible nodes of which the name fits, in the order of the tree.
pub(super) fn named(ledger: &Ledger, fits: impl Fn(&[u8]) -> bool) -> Vec<NodeId> {
    let filesystem = ledger.filesystem();
    ledger.tree().iter().copied().filter(|node| fits(filesystem.name(*node))).collect()
}

/// The visible child of a name.
pub(super) fn child(ledger: &Ledger, node: NodeId, name: &[u8]) -> Option<NodeId> {
    ledger.child(node, name).filter(|child| ledger.filesystem().is_visible(*child))
}

pub(super) fn bytes(ledger: &Ledger, files: &[AtomId]) -> u64 {
    ledger.sum(files.iter().copied()).bytes
}

/// A path with a slash at the start.
pub(super) fn text(ledger: &Ledger, node: NodeId) -> String {
    format!("/{}", String::from_utf8_lossy(&ledger.filesystem().path(node)))
}

/// A version out of the last component of a path that has a digit; one digit at the end of a word
/// is of its name, as in `mrtrix3`.
pub(super) fn version(path: &str) -> Option<String> {
    let component = path.rsplit('/').find(|part| part.contains(|c: char| c.is_ascii_digit()))?;
    let from = component.find(|c: char| c.is_ascii_digit())?;
    let (name, version) = component.split_at_checked(from)?;
    let is_of_name = version.len() == 1 && name.ends_with(|c: char| c.is_ascii_alphabetic());
    (!is_of_name).then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_digit_of_a_name_is_no_version() {
        let check = |path: &str, expected: Option<&str>| {
            assert_eq!(super::version(path).as_deref(), expected, "{path}");
        };
        check("/opt/ants-2.4.4/x", Some("2.4.4"));
        check("/opt/jdk17", Some("17"));
        check("/opt/x-3", Some("3"));
        check("/home/x/mrtrix3", None);
        check("/opt/x", None);
    }
}
