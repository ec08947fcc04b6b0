//! What an image needs to start, or says that it uses: paths that its config names, and what
//! links lead to. What is safe to remove is nothing of these.

use std::collections::HashSet;
use std::ops::Range;

use super::candidate::Claim;
use super::{Candidate, Detect, Phase, Risk, Rule};
use crate::filesystem::NodeId;
use crate::image::Image;
use crate::layer::{Kind, normalize};
use crate::ledger::{AtomId, Ledger};

/// Variables that name a place for whatever comes, not what is there.
const PLACES: [&str; 8] =
    ["HOME", "PWD", "OLDPWD", "TMP", "TEMP", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME"];

/// Paths that are in use.
#[derive(Debug, Default)]
pub(super) struct Needed {
    /// What the entry point and command name, or a link leads to.
    pub(super) started: Vec<NodeId>,
    /// What the environment and the working directory name.
    pub(super) named: Vec<NodeId>,
}

/// All that is in use, by position in the tree.
#[derive(Debug, Default)]
pub(super) struct Uses {
    started: Vec<(u32, NodeId)>,
    named: Vec<(u32, NodeId)>,
    /// Targets of links, with the positions of the links.
    linked: Vec<(u32, NodeId, u32)>,
}

impl Uses {
    /// Looks at the config and at every link once. `caches` are variables that name caches alone.
    pub(super) fn new(image: &Image, ledger: &Ledger, caches: &[&str]) -> Self {
        let place = |path: &str| {
            let node = ledger.find(path.as_bytes())?;
            Some((ledger.extent(node)?.start, node)).filter(|(start, _)| *start > 0)
        };
        let runtime = &image.runtime;
        let start = runtime.entrypoint.iter().chain(&runtime.cmd);
        let mut started: Vec<_> = start.flat_map(|word| paths(word)).filter_map(place).collect();
        let is_use = |(name, _): &(&String, &String)| {
            !PLACES.contains(&name.as_str()) && !caches.contains(&name.as_str())
        };
        let values = runtime.env.iter().filter(is_use).map(|(_, value)| value);
        let words = values.chain([&runtime.working_dir]);
        let mut named: Vec<_> = words.flat_map(|word| paths(word)).filter_map(place).collect();
        let mut linked = links(ledger);
        started.sort_unstable();
        named.sort_unstable();
        linked.sort_unstable();
        Self { started, named, linked }
    }

    /// What of it is at or in some directories or files.
    pub(super) fn inside(&self, ledger: &Ledger, roots: &[NodeId]) -> Needed {
        let mut needed = Needed::default();
        let mut extents: Vec<_> = roots.iter().filter_map(|node| ledger.extent(*node)).collect();
        extents.sort_unstable_by_key(|extent| (extent.start, std::cmp::Reverse(extent.end)));
        let mut end = 0;
        extents.retain(|extent| {
            let outside = extent.start >= end;
            end = end.max(extent.end);
            outside
        });
        let covered = |position: u32| {
            let before = extents.partition_point(|extent| extent.start <= position);
            before.checked_sub(1).is_some_and(|at| position < extents[at].end)
        };
        for extent in &extents {
            let from = |list: &[(u32, NodeId)]| list.partition_point(|row| row.0 < extent.start);
            let inside = |row: &&(u32, NodeId)| row.0 < extent.end;
            for (list, out) in
                [(&self.started, &mut needed.started), (&self.named, &mut needed.named)]
            {
                let rows = list[from(list)..].iter().take_while(inside);
                out.extend(rows.map(|(_, node)| *node));
            }
            // A link to the directory itself is another name of it, no use of what is in it.
            let after = self.linked.partition_point(|row| row.0 <= extent.start);
            let links = self.linked[after..].iter().take_while(|row| row.0 < extent.end);
            let foreign = links.filter(|(.., link)| !covered(*link));
            needed.started.extend(foreign.map(|(_, node, _)| *node));
        }
        needed
    }
}

/// A candidate without what the image is known to use, if it is said to be safe.
///
/// What is hidden cannot be used, and of copies one stays. Patterns were asked about directories
/// already: a link to a directory that they take is another name of it.
pub(super) fn spare(
    uses: &Uses,
    ledger: &Ledger,
    rule: &Rule,
    mut candidate: Candidate,
) -> Option<Candidate> {
    let is_safe = candidate.risk.unwrap_or(rule.risk) == Risk::Safe;
    let takes = !matches!(rule.phase, Phase::Dead | Phase::Copies | Phase::View);
    let Claim::Files(files) = &mut candidate.claim else { return Some(candidate) };
    if !(is_safe && takes) {
        return Some(candidate);
    }
    let places = Places::new(ledger, files.iter().map(|(file, _)| *file));
    let directories = !matches!(rule.detect, Detect::Paths(_));
    let kept = uses.kept(ledger, &places, directories);
    let had = files.len();
    files.retain(|(file, _)| {
        let atom = ledger.atom(*file);
        !(atom.is_live() && kept.contains(&ledger.span(atom.node).start))
    });
    (had == 0 || !files.is_empty()).then_some(candidate)
}

/// The places of some files among the visible ones.
struct Places(Vec<usize>);

impl Places {
    fn new(ledger: &Ledger, files: impl Iterator<Item = AtomId>) -> Self {
        let atoms = files.map(|file| ledger.atom(file)).filter(|atom| atom.is_live());
        let mut places: Vec<usize> = atoms.map(|atom| ledger.span(atom.node).start).collect();
        places.sort_unstable();
        places.dedup();
        Self(places)
    }

    /// Whether all visible files at or in a node are among them, and there are any.
    fn have(&self, span: &Range<usize>) -> bool {
        let at = |place: usize| self.0.partition_point(|own| *own < place);
        !span.is_empty() && at(span.end) - at(span.start) == span.len()
    }

    /// Whether a link is in a directory of which all files are among them.
    fn surround(&self, ledger: &Ledger, link: NodeId) -> bool {
        let mut directory = ledger.filesystem().parent(link);
        while directory != NodeId::ROOT && ledger.span(directory).is_empty() {
            directory = ledger.filesystem().parent(directory);
        }
        directory != NodeId::ROOT && self.have(&ledger.span(directory))
    }
}

impl Uses {
    /// The places, among those of a claim, of what is in use.
    fn kept(&self, ledger: &Ledger, places: &Places, directories: bool) -> HashSet<usize> {
        let linked = self.linked.iter().map(|(_, node, link)| (*node, Some(*link)));
        let named = self.started.iter().chain(&self.named).map(|(_, node)| (*node, None));
        let mut kept = HashSet::new();
        for (node, link) in named.chain(linked) {
            let span = ledger.span(node);
            let is_file = ledger.atom_at(node).is_some();
            let inner = |link: u32| {
                let link = ledger.tree().get(link as usize);
                link.is_some_and(|link| places.surround(ledger, *link))
            };
            if (is_file || directories) && places.have(&span) && !link.is_some_and(inner) {
                kept.extend(span);
            }
        }
        kept
    }
}

/// The paths in a word of a command or the value of a variable.
fn paths(word: &str) -> impl Iterator<Item = &str> {
    let parts = word.split([' ', '\t', '\n', ':', '=', ',', ';', '"', '\'', '&', '|', '(', ')']);
    parts.filter(|part| part.starts_with('/'))
}

fn links(ledger: &Ledger) -> Vec<(u32, NodeId, u32)> {
    let filesystem = ledger.filesystem();
    let is_link = |node: &&NodeId| filesystem.node(**node).kind == Kind::Symlink;
    let nodes = ledger.tree().iter().filter(is_link);
    nodes.filter_map(|node| target(ledger, *node)).collect()
}

fn target(ledger: &Ledger, link: NodeId) -> Option<(u32, NodeId, u32)> {
    let target = ledger.target(link)?;
    let mut path = Vec::new();
    if !target.starts_with(b"/") {
        path = ledger.filesystem().path(ledger.filesystem().parent(link));
        path.push(b'/');
    }
    path.extend_from_slice(target);
    let node = ledger.find(&normalize(&path)?.components.join(&b'/'))?;
    Some((ledger.extent(node)?.start, node, ledger.extent(link)?.start))
}

#[cfg(test)]
mod tests {
    use crate::rule::testing::found;

    /// The risks and bytes of a rule's findings.
    fn check(rule: &str, text: &str, expected: &[(&str, u64)]) {
        let findings = found(text, &[rule]);
        let found: Vec<_> =
            findings.iter().map(|finding| (finding.risk.as_str(), finding.gross.content)).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn what_links_lead_to_is_not_safe() {
        let image = "
RUN a
  tmp/tool 2_000_000
  tmp/other 3_000_000
  tmp/alias -> other
";
        check("left-temp", image, &[("safe", 5_000_000)]);
        let linked = format!("{image}  usr/local/bin/tool -> /tmp/tool\n");
        check("left-temp", &linked, &[("safe", 3_000_000)]);
    }

    #[test]
    fn a_rule_that_looks_at_layers_spares_what_is_used() {
        let image = "
RUN a
  usr/bin/python3.12 1_000
  usr/lib/python3.12/os.py 100
  app/__pycache__/main.cpython-312.pyc 4_000_000
  app/lib/__pycache__/gone.cpython-312.pyc 2_000_000
";
        let rule = "py-bytecode-stale";
        check(rule, image, &[("safe", 6_000_000)]);
        let started = format!("CMD python3 /app/__pycache__/main.cpython-312.pyc\n{image}");
        check(rule, &started, &[("safe", 2_000_000)]);
        let named = format!("ENV CODE=/app/lib/__pycache__\n{image}");
        check(rule, &named, &[("safe", 4_000_000)]);
        let linked = format!("{image}  srv/code -> ../app/lib/__pycache__\n");
        check(rule, &linked, &[("safe", 4_000_000)]);
        // Most of what is named stays, so that nothing of it is known to be in use.
        let above = format!("ENV APP=/app\n{image}  app/main.py 10\n");
        check(rule, &above, &[("safe", 2_000_000)]);
    }
}
