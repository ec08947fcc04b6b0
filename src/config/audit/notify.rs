//! Tables `audit.notify.NAME`: who is told of limits that are exceeded.

use std::collections::BTreeMap;

use crate::audit::{Address, Channel};
use crate::config::Read;
use crate::config::table::{Found, Section};

const KEYS: [&str; 4] = ["webhook-env", "webhook-file", "exec", "github-summary"];

/// Words that people write for the address itself.
const ADDRESSES: [&str; 3] = ["webhook", "url", "webhook-url"];

pub(super) fn channels(section: &Section<'_>) -> Read<BTreeMap<String, Channel>> {
    let Some(found) = section.get("notify") else { return Ok(BTreeMap::new()) };
    let section = found.section("audit.notify")?;
    let mut channels = BTreeMap::new();
    for (name, found) in section.entries() {
        let section = found.section(&format!("audit.notify.{}", name.text))?;
        channels.insert(name.text.to_owned(), channel(&section)?);
    }
    Ok(channels)
}

fn channel(section: &Section<'_>) -> Read<Channel> {
    if let Some(found) = ADDRESSES.iter().find_map(|key| section.get(key)) {
        return Err(found.wrong(not_here()));
    }
    section.only(&KEYS)?;
    let entries = section.entries();
    let [(name, found)] = &entries[..] else {
        let message = format!("one of {} is expected here", KEYS.join(", "));
        return Err(section.wrong(message));
    };
    match name.text {
        "webhook-env" => Ok(Channel::Webhook(Address::Variable(variable(found)?))),
        "webhook-file" => {
            let path = found.text("the name of a file")?;
            let path = if is_address(path) { Err(found.wrong(not_here())) } else { Ok(path) };
            Ok(Channel::Webhook(Address::File(path?.into())))
        }
        "exec" => Ok(Channel::Exec(command(found)?)),
        _ if found.truth()? => Ok(Channel::GithubSummary),
        _ => Err(found.wrong("true is expected: without it, leave the table out".to_owned())),
    }
}

/// The name of a variable of the environment.
fn variable(found: &Found<'_>) -> Read<String> {
    let name = found.text("the name of a variable of the environment")?;
    if is_address(name) {
        return Err(found.wrong(not_here()));
    }
    let is_name = !name.contains('=') && !name.contains(char::is_whitespace);
    if is_name { Ok(name.to_owned()) } else { Err(found.wrong(format!("{name:?} is no variable"))) }
}

fn command(found: &Found<'_>) -> Read<Vec<String>> {
    let wanted = "a list of a program and its arguments";
    let words = found.list(wanted)?;
    if words.is_empty() {
        return Err(found.wrong(format!("{wanted} is expected")));
    }
    words.iter().map(|word| word.text("a program or an argument").map(str::to_owned)).collect()
}

fn is_address(text: &str) -> bool {
    text.contains("://")
}

fn not_here() -> String {
    "the address of a webhook is a secret and does not stand in this file: name the variable that \
     holds it, webhook-env = \"SLACK_WEBHOOK\", or the file, webhook-file = \"/run/secrets/slack\""
        .to_owned()
}
