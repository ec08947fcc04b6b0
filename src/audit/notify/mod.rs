//! Whom to tell of limits that are exceeded, once.
//!
//! [`plan`] compares the breaches that are known with what a pass found: a breach is told of when
//! it opens, again only if telling failed, and once more when it is over. What the pass could not
//! look at stays as it was. Sending is apart from it, and a message that was not delivered is
//! due again in the next pass.
//!
//! [`plan_readings`] does the same for what cannot be read, which is told of when it failed twice.

mod exec;
mod message;
mod reading;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::history::Target;

pub use exec::{ExecError, exec};
pub use message::Message;
pub use reading::{Became, Reading, is_reading, plan_readings, whole};

/// A limit of a target, by a name that stays.
pub type Key = (Target, String);

/// A breach that was opened and not cleared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The target.
    pub subject: Target,
    /// The limit's name.
    pub rule: String,
    /// The breach in words.
    pub message: String,
    /// Whether it was told of.
    pub notified: bool,
}

/// What a pass found of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The target.
    pub subject: Target,
    /// The limits that it exceeds: names, and the breaches in words.
    pub exceeded: BTreeMap<String, String>,
    /// The limits that could not be measured; what is known of them stays.
    pub unknown: BTreeSet<String>,
    /// Whether the image is no longer there.
    pub is_gone: bool,
}

/// Somebody who could not be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// The name of the channel.
    pub channel: String,
    /// Why, without what is secret of its address.
    pub reason: String,
}

/// What becomes of a breach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is new.
    Open,
    /// It is known and was not told of.
    Remind,
    /// It is over and was told of.
    Clear,
    /// It was told of, and the image is gone.
    End,
    /// It is over, and nobody was told of it.
    Forget,
}

/// A breach and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The target.
    pub subject: Target,
    /// The limit's name.
    pub rule: String,
    /// The breach in words.
    pub message: String,
    /// What becomes of it.
    pub step: Step,
}

impl Planned {
    /// Whether it is about a failure to read, and not about a limit.
    pub fn is_reading(&self) -> bool {
        is_reading(&self.rule)
    }

    /// Whether somebody is told.
    pub fn is_told(&self) -> bool {
        match self.step {
            Step::Open => !self.is_reading(),
            Step::Forget => false,
            Step::Remind | Step::Clear | Step::End => true,
        }
    }
}

/// What is to be done, by target and limit.
pub fn plan(known: &[Known], found: &[Standing]) -> Vec<Planned> {
    let mut open: BTreeMap<Key, &Known> = BTreeMap::new();
    for breach in known.iter().filter(|breach| !is_reading(&breach.rule)) {
        open.insert((breach.subject.clone(), breach.rule.clone()), breach);
    }
    let mut planned = Vec::new();
    for standing in found {
        let subject = &standing.subject;
        for (rule, message) in &standing.exceeded {
            let step = match open.get(&(subject.clone(), rule.clone())) {
                None => Step::Open,
                Some(breach) if !breach.notified => Step::Remind,
                Some(_) => continue,
            };
            let (subject, rule, message) = (subject.clone(), rule.clone(), message.clone());
            planned.push(Planned { subject, rule, message, step });
        }
        let over = open.values().filter(|breach| {
            breach.subject == *subject
                && !standing.exceeded.contains_key(&breach.rule)
                && !standing.unknown.contains(&breach.rule)
        });
        planned.extend(over.map(|breach| Planned {
            subject: subject.clone(),
            rule: breach.rule.clone(),
            message: breach.message.clone(),
            step: match (breach.notified, standing.is_gone) {
                (true, false) => Step::Clear,
                (true, true) => Step::End,
                (false, _) => Step::Forget,
            },
        }));
    }
    planned.sort_by(|a, b| a.subject.cmp(&b.subject).then_with(|| a.rule.cmp(&b.rule)));
    planned
}
