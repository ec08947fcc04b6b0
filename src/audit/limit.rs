//! How a history names limits, and how it says that one is not asked for any more.

use crate::check::{Kind, Measure};
use crate::oci::Digest;

/// What the name of a soft limit ends with.
const SOFT: &str = " (warning)";

/// The words with which a breach ends whose image is not looked at any more.
pub const UNWATCHED: &str = "no longer watched";

/// What stands before the image in the name of a limit of one image alone.
const OF: &str = " of ";

/// The name of a limit of what an image is beside the one before it: each image has its own.
pub(super) fn of_image(rule: &str, image: &Digest) -> String {
    format!("{rule}{OF}{}", image.short())
}

/// Whether a limit is of one image alone, so that it is over with the next one.
pub(super) fn is_of_image(rule: &str) -> bool {
    hard(rule).split_once(OF).is_some_and(|(id, _)| is_growth(id))
}

/// Whether a limit is of growth from one image to the next, by its name in settings.
pub(super) fn is_growth(id: &str) -> bool {
    let measure = id.rsplit('.').next().and_then(Measure::named);
    measure.is_some_and(|measure| measure.kind() == Kind::Growth)
}

/// The name of the soft limit beside a hard one.
pub(super) fn soft(rule: &str) -> String {
    format!("{rule}{SOFT}")
}

/// The name without what makes it that of a soft limit.
pub(super) fn hard(rule: &str) -> &str {
    rule.strip_suffix(SOFT).unwrap_or(rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_growth_are_of_one_image() {
        let image = Digest::of(b"image");
        for name in ["max-growth", "component.fsl.max-content-growth"] {
            let rule = of_image(name, &image);
            assert!(is_of_image(&rule) && is_of_image(&soft(&rule)), "{rule}");
            assert_eq!(hard(&soft(&rule)), rule);
        }
        for rule in ["max-growth", "max-content", "max-creep.7d", "forbid-path a of b", ""] {
            assert!(!is_of_image(rule), "{rule}");
        }
    }
}
