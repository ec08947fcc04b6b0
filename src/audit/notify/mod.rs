//! Whom to tell of limits that are exceeded, once.
//!
//! [`plan`] compares the breaches that are known with what a pass found. Each channel is told of a
//! breach once, and once more when it is over; one that could not be told is due again in the next
//! pass, and the others are not. What the pass could not look at stays as it was. Sending is apart
//! from it.
//!
//! [`plan_readings`] does the same for what cannot be read, which is told of when it failed twice.

mod exec;
mod message;
mod reading;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::limit::{UNWATCHED, is_of_target, of_target, owner};
use crate::history::{BreachState, Target};

pub use exec::{ExecError, exec};
pub use message::Message;
pub use reading::{Became, Reading, is_reading, plan_readings, whole};

/// A limit of a target, by a name that stays.
pub type Key = (Target, String);

/// A breach that is not over, or of whose end not everybody knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The target.
    pub subject: Target,
    /// The limit's name.
    pub rule: String,
    /// The breach in words.
    pub message: String,
    /// Whether it is not over.
    pub is_open: bool,
    /// The channels that know of it and not of its end.
    pub told: BTreeSet<String>,
}

/// What a pass found of one image that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The image.
    pub subject: Target,
    /// Who watches it; several may.
    pub name: String,
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
    /// It is known and goes on.
    Stay,
    /// It is over.
    Clear,
    /// It is over, as the image is gone.
    End,
    /// Nobody watches it any more.
    Drop,
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
    /// The channels that know of it and not of its end.
    pub told: BTreeSet<String>,
}

impl Planned {
    /// Whether it is about a failure to read, and not about a limit.
    pub fn is_reading(&self) -> bool {
        is_reading(&self.rule)
    }

    /// Whether a channel is to be told.
    pub fn is_due(&self, channel: &str) -> bool {
        let knows = self.told.contains(channel);
        match self.step {
            Step::Open => !knows && !self.is_reading(),
            Step::Stay => !knows,
            Step::Clear | Step::End | Step::Drop => knows,
        }
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        matches!(self.step, Step::Clear | Step::End | Step::Drop)
    }

    /// What becomes of it, whoever is told; `None` if it goes on.
    pub fn state(&self) -> Option<BreachState> {
        let message = self.message.clone();
        match self.step {
            Step::Open => Some(BreachState::Opened(message)),
            Step::Stay => None,
            Step::Clear | Step::End => Some(BreachState::Cleared(message)),
            Step::Drop => Some(BreachState::Cleared(UNWATCHED.to_owned())),
        }
    }

    /// Who knows of it, and not of its end, when of the channels that it concerns some were reached;
    /// `None` if they are those who knew before.
    pub fn after(
        &self,
        channels: &BTreeSet<&str>,
        reached: &BTreeSet<&str>,
    ) -> Option<BreachState> {
        let is_reached = |channel: &str| self.is_due(channel) && reached.contains(channel);
        let told: BTreeSet<String> = if self.is_over() {
            let left = self.told.iter().filter(|told| channels.contains(told.as_str()));
            left.filter(|told| !is_reached(told)).cloned().collect()
        } else {
            let new = channels.iter().filter(|channel| is_reached(channel));
            self.told.iter().cloned().chain(new.map(|channel| (*channel).to_owned())).collect()
        };
        (told != self.told).then_some(BreachState::Notified(told))
    }
}

impl Standing {
    /// Whether it says how it is with a limit.
    pub fn covers(&self, breach: &Known) -> bool {
        let Known { subject, rule, .. } = breach;
        *subject == self.subject
            && (self.is_gone || is_of_target(rule, &self.name, &subject.repository))
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
            let rule = of_target(rule, &standing.name, &subject.repository);
            let known = open.get(&(subject.clone(), rule.clone()));
            let is_open = known.is_some_and(|breach| breach.is_open);
            let step = if is_open { Step::Stay } else { Step::Open };
            let told = known.map(|breach| breach.told.clone()).unwrap_or_default();
            let (subject, message) = (subject.clone(), message.clone());
            planned.push(Planned { subject, rule, message, step, told });
        }
        let over = open.values().filter(|breach| {
            let rule = owner(&breach.rule).0;
            standing.covers(breach)
                && !standing.exceeded.contains_key(rule)
                && !(breach.is_open && standing.unknown.contains(rule))
        });
        planned.extend(over.map(|breach| Planned {
            subject: subject.clone(),
            rule: breach.rule.clone(),
            message: breach.message.clone(),
            step: if standing.is_gone { Step::End } else { Step::Clear },
            told: breach.told.clone(),
        }));
    }
    planned.sort_by(|a, b| a.subject.cmp(&b.subject).then_with(|| a.rule.cmp(&b.rule)));
    // What is gone is gone for all who watch it.
    planned.dedup_by(|a, b| a.subject == b.subject && a.rule == b.rule);
    planned
}
