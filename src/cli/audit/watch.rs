//! `regsize audit watch`: targets are run when their schedules say, until the program is stopped.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinHandle;

use super::super::args::{AuditWatchArgs, Cli, Listen};
use super::super::exit::Exit;
use super::super::progress::line;
use super::super::run::{Observers, prepare};
use super::super::{complain, environment};
use super::error;
use super::opened::{claim, complain_unsaved, open, replay};
use super::run::{Done, Round, complain_of};
use super::setup::{self, Setup};
use crate::audit::Target;
use crate::audit::notify::is_reading;
use crate::audit::pass::{Journal, Opened};
#[cfg(feature = "postgres")]
use crate::audit::queue::Postgres as Shared;
use crate::audit::queue::{Limits, Memory, Queue};
use crate::audit::serve::{Answer, Page, Server};
use crate::audit::watch::{
    Bounds, Ended, Event, Image, Outcome, Status, Stop, SystemClock, Watch, Watched, word,
};
use crate::check::Verdict;
use crate::collect::Session;
use crate::history::{self, Access, Claim, Place, Spools, Store};
use crate::registry::{Error, ErrorKind};
use crate::report::{METRICS_TYPE, metrics};

/// What runs are called in a history, before the target's name.
const KIND: &str = "audit watch";
/// Runs among which the last of each target is looked for.
const RECENT: u32 = 1000;
/// Targets that are named when the program begins.
const NAMED: usize = 20;

/// How long a server that is away is left alone at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What a run needs to know.
struct Work<'a> {
    setup: &'a Setup,
    place: &'a Place,
    spools: Option<&'a Spools>,
    session: &'a Session,
    observers: Observers<'a>,
}

pub(super) async fn run(cli: &Cli, args: &AuditWatchArgs, stop: &Stop) -> Result<Exit, Error> {
    let now = Timestamp::now();
    let setup = setup::read(&args.config, now)?;
    let place = setup.place(&args.store)?;
    let scheduled = scheduled(&setup)?;
    let typed: Vec<String> = scheduled.iter().map(|target| target.repository_name()).collect();
    let prepared = prepare(cli, &typed)?.with_reserve(args.reserve);
    let spools = environment::spools(&args.spool, &place);
    let status = Arc::new(Status::default());
    let server = listen(args.listen, &status).await?;
    // Tables are made, and what is wrong with the history is told, before anything is due.
    let begin = async || begin(&place, spools.as_ref(), &scheduled, &status).await;
    let Some((targets, _claim)) = once_there(&place, &status, stop, begin).await? else {
        return Ok(Exit::Fine);
    };
    let work = async |session: &Session, _, observers: Observers<'_>| {
        let spools = spools.as_ref();
        let work = Work { setup: &setup, place: &place, spools, session, observers };
        watch(args, &targets, &work, &status, stop).await
    };
    let ended = prepared.together(&typed, work).await;
    if let Some(server) = server {
        server.abort();
    }
    Ok(match ended? {
        Ended::Whole => Exit::Fine,
        Ended::Cut(_) => Exit::Terminated,
    })
}

/// Does something with a history; one whose server is away is waited for, as services may begin before
/// what they need. `None` if it was asked to stop meanwhile.
async fn once_there<T>(
    place: &Place,
    status: &Status,
    stop: &Stop,
    work: impl AsyncFn() -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    let (mut is_told, mut pause) = (false, FIRST_PAUSE);
    loop {
        let done = tokio::select! {
            biased;
            () = stop.asked() => return Ok(None),
            done = work() => done,
        };
        let error = match done {
            Err(error) if place.is_server() && error.kind() == ErrorKind::Network => error,
            done => return done.map(Some),
        };
        if !is_told {
            line(&format!("note: {error}; it is waited for"));
            is_told = true;
        }
        status.waits();
        tokio::select! {
            () = stop.asked() => return Ok(None),
            () = tokio::time::sleep(pause) => {}
        }
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

/// Opens the history, and takes from it what is known of the targets.
async fn begin(
    place: &Place,
    spools: Option<&Spools>,
    scheduled: &[&Target],
    status: &Status,
) -> Result<(Vec<Watched>, Option<Claim>), Error> {
    let store = Store::open_in_time(place, Access::Write).await.map_err(error)?;
    let (mut opened, mut held) = (Opened::Writable(store), None);
    if !place.is_server() {
        (opened, held) = claim(place, opened, Timestamp::now()).await?;
    }
    let mut store = match replay(opened, spools).await.0 {
        Opened::Writable(store) => store,
        Opened::Readable(_, reason) | Opened::Away(reason) => return Err(error(reason)),
    };
    let runs = store.runs(None, RECENT).await.map_err(error)?;
    let mut targets = Vec::with_capacity(scheduled.len());
    for target in scheduled {
        let last = last(&runs, &target.name);
        let known = outcome(&mut store, target, Verdict::Unknown).await.map_err(error)?;
        status.begin(&target.name, last, known);
        targets.extend(watched(target, last));
    }
    store.close().await.map_err(error)?;
    Ok((targets, held))
}

/// The targets that have a schedule; the others are named.
fn scheduled(setup: &Setup) -> Result<Vec<&Target>, Error> {
    let (scheduled, others): (Vec<&Target>, Vec<&Target>) =
        setup.watchlist.targets.iter().partition(|target| target.schedule.is_some());
    for target in others {
        line(&format!("note: {} has no schedule and is not watched", target.name));
    }
    if scheduled.is_empty() {
        let error = Error::new(ErrorKind::Usage, "no target has a schedule");
        return Err(error.hint("add schedule = \"0 6 * * *\" to section [audit]"));
    }
    Ok(scheduled)
}

fn watched(target: &Target, last: Option<Timestamp>) -> Option<Watched> {
    let registry = target.repository.registry().to_owned();
    let schedule = target.schedule.clone()?;
    Some(Watched { name: target.name.clone(), registry, schedule, last })
}

/// When the last run of a target began that came to its end.
fn last(runs: &[history::Run], target: &str) -> Option<Timestamp> {
    let kind = format!("{KIND} {target}: ");
    let whole = |run: &&history::Run| matches!(run.ended, Some((_, false)));
    let runs = runs.iter().filter(whole).filter(|run| run.detail.starts_with(&kind));
    runs.map(|run| run.started).max()
}

/// Answers questions, if wanted.
async fn listen(
    Listen(address): Listen,
    status: &Arc<Status>,
) -> Result<Option<JoinHandle<()>>, Error> {
    let Some(address) = address else { return Ok(None) };
    let cannot = |error| {
        let text = format!("{address} cannot be listened at");
        Error::new(ErrorKind::Local, text)
            .because(error)
            .hint("choose another address with --listen, or --listen none")
    };
    let server = Server::listen(address).await.map_err(cannot)?;
    let address = server.address().map_err(cannot)?;
    line(&format!("answers at http://{address}/metrics, /healthz and /readyz"));
    let status = Arc::clone(status);
    Ok(Some(tokio::spawn(
        async move { match server.run(move |page| answer(&status, page)).await {} },
    )))
}

fn answer(status: &Status, page: Page) -> Answer {
    let health = status.health();
    let plain = "text/plain; charset=utf-8";
    let (well, media_type, text) = match page {
        Page::Metrics => (true, METRICS_TYPE, metrics(&status.targets(), health)),
        Page::Health if health.alive => (true, plain, "the loop goes round\n".to_owned()),
        Page::Health => (false, plain, "the loop hangs\n".to_owned()),
        Page::Ready => match health.unready {
            None => (true, plain, "ready\n".to_owned()),
            Some(reason) => (false, plain, format!("{reason}\n")),
        },
    };
    Answer { well, media_type, text }
}

/// Watches with the queue that the history's place allows.
async fn watch(
    args: &AuditWatchArgs,
    targets: &[Watched],
    work: &Work<'_>,
    status: &Status,
    stop: &Stop,
) -> Result<Ended, Error> {
    let limits = Limits { per_registry: args.per_registry, ..Limits::default() };
    #[cfg(feature = "postgres")]
    if work.place.is_server() {
        let registries: BTreeSet<String> =
            targets.iter().map(|target| target.registry.clone()).collect();
        let open = async || {
            let queue = Shared::open(work.place, registries.iter().cloned(), limits).await;
            queue.map_err(error)
        };
        return Ok(match once_there(work.place, status, stop, open).await? {
            Some(queue) => with(args, targets, work, status, stop, &queue).await,
            None => Ended::Whole,
        });
    }
    Ok(with(args, targets, work, status, stop, &Memory::new(limits)).await)
}

async fn with(
    args: &AuditWatchArgs,
    targets: &[Watched],
    work: &Work<'_>,
    status: &Status,
    stop: &Stop,
    queue: &impl Queue,
) -> Ended {
    let log = Log::default();
    let observe = |event: &Event<'_>| {
        status.note(event, Timestamp::now());
        log.tell(event);
    };
    let bounds = Bounds {
        at_once: usize::from(args.at_once),
        grace: Duration::from_secs(u64::from(args.grace)),
    };
    let (clock, run) = (&SystemClock, async |name: &str| work.run(name).await);
    let watch = Watch { targets, queue, clock, work: run, observe, bounds };
    Box::pin(watch.run(stop)).await
}

impl Work<'_> {
    /// One run of a target; what goes wrong is told, and is a verdict.
    async fn run(&self, name: &str) -> Outcome {
        let failed = Outcome { verdict: Verdict::Unknown, ..Outcome::default() };
        let targets = &self.setup.watchlist.targets;
        let Some(target) = targets.iter().find(|target| target.name == name) else {
            line(&format!("error: {name} was queued by a process with other settings"));
            return failed;
        };
        self.look(target).await.unwrap_or_else(|error| {
            complain(&error.about(&name));
            failed
        })
    }

    async fn look(&self, target: &Target) -> Result<Outcome, Error> {
        let (opened, is_damaged) = replay(open(self.place).await?, self.spools).await;
        let kind = format!("{KIND} {}", target.name);
        let (setup, now) = (self.setup, Timestamp::now());
        let round = Round { kind: &kind, setup, targets: &[target], now };
        let journal = Journal::new(opened, self.spools.cloned(), now);
        let mut done = round.run(self.session, self.observers, journal).await?;
        let is_whole = done.undelivered.is_empty() && done.unsaved.is_none() && !is_damaged;
        let whole = if is_whole { Verdict::Pass } else { Verdict::Unknown };
        let verdict = done.summary.verdict().max(whole);
        let mut found = Outcome { verdict, ..Outcome::default() };
        if let Some(mut store) = done.store.take() {
            match outcome(&mut store, target, verdict).await {
                Ok(outcome) => found = outcome,
                Err(reason) => done.closed(Err(reason)),
            }
            done.closed(store.close().await);
        }
        let Done { summary, undelivered, unsaved, .. } = done;
        complain_of(&summary);
        if let Some(unsaved) = unsaved {
            complain_unsaved(unsaved);
        }
        let counts = summary.counts;
        let untold: Vec<&str> = undelivered.iter().map(|it| &*it.channel).collect();
        let untold = if untold.is_empty() {
            String::new()
        } else {
            format!(", not told: {}", untold.join(", "))
        };
        line(&format!(
            "{}: {}, {} read, {} same, {} moved, {} gone{untold}",
            target.name,
            word(verdict),
            counts.read,
            counts.same,
            summary.moved.len(),
            summary.gone.len()
        ));
        Ok(found)
    }
}

/// What a history says of a target.
async fn outcome(
    store: &mut Store,
    target: &Target,
    verdict: Verdict,
) -> Result<Outcome, history::Error> {
    let repository = target.repository_name();
    let is_of = |of: &history::Target| {
        of.repository == repository && target.filter.fits(&of.tag) && target.wants(&of.platform)
    };
    let points = store.latest(&repository).await?.into_iter();
    let images = points.filter(|point| is_of(&point.target)).map(|point| Image {
        tag: point.target.tag,
        platform: point.target.platform,
        compressed: Some(point.figures.compressed),
        content: point.figures.content,
    });
    let images = images.collect();
    let is_open = |breach: &&history::Breach| !is_reading(&breach.rule) && is_of(&breach.target);
    let open = store.breaches().await?.iter().filter(is_open).count();
    Ok(Outcome { verdict, images, breaches: u64::try_from(open).ok() })
}

/// What is told on stderr.
#[derive(Default)]
struct Log {
    /// What was wrong last, which is told once.
    trouble: RefCell<Option<String>>,
    named: RefCell<BTreeSet<String>>,
}

impl Log {
    fn tell(&self, event: &Event<'_>) {
        match event {
            Event::Planned { target, due } => self.planned(target, *due),
            Event::Skipped { target, due } => {
                line(&format!("{target}: was due {due}, and its last run still goes on"));
            }
            Event::GivenUp { target } => {
                line(&format!("{target}: given up, as the queue has handed it on"));
            }
            Event::Trouble { error } => {
                let text = error.to_string();
                let last = self.trouble.replace(Some(text.clone()));
                if last.as_ref() != Some(&text) {
                    line(&format!("error: {text}; it is tried again"));
                }
            }
            Event::Answered => {
                if self.trouble.take().is_some() {
                    line("note: the queue answers again");
                }
            }
            Event::Stopping { running } => {
                line(&format!("stopping; {running} runs go on, another signal ends them"));
            }
            Event::Alive | Event::Began { .. } | Event::Ended { .. } => {}
        }
    }

    /// At first as many are named as are read; later each.
    fn planned(&self, target: &str, due: Option<Timestamp>) {
        let mut named = self.named.borrow_mut();
        let is_new = named.insert(target.to_owned());
        if is_new && named.len() == NAMED + 1 {
            line("… and more");
        }
        if !is_new || named.len() <= NAMED {
            let due = due.map_or_else(|| "never".to_owned(), |due| due.to_string());
            line(&format!("{target}: due {due}"));
        }
    }
}
