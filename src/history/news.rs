//! What a history records, and what it tells of it.
//!
//! Times are given by the caller, to the millisecond. Amounts are bytes.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::oci::Digest;
use crate::snapshot::Snapshot;

/// One platform's image behind a tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// Registry and repository, as in `docker.io/library/debian`.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// The platform, as in `linux/arm64/v8`; empty for what concerns a tag as a whole.
    pub platform: String,
}

/// What a target was at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// What was looked at.
    pub target: Target,
    /// When.
    pub seen: Timestamp,
    /// The digest behind the tag: of an index or of a manifest.
    pub root: Digest,
    /// The digest of the platform's manifest.
    pub image: Digest,
    /// Its sizes.
    pub figures: Figures,
}

/// Sizes of an image in bytes; those that need the layers are `None` where they were not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// What a pull downloads.
    pub compressed: u64,
    /// The layers' tar streams.
    pub uncompressed: Option<u64>,
    /// The files that layers store.
    pub content: Option<u64>,
    /// The files that a container sees.
    pub visible: Option<u64>,
    /// The files that are stored in vain.
    pub shadowed: Option<u64>,
    /// How many layers there are.
    pub layers: u64,
}

/// Something to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum New {
    /// A target was read. It becomes a point where it differs from the target's last one, or where
    /// its layers were read and had not been; otherwise it joins the targets that were seen again.
    Point {
        /// What it is now.
        point: Point,
        /// What is known of the image, as JSON. Of each image digest the first is kept, and the
        /// first of a time when its layers were read.
        snapshot: Option<String>,
    },
    /// Targets still are what they were.
    Seen {
        /// When that was found out.
        at: Timestamp,
        /// Which.
        targets: Vec<Target>,
    },
    /// All that was asked for of a tag was read.
    Read {
        /// An image of the tag; without a platform if there is none of what was asked for.
        target: Target,
        /// When.
        at: Timestamp,
        /// The digest behind it.
        root: Digest,
        /// What was asked for, in words of the caller's.
        scope: String,
    },
    /// A tag is no longer there; its registry said so when it was asked for this tag.
    Gone {
        /// Which.
        target: Target,
        /// When that was found out.
        at: Timestamp,
    },
    /// A target could not be read.
    Failed {
        /// Which.
        target: Target,
        /// When.
        at: Timestamp,
        /// The class of the error, as in `network`.
        kind: String,
        /// The error in words.
        message: String,
    },
    /// A target exceeds a limit, others know of it than before, or it does no longer. What changes
    /// nothing is not recorded: a breach is opened once, until it is cleared. Who knows of it is
    /// apart from that.
    Breach {
        /// Which.
        target: Target,
        /// When.
        at: Timestamp,
        /// The limit, by a name that stays.
        rule: String,
        /// What happened to the breach.
        state: BreachState,
    },
    /// A run over many targets began or ended. One that did not end is half a run.
    Run {
        /// The run.
        id: String,
        /// When.
        at: Timestamp,
        /// What happened to it.
        state: RunState,
        /// Who runs it, as in a host and a process, or why it ended.
        detail: String,
    },
}

/// What happened to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// It began.
    Started,
    /// It did all it was to do.
    Ended,
    /// It ended without a word, and another run found that out.
    Abandoned,
}

/// A run over many targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The run.
    pub id: String,
    /// When it began.
    pub started: Timestamp,
    /// Who runs it.
    pub detail: String,
    /// When it ended and whether it was abandoned; `None` for a run that goes on or was killed.
    pub ended: Option<(Timestamp, bool)>,
    /// What was said at its end.
    pub outcome: Option<String>,
}

/// What happened to a breach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BreachState {
    /// A limit is exceeded: the breach in words.
    Opened(String),
    /// These know of it and not of its end, whether it is over or not: channels by name.
    Notified(BTreeSet<String>),
    /// It is over: the breach, or why it is over, in words.
    Cleared(String),
}

/// What became of something to record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has a row of its own.
    Recorded,
    /// The target is what it was, and counts as seen again.
    Same,
    /// It changes nothing and was not recorded.
    Unchanged,
}

/// A breach that is not over, or of whose end not everybody knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breach {
    /// Which target.
    pub target: Target,
    /// The limit.
    pub rule: String,
    /// Since when; `None` if it is over.
    pub since: Option<Timestamp>,
    /// The names of the channels that know of it and not of its end.
    pub told: BTreeSet<String>,
    /// The breach in words, as it was opened.
    pub message: String,
}

impl New {
    /// A reading of the image behind a tag of a repository, with all that is known of the image.
    pub fn image(
        repository: &str,
        tag: &str,
        seen: Timestamp,
        snapshot: &Snapshot,
    ) -> Result<Self, Error> {
        let json = serde_json::to_string(snapshot)
            .map_err(|error| Error::file("a snapshot cannot be written", error.into()))?;
        let (repository, tag) = (repository.to_owned(), tag.to_owned());
        let point = Point {
            target: Target { repository, tag, platform: snapshot.platform.clone() },
            seen,
            root: snapshot.digest.clone(),
            image: snapshot.image.clone(),
            figures: Figures::of(snapshot),
        };
        Ok(Self::Point { point, snapshot: Some(json) })
    }
}

impl BreachState {
    /// The detail of its row. Text is cut there, and a list of names that is cut is none.
    pub(super) fn detail(&self) -> String {
        match self {
            Self::Opened(message) | Self::Cleared(message) => message.clone(),
            Self::Notified(channels) => serde_json::to_string(channels).unwrap_or_default(),
        }
    }

    /// The channels of a row's detail; without a list it is not known that any was told.
    pub(super) fn channels(detail: &str) -> BTreeSet<String> {
        serde_json::from_str(detail).unwrap_or_default()
    }
}

impl Figures {
    /// The sizes of an image.
    pub fn of(snapshot: &Snapshot) -> Self {
        let sizes = snapshot.sizes;
        Self {
            compressed: sizes.compressed,
            uncompressed: sizes.uncompressed,
            content: sizes.content,
            visible: sizes.visible,
            shadowed: sizes.shadowed,
            layers: u64::try_from(snapshot.layers.len()).unwrap_or(u64::MAX),
        }
    }
}
