//! How a history names limits, and how it says that one is not asked for any more.

use crate::check::{Kind, Measure};
use crate::oci::Digest;

/// What the name of a soft limit ends with.
const SOFT: &str = " (warning)";

/// The words with which a breach ends whose image is not looked at any more.
pub(super) const UNWATCHED: &str = "no longer watched";

/// What stands before the target in the name of a limit of one of several.
const FOR: &str = " for ";

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

/// Whether a limit only warns.
pub(super) fn is_soft(rule: &str) -> bool {
    owner(rule).0.ends_with(SOFT)
}

/// The name without what makes it that of a soft limit, or of one of several targets.
pub(super) fn hard(rule: &str) -> &str {
    let (rule, _) = owner(rule);
    rule.strip_suffix(SOFT).unwrap_or(rule)
}

/// The name of a limit among those of all targets: several may watch one repository, and only one
/// of them is called as it.
pub(super) fn of_target(rule: &str, name: &str, repository: &str) -> String {
    if name == repository { rule.to_owned() } else { format!("{rule}{FOR}{name}") }
}

/// The name of a limit, and that of its target if this is not called as its repository.
pub(super) fn owner(rule: &str) -> (&str, Option<&str>) {
    rule.rsplit_once(FOR).map_or((rule, None), |(rule, name)| (rule, Some(name)))
}

/// Whether a target has set a limit, by the limit's name among those of all targets.
pub fn is_of_target(rule: &str, name: &str, repository: &str) -> bool {
    let own = Some(name).filter(|name| *name != repository);
    owner(rule).1 == own
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
        let (rule, own) = ("max-content", "r.example/app");
        assert_eq!(of_target(rule, own, own), rule);
        let of_other = of_target(&soft(rule), "other", own);
        assert_eq!(of_other, "max-content (warning) for other");
        assert!(is_soft(&of_other) && !is_soft("max-content for other"));
        assert_eq!(hard(&of_other), rule);
        assert!(is_of_target(&of_other, "other", own) && !is_of_target(&of_other, own, own));
        assert!(is_of_target(rule, own, own) && !is_of_target(rule, "other", own));
        for rule in ["max-growth", "max-content", "max-creep.7d", "forbid-path a of b", ""] {
            assert!(!is_of_image(rule), "{rule}");
        }
    }
}
