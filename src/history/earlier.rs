//! What was recorded before of something that may have been: by a transaction whose end nobody
//! heard of, or by a replay that was cut off.
//!
//! Rows of one pass share a time, so those of that time are all that have to be looked at.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::draft::Draft;
use super::link::Link;
use super::news::New;
use super::record::{Body, EventKind, Row};
use super::sql::{EVENT, Linked, POINT, event_of, point_of, statement};
use super::{Error, ranges};

/// The rows of times that were asked for.
#[derive(Default)]
pub(super) struct Earlier {
    times: HashMap<i64, Moment>,
    /// The last row before this transaction.
    end: i64,
}

/// The rows of one time, up to one of them.
#[derive(Default)]
struct Moment {
    looked: i64,
    rows: HashSet<Row>,
    /// The numbers of the targets that were seen again then.
    seen: Vec<(i64, i64)>,
}

impl Earlier {
    /// Begins with a transaction that has the lock of the chain's end.
    pub(super) fn begin(&mut self, draft: &mut Draft) {
        self.end = draft.head_mut().last_seq;
    }

    /// What of `new` is not recorded.
    pub(super) async fn missing<'n>(
        &mut self,
        change: &mut Link,
        draft: &mut Draft,
        new: &'n New,
        name: &str,
    ) -> Result<Option<Cow<'n, New>>, Error> {
        let failed = |error: sqlx::Error| Error::of(name, &error);
        let moment = self.of(change, new.at().as_millisecond()).await.map_err(failed)?;
        if let New::Seen { at, targets } = new {
            let mut missing = Vec::new();
            for target in targets {
                let id = draft.target(change, target).await.map_err(failed)?;
                if !ranges::holds(&moment.seen, id) {
                    missing.push(target.clone());
                }
            }
            let is_missing = !missing.is_empty();
            let seen = New::Seen { at: *at, targets: missing };
            return Ok(is_missing.then_some(Cow::Owned(seen)));
        }
        let mut row = new.row()?;
        if let Some(target) = new.target() {
            row.target = Some(draft.target(change, target).await.map_err(failed)?);
        }
        // A point that says nothing new became a target that was seen again.
        let is_same = matches!(row.body, Body::Point(_))
            && row.target.is_some_and(|id| ranges::holds(&moment.seen, id));
        let is_missing = !is_same && !moment.rows.contains(&row);
        Ok(is_missing.then_some(Cow::Borrowed(new)))
    }

    /// The rows of a time, with those that came since it was asked for last.
    async fn of(&mut self, change: &mut Link, time: i64) -> Result<&Moment, sqlx::Error> {
        let moment = self.times.entry(time).or_default();
        if moment.looked < self.end {
            for (text, read) in [(POINT, point_of as fn(&_) -> _), (EVENT, event_of)] {
                let query = statement(format!("{text} WHERE seen = $1 AND seq > $2"));
                let query = query.bind(time).bind(moment.looked);
                for row in query.fetch_all(&mut *change).await? {
                    moment.add(read(&row)?);
                }
            }
            moment.looked = self.end;
        }
        Ok(moment)
    }
}

impl Moment {
    fn add(&mut self, Linked { mut row, .. }: Linked) {
        match &mut row.body {
            Body::Point(point) => point.snapshot = None,
            Body::Event { kind: EventKind::Seen, detail, .. } => {
                let runs = ranges::parse(detail.as_deref().unwrap_or_default());
                self.seen.extend(runs.unwrap_or_default());
                return;
            }
            Body::Event { .. } => {}
        }
        self.rows.insert(row);
    }
}
