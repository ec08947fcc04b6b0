//! Rules against images written as text; see [`crate::ledger::testing`].
//!
//! Packages may be written as text too, one a line, with the files or directories that they own:
//! `dpkg +curl 8.5 usr/bin/curl > libc6 ~ ca-certificates`. A `+` says that somebody asked for the
//! package, a `-` that nobody did, and a `?` that it is not known. What follows `>` it needs, what
//! follows `~` it wants. `@DIRECTORY` is its location, and `KEY=VALUE` sets `arch`, `section`,
//! `provides`, `dev` or `essential`.

use super::{Facts, Finding, Selection, findings};
use crate::component::{self, Knowledge};
use crate::image::{Image, Inspection, Shared};
use crate::ledger::testing::image;
use crate::ledger::{Documents, Ledger};
use crate::oci::{Digest, MediaType};
use crate::owner::Owners;
use crate::package::{Dependency, Ecosystem, Inventory, Package};

/// An index of images.
pub(crate) fn inspection(images: Vec<Image>) -> Inspection {
    let platforms = images.iter().map(|image| image.platform.clone()).collect();
    Inspection {
        reference: "r".to_owned(),
        digest: Digest::of(b"index"),
        media_type: MediaType("application/vnd.oci.image.index.v1+json".to_owned()),
        images,
        shown: 0,
        platforms,
        attachments: Vec::new(),
        shared: Shared::default(),
        rate_limit: None,
        warnings: Vec::new(),
    }
}

/// What rules find in an image; `only` as [`Selection::only`] takes it, all rules where it is
/// empty.
pub(crate) fn found(text: &str, only: &[&str]) -> Vec<Finding> {
    with_facts(text, |facts| findings(facts, &selection(only)))
}

/// Asks the facts of an image.
pub(crate) fn with_facts<T>(text: &str, ask: impl FnOnce(&Facts<'_>) -> T) -> T {
    let (image, ledger) = image(text);
    with_layers(&image, &ledger, ask)
}

/// Asks the facts of an image with its layers.
pub(crate) fn with_layers<T>(
    image: &Image,
    ledger: &Ledger,
    ask: impl FnOnce(&Facts<'_>) -> T,
) -> T {
    let documents = Documents::new(ledger);
    let inventory = Inventory::read(ledger, &documents);
    let components = component::find(image, ledger, &documents, &inventory, &Knowledge::default());
    let owners = Owners::attribute(image, ledger, &inventory, &components);
    ask(&Facts::new(image, ledger, &documents, &inventory, &components, &owners))
}

/// What rules find in an image with packages written as text.
pub(crate) fn found_with(text: &str, packages: &str, only: &[&str]) -> Vec<Finding> {
    with_packages(text, packages, |facts| findings(facts, &selection(only)))
}

/// Asks what is known of an image with packages written as text.
pub(crate) fn with_packages<T>(text: &str, packages: &str, ask: impl Fn(&Facts<'_>) -> T) -> T {
    let (image, ledger): (Image, Ledger) = image(text);
    let documents = Documents::new(&ledger);
    let lines = packages.lines().map(str::trim).filter(|line| !line.is_empty());
    let packages = lines.map(|line| package(&ledger, line)).collect();
    let inventory = Inventory { packages, notes: Vec::new() };
    let owners = Owners::by_hand(&ledger, &inventory);
    ask(&Facts::new(&image, &ledger, &documents, &inventory, &[], &owners))
}

/// Checks the content bytes that a rule would save alone, by finding, the most first.
pub(crate) fn check(rule: &str, text: &str, expected: &[u64]) {
    assert_eq!(gross(&found(text, &[rule])), expected, "{rule} {text}");
}

/// The same for an image with packages written as text.
pub(crate) fn check_with(rule: &str, text: &str, packages: &str, expected: &[u64]) {
    assert_eq!(gross(&found_with(text, packages, &[rule])), expected, "{rule} {packages}");
}

fn selection(only: &[&str]) -> Selection {
    let only = only.iter().map(|name| (*name).to_owned()).collect();
    Selection { only, ..Selection::default() }
}

fn gross(findings: &[Finding]) -> Vec<u64> {
    let mut bytes: Vec<u64> = findings.iter().map(|finding| finding.gross.content).collect();
    bytes.sort_unstable_by_key(|bytes| std::cmp::Reverse(*bytes));
    bytes
}

fn package(ledger: &Ledger, line: &str) -> Package {
    let mut words = line.split_whitespace();
    let (ecosystem, name) = (words.next().unwrap(), words.next().expect("a name"));
    let requested = match &name[..1] {
        "+" => Some(true),
        "-" => Some(false),
        _ => None,
    };
    let name = name[1..].to_owned();
    let ecosystem = self::ecosystem(ecosystem);
    let mut package = Package { ecosystem, name, requested, ..Package::default() };
    let mut needs: Option<bool> = None;
    for word in words {
        match word {
            ">" => needs = Some(true),
            "~" => needs = Some(false),
            _ if needs.is_some() => {
                let any = word.split('|').map(str::to_owned).collect();
                let hard = needs == Some(true);
                let list = if hard { &mut package.depends } else { &mut package.recommends };
                list.push(Dependency { any });
            }
            _ => property(ledger, &mut package, word),
        }
    }
    package
}

fn property(ledger: &Ledger, package: &mut Package, word: &str) {
    if let Some(location) = word.strip_prefix('@') {
        package.location = location.into();
        return;
    }
    let Some((key, value)) = word.split_once('=') else {
        match ledger.find(word.as_bytes()) {
            Some(node) => package.directories.push(node),
            None => package.version = Some(word.to_owned()),
        }
        return;
    };
    match key {
        "arch" => package.architecture = Some(value.to_owned()),
        "section" => package.section = Some(value.to_owned()),
        "provides" => package.provides.push(value.to_owned()),
        "dev" => package.development = Some(value == "true"),
        "essential" => package.essential = value == "true",
        _ => panic!("{word}"),
    }
}

fn ecosystem(name: &str) -> Ecosystem {
    let all = [
        Ecosystem::Dpkg,
        Ecosystem::Apk,
        Ecosystem::Rpm,
        Ecosystem::Conda,
        Ecosystem::Python,
        Ecosystem::R,
        Ecosystem::Npm,
        Ecosystem::VsCode,
        Ecosystem::Ruby,
        Ecosystem::Composer,
    ];
    all.into_iter().find(|ecosystem| ecosystem.as_str() == name).expect("an ecosystem")
}
