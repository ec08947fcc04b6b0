//! Julia packages: `packages/NAME/SLUG/Project.toml` of a depot.

use crate::ledger::{Documents, Ledger};

use super::records::named;
use super::text::{dependencies, lines, word};
use super::{Ecosystem, Inventory, Package};

/// What a `Project.toml` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Project {
    name: Option<String>,
    version: Option<String>,
    depends: Vec<String>,
}

/// Reads all depots.
pub(super) fn read(ledger: &Ledger, documents: &Documents<'_>, inventory: &mut Inventory) {
    let filesystem = ledger.filesystem();
    for record in named(ledger, documents, b"Project.toml") {
        let own = filesystem.parent(record.parent);
        let packages = filesystem.parent(own);
        if filesystem.name(packages) != b"packages" {
            continue;
        }
        let project = project(record.content);
        let is_own = |name: &String| filesystem.name(own) == name.as_bytes();
        let Some(name) = project.name.filter(is_own) else { continue };
        inventory.packages.push(Package {
            name,
            version: project.version,
            depends: dependencies(project.depends),
            directories: vec![record.parent],
            ..record.package(ledger, Ecosystem::Julia, filesystem.parent(packages))
        });
    }
}

/// Reads the few lines of TOML that tell.
fn project(content: &[u8]) -> Project {
    let mut project = Project::default();
    let mut section = String::new();
    for line in lines(content).map(str::trim) {
        if let Some(name) = line.strip_prefix('[') {
            name.trim_end_matches(']').clone_into(&mut section);
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let value = || word(value.trim().strip_prefix('"')?.split_once('"')?.0);
        match (section.as_str(), key.trim()) {
            ("", "name") => project.name = value(),
            ("", "version") => project.version = value(),
            ("deps", key) => project.depends.extend(word(key)),
            _ => {}
        }
    }
    project
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, one};

    const IMAGE: &str = r#"
RUN julia
  opt/julia/packages/CSV/h8tcY/Project.toml = "name = \"CSV\"\nuuid = \"336e\"\nversion = \"0.10.11\" # x\n\n[deps]\nDates = \"ade2\"\nTables = \"bd36\"\n[compat]\njulia = \"1\"\n"
  opt/julia/packages/CSV/h8tcY/src/CSV.jl 100
  opt/app/packages/a/b/Project.toml = "name = \"other\"\n"
"#;

    #[test]
    fn packages_are_those_of_depots() {
        check(IMAGE, &["julia CSV 0.10.11 in opt/julia"]);
        let csv = one(IMAGE, "CSV");
        assert_eq!((csv.depends.len(), csv.directories.len()), (2, 1));
    }
}
