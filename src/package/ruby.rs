//! Ruby gems: `specifications/NAME-VERSION.gemspec`, and the directory of that name in `gems`.

use std::collections::HashMap;

use crate::filesystem::NodeId;
use crate::ledger::{Documents, Ledger};

use super::records::{Record, ending};
use super::resolve::unique;
use super::text::{dependencies, lines, summary, word};
use super::{Ecosystem, Inventory, Package};

/// Platforms and versions of the interface in one home.
const MAX_INTERFACES: usize = 16;

/// What a specification says, as far as it is written as `gem` itself does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Specification {
    name: Option<String>,
    version: Option<String>,
    platform: Option<String>,
    summary: Option<String>,
    depends: Vec<String>,
}

/// Reads all homes of gems.
pub(super) fn read(ledger: &Ledger, documents: &Documents<'_>, inventory: &mut Inventory) {
    let mut built: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
    for record in ending(ledger, documents, b".gemspec") {
        if ledger.filesystem().name(record.parent) == b"specifications" {
            let home = ledger.filesystem().parent(record.parent);
            let built = built.entry(home).or_insert_with(|| built_in(ledger, home));
            inventory.packages.extend(package(ledger, &record, built));
        }
    }
}

/// Where the compiled parts of a home's gems are: by platform and by the version of the interface.
fn built_in(ledger: &Ledger, home: NodeId) -> Vec<NodeId> {
    let children = |node| ledger.filesystem().children(node).into_iter();
    let extensions = ledger.child(home, b"extensions").into_iter();
    extensions.flat_map(children).flat_map(children).take(MAX_INTERFACES).collect()
}

fn package(ledger: &Ledger, record: &Record<'_>, built: &[NodeId]) -> Option<Package> {
    let filesystem = ledger.filesystem();
    let home = filesystem.parent(record.parent);
    let stem = filesystem.name(record.node).strip_suffix(b".gemspec")?;
    let specification = specification(record.content);
    let text = String::from_utf8_lossy(stem);
    let (name, version) = split(&text);
    let mut package = Package {
        name: specification.name.or_else(|| word(name))?,
        version: specification.version.or_else(|| version.and_then(word)),
        architecture: specification.platform,
        summary: specification.summary,
        depends: dependencies(specification.depends),
        ..record.package(ledger, Ecosystem::Ruby, home)
    };
    let below = |directory: &[u8]| ledger.child(ledger.child(home, directory)?, stem);
    package.directories.extend(below(b"gems"));
    package.directories.extend(built.iter().filter_map(|directory| ledger.child(*directory, stem)));
    package.directories = unique(package.directories);
    Some(package)
}

/// Name and version of `nokogiri-1.16.0-x86_64-linux`: the version is what starts with a digit.
fn split(stem: &str) -> (&str, Option<&str>) {
    let starts_version =
        |(at, _): &(usize, &str)| stem[at + 1..].starts_with(|each: char| each.is_ascii_digit());
    match stem.match_indices('-').find(starts_version) {
        Some((at, _)) => (&stem[..at], stem[at + 1..].split('-').next()),
        None => (stem, None),
    }
}

fn specification(content: &[u8]) -> Specification {
    let mut specification = Specification::default();
    for line in lines(content) {
        let Some((subject, rest)) = line.trim().split_once('.') else { continue };
        if subject != "s" {
            continue;
        }
        if let Some((key, value)) = rest.split_once(" = ") {
            match key {
                "name" => specification.name = text(value),
                "version" => specification.version = text(value),
                "platform" => specification.platform = text(value),
                "summary" => specification.summary = text(value).as_deref().and_then(summary),
                _ => {}
            }
        }
        let needed = ["add_runtime_dependency(", "add_dependency("];
        let needed = needed.into_iter().find_map(|call| rest.strip_prefix(call));
        specification.depends.extend(needed.and_then(text));
    }
    specification
}

/// The first literal text: in quotes or as `%q<a>`.
fn text(value: &str) -> Option<String> {
    let value = value.trim_start();
    if let Some(rest) = value.strip_prefix("%q<") {
        return word(rest.split_once('>')?.0);
    }
    let rest = value.strip_prefix('"')?;
    word(rest.split_once('"')?.0)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, one};
    use super::*;

    const IMAGE: &str = r##"
RUN gem install
  var/lib/gems/3.1.0/specifications/nokogiri-1.16.0-x86_64-linux.gemspec = "# -*- encoding: utf-8 -*-\nGem::Specification.new do |s|\n  s.name = \"nokogiri\".freeze\n  s.version = \"1.16.0\"\n  s.platform = \"x86_64-linux\".freeze\n  s.summary = \"XML\".freeze\n  s.add_runtime_dependency(%q<racc>.freeze, [\"~> 1.4\"])\n  s.add_development_dependency(%q<rake>.freeze, [\"~> 1.4\"])\nend\n"
  var/lib/gems/3.1.0/gems/nokogiri-1.16.0-x86_64-linux/lib/a.rb 100
  var/lib/gems/3.1.0/specifications/racc-1.7.gemspec = "odd"
  var/lib/gems/3.1.0/extensions/x86_64-linux/3.1.0/racc-1.7/a.so 100
  opt/x/other.gemspec = "odd"
"##;

    #[test]
    fn gems_are_by_their_specifications() {
        let home = "var/lib/gems/3.1.0";
        check(
            IMAGE,
            &[&format!("ruby nokogiri 1.16.0 in {home}"), &format!("ruby racc 1.7 in {home}")],
        );
        let nokogiri = one(IMAGE, "nokogiri");
        assert_eq!(nokogiri.architecture.as_deref(), Some("x86_64-linux"));
        assert_eq!(nokogiri.depends.len(), 1);
        assert_eq!((nokogiri.directories.len(), one(IMAGE, "racc").directories.len()), (1, 1));
    }

    #[test]
    fn names_of_specifications_hold_name_and_version() {
        let check = |stem, name, version| assert_eq!(split(stem), (name, version), "{stem}");
        check("racc-1.7", "racc", Some("1.7"));
        check("net-http-0.3.2", "net-http", Some("0.3.2"));
        check("nokogiri-1.16.0-x86_64-linux", "nokogiri", Some("1.16.0"));
        check("odd", "odd", None);
        check("-", "-", None);
    }
}
