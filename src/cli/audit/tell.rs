//! Tells people of limits that are exceeded and of what cannot be read, and records that it did.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::progress::line;
use super::super::selection::text_of;
use super::super::{complain, environment};
use super::setup::Setup;
use crate::audit::notify::{
    Known, Message, Planned, Reading, Step, Undelivered, exec, plan, plan_readings, whole,
};
use crate::audit::pass::{Journal, Summary};
use crate::audit::{Address, Channel, Target, UNWATCHED};
use crate::history::{Breach, BreachState, New, Target as Image};
use crate::registry::{Error, ErrorKind, Options, Secret, post_json};

/// How long a command may take to be told.
const PATIENCE: Duration = Duration::from_mins(1);

/// Tells what is to be told; gives whom it did not reach.
pub(super) async fn tell(
    setup: &Setup,
    summary: &Summary,
    is_all: bool,
    journal: &mut Journal,
    options: &Options,
) -> Vec<Undelivered> {
    let Some(store) = journal.store() else {
        return tell_later(setup, summary, journal).await;
    };
    let breaches = match store.breaches().await {
        Ok(breaches) => breaches,
        Err(reason) => {
            let reason = super::error(reason);
            let undelivered = |channel: &String| Undelivered {
                channel: channel.clone(),
                reason: format!("what was told before cannot be read: {reason}"),
            };
            let undelivered = setup.watchlist.channels.keys().map(undelivered).collect();
            complain(&reason);
            return undelivered;
        }
    };
    if is_all {
        for breach in breaches.iter().filter(|breach| !is_watched(breach, summary)) {
            let message = UNWATCHED.to_owned();
            let (rule, state) = (breach.rule.clone(), BreachState::Cleared);
            let (target, at) = (breach.target.clone(), summary.at);
            journal.push(New::Breach { target, at, rule, state, message }).await;
        }
    }
    let known: Vec<Known> = breaches.into_iter().map(known).collect();
    let planned =
        [plan(&known, &summary.standings), plan_readings(&known, &summary.readings)].concat();
    for opened in planned.iter().filter(|planned| planned.step == Step::Open) {
        journal.push(event(opened, summary, BreachState::Opened)).await;
    }
    // What is open is recorded before anybody is told.
    journal.flush().await;
    let undelivered = send(setup, &planned, options).await;
    for planned in &planned {
        let channels = channels_of(setup, planned);
        let arrived = !undelivered.iter().any(|it| channels.contains(&*it.channel));
        let is_told = planned.is_told() && arrived && !channels.is_empty();
        let state = match planned.step {
            Step::Open | Step::Remind if is_told => BreachState::Notified,
            Step::Clear | Step::End if arrived => BreachState::Cleared,
            Step::Forget => BreachState::Cleared,
            _ => continue,
        };
        journal.push(event(planned, summary, state)).await;
    }
    journal.flush().await;
    undelivered
}

/// Without the history it is not known who knows what: limits that are exceeded are put down, and
/// the next run that has the history tells of them.
async fn tell_later(setup: &Setup, summary: &Summary, journal: &mut Journal) -> Vec<Undelivered> {
    let planned = [plan(&[], &summary.standings), plan_readings(&[], &summary.readings)].concat();
    let opened = planned.iter().filter(|planned| planned.step == Step::Open);
    for opened in opened {
        journal.push(event(opened, summary, BreachState::Opened)).await;
    }
    let to_tell = planned.iter().filter(|planned| planned.is_told());
    let channels: BTreeSet<&str> =
        to_tell.flat_map(|planned| channels_of(setup, planned)).collect();
    let undelivered = |channel: &str| Undelivered {
        channel: channel.to_owned(),
        reason: "nobody is told of limits without the history; the next run that has it tells"
            .to_owned(),
    };
    channels.into_iter().map(undelivered).collect()
}

/// Whether an image was looked at, or would have been but for a failure.
fn is_watched(breach: &Breach, summary: &Summary) -> bool {
    let Image { repository, tag, .. } = &breach.target;
    let of_tag = |tag_of: Option<&String>| tag_of.is_none_or(|other| other == tag);
    let is_it = |reading: &Reading| reading.subject == breach.target && reading.rule == breach.rule;
    summary.standings.iter().any(|standing| standing.subject == breach.target)
        || summary.readings.iter().any(is_it)
        || summary
            .failures
            .iter()
            .any(|failure| failure.repository == *repository && of_tag(failure.tag.as_ref()))
        || summary.left.iter().any(|left| left.repository == *repository && left.tag == *tag)
}

fn known(breach: Breach) -> Known {
    Known {
        subject: breach.target,
        rule: breach.rule,
        message: breach.message,
        notified: breach.notified,
    }
}

fn event(planned: &Planned, summary: &Summary, state: BreachState) -> New {
    New::Breach {
        target: planned.subject.clone(),
        at: summary.at,
        rule: planned.rule.clone(),
        state,
        message: planned.message.clone(),
    }
}

/// The channels that are told of something, without summaries of jobs, which get the report.
fn channels_of<'a>(setup: &'a Setup, planned: &Planned) -> BTreeSet<&'a str> {
    let subject = &planned.subject;
    let is_of = |target: &&Target| {
        let repository = target.repository_name();
        let is_meant = match (planned.is_reading(), subject.tag.is_empty()) {
            (true, true) => planned.rule == whole(&target.name, &repository),
            (true, false) => target.filter.fits(&subject.tag),
            (false, _) => target.filter.fits(&subject.tag) && target.wants(&subject.platform),
        };
        repository == subject.repository && is_meant
    };
    let channels = &setup.watchlist.channels;
    let is_told =
        |name: &&String| channels.get(*name).is_some_and(|it| *it != Channel::GithubSummary);
    let targets = setup.watchlist.targets.iter().filter(is_of);
    targets.flat_map(|target| &target.notify).filter(is_told).map(String::as_str).collect()
}

/// Sends to each channel what it is to be told; gives those that did not get it.
async fn send(setup: &Setup, planned: &[Planned], options: &Options) -> Vec<Undelivered> {
    let mut undelivered = Vec::new();
    for (name, channel) in &setup.watchlist.channels {
        let is_told = |planned: &&Planned| channels_of(setup, planned).contains(name.as_str());
        let about: Vec<Planned> = planned.iter().filter(is_told).cloned().collect();
        let Some(message) = Message::new(&about) else { continue };
        if let Err((error, reason)) = deliver(setup, channel, &message, options).await {
            complain(&error.about(&format!("audit.notify.{name}")));
            line("note: the message is due again in the next run");
            undelivered.push(Undelivered { channel: name.clone(), reason });
        }
    }
    undelivered
}

/// Sends a message; gives the error, and the reason for a report, which others may see.
async fn deliver(
    setup: &Setup,
    channel: &Channel,
    message: &Message,
    options: &Options,
) -> Result<(), (Error, String)> {
    let plain = |error: Error| {
        let reason = error.to_string();
        (error, reason)
    };
    match channel {
        Channel::GithubSummary => Ok(()),
        Channel::Webhook(address) => {
            let address = secret(setup, address).map_err(plain)?;
            post_json(&address, message.json(), options).await.map_err(plain)
        }
        Channel::Exec(command) => exec(command, &message.json(), PATIENCE).await.map_err(|error| {
            let reason = error.without_words();
            (Error::new(ErrorKind::Local, error.to_string()), reason)
        }),
    }
}

fn secret(setup: &Setup, address: &Address) -> Result<Secret, Error> {
    match address {
        Address::Variable(name) => environment::secret(name)
            .ok_or_else(|| Error::new(ErrorKind::Usage, format!("the variable {name} is not set"))),
        Address::File(path) => {
            let text = text_of(&setup.file(path))?;
            Ok(Secret::new(text.trim().to_owned()))
        }
    }
}
