//! A version manifest: variables of names and versions, which a shell can read and a diff can
//! compare.
//!
//! Packages that came along with others are left out where the ecosystem tells, unless they stand
//! in for another version that is listed. Each variable is there once: of several versions of one
//! name that which was installed last has the plain name, and the others have their ecosystem, and
//! if need be their place, in theirs. A value that is
//! more than a plain word is quoted, and what could end the quotes or the line is escaped.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::analysis::{Analysis, ImageAnalysis, Study};
use crate::image::Image;
use crate::package::{Ecosystem, Package};
use crate::report::encode::path_text;
use crate::report::{Outcome, PackagesOptions, printable};

/// The manifests of all images, one after another.
pub(super) fn manifest(outcomes: &[Outcome<Analysis>], options: &PackagesOptions) -> String {
    let mut out = String::new();
    for outcome in outcomes {
        let Ok(analysis) = &outcome.result else { continue };
        for found in &analysis.images {
            let Some(image) = analysis.inspection.images.get(found.image) else { continue };
            if !out.is_empty() {
                out.push('\n');
            }
            comment(&mut out, &format!("Version manifest of {}", analysis.inspection.reference));
            comment(&mut out, &format!("{}, {}", image.digest, image.platform));
            body(&mut out, image, found, options);
        }
    }
    out
}

fn body(out: &mut String, image: &Image, found: &ImageAnalysis, options: &PackagesOptions) {
    out.push('\n');
    if let Some(base) = image.base.as_ref().and_then(|base| base.name.as_deref()) {
        variable(out, "BASE_IMAGE", base);
    }
    if let Some(os) = &image.os_name {
        variable(out, "SYSTEM", os);
    }
    match &found.study {
        Some(study) => contents(out, study, options),
        None => comment(out, "not known, as not all layers were read"),
    }
}

fn contents(out: &mut String, study: &Study, options: &PackagesOptions) {
    for note in &study.inventory.notes {
        comment(out, &format!("/{}: {}", path_text(&note.path), note.text));
    }
    let tools: Vec<(&str, &str)> = study
        .components
        .iter()
        .filter_map(|tool| Some((tool.id.as_str(), tool.version.as_ref()?.0.as_str())))
        .collect();
    let mut keys = Keys::default();
    if !tools.is_empty() && options.ecosystems.is_empty() {
        out.push('\n');
        comment(out, "tools");
        for (name, version) in tools {
            if let Some(key) = keys.give([stem(name)], version) {
                variable(out, &key, version);
            }
        }
    }
    let listed = listed(study, options);
    let given = keys.of_packages(&listed);
    let mut groups: BTreeMap<(Ecosystem, &[u8]), Vec<Named<'_>>> = BTreeMap::new();
    for ((package, _), key) in listed.into_iter().zip(given) {
        if key.is_some() || package.version.is_none() {
            groups.entry((package.ecosystem, place(package))).or_default().push((package, key));
        }
    }
    for ((ecosystem, location), packages) in groups {
        out.push('\n');
        if location.is_empty() {
            comment(out, &format!("{} packages", ecosystem.as_str()));
        } else {
            comment(out, &format!("{} packages in /{}", ecosystem.as_str(), path_text(location)));
        }
        for (package, key) in packages {
            match (&package.version, key) {
                (Some(version), Some(key)) => variable(out, &key, version),
                _ => comment(out, &format!("{}: version not known", package.name)),
            }
        }
    }
}

/// A package and its variable, if it has one.
type Named<'a> = (&'a Package, Option<String>);

/// The packages that somebody asked for, each with what is visible of it, and other versions of
/// them in the same place.
fn listed<'a>(study: &'a Study, options: &PackagesOptions) -> Vec<(&'a Package, u64)> {
    let installed = || study.installed().filter(|(package, _)| options.has(package));
    let mut asked: BTreeMap<String, Vec<&[u8]>> = BTreeMap::new();
    for (package, _) in installed().filter(|(package, _)| package.requested != Some(false)) {
        asked.entry(stem(&package.name)).or_default().push(place(package));
    }
    let is_other_version = |package: &Package| {
        let places = asked.get(&stem(&package.name)).into_iter().flatten();
        !place(package).is_empty() && { places }
            .any(|above| !above.is_empty() && place(package).starts_with(above))
    };
    installed()
        .filter(|(package, _)| package.requested != Some(false) || is_other_version(package))
        .map(|(package, usage)| (package, usage.visible.bytes))
        .collect()
}

/// Names of variables, each of which is given once.
#[derive(Default)]
struct Keys {
    taken: BTreeSet<String>,
    told: BTreeSet<(String, String)>,
    numbers: BTreeMap<String, usize>,
}

impl Keys {
    /// The variable of the first of some stems that is free, or of the last one with a number;
    /// `None` if this version of the first one is told already.
    fn give<const N: usize>(&mut self, stems: [String; N], version: &str) -> Option<String> {
        if !self.told.insert((stems.first()?.clone(), version.to_owned())) {
            return None;
        }
        let last = stems.last()?.clone();
        let mut free = stems.into_iter().find(|stem| !self.taken.contains(stem));
        while free.is_none() {
            let number = self.numbers.entry(last.clone()).or_insert(1);
            *number += 1;
            free = Some(format!("{last}_{number}")).filter(|stem| !self.taken.contains(stem));
        }
        let free = free?;
        self.taken.insert(free.clone());
        Some(format!("{free}_VERSION"))
    }

    /// The variables of packages, each with what is visible of it: what can be seen and was
    /// installed last gets the plain name.
    fn of_packages(&mut self, packages: &[(&Package, u64)]) -> Vec<Option<String>> {
        let mut order: Vec<(usize, &(&Package, u64))> = packages.iter().enumerate().collect();
        order.sort_by_key(|(_, (package, visible))| {
            Reverse((*visible > 0, package.layer, *visible))
        });
        let mut keys = vec![None; packages.len()];
        for (at, (package, _)) in order {
            let Some(version) = &package.version else { continue };
            let (name, ecosystem) = (&package.name, package.ecosystem.as_str());
            let location = String::from_utf8_lossy(&package.location);
            let stems = [
                stem(name),
                stem(&format!("{ecosystem}_{name}")),
                stem(&format!("{ecosystem}_{name}_in_{location}")),
            ];
            if let Some(key) = keys.get_mut(at) {
                *key = self.give(stems, version);
            }
        }
        keys
    }
}

/// Where packages are that stand under one heading: those that are single files are by ecosystem.
fn place(package: &Package) -> &[u8] {
    match package.ecosystem {
        Ecosystem::Conda | Ecosystem::Python | Ecosystem::R => &package.location,
        _ => &[],
    }
}

fn comment(out: &mut String, text: &str) {
    // Writing into a String cannot fail.
    let _ = writeln!(out, "# {}", printable(text));
}

fn variable(out: &mut String, key: &str, value: &str) {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+:~/@-".contains(&byte);
    let _ = if !value.is_empty() && value.bytes().all(is_plain) {
        writeln!(out, "{key}={value}")
    } else {
        writeln!(out, "{key}='{}'", printable(value).replace('\'', "\\u{27}"))
    };
}

/// A name as variables have them.
fn stem(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let mut key: String = name.chars().map(letter).collect();
    if key.starts_with(|c: char| c.is_ascii_digit()) || key.is_empty() {
        key.insert(0, '_');
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_what_a_shell_reads() {
        let check = |name: &str, value: &str, expected: &str| {
            let mut out = String::new();
            variable(&mut out, &format!("{}_VERSION", stem(name)), value);
            assert_eq!(out, format!("{expected}\n"));
        };
        check("freesurfer", "7.4.0", "FREESURFER_VERSION=7.4.0");
        check("libstdc++6", "12.2.0-14", "LIBSTDC__6_VERSION=12.2.0-14");
        check("7zip", "a b", "_7ZIP_VERSION='a b'");
        check("", "", "__VERSION=''");
        check("x", "1'; rm -rf /\n", "X_VERSION='1\\u{27}; rm -rf /\\u{a}'");
        check("x", "$(id)", "X_VERSION='$(id)'");
    }

    #[test]
    fn each_variable_is_there_once() {
        use Ecosystem::{Conda, Dpkg, Python};
        let check = |packages: &[(Ecosystem, &str, &str, &str, usize, u64)], expected: &[&str]| {
            let packages: Vec<(Package, u64)> = packages
                .iter()
                .map(|(ecosystem, location, name, version, layer, visible)| {
                    let package = Package {
                        ecosystem: *ecosystem,
                        name: (*name).to_owned(),
                        version: Some((*version).to_owned()),
                        location: location.as_bytes().to_vec(),
                        layer: *layer,
                        ..Package::default()
                    };
                    (package, *visible)
                })
                .collect();
            let packages: Vec<(&Package, u64)> =
                packages.iter().map(|(package, visible)| (package, *visible)).collect();
            let keys = Keys::default().of_packages(&packages);
            let keys: Vec<&str> = keys.iter().map(|key| key.as_deref().unwrap_or("-")).collect();
            assert_eq!(keys, expected);
        };
        check(
            &[
                (Conda, "opt/conda", "numpy", "1.26.4", 6, 64),
                (Python, "opt/conda/lib", "numpy", "1.26.4", 6, 0),
                (Python, "opt/conda/lib", "numpy", "2.4.6", 12, 71),
            ],
            &["CONDA_NUMPY_VERSION", "-", "NUMPY_VERSION"],
        );
        check(
            &[
                (Python, "a", "x-y", "1", 1, 1),
                (Python, "b", "x_y", "2", 2, 1),
                (Python, "b/c", "x.y", "3", 3, 1),
                (Python, "a", "x-y", "4", 0, 1),
            ],
            &[
                "PYTHON_X_Y_IN_A_VERSION",
                "PYTHON_X_Y_VERSION",
                "X_Y_VERSION",
                "PYTHON_X_Y_IN_A_2_VERSION",
            ],
        );
        check(
            &[(Dpkg, "", "7zip", "1", 1, 0), (Dpkg, "", "7zip", "1", 1, 0)],
            &["_7ZIP_VERSION", "-"],
        );
    }
}
