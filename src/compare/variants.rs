//! What is in some of several images, and not in others: packages and components.

use std::collections::{BTreeMap, BTreeSet};

use crate::snapshot::Snapshot;

/// A package that several images have in different versions, or that some do not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageVariant {
    /// Its ecosystem, as `dpkg`.
    pub ecosystem: String,
    /// Its name.
    pub name: String,
    /// By image, what is known of it; `None` if it is not in the layers that were read.
    pub images: Vec<Option<Variant>>,
}

/// A component that some images do not have, or have in another version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentVariant {
    /// The id in the knowledge base.
    pub id: String,
    /// Its name.
    pub title: String,
    /// By image, what is known of it; `None` if it is not in the layers that were read.
    pub images: Vec<Option<Variant>>,
}

/// A package or component of one image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variant {
    /// Its versions, of which there are several if it is at several places; empty if none is known.
    pub versions: BTreeSet<String>,
    /// What the image shows of it, in content bytes.
    pub visible: u64,
}

impl Variant {
    fn add(&mut self, version: Option<&String>, visible: u64) {
        self.versions.extend(version.cloned());
        self.visible = self.visible.saturating_add(visible);
    }
}

type Variants = Vec<Option<Variant>>;

/// How much they matter: the most bytes that an image shows more than another.
fn weight(images: &[Option<Variant>]) -> u64 {
    let visible = || images.iter().map(|one| one.as_ref().map_or(0, |one| one.visible));
    visible().max().unwrap_or(0) - visible().min().unwrap_or(0)
}

fn differ(images: &[Option<Variant>]) -> bool {
    let versions = |one: &Option<Variant>| one.as_ref().map(|one| one.versions.clone());
    images.windows(2).any(|pair| versions(&pair[0]) != versions(&pair[1]))
}

/// The packages that differ of those that are `wanted`, the most bytes first.
pub(super) fn packages(
    images: &[Snapshot],
    is_wanted: impl Fn(&str, &str) -> bool,
) -> Vec<PackageVariant> {
    let mut found: BTreeMap<(&str, &str), Variants> = BTreeMap::new();
    for (at, image) in images.iter().enumerate() {
        for owner in image.owners.iter().filter(|owner| is_wanted(&owner.kind, &owner.name)) {
            let Some(package) = owner.package.as_ref().filter(|package| package.installed) else {
                continue;
            };
            let of_name = found.entry((&owner.kind, &owner.name));
            let of_name = of_name.or_insert_with(|| vec![None; images.len()]);
            let variant = of_name[at].get_or_insert_default();
            variant.add(owner.version.as_ref(), package.visible);
        }
    }
    let mut found: Vec<_> = found
        .into_iter()
        .filter(|(_, images)| differ(images))
        .map(|((ecosystem, name), images)| PackageVariant {
            ecosystem: ecosystem.to_owned(),
            name: name.to_owned(),
            images,
        })
        .collect();
    found.sort_by_key(|package| std::cmp::Reverse(weight(&package.images)));
    found
}

/// The components that differ, the most bytes first.
pub(super) fn components(images: &[Snapshot]) -> Vec<ComponentVariant> {
    let mut found: BTreeMap<(&str, &str), Variants> = BTreeMap::new();
    for (at, image) in images.iter().enumerate() {
        for component in &image.components {
            let of_id = found.entry((&component.id, &component.title));
            let of_id = of_id.or_insert_with(|| vec![None; images.len()]);
            let variant = of_id[at].get_or_insert_default();
            variant.add(component.version.as_ref(), component.visible);
        }
    }
    let mut found: Vec<_> = found
        .into_iter()
        .filter(|(_, images)| differ(images))
        .map(|((id, title), images)| ComponentVariant {
            id: id.to_owned(),
            title: title.to_owned(),
            images,
        })
        .collect();
    found.sort_by_key(|component| std::cmp::Reverse(weight(&component.images)));
    found
}
