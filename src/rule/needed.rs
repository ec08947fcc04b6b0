//! What an image needs to start, or says that it uses: paths that its config names, and what
//! links lead to. What is safe to remove is nothing of these.

use crate::filesystem::NodeId;
use crate::image::Image;
use crate::layer::{Kind, normalize};
use crate::ledger::Ledger;

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
