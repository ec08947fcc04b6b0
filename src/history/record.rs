//! The rows that news become.
//!
//! Times are given by the caller, to the millisecond; a database holds them as milliseconds since
//! 1970 UTC, which sort as numbers and know no time zone. Amounts are bytes.

use jiff::Timestamp;

use super::Error;
use super::news::{BreachState, Figures, New, Point, RunState, Target};
use crate::oci::Digest;

/// Text of others is cut to so many characters; an error message needs no more.
const LONGEST_TEXT: usize = 4096;

/// The kinds of rows beside points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum EventKind {
    Seen,
    Read,
    Gone,
    Failed,
    Opened,
    Notified,
    Cleared,
    Started,
    Ended,
    Abandoned,
    Pruned,
}

impl EventKind {
    pub(super) const ALL: [Self; 11] = [
        Self::Seen,
        Self::Read,
        Self::Gone,
        Self::Failed,
        Self::Opened,
        Self::Notified,
        Self::Cleared,
        Self::Started,
        Self::Ended,
        Self::Abandoned,
        Self::Pruned,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Read => "read",
            Self::Gone => "gone",
            Self::Failed => "failed",
            Self::Opened => "opened",
            Self::Notified => "notified",
            Self::Cleared => "cleared",
            Self::Started => "started",
            Self::Ended => "ended",
            Self::Abandoned => "abandoned",
            Self::Pruned => "pruned",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl From<&BreachState> for EventKind {
    fn from(state: &BreachState) -> Self {
        match state {
            BreachState::Opened(_) => Self::Opened,
            BreachState::Notified(_) => Self::Notified,
            BreachState::Cleared(_) => Self::Cleared,
        }
    }
}

impl From<RunState> for EventKind {
    fn from(state: RunState) -> Self {
        match state {
            RunState::Started => Self::Started,
            RunState::Ended => Self::Ended,
            RunState::Abandoned => Self::Abandoned,
        }
    }
}

/// A row without its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Row {
    /// The target's number; only events may have none.
    pub(super) target: Option<i64>,
    /// Milliseconds since 1970.
    pub(super) seen: i64,
    pub(super) body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Body {
    Point(PointBody),
    Event {
        kind: EventKind,
        /// An error's class, a limit's name, a run's.
        subject: Option<String>,
        /// A message; the numbers of targets that were seen.
        detail: Option<String>,
    },
}

/// A point's columns. A digest is its bytes, whose number tells the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PointBody {
    pub(super) root: Vec<u8>,
    pub(super) image: Vec<u8>,
    pub(super) compressed: i64,
    pub(super) uncompressed: Option<i64>,
    pub(super) content: Option<i64>,
    pub(super) visible: Option<i64>,
    pub(super) shadowed: Option<i64>,
    pub(super) layers: i64,
    /// SHA-256 of the snapshot's text.
    pub(super) snapshot: Option<Vec<u8>>,
}

impl Row {
    /// The row of an event.
    pub(super) fn event(kind: EventKind, target: Option<i64>, at: Timestamp) -> Self {
        Self::event_at(kind, target, at.as_millisecond(), None, None)
    }

    pub(super) fn event_at(
        kind: EventKind,
        target: Option<i64>,
        seen: i64,
        subject: Option<&str>,
        detail: Option<&str>,
    ) -> Self {
        let body = Body::Event { kind, subject: subject.map(clean), detail: detail.map(clean) };
        Self { target, seen, body }
    }

    /// The row of an event with words.
    pub(super) fn told(
        kind: EventKind,
        target: Option<i64>,
        at: Timestamp,
        subject: &str,
        detail: &str,
    ) -> Self {
        Self::event_at(kind, target, at.as_millisecond(), Some(subject), Some(detail))
    }
}

impl New {
    /// When it was found out.
    pub(super) fn at(&self) -> Timestamp {
        match self {
            Self::Point { point, .. } => point.seen,
            Self::Seen { at, .. }
            | Self::Read { at, .. }
            | Self::Gone { at, .. }
            | Self::Failed { at, .. }
            | Self::Breach { at, .. }
            | Self::Run { at, .. } => *at,
        }
    }

    /// The one target that it is about.
    pub(super) fn target(&self) -> Option<&Target> {
        match self {
            Self::Point { point, .. } => Some(&point.target),
            Self::Read { target, .. }
            | Self::Gone { target, .. }
            | Self::Failed { target, .. }
            | Self::Breach { target, .. } => Some(target),
            Self::Seen { .. } | Self::Run { .. } => None,
        }
    }

    /// Its row without numbers of targets.
    pub(super) fn row(&self) -> Result<Row, Error> {
        Ok(match self {
            Self::Point { point, .. } => Row {
                target: None,
                seen: point.seen.as_millisecond(),
                body: Body::Point(PointBody::new(point)?),
            },
            Self::Seen { at, .. } => Row::event(EventKind::Seen, None, *at),
            Self::Gone { at, .. } => Row::event(EventKind::Gone, None, *at),
            Self::Read { at, root, scope, .. } => {
                Row::told(EventKind::Read, None, *at, root.as_str(), scope)
            }
            Self::Failed { at, kind, message, .. } => {
                Row::told(EventKind::Failed, None, *at, kind, message)
            }
            Self::Breach { at, rule, state, .. } => {
                Row::told(EventKind::from(state), None, *at, rule, &state.detail())
            }
            Self::Run { id, at, state, detail } => {
                Row::told(EventKind::from(*state), None, *at, id, detail)
            }
        })
    }
}

impl Target {
    /// The target with text that every database takes.
    pub(super) fn cleaned(&self) -> Self {
        Self {
            repository: clean(&self.repository),
            tag: clean(&self.tag),
            platform: clean(&self.platform),
        }
    }
}

impl PointBody {
    /// Whether the layers were read.
    pub(super) fn is_complete(&self) -> bool {
        self.content.is_some()
    }

    /// The columns of a point whose snapshot has no place yet.
    pub(super) fn new(point: &Point) -> Result<Self, Error> {
        let figures = point.figures;
        let optional =
            |what, value: Option<u64>| value.map(|value| integer(what, value)).transpose();
        Ok(Self {
            root: digest_bytes(&point.root),
            image: digest_bytes(&point.image),
            compressed: integer("a compressed size", figures.compressed)?,
            uncompressed: optional("an uncompressed size", figures.uncompressed)?,
            content: optional("a content size", figures.content)?,
            visible: optional("a visible size", figures.visible)?,
            shadowed: optional("a shadowed size", figures.shadowed)?,
            layers: integer("a number of layers", figures.layers)?,
            snapshot: None,
        })
    }

    /// The point, or what is wrong with its columns.
    pub(super) fn point(&self, target: Target, seen: i64) -> Result<Point, String> {
        let amount = |value: i64| u64::try_from(value).map_err(|_| "a size is negative".to_owned());
        let optional = |value: Option<i64>| value.map(amount).transpose();
        let figures = Figures {
            compressed: amount(self.compressed)?,
            uncompressed: optional(self.uncompressed)?,
            content: optional(self.content)?,
            visible: optional(self.visible)?,
            shadowed: optional(self.shadowed)?,
            layers: amount(self.layers)?,
        };
        let (root, image) = (digest_of(&self.root)?, digest_of(&self.image)?);
        Ok(Point { target, seen: time(seen)?, root, image, figures })
    }
}

/// Bytes as a database counts them.
fn integer(what: &'static str, value: u64) -> Result<i64, Error> {
    i64::try_from(value).map_err(|_| Error::TooLarge { what })
}

/// The time of so many milliseconds since 1970.
pub(super) fn time(milliseconds: i64) -> Result<Timestamp, String> {
    Timestamp::from_millisecond(milliseconds)
        .map_err(|_| format!("{milliseconds} milliseconds since 1970 are no time"))
}

/// The bytes that a digest's digits stand for.
pub(super) fn digest_bytes(digest: &Digest) -> Vec<u8> {
    // The digits of a digest are always hexadecimal.
    hex::decode(digest.hex()).unwrap_or_default()
}

/// The digest of so many bytes.
pub(super) fn digest_of(bytes: &[u8]) -> Result<Digest, String> {
    let algorithm = match bytes.len() {
        32 => "sha256",
        64 => "sha512",
        length => return Err(format!("a digest has {length} bytes")),
    };
    format!("{algorithm}:{}", hex::encode(bytes)).parse().map_err(|_| "a digest is none".to_owned())
}

/// Text that every database takes: without NUL, and not without end.
pub(super) fn clean(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).map(|c| if c == '\0' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_survive_as_bytes() {
        for text in [format!("sha256:{}", "0a".repeat(32)), format!("sha512:{}", "f0".repeat(64))] {
            let digest: Digest = text.parse().unwrap();
            assert_eq!(digest_of(&digest_bytes(&digest)), Ok(digest));
        }
        assert!(digest_of(&[0; 31]).is_err());
    }

    #[test]
    fn amounts_beyond_a_database_s_integers_are_refused() {
        let digest = Digest::of(b"");
        let target = Target { repository: "a".into(), tag: "b".into(), platform: "c".into() };
        let point = |figures| Point {
            target: target.clone(),
            seen: Timestamp::UNIX_EPOCH,
            root: digest.clone(),
            image: digest.clone(),
            figures,
        };
        let largest = u64::try_from(i64::MAX).unwrap();
        let fits = point(Figures { compressed: largest, ..Figures::default() });
        let body = PointBody::new(&fits).unwrap();
        assert_eq!(body.point(target.clone(), 0), Ok(fits));
        for figures in [
            Figures { compressed: largest + 1, ..Figures::default() },
            Figures { content: Some(u64::MAX), ..Figures::default() },
        ] {
            let error = PointBody::new(&point(figures)).unwrap_err();
            assert!(error.to_string().ends_with("does not fit into the history"), "{error}");
        }
    }

    #[test]
    fn text_is_cut_and_has_no_nul() {
        assert_eq!(clean("a\0b"), "a\u{fffd}b");
        assert_eq!(clean(&"\u{e9}".repeat(5000)).chars().count(), LONGEST_TEXT);
    }

    #[test]
    fn kinds_have_names_of_their_own() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::named(kind.name()), Some(kind));
        }
        assert_eq!(EventKind::named("point"), None);
    }
}
