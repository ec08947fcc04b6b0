//! Why an image differs from another, in sentences.

use crate::compare::compare;
use crate::size::Units;
use crate::snapshot::Snapshot;

/// The causes of a difference, the largest first and `most` of them, each with its bytes.
pub fn explain(old: &Snapshot, new: &Snapshot, most: usize) -> Vec<String> {
    let compared = compare(old, new);
    let (leading, others) = compared.leading(most);
    let told = leading.iter().map(|cause| (cause.text.to_string(), cause.change));
    let others = others.map(|(count, change)| {
        (
            if count == 1 { "1 other cause".to_owned() } else { format!("{count} other causes") },
            change,
        )
    });
    let sentence = |(text, change): (String, crate::compare::Change)| {
        let (bytes, of) = match change.content {
            Some(content) => (content, "content"),
            None => (change.compressed, "compressed"),
        };
        let sign = if bytes < 0 { "-" } else { "+" };
        format!("{text} ({sign}{} {of})", Units::Decimal.format(bytes.unsigned_abs()))
    };
    told.chain(others).map(sentence).collect()
}
