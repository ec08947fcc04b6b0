//! What components take: of the visible tree, of what it hides, by layer and part.

use std::collections::{BTreeMap, HashMap};

use super::{Facts, Phrase};
use crate::component::{Component, Making, Naming};
use crate::filesystem::{Amount, NodeId};
use crate::ledger::AtomId;
use crate::owner::OwnerKind;
use crate::package::PackageId;

/// What a component takes. A stored file that is in its root or of one of its packages counts
/// once; what is in another component inside of it counts for both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentUsage {
    /// The id in the knowledge base.
    pub id: String,
    /// Its name.
    pub title: String,
    /// What it is, in one line.
    pub about: String,
    /// How it is made.
    pub making: Making,
    /// The path of its root, without a slash at the start; `None` where it has none.
    pub root: Option<Vec<u8>>,
    /// Its version and where that was read.
    pub version: Option<(String, String)>,
    /// What names it, where its place is told by the text of a step and the name of a directory.
    pub named: Option<Naming>,
    /// The nearest component that its root is in, by position in the same list.
    pub inside: Option<usize>,
    /// What the image shows of it.
    pub visible: Amount,
    /// What it does not show of it.
    pub shadowed: Amount,
    /// By layer, base first; those that store some of it.
    pub layers: Vec<LayerUsage>,
    /// Its parts, the largest first.
    pub parts: Vec<PartUsage>,
    /// Builds that are known to be smaller, one sentence each.
    pub slimmer: Vec<String>,
    /// A command that shows that it works.
    pub check: Option<String>,
    /// What is right already, one sentence each.
    pub observations: Vec<Phrase>,
}

/// What one layer stores of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerUsage {
    /// The layer.
    pub layer: usize,
    /// What the image shows of that.
    pub visible: Amount,
    /// What it does not show.
    pub shadowed: Amount,
}

/// What a part of a component takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartUsage {
    /// What it is.
    pub name: String,
    /// What it is for, see [`crate::component::Part::role`].
    pub role: String,
    /// What removing it risks: `safe`, `test`, `review` or `keep`.
    pub risk: String,
    /// Who needs it, where that is known.
    pub needed_by: Option<String>,
    /// Visible files all of whose names are in it.
    pub visible: Amount,
}

/// What each component takes, and its stored files.
pub(super) fn usage(facts: &Facts<'_>) -> (Vec<ComponentUsage>, Vec<Vec<AtomId>>) {
    let nesting = Nesting::new(facts);
    let files = nesting.files(facts);
    let usage = facts.components.iter().enumerate().map(|(at, component)| {
        let files = files.get(at).map_or(&[][..], Vec::as_slice);
        of(facts, component, files, nesting.inside.get(at).copied().flatten())
    });
    (usage.collect(), files)
}

fn of(
    facts: &Facts<'_>,
    component: &Component,
    files: &[AtomId],
    inside: Option<usize>,
) -> ComponentUsage {
    let mut layers: BTreeMap<usize, LayerUsage> = BTreeMap::new();
    let (mut visible, mut shadowed) = (Amount::default(), Amount::default());
    for file in files {
        let atom = facts.ledger.atom(*file);
        let layer = layers.entry(atom.layer).or_insert(LayerUsage {
            layer: atom.layer,
            visible: Amount::default(),
            shadowed: Amount::default(),
        });
        let (sum, all) = if atom.is_live() {
            (&mut layer.visible, &mut visible)
        } else {
            (&mut layer.shadowed, &mut shadowed)
        };
        *sum += atom.amount();
        *all += atom.amount();
    }
    let mut usage = ComponentUsage {
        id: component.id.clone(),
        title: component.title.clone(),
        about: component.about.clone(),
        making: component.making,
        root: component.root.map(|root| facts.ledger.filesystem().path(root)),
        version: component.version.clone(),
        named: component.named.clone(),
        inside,
        visible,
        shadowed,
        layers: layers.into_values().collect(),
        parts: parts(facts, component),
        slimmer: component.slimmer.clone(),
        check: component.check.clone(),
        observations: Vec::new(),
    };
    usage.observations = observations(facts, component, &usage);
    usage
}

fn parts(facts: &Facts<'_>, component: &Component) -> Vec<PartUsage> {
    let amount = |nodes: &[NodeId]| facts.ledger.sum(facts.ledger.select(nodes));
    let parts = component.parts.iter().map(|part| PartUsage {
        name: part.name.clone(),
        role: part.role.clone(),
        risk: part.risk.clone(),
        needed_by: part.needed_by.clone(),
        visible: amount(&part.nodes),
    });
    let mut parts: Vec<PartUsage> = parts.collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.visible.bytes));
    parts
}

/// What is right already.
fn observations(facts: &Facts<'_>, component: &Component, usage: &ComponentUsage) -> Vec<Phrase> {
    let mut found = Vec::new();
    let packages = || component.packages.iter().map(|id| facts.inventory.package(*id));
    if packages().any(|package| is_for_cpus(package.version.as_deref(), package.build.as_deref())) {
        found.push(Phrase::words("The build is for CPUs alone."));
    }
    if packages().any(|package| package.name == "opencv-python-headless") {
        found.push(Phrase::words("The build is the one without windows on a screen."));
    }
    if !component.absent.is_empty() {
        let names = component.absent.join(", ");
        found.push(Phrase::words("It is there without: ").name(names).and("."));
    }
    if usage.layers.len() == 1 && usage.shadowed.bytes == 0 && usage.visible.bytes > 0 {
        found.push(Phrase::words("One layer stores it, and nothing of it twice."));
    }
    found
}

/// Whether a version or build string names a build without GPU code.
pub(super) fn is_for_cpus(version: Option<&str>, build: Option<&str>) -> bool {
    let local = version.and_then(|version| version.split_once('+')).map(|(_, local)| local);
    local.is_some_and(|local| local.starts_with("cpu"))
        || build.is_some_and(|build| build.starts_with("cpu_"))
}

/// Which components are in which.
struct Nesting {
    /// By root, the components there.
    roots: HashMap<NodeId, Vec<usize>>,
    /// By component, the nearest one around it.
    inside: Vec<Option<usize>>,
    /// The components of each package.
    packages: HashMap<PackageId, Vec<usize>>,
}

impl Nesting {
    fn new(facts: &Facts<'_>) -> Self {
        let mut roots: HashMap<NodeId, Vec<usize>> = HashMap::new();
        let mut packages: HashMap<PackageId, Vec<usize>> = HashMap::new();
        for (at, component) in facts.components.iter().enumerate() {
            component.root.iter().for_each(|root| roots.entry(*root).or_default().push(at));
            let ids = component.packages.iter();
            ids.for_each(|id| packages.entry(*id).or_default().push(at));
        }
        let filesystem = facts.ledger.filesystem();
        let around = |component: &Component| {
            let mut node = component.root?;
            while node != NodeId::ROOT {
                node = filesystem.parent(node);
                if let Some(at) = roots.get(&node).and_then(|all| all.first()) {
                    return Some(*at);
                }
            }
            None
        };
        let inside = facts.components.iter().map(around).collect();
        Self { roots, inside, packages }
    }

    /// The stored files of each component.
    fn files(&self, facts: &Facts<'_>) -> Vec<Vec<AtomId>> {
        let mut files: Vec<Vec<AtomId>> = vec![Vec::new(); facts.components.len()];
        if facts.components.is_empty() {
            return files;
        }
        let mut known: HashMap<NodeId, Option<NodeId>> = HashMap::new();
        for id in facts.ledger.ids() {
            let mut all = Vec::new();
            let mut next = self.nearest(facts, facts.ledger.atom(id).node, &mut known);
            while let Some(root) = next {
                let here = self.roots.get(&root).map_or(&[][..], Vec::as_slice);
                all.extend_from_slice(here);
                let around = here.first().and_then(|at| self.inside.get(*at).copied().flatten());
                next = around.and_then(|at| facts.components.get(at)?.root);
            }
            if !self.packages.is_empty()
                && let OwnerKind::Package(package) = facts.owners.owner(facts.owners.of(id)).kind
            {
                all.extend(self.packages.get(&package).into_iter().flatten());
                all.sort_unstable();
                all.dedup();
            }
            for at in all {
                if let Some(files) = files.get_mut(at) {
                    files.push(id);
                }
            }
        }
        files
    }

    /// The nearest root at or above a node. Directories are remembered.
    fn nearest(
        &self,
        facts: &Facts<'_>,
        node: NodeId,
        known: &mut HashMap<NodeId, Option<NodeId>>,
    ) -> Option<NodeId> {
        if self.roots.contains_key(&node) {
            return Some(node);
        }
        let mut passed = Vec::new();
        let mut at = facts.ledger.filesystem().parent(node);
        let found = loop {
            if let Some(found) = known.get(&at) {
                break *found;
            }
            passed.push(at);
            if self.roots.contains_key(&at) {
                break Some(at);
            }
            if at == NodeId::ROOT {
                break None;
            }
            at = facts.ledger.filesystem().parent(at);
        };
        known.extend(passed.into_iter().map(|directory| (directory, found)));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::testing::with_facts;

    #[test]
    fn what_is_inside_of_another_counts_for_both() {
        let image = "
RUN apt-get install rstudio-server.deb
  usr/lib/rstudio-server/bin/rserver 100
  usr/lib/rstudio-server/bin/quarto/bin/quarto 20
  usr/lib/rstudio-server/bin/quarto/share/version = \"1.3\\n\"
  usr/lib/rstudio-server/www-symbolmaps/a 7
RUN chmod
  usr/lib/rstudio-server/bin/rserver 100
  opt/x 9
";
        with_facts(image, |facts| {
            let check = |id: &str, bytes: (u64, u64), layers: &[usize], inside: Option<usize>| {
                let usage = facts.component_usage().iter().find(|usage| usage.id == id).unwrap();
                assert_eq!((usage.visible.bytes, usage.shadowed.bytes), bytes, "{id}");
                let stored: Vec<usize> = usage.layers.iter().map(|layer| layer.layer).collect();
                assert_eq!((&*stored, usage.inside), (layers, inside), "{id}");
            };
            check("rstudio-server", (131, 100), &[0, 1], None);
            check("quarto", (24, 0), &[0], Some(0));
            let parts = &facts.component_usage()[0].parts;
            let parts: Vec<_> =
                parts.iter().map(|part| (part.name.as_str(), part.visible.bytes)).collect();
            assert_eq!(parts, [("bin/quarto", 24), ("symbol maps", 7)]);
        });
    }

    #[test]
    fn builds_for_cpus_are_known() {
        let check = |version: Option<&str>, build: Option<&str>, expected: bool| {
            assert_eq!(is_for_cpus(version, build), expected, "{version:?} {build:?}");
        };
        check(Some("2.5.1+cpu"), None, true);
        check(Some("2.5.1"), Some("cpu_generic_py312_h1"), true);
        check(Some("2.5.1+cu124"), None, false);
        check(Some("2.5.1"), Some("cuda126_py312_h1"), false);
        check(None, None, false);
    }
}
