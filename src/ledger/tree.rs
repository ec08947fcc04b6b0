//! The visible tree in depth-first order.

use crate::filesystem::{Filesystem, NodeId};

const HIDDEN: u32 = u32::MAX;

/// Numbers of visible nodes.
pub(super) struct Tree {
    order: Vec<NodeId>,
    /// By node; [`HIDDEN`] for those that are not visible.
    position: Vec<u32>,
    /// By position, where what is in the node ends.
    end: Vec<u32>,
}

/// Positions from the first to before the second.
pub(super) type Range = (u32, u32);

impl Tree {
    pub(super) fn new(filesystem: &Filesystem) -> Self {
        let mut tree = Self {
            order: Vec::new(),
            position: vec![HIDDEN; filesystem.ids().count()],
            end: Vec::new(),
        };
        // The directories that the walk is in.
        let mut open: Vec<u32> = Vec::new();
        for ((node, depth), position) in filesystem.walk(filesystem.root()).zip(0..HIDDEN) {
            tree.close(&mut open, depth, position);
            open.push(position);
            tree.position[node.index()] = position;
            tree.order.push(node);
            tree.end.push(position + 1);
        }
        let last = u32::try_from(tree.order.len()).unwrap_or(HIDDEN);
        tree.close(&mut open, 0, last);
        tree
    }

    fn close(&mut self, open: &mut Vec<u32>, depth: usize, position: u32) {
        for closed in open.drain(depth.min(open.len())..) {
            self.end[closed as usize] = position;
        }
    }

    pub(super) fn order(&self) -> &[NodeId] {
        &self.order
    }

    /// A node and what is in it; `None` if it is not visible.
    pub(super) fn range(&self, node: NodeId) -> Option<Range> {
        let start = self.position[node.index()];
        (start != HIDDEN).then(|| (start, self.end[start as usize]))
    }

    /// What is at or below any of `roots`, in order and without overlaps.
    pub(super) fn union(&self, roots: &[NodeId]) -> Vec<Range> {
        let mut ranges: Vec<Range> = roots.iter().filter_map(|root| self.range(*root)).collect();
        ranges.sort_unstable_by_key(|(start, end)| (*start, std::cmp::Reverse(*end)));
        // Of two ranges, one is in the other or they are apart.
        let mut last = 0;
        ranges.retain(|(start, end)| {
            let outside = *start >= last;
            last = last.max(*end);
            outside
        });
        ranges
    }

    /// Whether a node is in any of some ranges in order.
    pub(super) fn is_covered(&self, node: NodeId, ranges: &[Range]) -> bool {
        let position = self.position[node.index()];
        let before = ranges.partition_point(|(start, _)| *start <= position);
        before.checked_sub(1).is_some_and(|at| position < ranges[at].1)
    }
}
