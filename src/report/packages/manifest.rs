//! A version manifest: variables of names and versions, which a shell can read and a diff can
//! compare.
//!
//! Packages that came along with others are left out where the ecosystem tells. A value that is
//! more than a plain word is quoted, and what could end the quotes or the line is escaped.

use std::collections::BTreeMap;
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
    if !tools.is_empty() && options.ecosystems.is_empty() {
        out.push('\n');
        comment(out, "tools");
        for (name, version) in tools {
            variable(out, &key(name), version);
        }
    }
    let mut groups: BTreeMap<(Ecosystem, &[u8]), Vec<&Package>> = BTreeMap::new();
    let installed = study.installed().map(|(package, _)| package);
    for package in
        installed.filter(|package| package.requested != Some(false) && options.has(package))
    {
        groups.entry((package.ecosystem, place(package))).or_default().push(package);
    }
    for ((ecosystem, location), packages) in groups {
        out.push('\n');
        if location.is_empty() {
            comment(out, &format!("{} packages", ecosystem.as_str()));
        } else {
            comment(out, &format!("{} packages in /{}", ecosystem.as_str(), path_text(location)));
        }
        for package in packages {
            match &package.version {
                Some(version) => variable(out, &key(&package.name), version),
                None => comment(out, &format!("{}: version not known", package.name)),
            }
        }
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
fn key(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let mut key: String = name.chars().map(letter).collect();
    if key.starts_with(|c: char| c.is_ascii_digit()) || key.is_empty() {
        key.insert(0, '_');
    }
    key + "_VERSION"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_what_a_shell_reads() {
        let check = |name: &str, value: &str, expected: &str| {
            let mut out = String::new();
            variable(&mut out, &key(name), value);
            assert_eq!(out, format!("{expected}\n"));
        };
        check("freesurfer", "7.4.0", "FREESURFER_VERSION=7.4.0");
        check("libstdc++6", "12.2.0-14", "LIBSTDC__6_VERSION=12.2.0-14");
        check("7zip", "a b", "_7ZIP_VERSION='a b'");
        check("", "", "__VERSION=''");
        check("x", "1'; rm -rf /\n", "X_VERSION='1\\u{27}; rm -rf /\\u{a}'");
        check("x", "$(id)", "X_VERSION='$(id)'");
    }
}
