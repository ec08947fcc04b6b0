//! Tables `audit.target`: repositories, their tags, when, and within which limits.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::audit::{
    Channel, Depth, GrowthFrom, GrowthLimit, LONGEST_SPREAD, Schedule, ScheduleError, Target,
    Window,
};
use crate::check::{Budget, Budgets, Kind, Measure};
use crate::config::table::{Found, Section};
use crate::config::{Config, Names, Read, budget, nearest};
use crate::oci::Platform;
use crate::reference::{Reference, Source};
use crate::tags::{Filter, Selector, SelectorError};

const KEYS: [&str; 13] = [
    "repository",
    "name",
    "tags",
    "semver",
    "newest",
    "exclude",
    "platforms",
    "depth",
    "schedule",
    "time-zone",
    "spread",
    "notify",
    "budget",
];

const GROWTH: [GrowthFrom; 2] = [GrowthFrom::Start, GrowthFrom::Smallest];

/// What stands around the targets.
pub(super) struct Around<'a> {
    /// The section `audit`, with the defaults of times.
    pub(super) section: &'a Section<'a>,
    pub(super) names: &'a Names<'a>,
    pub(super) config: &'a Config,
    pub(super) channels: &'a BTreeMap<String, Channel>,
}

pub(super) fn targets(found: &Found<'_>, around: &Around<'_>) -> Read<Vec<Target>> {
    let list = found.list("a list of tables, each under [[audit.target]],")?;
    if list.is_empty() {
        return Err(found.wrong("nothing is watched: name a repository".to_owned()));
    }
    let mut targets: Vec<Target> = Vec::with_capacity(list.len());
    for found in &list {
        let section = found.section("audit.target")?;
        let target = target(&section, around)?;
        if targets.iter().any(|other| other.name == target.name) {
            let message = format!("there are two targets {:?}: give one a name", target.name);
            return Err(section.wrong(message));
        }
        targets.push(target);
    }
    Ok(targets)
}

fn target(section: &Section<'_>, around: &Around<'_>) -> Read<Target> {
    section.only(&KEYS)?;
    let missing = || section.wrong("a target needs a repository".to_owned());
    let repository = repository(&section.get("repository").ok_or_else(missing)?)?;
    let full = format!("{}/{}", repository.registry(), repository.repository());
    let name = section.get("name").map(|found| found.text("a name").map(str::to_owned));
    let (selector, filter) = tags(section)?;
    let (budgets, growth) = limits(section, around.names)?;
    let target = Target {
        name: name.transpose()?.unwrap_or(full),
        repository,
        selector,
        filter,
        platforms: platforms(section)?,
        depth: depth(section, &around.config.budgets, &budgets)?,
        schedule: schedule(section, around.section)?,
        budgets,
        growth,
        notify: notify(section, around.channels)?,
    };
    Ok(target)
}

fn repository(found: &Found<'_>) -> Read<Reference> {
    let typed = found.text("a repository")?;
    let source: Source = typed.parse().map_err(|error| found.wrong(format!("{error}")))?;
    let Source::Registry(reference) = source else {
        return Err(found.wrong(format!("{typed:?} is in files, which are not watched")));
    };
    let path = typed.rfind('/').map_or(typed, |slash| typed.get(slash..).unwrap_or(typed));
    match path.split_once([':', '@']) {
        None => Ok(reference),
        Some((_, tag)) => Err(found.wrong(format!(
            "{typed:?} is an image: name the repository alone, and the tag as tags = [{tag:?}]"
        ))),
    }
}

/// Patterns, or regular expressions between slashes.
fn tags(section: &Section<'_>) -> Read<(Selector, Filter)> {
    let mut selector = Selector::default();
    let mut expressions: Vec<&str> = Vec::new();
    let given = section.get("tags");
    let list = given.as_ref().map(|found| found.list("a list of tags")).transpose()?;
    if let Some((given, [])) = given.as_ref().zip(list.as_deref()) {
        return Err(given.wrong("no tag is meant: leave the key out for all tags".to_owned()));
    }
    for found in list.unwrap_or_default() {
        let text = found.text("a tag or a pattern of tags")?;
        match text.strip_prefix('/').and_then(|text| text.strip_suffix('/')) {
            Some(expression) => expressions.push(expression),
            None => selector.patterns.push(text.to_owned()),
        }
        checked(&found, &of_one(text))?;
        if !expressions.is_empty() && !selector.patterns.is_empty() {
            let message = "patterns and regular expressions do not stand together: write all as \
                           /regular expressions/, or make it two targets";
            return Err(found.wrong(message.to_owned()));
        }
    }
    selector.regex = match expressions[..] {
        [] => None,
        [one] => Some(one.to_owned()),
        [..] => Some(format!("(?:{})", expressions.join(")|(?:"))),
    };
    if let Some(found) = section.get("semver") {
        selector.semver = Some(found.text("a range of versions")?.to_owned());
        checked(&found, &Selector { semver: selector.semver.clone(), ..Selector::default() })?;
    }
    for found in section
        .get("exclude")
        .map(|found| found.list("a list of patterns"))
        .transpose()?
        .unwrap_or_default()
    {
        let pattern = found.text("a pattern of tags")?.to_owned();
        checked(&found, &Selector { exclude: vec![pattern.clone()], ..Selector::default() })?;
        selector.exclude.push(pattern);
    }
    if let Some(found) = section.get("newest") {
        selector.newest = Some(found.number("a number of tags")?);
        checked(&found, &Selector { newest: selector.newest, ..Selector::default() })?;
    }
    let filter = selector.compile().map_err(|error| section.wrong(in_words(&error)))?;
    Ok((selector, filter))
}

/// The selector of one entry of a list.
fn of_one(text: &str) -> Selector {
    match text.strip_prefix('/').and_then(|text| text.strip_suffix('/')) {
        Some(expression) => Selector { regex: Some(expression.to_owned()), ..Selector::default() },
        None => Selector { patterns: vec![text.to_owned()], ..Selector::default() },
    }
}

fn checked(found: &Found<'_>, selector: &Selector) -> Read<()> {
    selector.compile().map(drop).map_err(|error| found.wrong(in_words(&error)))
}

fn in_words(error: &SelectorError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn platforms(section: &Section<'_>) -> Read<Vec<Platform>> {
    let Some(found) = section.get("platforms") else { return Ok(Vec::new()) };
    if found.text("all").is_ok_and(|text| text == "all") {
        return Ok(Vec::new());
    }
    let list = found.list("\"all\" or a list of platforms")?;
    if list.is_empty() {
        return Err(found.wrong("\"all\" or a list of platforms is expected".to_owned()));
    }
    let platform = |found: &Found<'_>| {
        let text = found.text("a platform, as in linux/arm64,")?;
        text.parse().map_err(|error| found.wrong(format!("{error}")))
    };
    list.iter().map(platform).collect()
}

fn depth(
    section: &Section<'_>,
    of_file: &Budgets,
    of_target: &[(Option<Platform>, Budget)],
) -> Read<Depth> {
    let Some(found) = section.get("depth") else { return Ok(Depth::default()) };
    match found.text("\"files\" or \"manifest\"")? {
        "files" => Ok(Depth::Files),
        "manifest" => {
            let mut parts = of_file.parts.clone();
            parts.extend_from_slice(of_target);
            if (Budgets { parts, flags: Budget::default() }).all().need().layers {
                let message = "without layers only max-compressed, max-layers and growth can be \
                               measured, and there are other limits: write \"files\"";
                return Err(found.wrong(message.to_owned()));
            }
            Ok(Depth::Manifest)
        }
        other => {
            let hint = nearest(other, ["files", "manifest"]);
            let hint = hint.map_or_else(String::new, |near| format!(": did you mean {near}?"));
            Err(found.wrong(format!("{other:?} is neither \"files\" nor \"manifest\"{hint}")))
        }
    }
}

fn schedule(section: &Section<'_>, defaults: &Section<'_>) -> Read<Option<Schedule>> {
    let get = |key: &str| section.get(key).or_else(|| defaults.get(key));
    let (zone, spread) = (get("time-zone"), get("spread"));
    let spread_for = spread.as_ref().map(duration).transpose()?.unwrap_or_default();
    let Some(found) = get("schedule") else {
        return match section.get("time-zone").or_else(|| section.get("spread")) {
            Some(found) => Err(found.wrong("there is no schedule that it is for".to_owned())),
            None => Ok(None),
        };
    };
    let name = zone.as_ref().map(|zone| zone.text("a time zone")).transpose()?.unwrap_or("UTC");
    let expression = found.text("a cron expression")?;
    Schedule::new(expression, name, spread_for).map(Some).map_err(|error| {
        let at = match &error {
            ScheduleError::Zone { .. } => zone.as_ref(),
            ScheduleError::Spread => spread.as_ref(),
            ScheduleError::Expression { .. } | ScheduleError::Never { .. } => None,
        };
        at.unwrap_or(&found).wrong(error.to_string())
    })
}

/// Minutes or hours, as in `30m`.
fn duration(found: &Found<'_>) -> Read<Duration> {
    let text = found.text("a length of time, as in 30m or 2h,")?;
    let unit = |suffix, seconds| Some((text.strip_suffix(suffix)?.parse::<u64>().ok()?, seconds));
    let seconds = unit('m', 60).or_else(|| unit('h', 3600));
    let seconds = seconds.and_then(|(number, seconds)| number.checked_mul(seconds));
    let length = seconds.map(Duration::from_secs).filter(|length| *length <= LONGEST_SPREAD);
    length
        .ok_or_else(|| found.wrong(format!("{text:?} is not a time of up to 24h, as in 30m or 2h")))
}

type Limits = (Vec<(Option<Platform>, Budget)>, Vec<GrowthLimit>);

fn limits(section: &Section<'_>, names: &Names<'_>) -> Read<Limits> {
    let Some(found) = section.get("budget") else { return Ok(Limits::default()) };
    let section = found.section("audit.target.budget")?;
    let budgets = budget::read_with(&section, names, &GROWTH.map(GrowthFrom::as_str))?;
    let mut growth = Vec::new();
    for from in GROWTH {
        let Some(found) = section.get(from.as_str()) else { continue };
        let windows = found.section(from.as_str());
        let windows = windows.map_err(|_| found.wrong(example(from)))?;
        for (name, found) in windows.entries() {
            let window = Window::parse(name.text).ok_or_else(|| {
                name.wrong(format!("{:?} is no length of time such as 7d, 4w or 36h", name.text))
            })?;
            let levels = found.levels(Kind::Growth)?;
            if Measure::Growth.contradicts(&levels) {
                let message = "what fails would not even warn: the soft limit has to be the \
                               stricter one";
                return Err(found.wrong(message.to_owned()));
            }
            growth.push(GrowthLimit { from, window, levels });
        }
    }
    Ok((budgets, growth))
}

fn example(from: GrowthFrom) -> String {
    let name = from.as_str();
    format!("{name} says within which time: {name} = {{ \"30d\" = \"10%\" }}")
}

/// The channels of a target: those that are named, or else all.
fn notify(section: &Section<'_>, channels: &BTreeMap<String, Channel>) -> Read<Vec<String>> {
    let Some(found) = section.get("notify") else { return Ok(channels.keys().cloned().collect()) };
    let name = |found: &Found<'_>| {
        let name = found.text("a name under [audit.notify]")?;
        if channels.contains_key(name) {
            return Ok(name.to_owned());
        }
        let hint = nearest(name, channels.keys().map(String::as_str));
        let hint = hint.map_or_else(
            || format!("add a table [audit.notify.{name}]"),
            |near| format!("did you mean {near}?"),
        );
        Err(found.wrong(format!("nobody is named {name:?}: {hint}")))
    };
    found.list("a list of names under [audit.notify]")?.iter().map(name).collect()
}
