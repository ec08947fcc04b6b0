//! Section `budget`: limits for all platforms, for some, and for components.

use std::collections::BTreeMap;

use super::table::{Found, Name, Section};
use super::{Names, Read, measures, nearest};
use crate::check::{Bound, Budget, Forbidden, Levels, Measure, is_pattern, unknown_ecosystem};
use crate::oci::Platform;
use crate::package::Ecosystem;

const LISTS: [&str; 2] = ["forbid-paths", "forbid-packages"];

pub(super) fn read(
    section: &Section<'_>,
    names: &Names<'_>,
) -> Read<Vec<(Option<Platform>, Budget)>> {
    read_with(section, names, &[])
}

/// Reads a section that may have other keys as well.
pub(super) fn read_with(
    section: &Section<'_>,
    names: &Names<'_>,
    others: &[&str],
) -> Read<Vec<(Option<Platform>, Budget)>> {
    let of_all = measures(&Measure::ALL);
    let known = [&of_all[..], &LISTS, &["component", "platform"], others].concat();
    section.only(&known)?;
    let mut parts = vec![(None, budget(section, names)?)];
    if let Some(platforms) = section.get("platform") {
        for (name, found) in platforms.section("budget.platform")?.entries() {
            let platform: Platform =
                name.text.parse().map_err(|error| name.wrong(format!("{error}")))?;
            check_platform(&name, &platform)?;
            let section = found.section(&format!("budget.platform.{:?}", name.text))?;
            section.only(&[&of_all[..], &LISTS, &["component"]].concat())?;
            parts.push((Some(platform), budget(&section, names)?));
        }
    }
    Ok(parts)
}

fn budget(section: &Section<'_>, names: &Names<'_>) -> Read<Budget> {
    Ok(Budget {
        limits: limits(section)?,
        components: components(section, names)?,
        paths: forbidden(section.get("forbid-paths"), true)?,
        packages: forbidden(section.get("forbid-packages"), false)?,
        ..Budget::default()
    })
}

fn limits(section: &Section<'_>) -> Read<BTreeMap<Measure, Levels<Bound>>> {
    let mut limits = BTreeMap::new();
    for (name, found) in section.entries() {
        let Some(measure) = Measure::named(name.text) else { continue };
        let levels = found.levels(measure.kind())?;
        if measure.contradicts(&levels) {
            let message = format!(
                "{measure} contradicts itself: what fails would not even warn; the soft limit has \
                 to be the stricter one"
            );
            return Err(found.wrong(message));
        }
        limits.insert(measure, levels);
    }
    Ok(limits)
}

fn components(
    section: &Section<'_>,
    names: &Names<'_>,
) -> Read<BTreeMap<String, BTreeMap<Measure, Levels<Bound>>>> {
    let mut components = BTreeMap::new();
    let Some(found) = section.get("component") else { return Ok(components) };
    for (name, found) in found.section("component")?.entries() {
        if !names.components.contains(&name.text) {
            let hint = nearest(name.text, names.components.iter().copied())
                .map_or_else(String::new, |near| format!(": did you mean {near}?"));
            return Err(name.wrong(format!("there is no component {:?}{hint}", name.text)));
        }
        let section = found.section(&format!("component.{}", name.text))?;
        section.only(&measures(&Measure::OF_COMPONENTS))?;
        components.insert(name.text.to_owned(), limits(&section)?);
    }
    Ok(components)
}

fn forbidden(found: Option<Found<'_>>, paths: bool) -> Read<Vec<Forbidden>> {
    let Some(found) = found else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for (found, soft) in found.forbidden("a list of patterns")? {
        let pattern = found.text("a pattern")?;
        if paths && !is_pattern(pattern) {
            return Err(found.wrong(not_a_pattern(pattern)));
        }
        if let Some(name) = unknown_ecosystem(pattern).filter(|_| !paths) {
            return Err(found.wrong(no_ecosystem(name)));
        }
        all.push(Forbidden { pattern: pattern.to_owned(), soft });
    }
    Ok(all)
}

/// Why a name is that of no ecosystem.
pub fn no_ecosystem(name: &str) -> String {
    let known = || Ecosystem::ALL.into_iter().map(Ecosystem::as_str);
    let hint = nearest(name, known()).map_or_else(
        || format!("write one of {}", known().collect::<Vec<_>>().join(", ")),
        |near| format!("did you mean {near}?"),
    );
    format!("there is no ecosystem {name:?}: {hint}")
}

/// Refuses systems and processors that no image is for.
fn check_platform(name: &Name<'_>, platform: &Platform) -> Read<()> {
    let Some((part, known)) = platform.unknown_part() else { return Ok(()) };
    let hint = nearest(part, known.iter().copied())
        .map_or_else(|| known.join(", "), |near| format!("did you mean {near}?"));
    Err(name.wrong(format!("{:?}: there is no platform with {part:?}: {hint}", name.text)))
}

/// Why a text is no pattern of paths.
pub(super) fn not_a_pattern(pattern: &str) -> String {
    format!("{pattern:?} is not a pattern of paths: only * and ** stand for something else")
}
