//! Variables in commands that a snippet moves to an earlier step, where they may not be set yet.

use crate::image::Step;
use crate::rule::Facts;

/// A command of one layer's step as it does the same in that of an earlier one: variables of the
/// environment that are set in between stand with their values. `None` if it uses one that is not
/// known, as what the later step itself sets.
pub(super) fn portable(facts: &Facts<'_>, born: usize, used: usize, text: &str) -> Option<String> {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        done.push_str(before);
        let (name, length) = named(after)?;
        match meaning(facts, born, used, name)? {
            Meaning::Same => {
                done.push('$');
                done.push_str(after.get(..length)?);
            }
            Meaning::Value(value) => done.push_str(&value),
        }
        rest = after.get(length..)?;
    }
    done.push_str(rest);
    Some(done)
}

/// The name of a variable after its `$`, and how long the reference is without that.
fn named(text: &str) -> Option<(&str, usize)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (inner, marks) = text.strip_prefix('{').map_or((text, 0), |inner| (inner, 2));
    let end = inner.find(|c| !is_name(c)).unwrap_or(inner.len());
    let (name, after) = inner.split_at(end);
    let is_whole = marks == 0 || after.starts_with('}');
    let is_variable = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (is_whole && is_variable).then_some((name, end + marks))
}

enum Meaning {
    /// The earlier step sees the same.
    Same,
    /// It has this value in the later one alone.
    Value(String),
}

fn meaning(facts: &Facts<'_>, born: usize, used: usize, name: &str) -> Option<Meaning> {
    let step = |layer: usize| facts.image.layers.get(layer)?.step;
    let (born, used) = (step(born)?, step(used)?);
    let steps = facts.image.steps.get(..used)?;
    let last = steps.iter().rposition(|step| sets(step, name));
    match last {
        Some(at) if at > born => {
            let value = value(facts.image.steps.get(at)?, name)?;
            Some(Meaning::Value(value))
        }
        Some(_) => Some(Meaning::Same),
        None if name == "HOME" => Some(Meaning::Same),
        // A base image whose history is not there may have set it.
        None => {
            let is_set = facts.image.runtime.env.contains_key(name);
            let later = facts.image.steps.get(used..)?.iter().any(|step| sets(step, name));
            (is_set && !later).then_some(Meaning::Same)
        }
    }
}

fn sets(step: &Step, name: &str) -> bool {
    assignments(step).any(|(key, _)| key == name)
}

/// The value of a variable, if it is a path that needs no quotes and no other variable.
fn value(step: &Step, name: &str) -> Option<String> {
    let value = assignments(step).filter(|(key, _)| *key == name).last()?.1;
    let value = value.trim_matches('"');
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._+-".contains(&byte);
    (value.starts_with('/') && value.bytes().all(is_plain)).then(|| value.to_owned())
}

/// The names and values of an `ENV`.
fn assignments(step: &Step) -> impl Iterator<Item = (&str, &str)> {
    let text = step.instruction.strip_prefix("ENV ").unwrap_or_default();
    text.split_whitespace().filter_map(|word| word.split_once('='))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::testing::with_facts;

    #[test]
    fn variables_that_are_set_in_between_get_their_values() {
        let image = "ENV OLD=/old\nRUN a\n  x 1\nENV NEW=/opt/new TEXT=\"a\nENV OLDER=\"/opt/older\"\nENV SUB=$NEW/sub\nRUN b\n  y 1\nENV LATE=/late\n";
        let check = |text: &str, expected: Option<&str>| {
            let found = with_facts(image, |facts| portable(facts, 0, 1, text));
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("chmod -R a+rwX ${NEW}/lib $OLD", Some("chmod -R a+rwX /opt/new/lib $OLD"));
        check("rm -rf \"$OLDER\"/x $HOME/y", Some("rm -rf \"/opt/older\"/x $HOME/y"));
        check("rm -rf /x", Some("rm -rf /x"));
        check("rm -rf $SUB/x", None);
        check("rm -rf $TEXT/x", None);
        check("rm -rf $LATE/x", None);
        check("rm -rf $SHELL_ONLY/x", None);
        check("rm -rf ${NEW%x}/x $(ls)", None);
        check("rm -rf $1", None);
        check("a $", None);
    }
}
