//! `regsize audit run`: one pass over all that is watched.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write as _;

use jiff::Timestamp;

use super::super::args::{AuditRunArgs, Cli};
use super::super::exit::Exit;
use super::super::progress::line;
use super::super::run::{Observers, format, prepare, terminal_options};
use super::super::{environment, write_report};
use super::opened::{claim, complain_unsaved, open, replay};
use super::setup::{self, Setup};
use super::{error, tell};
use crate::analysis::AnalysisOptions;
use crate::audit::notify::Undelivered;
use crate::audit::pass::{Journal, Pass, Summary, Unsaved};
use crate::audit::{Channel, Target};
use crate::check::Verdict;
use crate::collect::Session;
use crate::history::{self, New, Place, RunState, Store};
use crate::oci::Digest;
use crate::registry::Error;
use crate::report::{Format, RunReport, TerminalOptions, render_run};
use crate::rule::Selection;

/// What runs are called in a history.
const KIND: &str = "audit run";
/// Runs among which those are looked for that were killed.
const RECENT: u32 = 20;

/// What a run found out.
pub(super) struct Done {
    pub(super) summary: Summary,
    /// Who could not be told.
    pub(super) undelivered: Vec<Undelivered>,
    pub(super) unsaved: Option<Unsaved>,
    /// The history, if it can be read.
    pub(super) store: Option<Store>,
}

impl Done {
    /// Takes down how the history was closed, which fails where writing did.
    pub(super) fn closed(&mut self, result: Result<(), history::Error>) {
        self.unsaved = self.unsaved.take().or(result.err().map(Unsaved::because));
    }
}

/// A pass over targets, from the request to the message.
pub(super) struct Round<'a> {
    /// What it is called in the history.
    pub(super) kind: &'a str,
    pub(super) setup: &'a Setup,
    pub(super) targets: &'a [&'a Target],
    pub(super) now: Timestamp,
}

pub(super) async fn run(cli: &Cli, args: &AuditRunArgs) -> Result<Exit, Error> {
    let now = args.now.unwrap_or_else(Timestamp::now);
    let setup = setup::read(&args.config, now)?;
    let targets = setup.targets(&args.only)?;
    let place = setup.place(&args.store)?;
    let typed: Vec<String> = targets.iter().map(|target| target.repository_name()).collect();
    let prepared = prepare(cli, &typed)?.with_reserve(args.reserve);
    let spools = environment::spools(&args.spool, &place);
    let (opened, _claim) = claim(&place, open(&place).await?, now).await?;
    let (opened, is_damaged) = replay(opened, spools.as_ref()).await;
    let round = Round { kind: KIND, setup: &setup, targets: &targets, now };
    let work = async |session: &Session, _, observers: Observers<'_>| {
        round.run(session, observers, Journal::new(opened, spools, now)).await
    };
    let mut done = prepared.together(&typed, work).await?;
    if let Some(store) = done.store.take() {
        done.closed(store.close().await);
    }
    let shown = show(cli, &setup, &targets, &place, done);
    Ok(if is_damaged { Exit::Unknown } else { shown })
}

impl Round<'_> {
    /// Looks at the targets, records what they are, and tells whom it concerns.
    pub(super) async fn run(
        &self,
        session: &Session,
        observers: Observers<'_>,
        mut journal: Journal,
    ) -> Result<Done, Error> {
        let Self { kind, setup, targets, now } = *self;
        let id = begin(&mut journal, now, kind).await;
        let options = AnalysisOptions {
            paths: true,
            selection: Selection {
                severities: setup.config.severities.clone(),
                ..Selection::default()
            },
            ..AnalysisOptions::default()
        };
        let pass = Pass {
            session,
            observers,
            budgets: &setup.config.budgets,
            severities: &setup.config.severities,
            options: &options,
            now,
        };
        let summary = pass.run(targets, &mut journal).await.map_err(error)?;
        let network = session.registries().options();
        let undelivered = tell::tell(setup, &summary, targets, &mut journal, network).await;
        end(&mut journal, now, id, &summary).await;
        let (store, unsaved) = journal.close().await;
        Ok(Done { summary, undelivered, unsaved, store })
    }
}

/// Records that the run began, and that those before it that did not end never will.
async fn begin(journal: &mut Journal, now: Timestamp, kind: &str) -> String {
    let kind = format!("{kind}: ");
    let process = environment::process();
    let id = Digest::of(format!("{now} {process} {}", Timestamp::now()).as_bytes());
    let id = id.as_str().trim_start_matches("sha256:").chars().take(16).collect::<String>();
    let runs = match journal.store() {
        Some(store) => store.runs(None, RECENT).await.unwrap_or_default(),
        None => Vec::new(),
    };
    for run in runs {
        if run.ended.is_none() && run.detail.starts_with(&kind) {
            let detail = format!("found by {process}");
            let state = RunState::Abandoned;
            journal.push(New::Run { id: run.id, at: now, state, detail }).await;
        }
    }
    let detail = format!("{kind}{process}");
    journal.push(New::Run { id: id.clone(), at: now, state: RunState::Started, detail }).await;
    journal.flush().await;
    id
}

async fn end(journal: &mut Journal, now: Timestamp, id: String, summary: &Summary) {
    let counts = summary.counts;
    let detail = format!(
        "{} read, {} same, {} failed, {} left",
        counts.read,
        counts.same,
        summary.failures.len(),
        summary.left.len()
    );
    journal.push(New::Run { id, at: now, state: RunState::Ended, detail }).await;
    journal.flush().await;
}

/// Prints the report, and tells how the run ended.
fn show(cli: &Cli, setup: &Setup, targets: &[&Target], place: &Place, done: Done) -> Exit {
    let Done { summary, undelivered, unsaved, .. } = done;
    complain_of(&summary);
    let place = place.to_string();
    let saved = unsaved.is_none();
    let mut report =
        RunReport { summary: &summary, place: &place, saved, undelivered: &undelivered };
    let options = terminal_options(&cli.output);
    let unwritten = summaries(setup, targets, &report, &options);
    let undelivered = [&undelivered[..], &unwritten[..]].concat();
    report.undelivered = &undelivered;
    let written = write_report(|out| render_run(&report, format(&cli.output), &options, out));
    let is_unsaved = unsaved.is_some();
    if let Some(unsaved) = unsaved {
        complain_unsaved(unsaved);
    }
    match (written, summary.verdict()) {
        (Exit::Fine, _) if is_unsaved => Exit::Unknown,
        (Exit::Fine, Verdict::Fail) => Exit::No,
        (Exit::Fine, Verdict::Unknown) => Exit::Unknown,
        (Exit::Fine, Verdict::Pass | Verdict::Warn) if !undelivered.is_empty() => Exit::Unknown,
        (written, _) => written,
    }
}

/// Prints what could not be looked at.
pub(super) fn complain_of(summary: &Summary) {
    for failure in &summary.failures {
        let tag = failure.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
        line(&format!("error: {}{tag}: {}", failure.repository, failure.error));
    }
    for barren in &summary.barren {
        line(&format!("note: {}: {barren}", barren.target));
    }
    if !summary.left.is_empty() {
        line(&format!("error: {} tags were left for the next run", summary.left.len()));
    }
}

/// Adds the report to the summary of the job of GitHub, if there is one and it is a channel of a
/// target; gives the channels that it could not be added for.
fn summaries(
    setup: &Setup,
    targets: &[&Target],
    report: &RunReport<'_>,
    options: &TerminalOptions,
) -> Vec<Undelivered> {
    let is_summary =
        |name: &&String| setup.watchlist.channels.get(*name) == Some(&Channel::GithubSummary);
    let named = targets.iter().flat_map(|target| &target.notify).filter(is_summary);
    let named: BTreeSet<&String> = named.collect();
    let Some(path) = environment::job_summary().filter(|_| !named.is_empty()) else {
        return Vec::new();
    };
    let file = OpenOptions::new().append(true).create(true).open(&path);
    let added = file.and_then(|mut file| {
        render_run(report, Format::Markdown, options, &mut file)?;
        file.flush()
    });
    let Err(error) = added else { return Vec::new() };
    let reason = format!("the summary {} cannot be written: {error}", path.display());
    line(&format!("error: {reason}"));
    let undelivered = |name: &String| Undelivered { channel: name.clone(), reason: reason.clone() };
    named.into_iter().map(undelivered).collect()
}
