//! What a step deletes of another one's, as paths that are safe to delete there.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::filesystem::NodeId;
use crate::ledger::{AtomId, Ledger};
use crate::rule::quote::all_quoted;

/// Paths that a command lists.
const PATHS: usize = 10;
/// A directory nearer to the root is not deleted as a whole.
const DEPTH: usize = 2;

/// A command that deletes hidden files, and nothing that the image shows.
pub(super) fn removal(ledger: &Ledger, files: &[AtomId]) -> String {
    let mut sums: BTreeMap<NodeId, u64> = BTreeMap::new();
    for file in files {
        let sum = sums.entry(emptied(ledger, *file)).or_default();
        *sum = sum.saturating_add(ledger.atom(*file).bytes);
    }
    let mut nodes: Vec<(NodeId, u64)> = sums.into_iter().collect();
    nodes.sort_by_key(|(node, bytes)| (Reverse(*bytes), *node));
    let more = nodes.len().saturating_sub(PATHS);
    nodes.truncate(PATHS);
    let mut paths: Vec<Vec<u8>> =
        nodes.iter().map(|(node, _)| ledger.filesystem().path(*node)).collect();
    paths.sort_unstable();
    let command = format!("rm -rf {}", all_quoted(paths.iter().map(Vec::as_slice)));
    if more == 0 { command } else { format!("{command}\n# and {more} more paths like these") }
}

/// The uppermost directory around a hidden file of which the image shows nothing, or the file.
fn emptied(ledger: &Ledger, file: AtomId) -> NodeId {
    let filesystem = ledger.filesystem();
    let mut above = vec![ledger.atom(file).node];
    while let Some(last) = above.last().filter(|last| **last != NodeId::ROOT) {
        above.push(filesystem.parent(*last));
    }
    // The root is the last of them.
    let deep = above.len().saturating_sub(DEPTH + 1);
    let around = above.iter().take(deep.saturating_add(1)).skip(1);
    let free = around.take_while(|node| ledger.inside(**node).is_empty());
    free.last().or(above.first()).copied().unwrap_or(NodeId::ROOT)
}

/// The text of a command that deletes, without the paths that are not of some files; `None` if
/// nothing is left to delete.
pub(super) fn narrowed(text: &str, files: &[Vec<u8>]) -> Option<String> {
    let is_path = |word: &&str| word.starts_with('/');
    // What is run in a directory of its own stays as it is.
    if text.starts_with('(') || !text.split(' ').any(|word| is_path(&word)) {
        return Some(text.to_owned());
    }
    let is_target = |word: &&str| word.starts_with(['/', '$', '~', '"', '\'']);
    let words: Vec<&str> =
        text.split(' ').filter(|word| !is_path(word) || is_of(word, files)).collect();
    let is_search = text.starts_with("find ");
    let mut left = words.iter().filter(|word| is_target(word) && (!is_search || is_path(word)));
    left.next().is_some().then(|| words.join(" "))
}

/// Whether a path as it stands in a command is one of some files, or above one.
fn is_of(word: &str, files: &[Vec<u8>]) -> bool {
    // What a variable or the home directory stands for is not known here.
    let Some(path) = word.strip_prefix('/') else { return true };
    let literal = path.split(['*', '?', '$', '[', '{']).next().unwrap_or_default();
    let is_whole = literal.len() == path.len();
    let literal = if is_whole { literal.trim_end_matches('/') } else { literal }.as_bytes();
    files.iter().any(|file| {
        let rest = file.strip_prefix(literal);
        rest.is_some_and(|rest| !is_whole || rest.is_empty() || rest.starts_with(b"/"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::testing::with_facts;

    #[test]
    fn commands_keep_the_paths_of_their_step() {
        let check = |text: &str, expected: Option<&str>| {
            let files = [b"opt/a/x".to_vec(), b"srv/b".to_vec()];
            assert_eq!(narrowed(text, &files).as_deref(), expected, "{text}");
        };
        check("rm -rf /opt/a /opt/b /srv/b", Some("rm -rf /opt/a /srv/b"));
        check("rm -rf /opt/* /usr/c", Some("rm -rf /opt/*"));
        check("rm -rf /op /srv/b/", Some("rm -rf /srv/b/"));
        check("rm -rf /usr/a /usr/b", None);
        check("rm -rf $X /usr/b", Some("rm -rf $X"));
        check("find /usr/b /srv -name '*.a' -delete", Some("find /srv -name '*.a' -delete"));
        check("find /usr/b -name '*.a' -delete", None);
        check("(cd /usr && rm -rf 'a' b)", Some("(cd /usr && rm -rf 'a' b)"));
    }

    #[test]
    fn only_what_the_image_does_not_show_is_deleted() {
        let check = |image: &str, expected: &str| {
            let text = with_facts(image, |facts| {
                removal(facts.ledger, &facts.ledger.dead().collect::<Vec<_>>())
            });
            assert_eq!(text, expected, "{image}");
        };
        let image = "RUN a\n  opt/a/b/x 3\n  opt/a/b/y 2\n  usr/lib/z 1\n  usr/lib/live 1\nRUN b\n  -opt/a\n  -usr/lib/z\n";
        check(image, "rm -rf /opt/a /usr/lib/z");
        check("RUN a\n  opt/x 3\nRUN b\n  -opt/x\n", "rm -rf /opt/x");
    }
}
