//! Files of settings and budgets: read here, understood by [`crate::config`].

use std::path::{Path, PathBuf};

use jiff::civil::Date;

use super::args::{LimitArgs, SelectionArgs};
use super::selection::text_of;
use crate::check::{Budget, DiveRules, Forbidden, Levels, Measure, is_pattern, unknown_ecosystem};
use crate::component::Knowledge;
use crate::config::{Config, ConfigError, Names, no_ecosystem, read, read_dive_ci};
use crate::registry::{Error, ErrorKind};

use super::progress::line;

/// The file of settings that `check` reads if there is one.
pub(super) const DEFAULT_FILE: &str = "regsize.toml";
/// dive's file of rules.
const DIVE_CI: &str = ".dive-ci";

/// What a file of settings says, if one is given.
pub(super) fn config(
    given: Option<&Path>,
    knowledge: &Knowledge,
    today: Date,
) -> Result<Config, Error> {
    let Some(path) = given else { return Ok(Config::default()) };
    understood(&text_of(path)?, knowledge, today).map_err(|error| wrong(path, &error))
}

/// What the text of a file of settings says.
pub(super) fn understood(
    text: &str,
    knowledge: &Knowledge,
    today: Date,
) -> Result<Config, ConfigError> {
    let components: Vec<&str> = knowledge.ids().collect();
    read(text, &Names { components: &components }, today)
}

/// The file of settings of `check`: the one that is given, or the one that is there.
pub(super) fn config_file(args: &SelectionArgs) -> Option<PathBuf> {
    args.config.clone().or_else(default_file)
}

/// The file of settings that is there.
pub(super) fn default_file() -> Option<PathBuf> {
    Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.is_file())
}

/// The rules of dive: those of the file that is given, or of the one that is there if `alone`.
pub(super) fn dive_rules(given: Option<&Path>, alone: bool) -> Result<Option<DiveRules>, Error> {
    let found = Path::new(DIVE_CI);
    let path = match given {
        Some(path) => path,
        None if alone && found.is_file() => {
            line(&format!("note: the limits are those of {DIVE_CI}"));
            found
        }
        None => return Ok(None),
    };
    read_dive_ci(&text_of(path)?).map(Some).map_err(|error| wrong(path, &error))
}

pub(super) fn wrong(path: &Path, error: &impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Usage, format!("{}: {error}", path.display()))
}

/// The limits of the command line.
pub(super) fn of_flags(args: &LimitArgs) -> Result<Budget, Error> {
    let mut budget = Budget::default();
    for (measure, bound) in args.hard() {
        budget.limits.insert(measure, Levels::hard(bound));
    }
    for (measure, bound) in &args.warn {
        budget.limits.entry(*measure).or_default().warn = Some(*bound);
    }
    let contradictory = |(measure, levels): &(&Measure, &Levels<_>)| measure.contradicts(levels);
    if let Some((measure, _)) = budget.limits.iter().find(contradictory) {
        let text = format!("{measure}: what fails would not even warn");
        let error = Error::new(ErrorKind::Usage, text);
        return Err(error.hint("make the soft limit the stricter one"));
    }
    if let Some(bad) = args.forbid_path.iter().find(|pattern| !is_pattern(pattern)) {
        let error = Error::new(ErrorKind::Usage, format!("{bad:?} is not a pattern of paths"));
        return Err(error.hint("only * and ** stand for something else"));
    }
    if let Some(name) = args.forbid_package.iter().find_map(|pattern| unknown_ecosystem(pattern)) {
        return Err(Error::new(ErrorKind::Usage, no_ecosystem(name)));
    }
    let forbidden = |pattern: &String| Forbidden { pattern: pattern.clone(), soft: false };
    budget.paths = args.forbid_path.iter().map(forbidden).collect();
    budget.packages = args.forbid_package.iter().map(forbidden).collect();
    Ok(budget)
}
