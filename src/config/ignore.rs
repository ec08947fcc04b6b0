//! Section `ignore`: what does not count, why and until when.

use jiff::civil::Date;

use super::budget::{no_ecosystem, not_a_pattern};
use super::table::{Found, Section};
use super::{Read, rules_of, unknown_rule};
use crate::check::{Ignore, Ignored, is_pattern, unknown_ecosystem};

const SUBJECTS: [&str; 4] = ["finding", "rule", "path", "package"];

pub(super) fn read(found: &Found<'_>, today: Date) -> Read<Vec<Ignore>> {
    let list = found.list("a list of tables, each under [[ignore]],")?;
    list.iter().map(|found| ignore(found, today)).collect()
}

fn ignore(found: &Found<'_>, today: Date) -> Read<Ignore> {
    let section = found.section("an entry of ignore")?;
    section.only(&[&SUBJECTS[..], &["reason", "until"]].concat())?;
    let what = subject(&section)?;
    let missing = || "an entry of ignore needs a reason".to_owned();
    let reason = section.get("reason").ok_or_else(|| section.wrong(missing()))?;
    let reason = reason.text("a reason")?.to_owned();
    let until = section.get("until").map(|found| expiry(&found, today)).transpose()?;
    Ok(Ignore { what, reason, until })
}

fn subject(section: &Section<'_>) -> Read<Ignored> {
    let mut subjects = section.entries();
    subjects.retain(|(name, _)| SUBJECTS.contains(&name.text));
    let [(name, found)] = &subjects[..] else {
        let message = format!("an entry of ignore is about one of {}", SUBJECTS.join(", "));
        return Err(section.wrong(message));
    };
    let text = found.text("a name or pattern")?.to_owned();
    match name.text {
        "finding" => Ok(Ignored::Finding(text)),
        "rule" if rules_of(&text).is_none() => Err(found.wrong(unknown_rule(&text))),
        "rule" => Ok(Ignored::Rule(text)),
        "path" if !is_pattern(&text) => Err(found.wrong(not_a_pattern(&text))),
        "path" => Ok(Ignored::Path(text)),
        _ => match unknown_ecosystem(&text) {
            Some(name) => Err(found.wrong(no_ecosystem(name))),
            None => Ok(Ignored::Package(text)),
        },
    }
}

fn expiry(found: &Found<'_>, today: Date) -> Read<String> {
    let until = found.date()?;
    if until < today {
        let message = format!("this entry of ignore expired on {until}: renew it or remove it");
        return Err(found.wrong(message));
    }
    Ok(until.to_string())
}
