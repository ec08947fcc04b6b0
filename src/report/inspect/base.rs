//! The line about the base image: what it is, where it ends and how both are known.

use crate::image::Base;
use crate::report::document::{Piece, Style, Text};

/// Describes the base image.
pub(super) fn describe(base: Option<&Base>) -> Text {
    let Some(base) = base else {
        return Text::from("no evidence of a base image").styled(Style::Dim);
    };
    let name = name(base);
    let named = match base.layers {
        Some(count) => Text::count(count, "layer", "layers").with(" of ").with(name),
        None => name.with(", but which layers are its is unknown"),
    };
    let confirmed = if base.confirmed {
        Text::from("confirmed").styled(Style::Good)
    } else {
        Text::from("not confirmed").styled(Style::Warn)
    };
    named.with(" (").with(base.evidence.describe()).with(", ").with(confirmed).with(")")
}

fn name(base: &Base) -> Text {
    let digest = base.digest.clone().map(Piece::ShortDigest).map(Text::from);
    match (&base.name, digest) {
        (Some(name), Some(digest)) => Text::name(&**name).with("@").with(digest),
        (Some(name), None) => Text::name(&**name),
        (None, Some(digest)) => digest,
        (None, None) => "an image without a name".into(),
    }
}
