//! Tells people of limits that are exceeded and of what cannot be read, and records that it did.

use std::collections::BTreeSet;
use std::time::Duration;

use super::super::progress::line;
use super::super::selection::text_of;
use super::super::{complain, environment};
use super::setup::Setup;
use crate::audit::notify::{
    Known, Message, Planned, Step, Undelivered, exec, is_reading, plan, plan_readings, whole,
};
use crate::audit::pass::{Journal, Summary};
use crate::audit::{Address, Channel, Target, is_of_target};
use crate::history::{Breach, BreachState, New, Question, Target as Image};
use crate::registry::{Error, ErrorKind, Options, Secret, post_json};

/// How long a command may take to be told.
const PATIENCE: Duration = Duration::from_mins(1);

/// Tells what is to be told after a pass over some targets; gives whom it did not reach.
pub(super) async fn tell(
    setup: &Setup,
    summary: &Summary,
    targets: &[&Target],
    journal: &mut Journal,
    options: &Options,
) -> Vec<Undelivered> {
    let known = known(journal).await;
    let mut planned =
        [plan(&known, &summary.standings), plan_readings(&known, &summary.readings)].concat();
    for known in known.into_iter().filter(|known| !is_found(known, summary)) {
        if let Some(step) = left_behind(setup, targets, journal, &known).await {
            let Known { subject, rule, message, told, .. } = known;
            planned.push(Planned { subject, rule, message, step, told });
        }
    }
    planned.sort_by(|a, b| (&a.subject, &a.rule).cmp(&(&b.subject, &b.rule)));
    // What is so is recorded before anybody is told.
    for planned in &planned {
        if let Some(state) = planned.state() {
            journal.push(event(planned, summary, state)).await;
        }
    }
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
    for planned in &planned {
        let channels = channels_of(setup, planned);
        let is_missed = |channel: &str| undelivered.iter().any(|it| it.channel == channel);
        let reached = channels.iter().copied().filter(|channel| !is_missed(channel)).collect();
        if let Some(state) = planned.after(&channels, &reached) {
            journal.push(event(planned, summary, state)).await;
        }
    }
    journal.flush().await;
    undelivered
}

/// The breaches that are not over, or not for everybody, as far as the history can tell.
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

/// Whether a pass found out how it is with a breach, or would have but for a failure.
fn is_found(breach: &Known, summary: &Summary) -> bool {
    let Known { subject, rule, .. } = breach;
    let of_tag = |tag_of: Option<&String>| tag_of.is_none_or(|other| *other == subject.tag);
    summary.standings.iter().any(|standing| standing.covers(breach))
        || summary.readings.iter().any(|it| it.subject == *subject && it.rule == *rule)
        || summary
            .failures
            .iter()
            .any(|failure| failure.repository == subject.repository && of_tag(failure.tag.as_ref()))
        || summary
            .left
            .iter()
            .any(|left| left.repository == subject.repository && left.tag == subject.tag)
}

/// What became of a breach of something that a pass did not come across; `None` if it was not over
/// what this is of.
async fn left_behind(
    setup: &Setup,
    targets: &[&Target],
    journal: &mut Journal,
    breach: &Known,
) -> Option<Step> {
    let is_meant = |target: &&Target| concerns(target, &breach.subject, &breach.rule);
    let mut watching = setup.watchlist.targets.iter().filter(is_meant).peekable();
    if watching.peek().is_none() {
        return Some(Step::Drop);
    }
    if !watching.any(|target| targets.iter().any(|it| it.name == target.name)) {
        return None;
    }
    let Image { repository, tag, platform } = breach.subject.clone();
    let platform = Some(platform).filter(|platform| !platform.is_empty());
    let question = Question { repository, tag: Some(tag), platform, newest: 1 };
    let timelines = journal.store()?.timelines(&question).await.ok()?;
    let is_gone = timelines.iter().any(|timeline| timeline.gone().is_some());
    Some(if is_gone { Step::End } else { Step::Drop })
}

fn known_of(breach: Breach) -> Known {
    let Breach { target: subject, rule, message, told, since } = breach;
    Known { subject, rule, message, is_open: since.is_some(), told }
}

fn event(planned: &Planned, summary: &Summary, state: BreachState) -> New {
    let (target, rule) = (planned.subject.clone(), planned.rule.clone());
    New::Breach { target, at: summary.at, rule, state }
}

/// Whether a target watches what a breach is of.
fn concerns(target: &Target, subject: &Image, rule: &str) -> bool {
    let repository = target.repository_name();
    let is_meant = match (is_reading(rule), subject.tag.is_empty()) {
        (true, true) => rule == whole(&target.name, &repository),
        (true, false) => target.filter.fits(&subject.tag),
        (false, _) => {
            is_of_target(rule, &target.name, &repository)
                && target.filter.fits(&subject.tag)
                && target.wants(&subject.platform)
        }
    };
    repository == subject.repository && is_meant
}

/// The channels that are told of something, without summaries of jobs, which get the report. Of
/// what is over, all may hear.
fn channels_of<'a>(setup: &'a Setup, planned: &Planned) -> BTreeSet<&'a str> {
    let channels = &setup.watchlist.channels;
    let is_told =
        |name: &&String| channels.get(*name).is_some_and(|it| *it != Channel::GithubSummary);
    let is_meant = |target: &&Target| concerns(target, &planned.subject, &planned.rule);
    let targets = setup.watchlist.targets.iter().filter(is_meant);
    let named: BTreeSet<&String> = if planned.is_over() {
        channels.keys().collect()
    } else {
        targets.flat_map(|target| &target.notify).collect()
    };
    named.into_iter().filter(is_told).map(String::as_str).collect()
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
