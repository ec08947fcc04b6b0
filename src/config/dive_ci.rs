//! dive's file of rules, `.dive-ci`: the part of YAML that such files are written in.
//!
//! `rules:` with one name and value a line below it. Values are as dive reads them. Names that
//! dive does not know, which it leaves out, and YAML that goes beyond this are refused with their
//! line, because a rule must not be lost.

use std::ops::Range;

use super::{ConfigError, Read, Wrong, nearest};
use crate::check::DiveRules;
use crate::size;

const NAMES: [&str; 3] = ["lowestEfficiency", "highestWastedBytes", "highestUserWastedPercent"];

/// Reads dive's file of rules; those that it does not set are dive's own.
pub fn read_dive_ci(text: &str) -> Result<DiveRules, ConfigError> {
    rules(text).map_err(|wrong| wrong.place_in(text))
}

/// One line `name: value`.
struct Line<'a> {
    indent: usize,
    name: &'a str,
    value: String,
    at: Range<usize>,
}

fn rules(text: &str) -> Read<DiveRules> {
    let mut found = DiveRules::default();
    let (mut inside, mut indent) = (false, None);
    for line in lines(text)? {
        if line.indent == 0 {
            inside = line.name.eq_ignore_ascii_case("rules");
            indent = None;
            if inside && !matches!(line.value.as_str(), "" | "null" | "~") {
                return Err(wrong(&line, "the rules have to stand below, one a line"));
            }
            if !inside {
                return Err(unknown(&line, "section", &["rules"]));
            }
            continue;
        }
        if !inside {
            return Err(wrong(&line, "a rule has to stand below rules:"));
        }
        if *indent.get_or_insert(line.indent) != line.indent {
            return Err(wrong(&line, "this is not indented as the rule before it"));
        }
        set(&mut found, &line)?;
    }
    Ok(found)
}

fn set(rules: &mut DiveRules, line: &Line<'_>) -> Read<()> {
    let value = line.value.as_str();
    let off = ["", "disabled", "off", "false", "null", "~"].contains(&value);
    let number = || ratio(value).ok_or_else(|| wrong(line, "a ratio from 0 to 1 is expected"));
    match line.name.to_ascii_lowercase().as_str() {
        "lowestefficiency" => rules.lowest_efficiency = (!off).then(number).transpose()?,
        "highestuserwastedpercent" => {
            rules.highest_user_wasted_percent = (!off).then(number).transpose()?;
        }
        "highestwastedbytes" => {
            let bytes =
                || bytes(value).ok_or_else(|| wrong(line, "a size is expected, as in 20MB"));
            rules.highest_wasted_bytes = (!off).then(bytes).transpose()?;
        }
        _ => return Err(unknown(line, "rule", &NAMES)),
    }
    Ok(())
}

fn ratio(text: &str) -> Option<f64> {
    text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio))
}

/// A size as dive takes it: with commas, and `Ki` for `KiB`.
fn bytes(text: &str) -> Option<u64> {
    let text = text.replace(',', "");
    let binary = text.ends_with(['i', 'I']);
    size::parse(&if binary { format!("{text}B") } else { text }).ok()
}

fn lines(text: &str) -> Read<Vec<Line<'_>>> {
    let mut lines = Vec::new();
    let mut start = 0;
    for whole in text.split('\n') {
        let at = start..start + whole.len();
        start = at.end + 1;
        let line = whole.trim_end();
        let content = line.trim_start_matches([' ', '\u{feff}']);
        if content.is_empty() || content.starts_with('#') || matches!(content, "---" | "...") {
            continue;
        }
        let indent = line.len() - content.len();
        let at = at.start + indent..at.end;
        let no = |message: &str| Wrong { at: at.clone(), message: message.to_owned() };
        let (name, value) = content.split_once(':').ok_or_else(|| {
            no("a name, a colon and a value are expected, as in lowestEfficiency: 0.9")
        })?;
        let strange = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-' | '.' | ' ');
        let name = name.trim_end().trim_matches(['"', '\'']);
        if name.starts_with(['-', ' ']) || name.contains(strange) {
            return Err(no("a name, a colon and a value are expected"));
        }
        if !value.is_empty() && !value.starts_with(' ') {
            return Err(no("a space is expected after the colon"));
        }
        let value = scalar(value).ok_or_else(|| no("this is not a plain or quoted value"))?;
        lines.push(Line { indent, name, value, at });
    }
    Ok(lines)
}

/// A value without its quotation marks and the comment after it; `None` of anything but a scalar.
fn scalar(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some(quote) = text.chars().next().filter(|first| matches!(first, '"' | '\'')) {
        let (value, rest) = text.get(1..)?.split_once(quote)?;
        let rest = rest.trim_start();
        let plain = !value.contains('\\') && (rest.is_empty() || rest.starts_with('#'));
        return plain.then(|| value.to_owned());
    }
    let value = if text.starts_with('#') { "" } else { text.split(" #").next().unwrap_or(text) };
    let special = ['[', '{', '&', '*', '!', '|', '>', '%', '@', '`'];
    (!value.starts_with(special)).then(|| value.trim_end().to_owned())
}

fn unknown(line: &Line<'_>, what: &str, known: &[&str]) -> Wrong {
    let hint = nearest(line.name, known.iter().copied()).map_or_else(
        || format!("known are {}", known.join(", ")),
        |near| format!("did you mean {near}?"),
    );
    Wrong { at: line.at.clone(), message: format!("there is no {what} {:?}: {hint}", line.name) }
}

fn wrong(line: &Line<'_>, message: &str) -> Wrong {
    Wrong { at: line.at.clone(), message: format!("{}: {message}", line.name) }
}
