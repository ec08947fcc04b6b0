//! Which files the packages of dpkg have: lists, checksums and diversions.

use std::collections::HashMap;

use crate::filesystem::NodeId;
use crate::ledger::{Document, Documents, Ledger};
use crate::package::system::history::{lasts, nearest, versions};
use crate::package::system::resolve::Resolver;
use crate::package::system::text::{lines, parts};
use crate::package::{Note, Package};

const DIVERSIONS: &[u8] = b"var/lib/dpkg/diversions";

/// The lists of files that layers have.
pub(super) struct FileLists<'a> {
    ledger: &'a Ledger,
    documents: &'a Documents<'a>,
    resolver: Resolver<'a>,
    /// By the path that packages list without a slash at its start.
    diversions: HashMap<&'a [u8], Diversion<'a>>,
    /// Packages without a list.
    missing: Vec<String>,
}

/// A path whose file is elsewhere, unless it is that of one package.
struct Diversion<'a> {
    to: &'a [u8],
    by: &'a [u8],
    /// The first layer that says so.
    layer: usize,
}

impl<'a> FileLists<'a> {
    pub(super) fn new(ledger: &'a Ledger, documents: &'a Documents<'a>) -> Self {
        let mut diversions = HashMap::new();
        for document in versions(documents, ledger, DIVERSIONS) {
            for (from, to, by) in read_diversions(document.head) {
                let layer = document.layer;
                diversions.entry(from).or_insert(Diversion { to, by, layer });
            }
        }
        let resolver = Resolver::new(ledger, b"");
        Self { ledger, documents, resolver, diversions, missing: Vec::new() }
    }

    /// The files of a package by what dpkg keeps of it in `directory`; its list, or without one
    /// the files with checksums and those of its configuration.
    pub(super) fn files<'c>(
        &mut self,
        directory: &[u8],
        package: &Package,
        conffiles: impl Iterator<Item = &'c [u8]>,
    ) -> Vec<NodeId> {
        let mut names = vec![package.name.clone()];
        if let Some(architecture) = &package.architecture {
            names.push(format!("{}:{architecture}", package.name));
        }
        let mut files = Vec::new();
        if let Some(list) = self.document(directory, &names, "list", package.layer) {
            for line in parts(list, b"\n").into_iter().flat_map(lines) {
                self.resolve(line, package, &mut files);
            }
            return files;
        }
        self.missing.push(package.name.clone());
        if let Some(sums) = self.document(directory, &names, "md5sums", package.layer) {
            self.missing.pop();
            for line in parts(sums, b"\n").into_iter().flat_map(lines) {
                self.resolve(summed(line), package, &mut files);
            }
        }
        conffiles.for_each(|path| self.resolve(path, package, &mut files));
        files
    }

    /// The files of a package of `status.d`: those with checksums.
    pub(super) fn files_beside(
        &mut self,
        directory: &[u8],
        name: &[u8],
        layer: usize,
    ) -> Vec<NodeId> {
        let mut files = Vec::new();
        let Ok(name) = std::str::from_utf8(name) else { return files };
        let Some(sums) = self.document(directory, &[name.to_owned()], "md5sums", layer) else {
            self.missing.push(name.to_owned());
            return files;
        };
        files.push(sums.node);
        for line in parts(sums, b"\n").into_iter().flat_map(lines) {
            files.extend(self.resolver.path(summed(line)));
        }
        files
    }

    /// What to say of packages without a list.
    pub(super) fn note(self) -> Option<Note> {
        let first = self.missing.first()?;
        let text = match self.missing.len() {
            1 => format!("Package {first} has no list of files, so they have no owner."),
            count => format!(
                "{count} packages, among them {first}, have no lists of files, so these have no owner."
            ),
        };
        Some(Note { path: b"var/lib/dpkg".to_vec(), text, is_gap: false })
    }

    /// The file `NAME.EXTENSION` in a directory, of any of some names, that a layer wrote, or the
    /// nearest one.
    fn document(
        &self,
        directory: &[u8],
        names: &[String],
        extension: &str,
        layer: usize,
    ) -> Option<&'a Document<'a>> {
        let directory = self.ledger.find(directory)?;
        let filesystem = self.ledger.filesystem();
        let found = names
            .iter()
            .flat_map(|name| self.documents.named(format!("{name}.{extension}").as_bytes()));
        let found = found
            .filter(|document| filesystem.parent(document.node) == directory && lasts(document));
        nearest(found, layer)
    }

    /// Adds the node of a path that a package lists, and that to which the path is diverted.
    fn resolve(&mut self, path: &[u8], package: &Package, files: &mut Vec<NodeId>) {
        let path = path.strip_prefix(b"/").unwrap_or(path);
        let diversion = self.diversions.get(path);
        if let Some(diversion) = diversion.filter(|one| one.by != package.name.as_bytes()) {
            files.extend(self.resolver.path(diversion.to));
            if diversion.layer <= package.layer {
                return;
            }
        }
        files.extend(self.resolver.path(path));
    }
}

/// The path in a line `checksum  path`.
fn summed(line: &[u8]) -> &[u8] {
    let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
    line[end..].trim_ascii_start()
}

/// What is diverted: from, to and by whom (a colon where no package does it). A line each.
fn read_diversions(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8], &[u8])> {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    std::iter::from_fn(move || {
        let (from, to, by) = (lines.next()?, lines.next()?, lines.next()?);
        Some((from.strip_prefix(b"/").unwrap_or(from), to, by))
    })
}
