//! Extensions of VS Code and its kin: `extensions/PUBLISHER.NAME-VERSION/package.json`. Those that
//! the editor itself brings are called otherwise and are not told.
//!
//! Beside the editor's list, `extensions.json`, the directory's name says what an extension is,
//! even where the manifest is that of another package manager.

use serde::Deserialize;

use crate::ledger::{Documents, Ledger};

use super::keys::Keys;
use super::records::named;
use super::text::{dependencies, json, summary, word};
use super::{Ecosystem, Inventory, Package};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    publisher: Option<String>,
    name: String,
    version: String,
    display_name: Option<String>,
    description: Option<String>,
    #[serde(default)]
    engines: Keys,
    #[serde(default)]
    extension_pack: Vec<String>,
    #[serde(default)]
    extension_dependencies: Vec<String>,
}

/// Reads all directories of extensions.
pub(super) fn read(ledger: &Ledger, documents: &Documents<'_>, inventory: &mut Inventory) {
    let filesystem = ledger.filesystem();
    for record in named(ledger, documents, b"package.json") {
        let extensions = filesystem.parent(record.parent);
        let is_listed = ledger.child(extensions, b"extensions.json").is_some();
        if filesystem.name(extensions) != b"extensions" && !is_listed {
            continue;
        }
        // Others than editors call things extensions, too.
        let manifest: Option<Manifest> = serde_json::from_slice(json(record.content)).ok();
        let Some(manifest) = manifest else { continue };
        let directory = String::from_utf8_lossy(filesystem.name(record.parent)).to_lowercase();
        let Some((name, rest)) = manifest.called(&directory, is_listed) else { continue };
        let target = rest.strip_prefix(&manifest.version.to_lowercase());
        let Some(name) = word(name) else { continue };
        inventory.packages.push(Package {
            name,
            architecture: target.and_then(|target| word(target.strip_prefix('-')?)),
            version: word(&manifest.version),
            summary: manifest.summary(),
            depends: dependencies(manifest.needed().filter_map(|name| word(&name.to_lowercase()))),
            directories: vec![record.parent],
            ..record.package(ledger, Ecosystem::VsCode, extensions)
        });
    }
}

impl Manifest {
    /// The name of the extension whose directory this is in, and what follows it there.
    fn called<'a>(&self, directory: &'a str, is_listed: bool) -> Option<(&'a str, &'a str)> {
        let own = self.publisher.as_deref().filter(|_| self.engines.0.contains("vscode"));
        let (publisher, _) = directory.split_once('.').filter(|_| is_listed).unzip();
        [own, publisher].into_iter().flatten().find_map(|publisher| {
            let name = format!("{publisher}.{}-", self.name).to_lowercase();
            let rest = directory.strip_prefix(&name)?;
            Some((directory.get(..name.len() - 1)?, rest))
        })
    }

    /// The description, unless it is a reference to a translation.
    fn summary(&self) -> Option<String> {
        let texts = [&self.description, &self.display_name].into_iter().flatten();
        texts.filter(|text| !text.starts_with('%')).find_map(|text| summary(text))
    }

    fn needed(&self) -> impl Iterator<Item = &String> {
        self.extension_dependencies.iter().chain(&self.extension_pack)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, one};

    const IMAGE: &str = r#"
RUN install
  root/.vscode-server/extensions/ms-python.python-2024.1.0-linux-x64/package.json = "{\"publisher\":\"ms-python\",\"name\":\"Python\",\"version\":\"2024.1.0\",\"engines\":{\"vscode\":\"^1.80\"},\"description\":\"%d%\",\"displayName\":\"Python\",\"extensionPack\":[\"MS-Python.pylance\"]}"
  root/.vscode-server/extensions/ms-python.python-2024.1.0-linux-x64/out/a.js 100
  usr/lib/code-server/lib/vscode/extensions/git/package.json = "{\"publisher\":\"vscode\",\"name\":\"git\",\"version\":\"1\",\"engines\":{\"vscode\":\"*\"}}"
  opt/app/extensions/a.b-1/package.json = "{\"publisher\":\"a\",\"name\":\"b\",\"version\":\"1\",\"engines\":{\"node\":\"*\"}}"
  opt/app/extensions/c.d-1/package.json = "{"
"#;

    #[test]
    fn beside_the_list_of_the_editor_directories_say_the_name() {
        let directory = "root/x/ms-pyright.pyright-1.1";
        let manifest = |version: &str| {
            format!(
                "  {directory}.{version}/package.json = \"{{\\\"publisher\\\":\\\"Microsoft Corporation\\\",\\\"name\\\":\\\"pyright\\\",\\\"version\\\":\\\"1.1.{version}\\\",\\\"engines\\\":{{\\\"node\\\":\\\">=12\\\"}}}}\"\n"
            )
        };
        let image = format!(
            "RUN x\n{}{}  root/x/a.b/package.json = \"{{\\\"name\\\":\\\"c\\\",\\\"version\\\":\\\"1\\\"}}\"\n",
            manifest("340"),
            manifest("350")
        );
        check(&image, &[]);
        let expected = [
            "vscode ms-pyright.pyright 1.1.340 in root/x",
            "vscode ms-pyright.pyright 1.1.350 in root/x",
        ];
        check(&format!("{image}  root/x/extensions.json 9\n"), &expected);
    }

    #[test]
    fn extensions_are_called_by_publisher_and_name() {
        check(IMAGE, &["vscode ms-python.python 2024.1.0 in root/.vscode-server/extensions"]);
        let python = one(IMAGE, "ms-python.python");
        assert_eq!(python.architecture.as_deref(), Some("linux-x64"));
        assert_eq!(python.summary.as_deref(), Some("Python"));
        assert_eq!(python.depends[0].any, ["ms-python.pylance"]);
        assert_eq!(python.directories.len(), 1);
    }
}
