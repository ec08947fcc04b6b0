//! From requirements to needs: which extras are asked for, and which conditions hold with them.

use std::collections::{BTreeSet, HashMap};

use super::super::Package;
use super::super::text::dependencies;
use super::marker::holds;
use super::{Distribution, Requirement};

/// Extras of one distribution.
const MAX_EXTRAS: usize = 32;

/// A distribution by its directory and name.
type Key<'a> = (&'a [u8], &'a str);
type Extras<'a> = HashMap<Key<'a>, BTreeSet<String>>;

/// Settles what each distribution needs. A condition that cannot be told counts as met; an extra
/// is asked for if another distribution in the same directory requires it.
pub(super) fn settle(found: Vec<Distribution>) -> Vec<Package> {
    let extras = requested_extras(&found);
    let needs = found.iter().map(|each| {
        let needed = each.requires.iter().filter(|requirement| is_met(each, requirement, &extras));
        dependencies(needed.map(|requirement| requirement.name.clone()))
    });
    let needs: Vec<_> = needs.collect();
    let packages = found.into_iter().zip(needs);
    packages.map(|(each, depends)| Package { depends, ..each.package }).collect()
}

fn is_met(each: &Distribution, requirement: &Requirement, extras: &Extras<'_>) -> bool {
    let none = BTreeSet::new();
    let own = extras.get(&key(each, &each.package.name)).unwrap_or(&none);
    holds(&requirement.marker, &each.environment, own) != Some(false)
}

fn key<'a>(each: &'a Distribution, name: &'a str) -> Key<'a> {
    (&each.package.location, name)
}

fn requested_extras(found: &[Distribution]) -> Extras<'_> {
    let mut by_name: HashMap<Key<'_>, Vec<usize>> = HashMap::new();
    for (at, each) in found.iter().enumerate() {
        by_name.entry(key(each, &each.package.name)).or_default().push(at);
    }
    let mut extras = Extras::new();
    let mut waiting: Vec<usize> = (0..found.len()).collect();
    while let Some(at) = waiting.pop() {
        let each = &found[at];
        let with_extras = each.requires.iter().filter(|required| !required.extras.is_empty());
        for required in with_extras {
            if !is_met(each, required, &extras) {
                continue;
            }
            let target = key(each, &required.name);
            let Some(targets) = by_name.get(&target) else { continue };
            let asked = extras.entry(target).or_default();
            let before = asked.len();
            let room = MAX_EXTRAS.saturating_sub(before);
            asked.extend(required.extras.iter().take(room).cloned());
            if asked.len() > before {
                waiting.extend(targets);
            }
        }
    }
    extras
}
