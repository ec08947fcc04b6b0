//! Rules against images written as text; see [`crate::ledger::testing`].

use super::{Facts, Finding, Selection, findings};
use crate::component::{self, Knowledge};
use crate::ledger::Documents;
use crate::ledger::testing::image;
use crate::owner::Owners;
use crate::package::Inventory;

/// What rules find in an image; `only` as [`Selection::only`] takes it, all rules where it is
/// empty.
pub(crate) fn found(text: &str, only: &[&str]) -> Vec<Finding> {
    let only = only.iter().map(|name| (*name).to_owned()).collect();
    let selection = Selection { only, ..Selection::default() };
    with_facts(text, |facts| findings(facts, &selection))
}

/// Asks the facts of an image.
pub(crate) fn with_facts<T>(text: &str, ask: impl FnOnce(&Facts<'_>) -> T) -> T {
    let (image, ledger) = image(text);
    let documents = Documents::new(&ledger);
    let inventory = Inventory::read(&ledger, &documents);
    let components =
        component::find(&image, &ledger, &documents, &inventory, &Knowledge::default());
    let owners = Owners::attribute(&image, &ledger, &inventory, &components);
    ask(&Facts::new(&image, &ledger, &documents, &inventory, &components, &owners))
}

/// Checks the content bytes that a rule would save alone, by finding, the most first.
pub(crate) fn check(rule: &str, text: &str, expected: &[u64]) {
    let mut bytes: Vec<u64> =
        found(text, &[rule]).iter().map(|finding| finding.gross.content).collect();
    bytes.sort_unstable_by_key(|bytes| std::cmp::Reverse(*bytes));
    assert_eq!(bytes, expected, "{rule} {text}");
}
