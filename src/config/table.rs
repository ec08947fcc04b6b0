//! Tables of a TOML document, whose keys and values know where they stand.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Read, Wrong};
use crate::check::{Bound, Kind, Levels};

/// Names that differ in more letters than this are not the one that was meant.
const FARTHEST: usize = 4;

/// A table, and what messages call it.
pub(super) struct Section<'a> {
    table: &'a DeTable<'a>,
    name: String,
    at: Range<usize>,
}

/// A key.
pub(super) struct Name<'a> {
    pub(super) text: &'a str,
    at: Range<usize>,
}

/// A value.
pub(super) struct Found<'a> {
    value: &'a DeValue<'a>,
    at: Range<usize>,
}

/// The one of some names that is most like another.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distances =
        known.into_iter().map(|known| (strsim::damerau_levenshtein(name, known), known));
    let (distance, known) = distances.min()?;
    // Half of a short name is another name.
    (distance <= FARTHEST.min(name.chars().count() / 2)).then_some(known)
}

impl<'a> Section<'a> {
    pub(super) fn new(table: &'a DeTable<'a>, name: &str, at: Range<usize>) -> Self {
        Self { table, name: name.to_owned(), at }
    }

    /// Refuses keys that are not among those known.
    pub(super) fn only(&self, known: &[&str]) -> Read<()> {
        let keys = self.table.keys().map(Name::new);
        let mut unknown: Vec<Name<'_>> = keys.filter(|key| !known.contains(&key.text)).collect();
        unknown.sort_by_key(|key| key.at.start);
        let Some(key) = unknown.first() else { return Ok(()) };
        let hint = match nearest(key.text, known.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("known are {}", known.join(", ")),
        };
        Err(key.wrong(format!("{} has no {:?}: {hint}", self.name, key.text)))
    }

    pub(super) fn get(&self, key: &str) -> Option<Found<'a>> {
        self.table.get(key).map(Found::new)
    }

    /// The entries in the order of the text.
    pub(super) fn entries(&self) -> Vec<(Name<'a>, Found<'a>)> {
        let entries = self.table.iter().map(|(key, value)| (Name::new(key), Found::new(value)));
        let mut entries: Vec<_> = entries.collect();
        entries.sort_by_key(|(key, _)| key.at.start);
        entries
    }

    pub(super) fn wrong(&self, message: String) -> Wrong {
        Wrong { at: self.at.clone(), message }
    }
}

impl<'a> Name<'a> {
    fn new(key: &'a Spanned<std::borrow::Cow<'a, str>>) -> Self {
        Self { text: key.get_ref(), at: key.span() }
    }

    pub(super) fn wrong(&self, message: String) -> Wrong {
        Wrong { at: self.at.clone(), message }
    }
}

impl<'a> Found<'a> {
    fn new(value: &'a Spanned<DeValue<'a>>) -> Self {
        Self { value: value.get_ref(), at: value.span() }
    }

    pub(super) fn wrong(&self, message: String) -> Wrong {
        Wrong { at: self.at.clone(), message }
    }

    pub(super) fn section(&self, name: &str) -> Read<Section<'a>> {
        match self.value {
            DeValue::Table(table) => Ok(Section::new(table, name, self.at.clone())),
            _ => Err(self.wrong(format!("{name} has to be a table"))),
        }
    }

    /// The values of an array.
    pub(super) fn list(&self, wanted: &str) -> Read<Vec<Self>> {
        match self.value {
            DeValue::Array(values) => Ok(values.iter().map(Found::new).collect()),
            _ => Err(self.wrong(format!("{wanted} is expected"))),
        }
    }

    /// A text that is not empty.
    pub(super) fn text(&self, wanted: &str) -> Read<&'a str> {
        match self.value {
            DeValue::String(text) if !text.trim().is_empty() => Ok(text),
            _ => Err(self.wrong(format!("{wanted} is expected, between quotation marks"))),
        }
    }

    pub(super) fn truth(&self) -> Read<bool> {
        match self.value {
            DeValue::Boolean(value) => Ok(*value),
            _ => Err(self.wrong("true or false is expected".to_owned())),
        }
    }

    pub(super) fn number(&self, wanted: &str) -> Read<usize> {
        let number = match self.value {
            DeValue::Integer(_) => self.written().and_then(|text| text.parse().ok()),
            _ => None,
        };
        number.ok_or_else(|| self.wrong(format!("{wanted} is expected")))
    }

    /// A text, number or date as it is written; `None` of anything else.
    fn written(&self) -> Option<String> {
        match self.value {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
            DeValue::Float(number) => Some(number.as_str().to_owned()),
            DeValue::Datetime(date) => Some(date.to_string()),
            _ => None,
        }
    }

    pub(super) fn date(&self) -> Read<jiff::civil::Date> {
        let written = self.written();
        written
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| self.wrong("a date is expected, as in 2027-01-31".to_owned()))
    }

    /// A limit; `None` of a table.
    pub(super) fn bound(&self, kind: Kind) -> Read<Option<Bound>> {
        if matches!(self.value, DeValue::Table(_)) {
            return Ok(None);
        }
        let Some(written) = self.written() else {
            return Err(self.wrong(format!("this is not {}", kind.describe())));
        };
        kind.read(&written).map(Some).map_err(|error| self.wrong(error.to_string()))
    }

    /// A hard limit, or a table of a soft and a hard one.
    pub(super) fn levels(&self, kind: Kind) -> Read<Levels<Bound>> {
        if let Some(bound) = self.bound(kind)? {
            return Ok(Levels::hard(bound));
        }
        let section = self.section("a limit")?;
        section.only(&["warn", "fail"])?;
        let level = |name: &str| match section.get(name) {
            Some(found) => found.bound(kind)?.map_or_else(
                || Err(found.wrong(format!("this is not {}", kind.describe()))),
                |bound| Ok(Some(bound)),
            ),
            None => Ok(None),
        };
        let levels = Levels { warn: level("warn")?, fail: level("fail")? };
        if levels.warn.is_none() && levels.fail.is_none() {
            return Err(self.wrong("a limit is expected: warn, fail or both".to_owned()));
        }
        Ok(levels)
    }

    /// A list of texts, or a table of those that warn and those that fail; each with whether it is
    /// soft.
    pub(super) fn forbidden(&self, wanted: &str) -> Read<Vec<(Self, bool)>> {
        let DeValue::Table(_) = self.value else {
            let list = self.list(wanted)?;
            return Ok(list.into_iter().map(|found| (found, false)).collect());
        };
        let section = self.section("a list of what is forbidden")?;
        section.only(&["warn", "fail"])?;
        let mut all = Vec::new();
        for (name, found) in section.entries() {
            let soft = name.text == "warn";
            all.extend(found.list(wanted)?.into_iter().map(|found| (found, soft)));
        }
        Ok(all)
    }
}
