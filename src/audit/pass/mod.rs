//! A pass over targets: what their tags are now, recorded and judged.
//!
//! Every tag costs one HEAD. A tag with the digest that was recorded last is seen again, and only
//! the others are read, those that were not looked at for longest first. What fails with one tag
//! or target stops no other. A tag is gone only if the registry says so when it is asked for that
//! tag, in a repository that it shows. Limits are judged in every pass, of tags that did not move
//! by what the history knows of them.
//!
//! What is found out goes into the history in batches, so that a pass that is killed loses no more
//! than one of them. If the history cannot be written, the pass goes on, puts what it finds out
//! into a spool, and says so. If it cannot be reached, nothing is known of what was before: all is
//! read, limits of growth cannot be judged, and nothing counts as moved.

mod journal;
mod judge;
mod known;
mod look;
mod summary;
mod take;

use std::collections::BTreeMap;

use futures::StreamExt as _;
use futures::stream;
use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc};

pub use journal::{Journal, Opened, Saved, Unsaved};
pub use summary::{Barren, Breached, Counts, Failure, Left, Move, Sizes, Summary};

use self::known::Known;
use self::look::{Look, Sighting, Stops};
use self::take::Taker;
use super::Target;
use crate::analysis::AnalysisOptions;
use crate::check::Budgets;
use crate::collect::{LayerObserver, Session};
use crate::history;
use crate::rule::Severity;

/// Targets that are looked at at the same time.
const TARGETS: usize = 16;
/// Images that are read at the same time.
const IMAGES: usize = 8;
/// Sightings that wait to be taken down.
const WAITING: usize = 32;

/// What a pass is made with.
pub struct Pass<'a> {
    /// Registries and cache.
    pub session: &'a Session,
    /// Makes what is told of the layers of one more image.
    pub observers: &'a (dyn Fn() -> LayerObserver + 'a),
    /// Limits that hold for all targets.
    pub budgets: &'a Budgets,
    /// How findings of rules are graded, by the id of the rule.
    pub severities: &'a BTreeMap<String, Severity>,
    /// How layers are studied.
    pub options: &'a AnalysisOptions,
    /// What time it is.
    pub now: Timestamp,
}

impl Pass<'_> {
    /// Looks at the targets, and records what they are.
    pub async fn run(
        &self,
        targets: &[&Target],
        journal: &mut Journal,
    ) -> Result<Summary, history::Error> {
        let known = known(targets, journal).await?;
        let (images, stops) = (Semaphore::new(IMAGES), Stops::new(targets));
        let (sender, mut receiver) = mpsc::channel::<(usize, Sighting)>(WAITING);
        let pairs: Vec<(&Target, &Known)> = targets.iter().copied().zip(&known).collect();
        let looks = pairs.iter().enumerate().map(|(at, (target, known))| {
            let (sender, images) = (sender.clone(), &images);
            let stop = stops.of(target);
            let look = Look { pass: self, target, known, images, stop, at, sender };
            async move { look.run().await }
        });
        let looks: Vec<_> = looks.collect();
        drop(sender);
        let looking = stream::iter(looks).buffer_unordered(TARGETS).collect::<Vec<()>>();
        let taking = async {
            let mut taker = Taker::new(self, journal, pairs.len());
            while let Some((at, sighting)) = receiver.recv().await {
                if let Some((target, known)) = pairs.get(at) {
                    taker.take(target, known, sighting).await;
                }
            }
            taker.finish(targets).await
        };
        let (_, summary) = futures::join!(looking, taking);
        Ok(summary)
    }
}

/// What the history knows of the targets; nothing if it cannot be reached.
async fn known(targets: &[&Target], journal: &mut Journal) -> Result<Vec<Known>, history::Error> {
    let nothing = || targets.iter().map(|_| Known::default()).collect();
    let mut known = Vec::with_capacity(targets.len());
    for target in targets {
        let Some(store) = journal.store() else { return Ok(nothing()) };
        match Known::of(store, target).await {
            Ok(found) => known.push(found),
            Err(error) if error.lost_connection() => {
                journal.go_blind(error);
                return Ok(nothing());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(known)
}
