//! What happens in a loop, for those who look on.

use jiff::Timestamp;

use crate::check::Verdict;
use crate::history::Error;

/// How a run of a target ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What the budgets say, [`Verdict::Unknown`] for a run that failed.
    pub verdict: Verdict,
    /// The images of the target as they are now.
    pub images: Vec<Image>,
    /// The breaches of budgets that are open; `None` if that is not known.
    pub breaches: Option<u64>,
}

/// An image of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The tag, or the reference where a target has several repositories.
    pub tag: String,
    /// The platform, as in `linux/arm64`.
    pub platform: String,
    /// Bytes on the wire.
    pub compressed: Option<u64>,
    /// The sizes of the files in the layers together.
    pub content: Option<u64>,
}

/// Something that happens in a loop.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The loop goes round, which it does at least every half a minute.
    Alive,
    /// It is known when a target is due next; `None` for never.
    Planned {
        /// The target.
        target: &'a str,
        /// When.
        due: Option<Timestamp>,
    },
    /// A target was due while an earlier run of it had not ended, and was left out.
    Skipped {
        /// The target.
        target: &'a str,
        /// When it was due.
        due: Timestamp,
    },
    /// A run began here.
    Began {
        /// The target.
        target: &'a str,
        /// When it was due.
        due: Timestamp,
    },
    /// A run ended here.
    Ended {
        /// The target.
        target: &'a str,
        /// When it was due.
        due: Timestamp,
        /// How.
        outcome: &'a Outcome,
    },
    /// A run was given up here: it had become another process's, or the loop ends.
    GivenUp {
        /// The target.
        target: &'a str,
    },
    /// The queue can be used.
    Answered,
    /// The queue cannot be used for now.
    Trouble {
        /// Why.
        error: &'a Error,
    },
    /// The loop was asked to end and waits for its runs.
    Stopping {
        /// How many there are.
        running: usize,
    },
}
