//! What entries cost of a blob, from where their payloads start.
//!
//! The bytes from one payload to the next are the first one's: they hold its content and the tar
//! headers that follow it.

use super::rows::Piece;
use crate::layer::TocBuilder;

/// Charges the bytes before `end` to entries; `pieces` are sorted by offset.
pub(super) fn charge(builder: &mut TocBuilder, pieces: &[Piece], end: u64) {
    let mut start = 0;
    let mut groups = pieces.chunk_by(|a, b| a.offset == b.offset).peekable();
    while let Some(group) = groups.next() {
        let stop = groups.peek().map_or(end, |next| next[0].offset);
        share(builder, group, stop.saturating_sub(start));
        start = stop;
    }
}

/// Splits bytes over entries in proportion to their pieces, without losing one.
fn share(builder: &mut TocBuilder, group: &[Piece], bytes: u64) {
    let total: u128 = group.iter().map(|piece| u128::from(piece.weight)).sum();
    let (mut weight, mut charged) = (0_u128, 0_u64);
    for (at, piece) in group.iter().enumerate() {
        weight += u128::from(piece.weight);
        let due = if total == 0 || at + 1 == group.len() {
            bytes
        } else {
            u64::try_from(u128::from(bytes) * weight / total).unwrap_or(bytes)
        };
        builder.entry(piece.entry).compressed += due - charged;
        charged = due;
    }
}
