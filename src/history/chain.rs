//! The chain: each row's hash covers its content and the hash of the row before it.
//!
//! Every field has its length in front of it, so that no two rows hash the same bytes. A target's
//! names are hashed with its rows, so that a renamed target breaks them.

use sha2::{Digest as _, Sha256};

use super::news::Target;
use super::record::{Body, Row};

/// A hash of the chain.
pub(super) type Hash = [u8; 32];

/// What stands before the first row.
pub(super) fn genesis() -> Hash {
    Sha256::digest(b"regsize history 1").into()
}

/// The hash of the row that follows the one with hash `before`.
pub(super) fn link(before: &[u8], seq: i64, target: Option<&Target>, row: &Row) -> Hash {
    let mut fields = Fields(Sha256::new());
    fields.bytes(before);
    fields.number(seq);
    fields.number(row.seen);
    let names = target.map(|Target { repository, tag, platform }| [repository, tag, platform]);
    fields.optional(row.target.is_some().then_some(&[][..]));
    for index in 0..3 {
        fields.optional(names.map(|names| names[index].as_bytes()));
    }
    match &row.body {
        Body::Point(point) => {
            fields.bytes(b"point");
            fields.bytes(&point.root);
            fields.bytes(&point.image);
            fields.number(point.compressed);
            for amount in [point.uncompressed, point.content, point.visible, point.shadowed] {
                fields.optional(amount.map(i64::to_be_bytes).as_ref().map(<[u8; 8]>::as_slice));
            }
            fields.number(point.layers);
            fields.optional(point.snapshot.as_deref());
        }
        Body::Event { kind, subject, detail } => {
            fields.bytes(kind.name().as_bytes());
            fields.optional(subject.as_deref().map(str::as_bytes));
            fields.optional(detail.as_deref().map(str::as_bytes));
        }
    }
    fields.0.finalize().into()
}

struct Fields(Sha256);

impl Fields {
    fn number(&mut self, number: i64) {
        self.0.update(number.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.update(bytes);
    }

    fn optional(&mut self, bytes: Option<&[u8]>) {
        self.0.update([u8::from(bytes.is_some())]);
        if let Some(bytes) = bytes {
            self.bytes(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::record::{EventKind, PointBody};

    #[test]
    fn every_field_changes_the_hash() {
        let target = Target { repository: "a".into(), tag: "b".into(), platform: "c".into() };
        let body = PointBody {
            root: vec![1; 32],
            image: vec![2; 32],
            compressed: 3,
            uncompressed: Some(4),
            content: None,
            visible: Some(6),
            shadowed: Some(7),
            layers: 8,
            snapshot: Some(vec![9; 32]),
        };
        let row = |body| Row { target: Some(1), seen: 10, body: Body::Point(body) };
        let event = |subject: Option<&str>, detail: Option<&str>| {
            Row::event_at(EventKind::Failed, Some(1), 10, subject, detail)
        };
        let rows = [
            row(body.clone()),
            row(PointBody { root: vec![0; 32], ..body.clone() }),
            row(PointBody { compressed: 0, ..body.clone() }),
            row(PointBody { uncompressed: None, content: Some(4), ..body.clone() }),
            row(PointBody { layers: 0, ..body.clone() }),
            row(PointBody { snapshot: None, ..body }),
            event(None, None),
            event(Some("ab"), Some("c")),
            event(Some("a"), Some("bc")),
            Row::event_at(EventKind::Gone, Some(1), 10, None, None),
            Row::event_at(EventKind::Gone, Some(1), 11, None, None),
            Row::event_at(EventKind::Gone, None, 10, None, None),
        ];
        let mut hashes: Vec<Hash> =
            rows.iter().map(|row| link(&genesis(), 1, Some(&target), row)).collect();
        let renamed = Target { tag: "x".into(), ..target.clone() };
        hashes.push(link(&genesis(), 1, Some(&renamed), &rows[0]));
        hashes.push(link(&genesis(), 2, Some(&target), &rows[0]));
        hashes.push(link(&hashes[0].clone(), 1, Some(&target), &rows[0]));
        let count = hashes.len();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), count);
    }
}
