//! TeX Live packages: `tlpkg/texlive.tlpdb`.

use crate::ledger::{Documents, Ledger};

use super::records::{Record, named};
use super::resolve::Resolver;
use super::text::{dependencies, lines, summary, word};
use super::{Ecosystem, Inventory, Package};

/// Sizes in the database are in blocks.
const BLOCK: u64 = 4096;

/// A package of the database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry<'a> {
    name: &'a str,
    category: Option<&'a str>,
    revision: Option<&'a str>,
    version: Option<&'a str>,
    summary: Option<&'a str>,
    blocks: Option<u64>,
    depends: Vec<&'a str>,
    files: Vec<&'a str>,
}

/// Reads all installations.
pub(super) fn read(ledger: &Ledger, documents: &Documents<'_>, inventory: &mut Inventory) {
    for record in named(ledger, documents, b"texlive.tlpdb") {
        if !record.is_complete {
            let text = "is too long to be read as a whole: some packages are not told";
            inventory.gap_at(ledger, record.node, text);
        }
        entries(record.content, |entry| {
            inventory.packages.extend(package(ledger, &record, &entry));
        });
    }
}

fn package(ledger: &Ledger, record: &Record<'_>, entry: &Entry<'_>) -> Option<Package> {
    let root = ledger.filesystem().parent(record.parent);
    let mut resolver = Resolver::new(ledger, root);
    for path in &entry.files {
        resolver.add(path.as_bytes());
    }
    let depends = entry.depends.iter().filter(|name| name.strip_suffix(".ARCH").is_none());
    Some(Package {
        name: word(entry.name)?,
        version: entry.version.or(entry.revision).and_then(word),
        section: entry.category.and_then(word),
        summary: entry.summary.and_then(summary),
        declared: entry.blocks.map(|blocks| blocks.saturating_mul(BLOCK)),
        depends: dependencies(depends.filter_map(|name| word(name))),
        files: resolver.finish().0,
        ..record.package(ledger, Ecosystem::Tex, root)
    })
}

/// Reads a database entry by entry; those that describe the database itself are left out.
fn entries<'a>(content: &'a [u8], mut take: impl FnMut(Entry<'a>)) {
    let mut entry = Entry::default();
    for line in lines(content).chain([""]) {
        if line.is_empty() {
            let done = std::mem::take(&mut entry);
            if !done.name.is_empty() && !done.name.starts_with("00texlive") {
                take(done);
            }
        } else if let Some(path) = line.strip_prefix(' ') {
            let path = path.split_once(" details=").map_or(path, |(path, _)| path);
            let path = path.split_once(" language=").map_or(path, |(path, _)| path);
            entry.files.push(path);
        } else if let Some((key, value)) = line.split_once(' ') {
            entry.set(key, value);
        }
    }
}

impl<'a> Entry<'a> {
    fn set(&mut self, key: &str, value: &'a str) {
        match key {
            "name" => self.name = value,
            "category" => self.category = Some(value),
            "revision" => self.revision = Some(value),
            "catalogue-version" => self.version = Some(value),
            "shortdesc" => self.summary = Some(value),
            "depend" => self.depends.push(value),
            "runfiles" | "docfiles" | "srcfiles" | "binfiles" => {
                let size = value.split(' ').find_map(|word| word.strip_prefix("size="));
                if let Some(size) = size.and_then(|size| size.parse::<u64>().ok()) {
                    self.blocks = Some(self.blocks.unwrap_or(0).saturating_add(size));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, one};

    const IMAGE: &str = r#"
RUN install-tl
  opt/texlive/2024/tlpkg/texlive.tlpdb = "name 00texlive.config\ncategory TLCore\n\nname amsmath\ncategory Package\nrevision 63514\nshortdesc AMS mathematical facilities\ndepend amsfonts\ndepend x.ARCH\ndocfiles size=10\n texmf-dist/doc/latex/amsmath/a.pdf details=\"User guide\" language=\"en\"\nrunfiles size=5\n texmf-dist/tex/latex/amsmath/a.sty\ncatalogue-version 2.17l\n\nname collection-basic\ncategory Collection\nrevision 1\n"
  opt/texlive/2024/texmf-dist/tex/latex/amsmath/a.sty 100
  opt/texlive/2024/texmf-dist/doc/latex/amsmath/a.pdf 100
"#;

    #[test]
    fn packages_of_the_database_have_their_files() {
        let root = "opt/texlive/2024";
        check(
            IMAGE,
            &[
                &format!("tex amsmath 2.17l in {root}"),
                &format!("tex collection-basic 1 in {root}"),
            ],
        );
        let amsmath = one(IMAGE, "amsmath");
        assert_eq!((amsmath.files.len(), amsmath.depends.len()), (2, 1));
        assert_eq!(amsmath.declared, Some(15 * 4096));
        assert_eq!(amsmath.section.as_deref(), Some("Package"));
    }
}
