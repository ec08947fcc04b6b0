//! The file of settings, `regsize.toml`, and dive's `.dive-ci`.
//!
//! Text in, typed values out. What is misspelt, contradicts itself or has expired is refused, with
//! the line and column of it. Each section is a type of its own; sections that are not known are
//! refused.

mod audit;
mod budget;
mod dive_ci;
mod ignore;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;

pub use budget::no_ecosystem;
pub use dive_ci::read_dive_ci;
pub use table::nearest;

use self::table::{Found, Section};
use crate::audit::Watchlist;
use crate::check::{Budget, Budgets, Kind, Measure};
use crate::rule::{Selection, Severity, rules};

/// What a file says.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Section `budget`, and `ignore`.
    pub budgets: Budgets,
    /// Section `severity`: by the id of the rule.
    pub severities: BTreeMap<String, Severity>,
    /// Section `audit`, if there is one.
    pub watched: Option<Watchlist>,
}

/// What a file may name.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// The ids of components.
    pub components: &'a [&'a str],
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ConfigError {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// What is wrong there, and what to write.
    pub message: String,
}

/// Something wrong at a place of the text, given in bytes.
struct Wrong {
    at: Range<usize>,
    message: String,
}

type Read<T> = Result<T, Wrong>;

const SECTIONS: [&str; 4] = ["budget", "ignore", "severity", "audit"];

/// Reads the file of settings. Entries of the list of what to ignore that end before `today` have
/// expired.
pub fn read(
    text: &str,
    names: &Names<'_>,
    today: jiff::civil::Date,
) -> Result<Config, ConfigError> {
    sections(text, names, today).map_err(|wrong| wrong.place_in(text))
}

fn sections(text: &str, names: &Names<'_>, today: jiff::civil::Date) -> Read<Config> {
    let document = toml::de::DeTable::parse(text).map_err(|error| Wrong {
        at: error.span().unwrap_or(0..0),
        message: error.message().to_owned(),
    })?;
    let document = Section::new(document.get_ref(), "a file of settings", document.span());
    document.only(&SECTIONS)?;
    let mut budgets = Budgets::default();
    if let Some(found) = document.get("budget") {
        budgets.parts = budget::read(&found.section("budget")?, names)?;
    }
    if let Some(found) = document.get("ignore") {
        let ignores = ignore::read(&found, today)?;
        budgets.parts.push((None, Budget { ignores, ..Budget::default() }));
    }
    let severities = document.get("severity").map(|found| severities(&found)).transpose()?;
    let severities = severities.unwrap_or_default();
    let mut config = Config { budgets, severities, watched: None };
    if let Some(found) = document.get("audit") {
        config.watched = Some(audit::watchlist(&found.section("audit")?, names, &config)?);
    }
    Ok(config)
}

fn severities(found: &Found<'_>) -> Read<BTreeMap<String, Severity>> {
    let mut severities = BTreeMap::new();
    for (name, value) in found.section("severity")?.entries() {
        let Some(crate::check::Bound::Severity(severity)) = value.bound(Kind::Severity)? else {
            return Err(value.wrong(Kind::Severity.describe().to_owned()));
        };
        for id in rules_of(name.text).ok_or_else(|| name.wrong(unknown_rule(name.text)))? {
            severities.insert(id.to_owned(), severity);
        }
    }
    Ok(severities)
}

/// The ids of the rules that a name stands for.
fn rules_of(name: &str) -> Option<Vec<&'static str>> {
    let selection = Selection { only: vec![name.to_owned()], ..Selection::default() };
    let found = rules().iter().filter(|rule| selection.has(rule)).map(|rule| rule.id);
    let found: Vec<&str> = found.collect();
    (!found.is_empty()).then_some(found)
}

fn unknown_rule(name: &str) -> String {
    let known = rules().iter().flat_map(|rule| [rule.family(), rule.id]);
    let hint = match nearest(name, known) {
        Some(near) => format!("did you mean {near}?"),
        None => "see `regsize rules` for their names".to_owned(),
    };
    format!("there is no rule {name:?}: {hint}")
}

impl Wrong {
    fn place_in(self, text: &str) -> ConfigError {
        let before = text.get(..self.at.start).unwrap_or(text);
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        ConfigError {
            line: before.matches('\n').count() + 1,
            column: before.get(start..).unwrap_or("").chars().count() + 1,
            message: self.message,
        }
    }
}

/// The names of limits of figures.
fn measures(of: &[Measure]) -> Vec<&'static str> {
    of.iter().map(|measure| measure.as_str()).collect()
}
