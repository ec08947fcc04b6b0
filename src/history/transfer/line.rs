//! A row as a file has it: names instead of numbers, digests and hashes as text.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::history::news::Target;
use crate::history::record::{
    Body, EventKind, PointBody, Row, clean, digest_bytes, digest_of, time,
};
use crate::history::sql::Linked;
use crate::oci::Digest;

/// The schema of an export.
pub(super) const SCHEMA: &str = "regsize.history/1";
/// The kind of the first line, whose subject is the schema.
pub(super) const HEADER: &str = "history";
/// The kind of lines that number targets.
pub(super) const TARGET: &str = "target";
/// The kind of points.
const POINT: &str = "point";

/// One line of an export, or one row of its columns.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Line {
    /// `point`, the name of an event, `target` or `history`.
    pub(super) kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seq: Option<i64>,
    /// When, as RFC 3339 has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seen: Option<String>,
    /// The number by which events list targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) repository: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) platform: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) root: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) compressed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) uncompressed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) visible: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shadowed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) layers: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) snapshot: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hash: Option<String>,
    /// The row is not what was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) damaged: Option<bool>,
}

impl Line {
    pub(super) fn of(linked: &Linked, target: Option<&Target>) -> Self {
        let digest = |bytes: &[u8]| {
            Some(digest_of(bytes).map_or_else(|_| hex::encode(bytes), |digest| digest.to_string()))
        };
        let line = Self {
            seq: Some(linked.seq),
            seen: time(linked.row.seen).ok().map(|time| time.to_string()),
            target: linked.row.target,
            hash: Some(hex::encode(&linked.hash)),
            ..Self::default()
        };
        let line = match &linked.row.body {
            Body::Point(point) => Self {
                kind: POINT.to_owned(),
                root: digest(&point.root),
                image: digest(&point.image),
                compressed: Some(point.compressed),
                uncompressed: point.uncompressed,
                content: point.content,
                visible: point.visible,
                shadowed: point.shadowed,
                layers: Some(point.layers),
                ..line
            },
            Body::Event { kind, subject, detail } => Self {
                kind: kind.name().to_owned(),
                subject: subject.clone(),
                detail: detail.clone(),
                ..line
            },
        };
        line.about(target)
    }

    /// The line with the names of its target.
    pub(super) fn about(self, target: Option<&Target>) -> Self {
        let Some(Target { repository, tag, platform }) = target.cloned() else { return self };
        Self { repository: Some(repository), tag: Some(tag), platform: Some(platform), ..self }
    }

    /// The target that the line names.
    pub(super) fn named(&self) -> Option<Target> {
        Some(Target {
            repository: self.repository.clone()?,
            tag: self.tag.clone()?,
            platform: self.platform.clone()?,
        })
    }

    /// The row without its target's number, or what is wrong with the line.
    pub(super) fn row(&self) -> Result<Row, String> {
        let seen = self.seen.as_deref().ok_or("it has no time")?;
        let seen: jiff::Timestamp = seen.parse().map_err(|_| format!("{seen:?} is no time"))?;
        let body = if self.kind == POINT {
            Body::Point(self.point()?)
        } else {
            let kind = EventKind::named(&self.kind)
                .ok_or_else(|| format!("{:?} is no kind of row", clean(&self.kind)))?;
            let text = |text: &Option<String>| text.as_deref().map(clean);
            // Numbers of targets are told anew.
            let detail = if kind == EventKind::Seen { None } else { text(&self.detail) };
            Body::Event { kind, subject: text(&self.subject), detail }
        };
        Ok(Row { target: None, seen: seen.as_millisecond(), body })
    }

    fn point(&self) -> Result<PointBody, String> {
        let digest = |text: &Option<String>| {
            let text = text.as_deref().ok_or("it has no digest")?;
            let digest: Digest =
                text.parse().map_err(|error: crate::oci::DigestError| error.to_string())?;
            Ok::<_, String>(digest_bytes(&digest))
        };
        let amounts = [
            self.compressed,
            self.uncompressed,
            self.content,
            self.visible,
            self.shadowed,
            self.layers,
        ];
        if amounts.iter().flatten().any(|amount| *amount < 0) {
            return Err("a number is negative".to_owned());
        }
        Ok(PointBody {
            root: digest(&self.root)?,
            image: digest(&self.image)?,
            compressed: self.compressed.ok_or("it has no compressed size")?,
            uncompressed: self.uncompressed,
            content: self.content,
            visible: self.visible,
            shadowed: self.shadowed,
            layers: self.layers.ok_or("it has no number of layers")?,
            snapshot: None,
        })
    }
}
