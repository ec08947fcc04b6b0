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
    let mut known = known(journal).await;
    if is_all {
        for breach in known.extract_if(.., |breach| !is_watched(breach, summary)) {
            let state = BreachState::Cleared(UNWATCHED.to_owned());
            journal.push(event(breach.subject, breach.rule, summary, state)).await;
        }
    }
    let planned =
        [plan(&known, &summary.standings), plan_readings(&known, &summary.readings)].concat();
    for opened in planned.iter().filter(|planned| planned.step == Step::Open) {
        let state = BreachState::Opened(opened.message.clone());
        journal.push(event(opened.subject.clone(), opened.rule.clone(), summary, state)).await;
    }
    // What is open is recorded before anybody is told.
    journal.flush().await;
    let mut undelivered = Vec::new();
    for (name, channel) in &setup.watchlist.channels {
        let is_due = |planned: &&Planned| {
            planned.is_due(name) && channels_of(setup, planned).contains(name.as_str())
        };
        let due: Vec<&Planned> = planned.iter().filter(is_due).collect();
        let Some(message) = Message::new(&due) else { continue };
        // Who was told and is not put down would be told again and again.
        let sent = if journal.is_saving() {
            deliver(setup, name, channel, &message, options).await
        } else {
            Err("nobody is told before the history can be written".to_owned())
        };
        undelivered.extend(sent.err().map(|reason| Undelivered { channel: name.clone(), reason }));
    }
    for planned in planned {
        let channels = channels_of(setup, &planned);
        let is_missed = |channel: &str| undelivered.iter().any(|it| it.channel == channel);
        let reached = channels.iter().copied().filter(|channel| !is_missed(channel)).collect();
        if let Some(state) = planned.after(&channels, &reached) {
            journal.push(event(planned.subject, planned.rule, summary, state)).await;
        }
    }
    journal.flush().await;
    undelivered
}

/// The breaches that are open, as far as the history can tell.
async fn known(journal: &mut Journal) -> Vec<Known> {
    let Some(store) = journal.store() else { return Vec::new() };
    match store.breaches().await {
        Ok(breaches) => breaches.into_iter().map(known_of).collect(),
        Err(reason) => {
            journal.broke(reason);
            Vec::new()
        }
    }
}

/// Whether an image was looked at, or would have been but for a failure.
fn is_watched(breach: &Known, summary: &Summary) -> bool {
    let Image { repository, tag, .. } = &breach.subject;
    let of_tag = |tag_of: Option<&String>| tag_of.is_none_or(|other| other == tag);
    let is_it =
        |reading: &Reading| reading.subject == breach.subject && reading.rule == breach.rule;
    summary.standings.iter().any(|standing| standing.subject == breach.subject)
        || summary.readings.iter().any(is_it)
        || summary
            .failures
            .iter()
            .any(|failure| failure.repository == *repository && of_tag(failure.tag.as_ref()))
        || summary.left.iter().any(|left| left.repository == *repository && left.tag == *tag)
}

fn known_of(breach: Breach) -> Known {
    let Breach { target: subject, rule, message, told, .. } = breach;
    Known { subject, rule, message, told }
}

fn event(target: Image, rule: String, summary: &Summary, state: BreachState) -> New {
    New::Breach { target, at: summary.at, rule, state }
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

/// Sends a message; gives the reason why it did not arrive, for a report, which others may see.
async fn deliver(
    setup: &Setup,
    name: &str,
    channel: &Channel,
    message: &Message,
    options: &Options,
) -> Result<(), String> {
    let sent = match channel {
        Channel::GithubSummary => Ok(()),
        Channel::Webhook(address) => post(setup, address, message, options).await,
        Channel::Exec(command) => exec(command, &message.json(), PATIENCE).await.map_err(|error| {
            let reason = error.without_words();
            (Error::new(ErrorKind::Local, error.to_string()), reason)
        }),
    };
    sent.map_err(|(error, reason)| {
        complain(&error.about(&format!("audit.notify.{name}")));
        line("note: the message is due again in the next run");
        reason
    })
}

async fn post(
    setup: &Setup,
    address: &Address,
    message: &Message,
    options: &Options,
) -> Result<(), (Error, String)> {
    let posted = match secret(setup, address) {
        Ok(address) => post_json(&address, message.json(), options).await,
        Err(error) => Err(error),
    };
    posted.map_err(|error| {
        let reason = error.to_string();
        (error, reason)
    })
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
