//! Tells people of limits that are exceeded, and records that it did.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::progress::line;
use super::super::selection::text_of;
use super::super::{complain, environment};
use super::setup::Setup;
use crate::audit::notify::{Known, Message, Planned, Step, exec, plan};
use crate::audit::pass::{Journal, Summary};
use crate::audit::{Address, Channel, Target};
use crate::history::{Breach, BreachState, New, Target as Image};
use crate::registry::{Error, ErrorKind, Options, Secret, post_json};

/// How long a command may take to be told.
const PATIENCE: Duration = Duration::from_mins(1);

/// Tells what is to be told; whether some of it did not arrive.
pub(super) async fn tell(
    setup: &Setup,
    summary: &Summary,
    is_all: bool,
    journal: &mut Journal,
    options: &Options,
) -> bool {
    let Some(store) = journal.store() else {
        return tell_later(setup, summary, journal).await;
    };
    let breaches = match store.breaches().await {
        Ok(breaches) => breaches,
        Err(reason) => {
            complain(&super::error(reason));
            return true;
        }
    };
    if is_all {
        for breach in breaches.iter().filter(|breach| !is_watched(breach, summary)) {
            let message = "no longer watched".to_owned();
            let (rule, state) = (breach.rule.clone(), BreachState::Cleared);
            let (target, at) = (breach.target.clone(), summary.at);
            journal.push(New::Breach { target, at, rule, state, message }).await;
        }
    }
    let known: Vec<Known> = breaches.into_iter().map(known).collect();
    let planned = plan(&known, &summary.standings);
    for opened in planned.iter().filter(|planned| planned.step == Step::Open) {
        journal.push(event(opened, summary, BreachState::Opened)).await;
    }
    // What is open is recorded before anybody is told.
    journal.flush().await;
    let undelivered = send(setup, &planned, options).await;
    for planned in &planned {
        let channels = channels_of(setup, &planned.subject);
        let arrived = channels.is_disjoint(&undelivered);
        let state = match planned.step {
            Step::Open | Step::Remind if arrived && !channels.is_empty() => BreachState::Notified,
            Step::Clear | Step::End if arrived => BreachState::Cleared,
            Step::Forget => BreachState::Cleared,
            _ => continue,
        };
        journal.push(event(planned, summary, state)).await;
    }
    journal.flush().await;
    !undelivered.is_empty()
}

/// Without the history it is not known who knows what: limits that are exceeded are put down, and
/// the next run that has the history tells of them.
async fn tell_later(setup: &Setup, summary: &Summary, journal: &mut Journal) -> bool {
    let planned = plan(&[], &summary.standings);
    for opened in &planned {
        journal.push(event(opened, summary, BreachState::Opened)).await;
    }
    let untold = planned.iter().any(|planned| !channels_of(setup, &planned.subject).is_empty());
    if untold {
        line("note: nobody is told of limits without the history; the next run that has it tells");
    }
    untold
}

/// Whether an image was looked at, or would have been but for a failure.
fn is_watched(breach: &Breach, summary: &Summary) -> bool {
    let Image { repository, tag, .. } = &breach.target;
    let of_tag = |tag_of: Option<&String>| tag_of.is_none_or(|other| other == tag);
    summary.standings.iter().any(|standing| standing.subject == breach.target)
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

/// The channels that are told of an image, without summaries of jobs, which get the report.
fn channels_of<'a>(setup: &'a Setup, subject: &Image) -> BTreeSet<&'a str> {
    let is_of = |target: &&Target| {
        target.repository_name() == subject.repository
            && target.filter.fits(&subject.tag)
            && target.wants(&subject.platform)
    };
    let channels = &setup.watchlist.channels;
    let is_told =
        |name: &&String| channels.get(*name).is_some_and(|it| *it != Channel::GithubSummary);
    let targets = setup.watchlist.targets.iter().filter(is_of);
    targets.flat_map(|target| &target.notify).filter(is_told).map(String::as_str).collect()
}

/// Sends to each channel what it is to be told; the names of those that did not get it.
async fn send<'a>(setup: &'a Setup, planned: &[Planned], options: &Options) -> BTreeSet<&'a str> {
    let mut undelivered = BTreeSet::new();
    for (name, channel) in &setup.watchlist.channels {
        let is_told =
            |planned: &&Planned| channels_of(setup, &planned.subject).contains(name.as_str());
        let about: Vec<Planned> = planned.iter().filter(is_told).cloned().collect();
        let Some(message) = Message::new(&about) else { continue };
        if let Err(error) = deliver(setup, channel, &message, options).await {
            complain(&error.about(&format!("audit.notify.{name}")));
            line("note: the message is due again in the next run");
            undelivered.insert(name.as_str());
        }
    }
    undelivered
}

async fn deliver(
    setup: &Setup,
    channel: &Channel,
    message: &Message,
    options: &Options,
) -> Result<(), Error> {
    match channel {
        Channel::GithubSummary => Ok(()),
        Channel::Webhook(address) => {
            post_json(&secret(setup, address)?, message.json(), options).await
        }
        Channel::Exec(command) => exec(command, &message.json(), PATIENCE)
            .await
            .map_err(|error| Error::new(ErrorKind::Local, error.to_string())),
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
