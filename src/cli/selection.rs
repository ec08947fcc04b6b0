//! Which rules run: names as users type them, and files that add to what is known.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::args::SelectionArgs;
use crate::component::Knowledge;
use crate::config::{Config, nearest};
use crate::registry::{Error, ErrorKind};
use crate::rule::{Rule, Selection, Severity, rules};
use crate::size::Units;

/// Larger files are no description of components, nor Dockerfiles.
const LARGEST: u64 = 16 << 20;

/// The rules that were asked for; severities of the command line replace those of the file.
pub(super) fn selection(args: &SelectionArgs, config: &Config) -> Result<Selection, Error> {
    for name in args.only.iter().chain(&args.skip) {
        matching(name)?;
    }
    let mut severities = config.severities.clone();
    for (name, level) in &args.severity {
        for rule in matching(name)? {
            severities.insert(rule.id.to_owned(), severity(level)?);
        }
    }
    Ok(Selection { only: args.only.clone(), skip: args.skip.clone(), severities })
}

/// What is known of components, with what files add.
pub(super) fn knowledge(args: &SelectionArgs) -> Result<Knowledge, Error> {
    args.components.iter().try_fold(Knowledge::default(), |knowledge, path| {
        let text = text_of(path)?;
        let about = format!("{} does not describe components", path.display());
        let wrong = |error| Error::new(ErrorKind::Usage, about).because(error);
        knowledge.with(&text).map_err(wrong)
    })
}

/// A text file that the user names.
pub(super) fn text_of(path: &Path) -> Result<String, Error> {
    String::from_utf8(bytes_of(path, LARGEST)?).map_err(|_| {
        Error::new(ErrorKind::Usage, format!("{} is not text in UTF-8", path.display()))
    })
}

/// A file, which may be a pipe or a device, of at most so many bytes.
pub(super) fn bytes_of(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let unreadable = |error: io::Error| {
        Error::new(ErrorKind::Local, format!("{} cannot be read", path.display())).because(error)
    };
    let mut bytes = Vec::new();
    let mut file = File::open(path).map_err(unreadable)?.take(limit.saturating_add(1));
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        return Err(Error::new(ErrorKind::Usage, format!("{} is too large", path.display()))
            .hint(format!("it may have {}", Units::Binary.format(limit.into()))));
    }
    Ok(bytes)
}

/// The rules of an id, family or pattern; an error with the one that may be meant if there are
/// none.
pub(super) fn matching(name: &str) -> Result<Vec<&'static Rule>, Error> {
    let only = Selection { only: vec![name.to_owned()], ..Selection::default() };
    let found: Vec<&'static Rule> = rules().iter().copied().filter(|rule| only.has(rule)).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let error = Error::new(ErrorKind::Usage, format!("there is no rule {name:?}"));
    let names = rules().iter().flat_map(|rule| [rule.family(), rule.id]);
    Err(match nearest(name, names) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error.hint("see `regsize rules` for their names"),
    })
}

fn severity(level: &str) -> Result<Severity, Error> {
    let levels =
        [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
    levels.into_iter().find(|known| known.as_str() == level).ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("there is no severity {level:?}"))
            .hint("write info, low, medium, high or critical")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_found_by_id_family_and_pattern() {
        let check = |name: &str, expected: &[&str]| {
            let found: Vec<&str> = matching(name).unwrap().iter().map(|rule| rule.id).collect();
            assert!(expected.iter().all(|id| found.contains(id)), "{name}: {found:?}");
        };
        check("cache-pip", &["cache-pip"]);
        check("cache", &["cache-pip", "cache-apt-lists"]);
        check("cache-*", &["cache-pip", "cache-apt-lists"]);
        check("*", &["cache-pip"]);
    }

    #[test]
    fn what_is_misspelt_is_corrected() {
        let check = |name: &str, expected: &str| {
            let error = matching(name).unwrap_err();
            assert!(error.what_to_do().unwrap_or_default().contains(expected), "{error:?}");
        };
        check("cahce-pip", "did you mean cache-pip?");
        check("cach", "did you mean cache?");
        check("dpu", "did you mean dup?");
        check("nope", "regsize rules");
        check("all", "regsize rules");
        check("zzzzzzzzzzzz", "regsize rules");
        check("", "regsize rules");
    }

    #[test]
    fn severities_are_of_a_rule_and_a_level() {
        let args = |rule: &str, level: &str| SelectionArgs {
            only: Vec::new(),
            skip: Vec::new(),
            severity: vec![(rule.to_owned(), level.to_owned())],
            components: Vec::new(),
            config: None,
        };
        let config = Config::default();
        let selection = selection(&args("cache-pip", "high"), &config).unwrap();
        assert_eq!(selection.severities["cache-pip"], Severity::High);
        assert!(super::selection(&args("cache-pip", "huge"), &config).is_err());
        assert!(super::selection(&args("cache-pop", "high"), &config).is_err());
    }
}
