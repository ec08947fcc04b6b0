//! News as lines, and lines as news: what a spool holds is not yet rows of a history.

use std::collections::{BTreeMap, HashMap};

use serde_json::value::RawValue;

use super::line::{Line, TARGET};
use crate::history::news::{BreachState, New, RunState, Target};
use crate::history::record::{Body, EventKind, Row, time};
use crate::history::sql::Linked;
use crate::history::{Error, ranges};

/// The numbers that targets have in a file that is written.
#[derive(Debug, Default)]
pub(super) struct Numbers(HashMap<Target, i64>);

impl Numbers {
    /// The lines of something to record, without its snapshot if that was `told` before.
    pub(super) fn lines(&mut self, new: &New, told: bool) -> Result<Vec<Line>, Error> {
        let row = new.row()?;
        let linked = Linked { seq: 0, hash: Vec::new(), row };
        let line = Line { seq: None, hash: None, ..Line::of(&linked, new.target()) };
        Ok(match new {
            New::Seen { targets, .. } => {
                let (mut lines, mut numbers) = (Vec::new(), Vec::new());
                for target in targets {
                    numbers.push(self.number(target, &mut lines));
                }
                lines.push(Line { detail: Some(ranges::format(&mut numbers)), ..line });
                lines
            }
            New::Point { snapshot: Some(json), .. } if !told => {
                let json = json.trim().replace(['\n', '\r'], " ");
                let not_json = |_| Error::TooLarge { what: "a snapshot that is not JSON" };
                let snapshot = Some(RawValue::from_string(json).map_err(not_json)?);
                vec![Line { snapshot, ..line }]
            }
            _ => vec![line],
        })
    }

    /// The number of a target; one that has none gets a line of its own.
    fn number(&mut self, target: &Target, lines: &mut Vec<Line>) -> i64 {
        let next = i64::try_from(self.0.len()).unwrap_or(i64::MAX).saturating_add(1);
        *self.0.entry(target.clone()).or_insert_with(|| {
            let line = Line { kind: TARGET.into(), target: Some(next), ..Line::default() };
            lines.push(line.about(Some(target)));
            next
        })
    }
}

/// The targets of the numbers in a file that is read.
#[derive(Default)]
pub(super) struct Targets(BTreeMap<i64, Target>);

impl Targets {
    /// What a line says, or what is wrong with it; `None` for lines that number targets.
    pub(super) fn news(&mut self, line: Line) -> Result<Option<New>, String> {
        if line.kind == TARGET {
            let (id, target) = line.target.zip(line.named()).ok_or("a target has no name")?;
            self.0.insert(id, target);
            return Ok(None);
        }
        let (row, target) = (line.row()?, line.named());
        let target = || target.ok_or("it is about no target");
        let Row { seen, body, .. } = row;
        let at = time(seen)?;
        let (kind, subject, detail) = match body {
            Body::Point(point) => {
                let snapshot = line.snapshot.map(|json| json.get().to_owned());
                return Ok(Some(New::Point { point: point.point(target()?, seen)?, snapshot }));
            }
            Body::Event { kind, subject, detail } => {
                (kind, subject.unwrap_or_default(), detail.unwrap_or_default())
            }
        };
        let breach = |target, state: fn(String) -> BreachState| {
            let (rule, state) = (subject.clone(), state(detail.clone()));
            New::Breach { target, at, rule, state }
        };
        let run = |state| New::Run { id: subject.clone(), at, state, detail: detail.clone() };
        Ok(Some(match kind {
            EventKind::Seen => New::Seen { at, targets: self.listed(line.detail.as_deref())? },
            EventKind::Gone => New::Gone { target: target()?, at },
            EventKind::Read => {
                let root = subject.parse().map_err(|_| "what was read has no digest")?;
                New::Read { target: target()?, at, root, scope: detail }
            }
            EventKind::Failed => {
                New::Failed { target: target()?, at, kind: subject, message: detail }
            }
            EventKind::Opened => breach(target()?, BreachState::Opened),
            EventKind::Notified => {
                breach(target()?, |detail| BreachState::Notified(BreachState::channels(&detail)))
            }
            EventKind::Cleared => breach(target()?, BreachState::Cleared),
            EventKind::Started => run(RunState::Started),
            EventKind::Ended => run(RunState::Ended),
            EventKind::Abandoned => run(RunState::Abandoned),
            EventKind::Pruned => return Err("no pass says so".to_owned()),
        }))
    }

    /// The targets of these numbers.
    fn listed(&self, text: Option<&str>) -> Result<Vec<Target>, String> {
        let runs = ranges::parse(text.unwrap_or_default()).ok_or("a list of targets is none")?;
        let listed = runs.iter().flat_map(|(first, last)| self.0.range(*first..=*last));
        Ok(listed.map(|(_, target)| target.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::news::{Figures, Point};
    use crate::oci::Digest;

    #[test]
    fn news_come_back_from_their_lines() {
        let at = "2026-11-21T06:00:00.123Z".parse().expect("a time");
        let target = |tag: &str| Target {
            repository: "h/r".into(),
            tag: tag.into(),
            platform: "linux/amd64".into(),
        };
        let word = |text: &str| text.to_owned();
        let rule = word("max-compressed");
        let point = Point {
            target: target("1"),
            seen: at,
            root: Digest::of(b"root"),
            image: Digest::of(b"image"),
            figures: Figures { compressed: 9, content: Some(7), layers: 2, ..Figures::default() },
        };
        let breach = |state| New::Breach { target: target("1"), at, rule: rule.clone(), state };
        let run = |state| New::Run { id: word("id"), at, state, detail: word("a process") };
        let all = [
            run(RunState::Started),
            New::Point { point: point.clone(), snapshot: Some(word("{\"a\": 1}")) },
            New::Point { point, snapshot: None },
            New::Seen { at, targets: vec![target("1"), target("3")] },
            New::Seen { at, targets: vec![target("3"), target("2")] },
            New::Gone { target: target("2"), at },
            New::Read { target: target("2"), at, root: Digest::of(b"r"), scope: word("files") },
            New::Failed { target: target("3"), at, kind: word("network"), message: word("no") },
            breach(BreachState::Opened(word("too much"))),
            breach(BreachState::Notified([word("a \"team\""), word("b")].into())),
            breach(BreachState::Cleared(word("too much"))),
            run(RunState::Ended),
            run(RunState::Abandoned),
        ];
        let (mut numbers, mut targets) = (Numbers::default(), Targets::default());
        for new in all {
            let lines = numbers.lines(&new, false).expect("lines");
            let mut back = Vec::new();
            for line in lines {
                let text = serde_json::to_string(&line).expect("JSON");
                let line = serde_json::from_str(&text).expect("a line");
                back.extend(targets.news(line).expect(&text));
            }
            assert_eq!(back, [new]);
        }
    }
}
