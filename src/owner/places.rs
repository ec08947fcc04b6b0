//! What the place of a file tells about its owner.

use crate::component::Component;
use crate::filesystem::{Filesystem, NodeId};
use crate::ledger::Ledger;

/// Directories of package managers.
const DATABASES: &[&str] = &[
    "var/lib/dpkg",
    "var/lib/apt/extended_states",
    "var/lib/rpm",
    "var/lib/rpmmanifest",
    "var/lib/dnf",
    "var/lib/yum",
    "var/lib/zypp",
    "usr/lib/sysimage",
    "usr/share/rpm",
    "var/lib/pacman",
];

/// Directories in which the system's tools generate files.
const GENERATED: &[&str] = &[
    "etc/ld.so.cache",
    "etc/mailcap",
    "etc/pki/ca-trust/extracted",
    "etc/ssl/certs",
    "etc/udev/hwdb.bin",
    "usr/share/info/dir",
    "usr/share/mime",
    "var/cache/debconf",
    "var/cache/fontconfig",
    "var/cache/ldconfig",
    "var/cache/man",
    "var/lib/ca-certificates",
    "var/lib/dbus/machine-id",
    "var/lib/systemd/catalog/database",
    "var/lib/texmf",
];

/// Names of files that nothing but such a tool writes.
const GENERATED_NAMES: &[&[u8]] = &[
    b"fonts.dir",
    b"fonts.scale",
    b"gconv-modules.cache",
    b"giomodule.cache",
    b"gschemas.compiled",
    b"hwdb.bin",
    b"icon-theme.cache",
    b"immodules.cache",
    b"ld.so.cache",
    b"loaders.cache",
    b"locale-archive",
    b"mimeinfo.cache",
    b"plugins.dat",
];

/// Directories in which what has no owner is told apart one level deeper.
const DEEPER: &[&[u8]] = &[b"home", b"opt", b"usr"];
const DEPTH: u8 = 2;

/// What is special about a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    None,
    PackageDatabase,
    Generated,
}

/// What nodes are or are in, by node.
pub(super) struct Places {
    special: Vec<Special>,
    /// The component, plus one.
    component: Vec<u32>,
    /// The directory that what has no owner is counted by.
    bucket: Vec<NodeId>,
}

impl Places {
    pub(super) fn new(ledger: &Ledger, components: &[Component]) -> Self {
        let filesystem = ledger.filesystem();
        let count = filesystem.ids().count();
        let mut places = Self {
            special: vec![Special::None; count],
            component: vec![0; count],
            bucket: vec![NodeId::ROOT; count],
        };
        for (paths, special) in
            [(DATABASES, Special::PackageDatabase), (GENERATED, Special::Generated)]
        {
            for node in paths.iter().filter_map(|path| ledger.find(path.as_bytes())) {
                places.special[node.index()] = special;
            }
        }
        // The first of two with one root stays.
        for (number, component) in (1..).zip(components) {
            let own = component.root.map(|root| &mut places.component[root.index()]);
            if let Some(own) = own.filter(|own| **own == 0) {
                *own = number;
            }
        }
        places.inherit(filesystem);
        places
    }

    /// Hands down what directories are to what is in them.
    fn inherit(&mut self, filesystem: &Filesystem) {
        let mut depths = vec![0_u8; self.bucket.len()];
        let mut most = vec![DEPTH; self.bucket.len()];
        for node in filesystem.ids().skip(1) {
            let (at, parent) = (node.index(), filesystem.parent(node));
            let above = parent.index();
            let name = filesystem.name(node);
            depths[at] = depths[above].saturating_add(1);
            let is_deeper = depths[at] == 1 && DEEPER.contains(&name);
            most[at] = if is_deeper { DEPTH + 1 } else { most[above] };
            self.bucket[at] = if depths[at] <= most[at] { node } else { self.bucket[above] };
            if self.special[at] == Special::None {
                self.special[at] = match self.special[above] {
                    Special::None => special(name, filesystem.name(parent)),
                    inherited => inherited,
                };
            }
            if self.component[at] == 0 {
                self.component[at] = self.component[above];
            }
        }
    }

    pub(super) fn special(&self, node: NodeId) -> Special {
        self.special[node.index()]
    }

    /// The component that a node is in, by its position.
    pub(super) fn component(&self, node: NodeId) -> Option<usize> {
        (self.component[node.index()] as usize).checked_sub(1)
    }

    /// The directory that a file without an owner is counted by.
    pub(super) fn bucket(&self, filesystem: &Filesystem, file: NodeId) -> NodeId {
        self.bucket[filesystem.parent(file).index()]
    }
}

/// What a name tells, wherever it is.
fn special(name: &[u8], parent: &[u8]) -> Special {
    match (parent, name) {
        (b"apk", b"db") | (_, b"conda-meta") => Special::PackageDatabase,
        _ if GENERATED_NAMES.contains(&name) => Special::Generated,
        _ => Special::None,
    }
}
