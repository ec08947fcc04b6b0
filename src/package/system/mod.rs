//! The packages of distributions: one database for the whole system, which each step rewrites.

mod apk;
mod dpkg;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod history;
mod resolve;
mod rpm;
mod text;

use super::{Dependency, Ecosystem, Inventory, Package};
use crate::ledger::{Documents, Ledger};

/// What to say of a database of which not all was read.
const CUT: &str = "It is too long; some of its packages are not known.";

/// Reads the databases.
pub(super) fn read(ledger: &Ledger, documents: &Documents<'_>, inventory: &mut Inventory) {
    for read in [dpkg::read, apk::read, rpm::read] {
        read(ledger, documents, inventory);
    }
}

/// The root whose database of a package manager a path is; `place` is where a root has it.
fn root_of<'a>(path: &'a [u8], place: &[u8]) -> Option<&'a [u8]> {
    let root = path.strip_suffix(place)?;
    if root.is_empty() { Some(root) } else { root.strip_suffix(b"/") }
}
