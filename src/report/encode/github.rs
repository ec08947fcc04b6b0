//! The encoder for workflow commands of GitHub: one line, in which no other command can begin.

use super::{Symbols, Untrusted, printable};

/// Encodes `text` as the message of a command.
pub(in crate::report) fn github_message(text: &Untrusted) -> String {
    let shown = printable(text, Symbols::Unicode);
    shown.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Encodes `text` as a property of a command, as its title.
pub(in crate::report) fn github_property(text: &Untrusted) -> String {
    github_message(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::HOSTILE;
    use super::*;

    #[test]
    fn texts_stay_in_their_place() {
        let message = |text: &str| github_message(&Untrusted::new(text));
        let property = |text: &str| github_property(&Untrusted::new(text));
        assert_eq!(message("100 % of a: b, c"), "100 %25 of a: b, c");
        assert_eq!(property("100 % of a: b, c"), "100 %25 of a%3A b%2C c");
        for text in HOSTILE {
            assert!(!message(text).contains(['\r', '\n']), "{text:?}");
            assert!(!property(text).contains(['\r', '\n', ':', ',']), "{text:?}");
        }
    }
}
