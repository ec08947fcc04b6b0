//! Python distributions: `*.dist-info` and `*.egg-info` directories, and what they list.
//!
//! Those that count are right in a `site-packages` or `dist-packages`, or in a directory that is
//! below none (`pip install --target`); copies that other packages carry with them do not. Without
//! a list of files a distribution has the modules that it names, or that have its name.

mod environment;
mod marker;
mod metadata;
mod name;
mod needs;

use std::collections::{HashMap, HashSet};

use crate::filesystem::NodeId;
use crate::layer::Kind;
use crate::ledger::{Documents, Ledger};

use self::environment::{is_site, machine, python_of, site_of};
use self::marker::Environment;
use self::metadata::Metadata;
use self::name::Requirement;
pub use self::name::normalize_python_name;
use super::records::{Record, Siblings, ending, named};
use super::resolve::{Resolver, unique};
use super::text::{lines, word};
use super::{Ecosystem, Inventory, Package};

/// A distribution, and what it requires before it is known which extras are asked for.
struct Distribution {
    package: Package,
    requires: Vec<Requirement>,
    environment: Environment,
}

/// The files beside the main one.
struct Sources<'a> {
    ledger: &'a Ledger,
    records: Siblings<'a>,
    installers: Siblings<'a>,
    tops: Siblings<'a>,
    urls: Siblings<'a>,
    wheels: Siblings<'a>,
    requires: Siblings<'a>,
    installed: Siblings<'a>,
    machine: Option<&'static str>,
}

/// Reads all distributions.
pub(super) fn read(ledger: &Ledger, documents: &Documents<'_>, inventory: &mut Inventory) {
    let beside = |name: &str| Siblings::named(ledger, documents, name.as_bytes());
    let sources = Sources {
        ledger,
        records: beside("RECORD"),
        installers: beside("INSTALLER"),
        tops: beside("top_level.txt"),
        urls: beside("direct_url.json"),
        wheels: beside("WHEEL"),
        requires: beside("requires.txt"),
        installed: beside("installed-files.txt"),
        machine: machine(ledger),
    };
    let mut found = Vec::new();
    for record in named(ledger, documents, b"METADATA") {
        found.extend(sources.dist_info(&record, inventory));
    }
    let links = egg_links(ledger, documents);
    for record in named(ledger, documents, b"PKG-INFO") {
        found.extend(sources.egg_info(&record, &links, inventory));
    }
    for record in ending(ledger, documents, b".egg-info") {
        if is_site(ledger.filesystem().name(record.parent)) {
            found.extend(sources.single_file(&record, inventory));
        }
    }
    forget_unrecorded_requests(&mut found);
    inventory.packages.extend(needs::settle(found));
}

impl Sources<'_> {
    fn name(&self, node: NodeId) -> &[u8] {
        self.ledger.filesystem().name(node)
    }

    fn dist_info(&self, record: &Record<'_>, inventory: &mut Inventory) -> Option<Distribution> {
        let directory = record.parent;
        let stem = self.name(directory).strip_suffix(b".dist-info")?;
        let site = site_of(self.ledger, directory)?;
        let mut found = self.start(record, stem, site, inventory)?;
        let package = &mut found.package;
        package.directories.push(directory);
        package.architecture = self
            .wheels
            .beside(directory, record)
            .and_then(|wheel| metadata::architecture(wheel.content));
        package.installer = self
            .installers
            .beside(directory, record)
            .and_then(|installer| word(str::from_utf8(installer.content).ok()?));
        package.requested = self.requested(record, package.installer.as_deref());
        if environment::comes_with(self.ledger, site, record.layer, &package.name) {
            package.requested = None;
        }
        match self.records.beside(directory, record) {
            Some(list) => self.listed(package, list, site, inventory),
            None => self.modules(package, record, stem, site),
        }
        let url = self.urls.beside(directory, record);
        if let Some(path) = url.and_then(|url| metadata::editable(url.content)) {
            self.editable(package, record, stem, path.as_bytes());
        }
        Some(found)
    }

    fn egg_info(
        &self,
        record: &Record<'_>,
        links: &HashMap<NodeId, Record<'_>>,
        inventory: &mut Inventory,
    ) -> Option<Distribution> {
        let filesystem = self.ledger.filesystem();
        let directory = record.parent;
        let name = self.name(directory);
        let above = filesystem.parent(directory);
        if name == b"EGG-INFO" {
            let stem = self.name(above).strip_suffix(b".egg")?;
            let mut found = self.start(record, stem, filesystem.parent(above), inventory)?;
            found.package.directories.push(above);
            return Some(found);
        }
        let stem = name.strip_suffix(b".egg-info")?;
        if let Some(link) = links.get(&above) {
            let mut found = self.start(record, stem, link.parent, inventory)?;
            found.package.files.push(link.node);
            found.package.directories.push(directory);
            self.modules(&mut found.package, record, stem, above);
            return Some(found);
        }
        let site = site_of(self.ledger, directory).filter(|site| is_site(self.name(*site)))?;
        let mut found = self.start(record, stem, site, inventory)?;
        found.package.directories.push(directory);
        match self.installed.beside(directory, record) {
            Some(list) => {
                let mut resolver = Resolver::new(self.ledger, directory);
                lines(list.content).for_each(|line| resolver.add(line.as_bytes()));
                take(&mut found.package, resolver, list, inventory, self.ledger);
            }
            None => self.modules(&mut found.package, record, stem, site),
        }
        Some(found)
    }

    fn single_file(&self, record: &Record<'_>, inventory: &mut Inventory) -> Option<Distribution> {
        let stem = self.name(record.node).strip_suffix(b".egg-info")?;
        let mut found = self.start(record, stem, record.parent, inventory)?;
        self.modules(&mut found.package, record, stem, record.parent);
        Some(found)
    }

    /// A distribution by its main file; the directory's name tells what that does not.
    fn start(
        &self,
        record: &Record<'_>,
        stem: &[u8],
        site: NodeId,
        inventory: &mut Inventory,
    ) -> Option<Distribution> {
        let Metadata { name, version, summary, mut requires } = metadata::metadata(record.content);
        let stem = String::from_utf8_lossy(stem);
        let mut parts = stem.split('-');
        let Some(name) = name.or_else(|| word(parts.next()?)) else {
            inventory.gap_at(self.ledger, record.node, "names no distribution and is passed over");
            return None;
        };
        if let Some(sections) =
            self.requires.beside(record.parent, record).filter(|_| requires.is_empty())
        {
            requires = metadata::requires(sections.content);
        }
        let package = Package {
            name: normalize_python_name(&name),
            version: version.or_else(|| word(stem.split('-').nth(1)?)),
            summary,
            ..record.package(self.ledger, Ecosystem::Python, site)
        };
        let environment =
            Environment { python: python_of(self.ledger, site), machine: self.machine };
        Some(Distribution { package, requires, environment })
    }

    /// Whether its installer noted that somebody asked for it. The note is an empty file.
    fn requested(&self, record: &Record<'_>, installer: Option<&str>) -> Option<bool> {
        let installer = installer?.to_ascii_lowercase();
        if !["pip", "uv", "poetry"].iter().any(|known| installer.starts_with(known)) {
            return None;
        }
        let filesystem = self.ledger.filesystem();
        let note = self.ledger.child(record.parent, b"REQUESTED");
        Some(note.is_some_and(|note| record.removed.is_some() || filesystem.is_visible(note)))
    }

    /// Takes the files that `RECORD` lists.
    fn listed(
        &self,
        package: &mut Package,
        list: &Record<'_>,
        site: NodeId,
        inventory: &mut Inventory,
    ) {
        let mut resolver = Resolver::new(self.ledger, site);
        let mut declared = 0_u64;
        metadata::record(list.content, |path, size| {
            declared = declared.saturating_add(size.unwrap_or(0));
            resolver.add(path);
        });
        package.declared = list.is_complete.then_some(declared);
        take(package, resolver, list, inventory, self.ledger);
    }

    /// Takes the modules at the top: those that are named, or those of the distribution's name.
    fn modules(&self, package: &mut Package, record: &Record<'_>, stem: &[u8], site: NodeId) {
        let named = self
            .tops
            .beside(record.parent, record)
            .map(|tops| lines(tops.content).map(str::to_owned).collect());
        let own = stem.split(|byte| *byte == b'-').next().unwrap_or_default();
        let own = String::from_utf8_lossy(own).replace('.', "_");
        let tops: Vec<String> = named.unwrap_or_else(|| vec![own.to_lowercase(), own]);
        let mut resolver = Resolver::new(self.ledger, site);
        for top in tops
            .iter()
            .map(|top| top.trim())
            .filter(|top| !top.starts_with('/') && !top.contains(".."))
        {
            for path in [top.to_owned(), format!("{top}.py")] {
                let Some(node) = resolver.one(path.as_bytes()) else { continue };
                let is_directory = self.ledger.filesystem().node(node).kind == Kind::Directory;
                let places =
                    if is_directory { &mut package.directories } else { &mut package.files };
                places.push(node);
            }
        }
        tidy(package);
    }

    /// Takes the modules of a project that is used where it is.
    fn editable(&self, package: &mut Package, record: &Record<'_>, stem: &[u8], path: &[u8]) {
        let Some(project) = self.ledger.find(path).filter(|project| *project != NodeId::ROOT)
        else {
            return;
        };
        let before = package.directories.len();
        for directory in [Some(project), self.ledger.child(project, b"src")].into_iter().flatten() {
            self.modules(package, record, stem, directory);
        }
        // A project in a directory of its own.
        if package.directories.len() == before
            && self.ledger.filesystem().parent(project) != NodeId::ROOT
        {
            package.directories.push(project);
        }
    }
}

fn take(
    package: &mut Package,
    resolver: Resolver<'_>,
    list: &Record<'_>,
    inventory: &mut Inventory,
    ledger: &Ledger,
) {
    let (files, outside) = resolver.finish();
    if outside > 0 {
        let text = format!("lists {outside} paths outside of the image, which are passed over");
        inventory.note_at(ledger, list.node, &text);
    }
    if !list.is_complete {
        inventory.note_at(
            ledger,
            list.node,
            "is too long to be read as a whole: some files go without an owner",
        );
    }
    package.files.extend(files);
    tidy(package);
}

fn tidy(package: &mut Package) {
    package.files = unique(std::mem::take(&mut package.files));
    package.directories = unique(std::mem::take(&mut package.directories));
}

/// The projects that `*.egg-link` files lead to.
fn egg_links<'a>(ledger: &'a Ledger, documents: &Documents<'a>) -> HashMap<NodeId, Record<'a>> {
    let mut links = HashMap::new();
    for record in ending(ledger, documents, b".egg-link") {
        let project =
            lines(record.content).next().and_then(|path| ledger.find(path.trim().as_bytes()));
        if let Some(project) = project.filter(|project| *project != NodeId::ROOT) {
            links.insert(project, record);
        }
    }
    links
}

/// Where no distribution of an installer is marked as asked for, it does not mark any.
fn forget_unrecorded_requests(found: &mut [Distribution]) {
    let key = |package: &Package| (package.location.clone(), package.installer.clone());
    let asked =
        found.iter().map(|found| &found.package).filter(|package| package.requested == Some(true));
    let asked: HashSet<_> = asked.map(key).collect();
    for package in found.iter_mut().map(|found| &mut found.package) {
        package.requested = package.requested.filter(|_| asked.contains(&key(package)));
    }
}

#[cfg(test)]
mod tests;
