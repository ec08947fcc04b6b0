//! How a history names limits, and how it says that one is not asked for any more.

/// What the name of a soft limit ends with.
const SOFT: &str = " (warning)";

/// The words with which a breach ends whose image is not looked at any more.
pub const UNWATCHED: &str = "no longer watched";

/// The name of the soft limit beside a hard one.
pub(super) fn soft(rule: &str) -> String {
    format!("{rule}{SOFT}")
}

/// The name without what makes it that of a soft limit.
pub(super) fn hard(rule: &str) -> &str {
    rule.strip_suffix(SOFT).unwrap_or(rule)
}
