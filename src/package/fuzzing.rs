//! What must hold for any record; `fuzz/README.md` says how it is used.

use std::sync::Arc;

use super::text::MAX_DEPENDENCIES;
use super::{Inventory, MAX_NOTES};
use crate::filesystem::Filesystem;
use crate::layer::{Attributes, Capture, Hashing, Kind, Limits, Source, TocBuilder};
use crate::ledger::{Documents, Ledger};

/// The records that there are readers for. The first byte of an input chooses one.
const RECORDS: [&str; 20] = [
    "opt/conda/conda-meta/numpy-1.26.4-py312_0.json",
    "opt/conda/conda-meta/history",
    "usr/lib/python3.12/site-packages/a_b-1.0.dist-info/METADATA",
    "usr/lib/python3.12/site-packages/a_b-1.0.dist-info/RECORD",
    "usr/lib/python3.12/site-packages/a_b-1.0.dist-info/direct_url.json",
    "usr/lib/python3.12/site-packages/a_b-1.0.dist-info/WHEEL",
    "usr/lib/python3.12/site-packages/a_b-1.0.dist-info/top_level.txt",
    "usr/lib/python3.12/site-packages/c-1.0.egg-info/requires.txt",
    "usr/lib/python3.12/site-packages/c-1.0.egg-info/installed-files.txt",
    "usr/lib/python3.12/site-packages/d-1.0.egg-info",
    "usr/lib/python3.12/site-packages/e.egg-link",
    "usr/lib/R/library/stats/DESCRIPTION",
    "app/node_modules/@a/b/package.json",
    "app/node_modules/.package-lock.json",
    "root/.vscode/extensions/a.b-1.0/package.json",
    "var/lib/gems/3.1.0/specifications/a-1.0.gemspec",
    "app/vendor/composer/installed.json",
    "opt/julia/packages/A/x/Project.toml",
    "opt/tl/tlpkg/texlive.tlpdb",
    "app/a-1.0.jar",
];

/// What is there beside the record.
const FILES: [(&str, &str); 8] = [
    ("usr/lib/python3.12/site-packages/a_b-1.0.dist-info/METADATA", "Name: A.b\nVersion: 1.0\n"),
    ("usr/lib/python3.12/site-packages/a_b-1.0.dist-info/INSTALLER", "pip\n"),
    ("usr/lib/python3.12/site-packages/a_b/x.py", "x"),
    ("usr/lib/python3.12/site-packages/c-1.0.egg-info/PKG-INFO", "Name: c\nRequires: a\n"),
    ("src/e/e.egg-info/PKG-INFO", "Name: e\n"),
    ("app/node_modules/@a/b/index.js", "x"),
    ("app/vendor/a/b/c.php", "x"),
    ("opt/conda/bin/x", "x"),
];

/// Reads an image with a record of which the first byte tells the kind, and the others are the
/// content: whole, and as if its middle were missing.
///
/// # Panics
///
/// Where what is read is not in order, or beyond the bounds.
pub fn language_packages(bytes: &[u8]) {
    let Some((kind, content)) = bytes.split_first() else { return };
    let path = RECORDS[usize::from(*kind) % RECORDS.len()];
    for is_cut in [false, true] {
        let ledger = ledger(path, content, is_cut);
        let inventory = Inventory::read(&ledger, &Documents::new(&ledger));
        assert!(inventory == Inventory::read(&ledger, &Documents::new(&ledger)));
        assert!(inventory.packages.is_sorted_by_key(super::Package::place));
        assert!(inventory.notes.len() <= MAX_NOTES);
        for package in &inventory.packages {
            assert!(!package.name.is_empty() && !package.name.contains(char::is_control));
            assert!(package.depends.len() <= MAX_DEPENDENCIES);
            let in_order = |nodes: &[_]| nodes.is_sorted_by(|a, b| a < b);
            assert!(in_order(&package.files) && in_order(&package.directories), "{package:?}");
        }
    }
}

fn ledger(record: &str, content: &[u8], is_cut: bool) -> Ledger {
    let mut layer = TocBuilder::new(Source::Stream, Hashing::Xxh3, Limits::default());
    let files = FILES.map(|(path, content)| (path, content.as_bytes()));
    let files = files.into_iter().filter(|(path, _)| *path != record);
    for (path, content) in files.chain([(record, content)]) {
        let size = content.len() as u64;
        let added = layer.add(path.as_bytes(), Kind::File, size, 0, Attributes::default());
        let Ok(entry) = added else { continue };
        let half = if is_cut && path == record { content.len() / 2 } else { content.len() };
        let (head, tail) = content.split_at(half);
        let capture = Capture { entry, head: head.to_vec(), tail: tail.to_vec() };
        layer.toc().captures.push(capture);
    }
    Ledger::new(Filesystem::merge(vec![Some(Arc::new(layer.finish(0)))]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// By the position in [`RECORDS`].
    const SAMPLES: [&str; 20] = [
        r#"{"build":"py312_0","depends":["python >=3"],"files":["bin/x","../../x"],"name":"numpy","paths_data":{"paths":[{"_path":"bin/x","size_in_bytes":5}]},"requested_spec":"numpy","version":"1.26.4"}"#,
        "==> 2024-01-01 10:00:00 <==\n# cmd: conda install numpy\n# update specs: ['numpy', \"python=3\"]\n",
        "Metadata-Version: 2.1\nName: A.b\nVersion: 1.0\nSummary: x\nRequires-Dist: c[d,e]>=1 ; (python_version < '3.13' and extra == 'x') or sys_platform == 'linux'\n\ntext",
        "a_b/x.py,sha256=x,12\n\"a_b/y,z.py\",,\n../../../bin/x,,1\n/etc/x,,\n../../../../../../x,,\n",
        r#"{"url":"file:///src/e","dir_info":{"editable":true}}"#,
        "Wheel-Version: 1.0\nTag: cp312-cp312-manylinux_2_17_x86_64\n",
        "a_b\n../x\n/etc\n",
        "six\n[:python_version<'3']\nenum34\n[test]\npytest>=3\n",
        "../a_b/x.py\nPKG-INFO\n",
        "Metadata-Version: 1.1\nName: d\nVersion: 1.0\n",
        "/src/e\n.",
        "Package: stats\nVersion: 4.3.1\nImports: utils, grDevices (>= 1)\nBuilt: R 4.3.1; x86_64-pc-linux-gnu; ; unix\n",
        r#"{"name":"@a/b","version":"1.0.0","dependencies":{"c":"^1"},"peerDependenciesMeta":{"q":{"optional":true}}}"#,
        r#"{"lockfileVersion":3,"packages":{"node_modules/@a/b":{"version":"1.0.0","dev":true}}}"#,
        r#"{"publisher":"a","name":"b","version":"1.0","engines":{"vscode":"*"},"extensionPack":["c.d"]}"#,
        "Gem::Specification.new do |s|\n  s.name = \"a\".freeze\n  s.version = \"1.0\"\n  s.add_runtime_dependency(%q<racc>.freeze, [\"~> 1.4\"])\nend\n",
        r#"{"packages":[{"name":"a/b","version":"1","install-path":"../a/b","require":{"c/d":"*"}}],"dev-package-names":[]}"#,
        "name = \"A\"\nversion = \"0.1\"\n[deps]\nB = \"x\"\n",
        "name amsmath\ncategory Package\nrevision 1\nrunfiles size=5\n texmf-dist/a.sty\n\n",
        "PK\x01\x02 PK\x05\x06",
    ];

    fn input(kind: usize, content: &[u8]) -> Vec<u8> {
        [&[u8::try_from(kind).unwrap()], content].concat()
    }

    #[test]
    fn samples_are_read_and_every_beginning_of_them() {
        for (kind, sample) in SAMPLES.iter().enumerate() {
            (0..=sample.len())
                .for_each(|end| language_packages(&input(kind, &sample.as_bytes()[..end])));
        }
    }

    #[test]
    fn bombs_are_harmless() {
        for kind in 0..RECORDS.len() {
            for bomb in ["[", "{\"a\":", "(", "\"", "a\n", ",", "../", " x\n", "[a]\n"] {
                language_packages(&input(kind, bomb.repeat(20_000).as_bytes()));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn any_bytes_are_harmless(kind in 0..RECORDS.len(), content: Vec<u8>) {
            language_packages(&input(kind, &content));
        }

        #[test]
        fn changed_samples_are_harmless(
            kind in 0..RECORDS.len(),
            edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0..4), 1..8),
        ) {
            let mut content = SAMPLES[kind].as_bytes().to_vec();
            for (at, byte, edit) in edits {
                let at = at.index(content.len() + 1).min(content.len().saturating_sub(1));
                match edit {
                    0 => content.insert(at, byte),
                    1 if !content.is_empty() => content[at] = byte,
                    2 => content.truncate(at),
                    _ => content.extend_from_within(at..),
                }
            }
            language_packages(&input(kind, &content));
        }
    }
}
