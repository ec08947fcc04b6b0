//! Whom to tell of tags and repositories that cannot be read.
//!
//! A first failure may be a hiccup: it is opened, and nobody is told. If the next pass fails with
//! the same, it is told of, once, and once more when that can be read again. A hiccup that is over
//! by then is forgotten.

use std::collections::BTreeMap;

use super::{Key, Known, Planned, Step};
use crate::history::Target;

/// What failures to read are called among the limits of a history.
const READ: &str = "read";
/// The same of a target that has another name than its repository.
const READ_AS: &str = "read as ";

/// What a pass found of a tag, or of a target as a whole, when it read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Repository and tag; the tag is empty for a target as a whole, the platform always.
    pub subject: Target,
    /// What a failure is called.
    pub rule: String,
    /// How it went.
    pub became: Became,
}

/// How it went to read something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Became {
    /// It failed, for this reason.
    Failed(String),
    /// It is no longer there.
    Gone,
    /// It was read, or is what it was.
    Read,
}

impl Reading {
    /// A reading of a tag.
    pub fn of_tag(repository: String, tag: String, became: Became) -> Self {
        let subject = Target { repository, tag, platform: String::new() };
        Self { subject, rule: READ.to_owned(), became }
    }

    /// A reading of a target as a whole.
    pub fn of_whole(name: &str, repository: String, became: Became) -> Self {
        let rule = whole(name, &repository);
        let subject = Target { repository, ..Target::default() };
        Self { subject, rule, became }
    }
}

/// What it is called that a target cannot be read as a whole: one repository may be watched as
/// several.
pub fn whole(name: &str, repository: &str) -> String {
    if name == repository { READ.to_owned() } else { format!("{READ_AS}{name}") }
}

/// Whether it is a failure to read that is called so, and no limit.
pub fn is_reading(rule: &str) -> bool {
    rule == READ || rule.starts_with(READ_AS)
}

/// The name of the target that failed as a whole, if it is not that of the repository.
pub(super) fn named(rule: &str) -> Option<&str> {
    rule.strip_prefix(READ_AS)
}

/// What is to be done about failures to read.
pub fn plan_readings(known: &[Known], readings: &[Reading]) -> Vec<Planned> {
    let key = |breach: &Known| -> Key { (breach.subject.clone(), breach.rule.clone()) };
    let open: BTreeMap<Key, &Known> = known.iter().map(|breach| (key(breach), breach)).collect();
    let planned = readings.iter().filter_map(|reading| {
        let (subject, rule) = (reading.subject.clone(), reading.rule.clone());
        let known = open.get(&(subject.clone(), rule.clone()));
        let (step, message) = match (&reading.became, known) {
            (Became::Failed(why), Some(known)) if known.is_open => (Step::Stay, why),
            (Became::Failed(why), _) => (Step::Open, why),
            (_, None) => return None,
            (Became::Gone, Some(known)) => (Step::End, &known.message),
            (Became::Read, Some(known)) => (Step::Clear, &known.message),
        };
        let (message, told) = (message.clone(), known.map(|known| known.told.clone()));
        Some(Planned { subject, rule, message, step, told: told.unwrap_or_default() })
    });
    planned.collect()
}
