//! Holds what `regsize` says of an image against what the oracle says.
//!
//! ```ignore
//! let found = Agreement::new(&registry).check("team/app:1", &layout);
//! assert_eq!(found.sources, ["stream", "stream"]);
//! ```

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::listing::{Listed, Listing};
use super::oracle::{Extracted, ExtractedLayer, LayerRow, TreeRow, escaped, extract};
use super::workshop::TAG;
use super::{Layout, RealRegistry, Report, Sandbox};

/// How to compare an image.
pub struct Agreement<'a> {
    registry: &'a RealRegistry,
    without: Vec<&'a str>,
    options: Vec<&'a str>,
    warning: Option<&'a str>,
}

/// What was found of an image on which all agree.
#[derive(Debug)]
pub struct Found {
    /// What each layer was read from.
    pub sources: Vec<String>,
    /// Bytes transferred for each layer in the first run.
    pub transferred: Vec<u64>,
    /// What the oracle says.
    pub extracted: Extracted,
}

/// One image in the registry and a place to ask for it.
struct Asked<'a> {
    sandbox: Sandbox,
    reference: String,
    options: Vec<&'a str>,
    warning: Option<&'a str>,
    extracted: &'a Extracted,
}

impl<'a> Agreement<'a> {
    /// Through this registry.
    pub fn new(registry: &'a RealRegistry) -> Self {
        Self { registry, without: Vec::new(), options: Vec::new(), warning: None }
    }

    /// Leaves a path out of what the tar streams have.
    pub fn without(mut self, path: &'a str) -> Self {
        self.without.push(path);
        self
    }

    /// Runs `analyze` and `files` with an option.
    pub fn option(mut self, option: &'a str) -> Self {
        self.options.push(option);
        self
    }

    /// Expects each run of `analyze` to warn, once, with these words.
    pub fn warning(self, words: &'a str) -> Self {
        Self { warning: Some(words), ..self }
    }

    /// Stores the image and compares: the merged filesystem, each layer, all totals, and that a
    /// second run needs no layer.
    pub fn check(&self, name: &str, layout: &Layout) -> Found {
        self.registry.push_layout(name, layout);
        self.check_stored(name, layout)
    }

    /// Compares an image that the registry has already.
    pub fn check_stored(&self, name: &str, layout: &Layout) -> Found {
        let extracted = extract(layout.path(), TAG, &self.without);
        let asked = Asked {
            sandbox: Sandbox::new(),
            reference: self.registry.reference(name),
            options: self.options.clone(),
            warning: self.warning,
            extracted: &extracted,
        };
        let analyzed = asked.analyze(asked.warning);
        asked.compare_inspect();
        let layers = analyzed["layers"].as_array().expect("layers");
        let sources: Vec<_> = layers.iter().map(|layer| text(&layer["toc_source"])).collect();
        let transferred = layers.iter().map(|layer| number(&layer["transferred"])).collect();
        for digest in digests(&extracted) {
            self.registry.lose_blob(digest);
        }
        let again = asked.analyze(asked.warning);
        assert_eq!(again["transferred"], 0, "a second run transfers nothing");
        asked.compare_listings(&sources);
        Found { sources, transferred, extracted }
    }
}

impl Asked<'_> {
    fn run(&self, command: &str, more: &[&str]) -> super::sandbox::Output {
        let start = [command, self.reference.as_str(), "--format", "json"];
        self.sandbox.run(&[&start, &self.options[..], more].concat())
    }

    /// Compares the totals of `analyze`; gives the image of `analyze`.
    fn analyze(&self, warning: Option<&str>) -> Value {
        let output = self.run("analyze", &[]);
        assert_eq!(output.code, Some(0), "{output}");
        let report = output.json();
        assert_eq!(report["schema"], "regsize.analyze/1");
        let image = &report["images"][0];
        let (gaps, warnings): (Vec<_>, Vec<_>) = report["warnings"]
            .as_array()
            .expect("warnings")
            .iter()
            .partition(|warning| text(warning).contains("listed from"));
        let sources = image["layers"].as_array().expect("layers").iter();
        let sources: Vec<_> = sources.map(|layer| text(&layer["toc_source"])).collect();
        if !sources.iter().any(|source| source == "cache") {
            let has_gaps = sources.iter().any(|source| source != "stream");
            assert_eq!(gaps.len(), usize::from(has_gaps), "{gaps:?}");
        }
        assert_eq!(warnings.len(), usize::from(warning.is_some()), "{warnings:?}");
        let words = warning.unwrap_or_default();
        assert!(warnings.iter().all(|found| text(found).contains(words)), "{warnings:?}");
        let Extracted { content, visible, shadowed, .. } = self.extracted;
        assert_eq!(image["sizes"]["content"], json!(content), "content");
        let shown = (number(&image["visible"]["files"]), number(&image["visible"]["bytes"]));
        assert_eq!(shown, (visible.files, visible.bytes), "visible");
        let found = (number(&image["shadowed"]["files"]), number(&image["shadowed"]["bytes"]));
        assert_eq!(found, (shadowed.files, shadowed.bytes), "shadowed");
        assert_eq!(visible.bytes + shadowed.bytes, *content);
        self.compare_waste(image);
        let layers = image["layers"].as_array().expect("layers");
        assert_eq!(layers.len(), self.extracted.layers.len());
        for (found, expected) in layers.iter().zip(&self.extracted.layers) {
            compare_layer(found, expected);
        }
        image.clone()
    }

    /// Compares the shadowed bytes by the layers that wrote and hid them.
    fn compare_waste(&self, image: &Value) {
        let mut found: BTreeMap<(u64, u64), (u64, u64)> = BTreeMap::new();
        for row in image["waste"].as_array().expect("waste") {
            let sums = found.entry((number(&row["written_in"]), number(&row["hidden_in"])));
            let sums = sums.or_default();
            sums.0 += number(&row["files"]);
            sums.1 += number(&row["bytes"]);
        }
        found.retain(|_, (_, bytes)| *bytes > 0);
        let expected = self.extracted.waste.iter().map(|lost| {
            ((lost.written_in as u64, lost.hidden_in as u64), (lost.files, lost.bytes))
        });
        let expected: BTreeMap<_, _> = expected.collect();
        let bytes = |waste: &BTreeMap<_, (u64, u64)>| -> BTreeMap<(u64, u64), u64> {
            waste.iter().map(|(pair, sums)| (*pair, sums.1)).collect()
        };
        assert_eq!(bytes(&found), bytes(&expected), "bytes by (written in, hidden in)");
    }

    fn compare_inspect(&self) {
        let arguments = ["inspect", &self.reference, "--format", "json"];
        let report = Report::of(&self.sandbox.run(&arguments));
        let layers = &report.shown().layers;
        assert_eq!(layers.len(), self.extracted.layers.len());
        for (found, expected) in layers.iter().zip(&self.extracted.layers) {
            assert_eq!((&found.digest, found.compressed), (&expected.digest, expected.compressed));
            if let Some(uncompressed) = found.uncompressed {
                assert_eq!(uncompressed, expected.uncompressed, "{}", found.digest);
            }
        }
    }

    fn compare_listings(&self, sources: &[String]) {
        let tree = Listing::of(&self.run("files", &["--all"]));
        let sums = (tree.totals.files, tree.totals.bytes);
        assert_eq!(sums, (self.extracted.visible.files, self.extracted.visible.bytes));
        compare_tree(&tree, &self.extracted.tree);
        for (number, expected) in self.extracted.layers.iter().enumerate() {
            let layer = number.to_string();
            let listing = Listing::of(&self.run("files", &["--all", "--layer", &layer]));
            compare_entries(number, &listing, expected);
            // What carries a table of contents has bytes that belong to no entry.
            let has_table = !self.options.is_empty() || self.warning.is_some();
            if sources[number] == "stream" && !has_table && !expected.entries.is_empty() {
                assert_eq!(listing.totals.compressed, expected.compressed, "layer {number}");
            }
        }
        let shadowed = Listing::of(&self.run("files", &["--all", "--shadowed"]));
        let sums = (shadowed.totals.files, shadowed.totals.bytes);
        assert_eq!(sums, (self.extracted.shadowed.files, self.extracted.shadowed.bytes));
        let streamed = sources.iter().filter(|source| *source == "stream").count();
        let mixed = streamed != 0 && streamed != sources.len();
        compare_shadowed(&shadowed, &self.extracted.layers, mixed);
    }
}

fn compare_layer(found: &Value, expected: &ExtractedLayer) {
    let figures = json!({
        "digest": expected.digest,
        "compressed": expected.compressed,
        "content": expected.content,
        "entries": expected.entries.len(),
        "files": expected.files,
        "shadowed": expected.shadowed.bytes,
    });
    for (name, value) in figures.as_object().expect("figures") {
        assert_eq!(&found[name], value, "{name} of layer {}", found["index"]);
    }
    if let Some(uncompressed) = found["uncompressed"].as_u64() {
        assert_eq!(uncompressed, expected.uncompressed, "layer {}", found["index"]);
    }
}

/// Compares the merged filesystem: a directory costs what is in it.
fn compare_tree(listing: &Listing, expected: &[TreeRow]) {
    let mut sums: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for row in expected {
        for directory in [row.path.as_str()].into_iter().chain(above(&row.path)) {
            let sum = sums.entry(directory).or_default();
            *sum = (sum.0 + row.files, sum.1 + row.size);
        }
    }
    let expected = expected.iter().map(|TreeRow { path, kind, layer, .. }| {
        let (files, content) = sums[path.as_str()];
        format!("{path:?} {kind} layer {layer:?} files {files} content {content}")
    });
    let found = listing.entries.iter().map(|row| {
        let Listed { kind, layer, files, content, .. } = row;
        let path = escaped(&row.path());
        format!("{path:?} {kind} layer {layer:?} files {files} content {content}")
    });
    compare_rows("the merged filesystem", expected.collect(), found.collect());
}

/// Compares what one layer stores: its entries in any order, of a directory the last, and the
/// directories above them that it does not list.
fn compare_entries(number: usize, listing: &Listing, expected: &ExtractedLayer) {
    let found = listing.entries.iter().map(|row| {
        let mode = row.mode.as_deref().map(|mode| u32::from_str_radix(mode, 8).expect("a mode"));
        let target = row.target().as_deref().map(escaped);
        let path = escaped(&row.path());
        let attributes = (mode, row.uid, row.gid, row.mtime);
        let hidden = (row.shadowed_in, row.how.as_deref());
        format!("{path:?} {} {} {attributes:?} {target:?} {hidden:?}", row.kind, row.content)
    });
    compare_rows(&format!("layer {number}"), stored(number, &expected.entries), found.collect());
    assert_eq!(listing.totals.bytes, expected.content);
    assert_eq!(listing.totals.files, expected.files);
    let entries = listing.entries.iter().filter(|row| row.kind != "directory");
    let compressed: u64 = entries.map(|row| row.compressed).sum();
    assert!(compressed <= listing.totals.compressed);
    assert!(listing.totals.compressed <= expected.compressed);
}

fn stored(number: usize, entries: &[LayerRow]) -> Vec<String> {
    let mut rows = Vec::new();
    let mut directories: BTreeMap<&str, Option<&LayerRow>> = BTreeMap::from([("", None)]);
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for row in entries {
        *sums.entry(&row.path).or_default() += row.size;
        for directory in above(&row.path) {
            directories.entry(directory).or_default();
            *sums.entry(directory).or_default() += row.size;
        }
        if row.kind == "directory" {
            directories.insert(&row.path, Some(row));
        } else {
            rows.push(stored_row(number, row, row.size));
        }
    }
    for (path, row) in directories {
        let content = sums.get(path).copied().unwrap_or_default();
        rows.push(row.map_or_else(
            || format!("{path:?} directory {content} (None, None, None, None) None (None, None)"),
            |row| stored_row(number, row, content),
        ));
    }
    rows
}

/// A row of a layer read alone, of which other layers hide nothing.
fn stored_row(number: usize, row: &LayerRow, content: u64) -> String {
    let LayerRow { path, kind, mode, uid, gid, mtime, target, .. } = row;
    let attributes = (Some(mode), Some(uid), Some(gid), Some(mtime));
    let own = row.hidden_in == Some(number);
    let hidden = (row.hidden_in.filter(|_| own), row.how.as_deref().filter(|_| own));
    format!("{path:?} {kind} {content} {attributes:?} {target:?} {hidden:?}")
}

/// Compares what all layers store and the merged filesystem does not show, but directories.
///
/// Where layers are `mixed`, some from tables of contents and some not, contents have hashes of two
/// kinds, and whether an overwritten file is the same may be unknown.
fn compare_shadowed(listing: &Listing, expected: &[ExtractedLayer], mixed: bool) {
    let known = |how: &str| {
        if mixed && how.starts_with("overwrite") { "overwrite" } else { how }.to_owned()
    };
    let found = listing.entries.iter().filter(|row| row.kind != "directory").map(|row| {
        let hidden = (row.shadowed_in, row.how.as_deref().map(known));
        let path = escaped(&row.path());
        format!("{path:?} {} {} layer {:?} {hidden:?}", row.kind, row.content, row.layer)
    });
    let layers = expected.iter().enumerate();
    let rows =
        layers.flat_map(|(number, layer)| layer.entries.iter().map(move |row| (number, row)));
    let hidden = rows.filter(|(_, row)| row.hidden_in.is_some() && row.kind != "directory");
    let expected = hidden.map(|(number, row)| {
        let hidden = (row.hidden_in, row.how.as_deref().map(known));
        format!("{:?} {} {} layer {:?} {hidden:?}", row.path, row.kind, row.size, Some(number))
    });
    compare_rows("what is hidden", expected.collect(), found.collect());
}

/// Compares rows in any order, and shows those that are on one side only.
fn compare_rows(what: &str, mut expected: Vec<String>, mut found: Vec<String>) {
    expected.sort_unstable();
    found.sort_unstable();
    if expected == found {
        return;
    }
    let beside = |rows: &[String], others: &[String]| -> Vec<String> {
        let mut count: BTreeMap<&String, usize> = BTreeMap::new();
        for row in others {
            *count.entry(row).or_default() += 1;
        }
        let mut alone = Vec::new();
        for row in rows {
            match count.get_mut(row) {
                Some(left) if *left > 0 => *left -= 1,
                _ => alone.push(row.clone()),
            }
        }
        alone.truncate(12);
        alone
    };
    panic!(
        "{what}: {} rows expected, {} found\nonly the oracle:\n  {}\nonly regsize:\n  {}",
        expected.len(),
        found.len(),
        beside(&expected, &found).join("\n  "),
        beside(&found, &expected).join("\n  "),
    );
}

/// The directories above a path, the root's empty path the last.
fn above(path: &str) -> impl Iterator<Item = &str> {
    let slashes = path.match_indices('/').map(|(at, _)| &path[..at]);
    let root = (!path.is_empty()).then_some("");
    slashes.chain(root)
}

fn digests(extracted: &Extracted) -> std::collections::BTreeSet<&str> {
    extracted.layers.iter().map(|layer| layer.digest.as_str()).collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}
