//! Dominators: the nodes of a directed graph without which another cannot be reached.
//!
//! The simple form of the algorithm of Lengauer and Tarjan, with path compression and without
//! recursion: edges times the logarithm of nodes, whatever the graph.

/// No node.
const NONE: usize = usize::MAX;

/// The nodes that can be reached from a root, each under the one that dominates it immediately.
#[derive(Clone, Debug)]
pub(super) struct Dominators {
    /// The nodes, the root first and each after the one that dominates it.
    order: Vec<usize>,
    /// By position in `order`, the position of the immediate dominator; the root's is its own.
    above: Vec<usize>,
    /// By node, its position in `order`.
    position: Vec<usize>,
}

/// The forest of the nodes that were looked at, all numbers being positions in the order.
struct Forest {
    ancestor: Vec<usize>,
    label: Vec<usize>,
    semi: Vec<usize>,
}

impl Dominators {
    /// Finds them from the successors of each node.
    pub(super) fn new(successors: &[Vec<usize>], root: usize) -> Self {
        let (order, parent, position) = depth_first(successors, root);
        let count = order.len();
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); count];
        for (at, node) in order.iter().enumerate() {
            successors[*node].iter().for_each(|next| before[position[*next]].push(at));
        }
        let mut forest = Forest::new(count);
        let mut above = vec![0; count];
        let mut waiting: Vec<Vec<usize>> = vec![Vec::new(); count];
        for at in (1..count).rev() {
            for from in &before[at] {
                let best = forest.best(*from);
                forest.semi[at] = forest.semi[at].min(forest.semi[best]);
            }
            waiting[forest.semi[at]].push(at);
            forest.ancestor[at] = parent[at];
            for below in std::mem::take(&mut waiting[parent[at]]) {
                let best = forest.best(below);
                let nearer = forest.semi[best] < forest.semi[below];
                above[below] = if nearer { best } else { parent[at] };
            }
        }
        for at in 1..count {
            if above[at] != forest.semi[at] {
                above[at] = above[above[at]];
            }
        }
        Self { order, above, position }
    }

    /// By node, the sum of `weights` over what it dominates, itself included; `None` for nodes that
    /// cannot be reached.
    pub(super) fn sums(&self, weights: &[u64]) -> Vec<Option<u64>> {
        let mut sums: Vec<u64> = self.order.iter().map(|node| weights[*node]).collect();
        for at in (1..sums.len()).rev() {
            sums[self.above[at]] = sums[self.above[at]].saturating_add(sums[at]);
        }
        self.position.iter().map(|at| sums.get(*at).copied()).collect()
    }

    /// By node, the one below the root that dominates it.
    pub(super) fn tops(&self) -> Vec<Option<usize>> {
        let mut tops: Vec<usize> = (0..self.order.len()).collect();
        for at in 1..tops.len() {
            if self.above[at] != 0 {
                tops[at] = tops[self.above[at]];
            }
        }
        let top = |at: &usize| tops.get(*at).map(|top| self.order[*top]);
        self.position.iter().map(top).collect()
    }
}

/// The nodes in the order of a depth-first walk, the position of each one's parent, and the
/// position of each node.
fn depth_first(successors: &[Vec<usize>], root: usize) -> (Vec<usize>, Vec<usize>, Vec<usize>) {
    let mut position = vec![NONE; successors.len()];
    let (mut order, mut parent) = (vec![root], vec![0]);
    position[root] = 0;
    let mut open: Vec<(usize, usize)> = vec![(root, 0)];
    while let Some((node, next)) = open.last_mut() {
        let at = position[*node];
        let Some(child) = successors[*node].get(*next).copied() else {
            open.pop();
            continue;
        };
        *next += 1;
        if position[child] == NONE {
            position[child] = order.len();
            order.push(child);
            parent.push(at);
            open.push((child, 0));
        }
    }
    (order, parent, position)
}

impl Forest {
    fn new(count: usize) -> Self {
        Self {
            ancestor: vec![NONE; count],
            label: (0..count).collect(),
            semi: (0..count).collect(),
        }
    }

    /// The node with the least semidominator between a node and the root of its tree.
    fn best(&mut self, node: usize) -> usize {
        if self.ancestor[node] == NONE {
            return node;
        }
        let mut way = Vec::new();
        let mut at = node;
        while self.ancestor[self.ancestor[at]] != NONE {
            way.push(at);
            at = self.ancestor[at];
        }
        for at in way.into_iter().rev() {
            let above = self.ancestor[at];
            if self.semi[self.label[above]] < self.semi[self.label[at]] {
                self.label[at] = self.label[above];
            }
            self.ancestor[at] = self.ancestor[above];
        }
        self.label[node]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What can be reached from the root without passing a node.
    fn reached(successors: &[Vec<usize>], without: Option<usize>) -> Vec<bool> {
        let mut seen = vec![false; successors.len()];
        let mut waiting = vec![0];
        while let Some(node) = waiting.pop() {
            if Some(node) != without && !std::mem::replace(&mut seen[node], true) {
                waiting.extend(&successors[node]);
            }
        }
        seen
    }

    proptest! {
        #[test]
        fn what_a_node_dominates_cannot_be_reached_without_it(
            edges in proptest::collection::vec((0_usize..14, 0_usize..14), 0..40),
        ) {
            let mut successors = vec![Vec::new(); 14];
            for (from, to) in &edges {
                successors[*from].push(*to);
            }
            let weights: Vec<u64> = (0..14).map(|node| 1 << node).collect();
            let sums = Dominators::new(&successors, 0).sums(&weights);
            let all = reached(&successors, None);
            for node in 0..14 {
                let without = reached(&successors, Some(node));
                let lost = (0..14).filter(|other| all[*other] && !without[*other]);
                let expected = all[node].then(|| lost.map(|other| weights[other]).sum());
                prop_assert_eq!(sums[node], expected, "{} of {:?}", node, successors);
            }
        }
    }

    #[test]
    fn long_chains_and_ladders_take_little_time() {
        const COUNT: usize = 200_000;
        let next = |at: usize| if at + 1 < COUNT { vec![at + 1] } else { vec![at / 2, 0] };
        let chain: Vec<Vec<usize>> = (0..COUNT).map(next).collect();
        assert_eq!(Dominators::new(&chain, 0).sums(&vec![1; COUNT])[1], Some(COUNT as u64 - 1));
        // Each node leads to the next two and back to the one before.
        let ladder = |at: usize| {
            let near = [at + 1, at + 2, at.saturating_sub(1)];
            near.into_iter().filter(|next| *next < COUNT).collect()
        };
        let ladder: Vec<Vec<usize>> = (0..COUNT).map(ladder).collect();
        assert_eq!(Dominators::new(&ladder, 0).sums(&vec![1; COUNT])[1], Some(1));
    }
}
