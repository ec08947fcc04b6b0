//! Section `audit`: what is watched, and who is told.

mod notify;
mod target;
#[cfg(test)]
mod tests;

use super::table::Section;
use super::{Config, ConfigError, Names, Read, document, sections};
use crate::audit::{StorePlace, Watchlist};
use crate::history::Place;

const KEYS: [&str; 7] =
    ["target", "notify", "store", "store-file", "schedule", "time-zone", "spread"];

/// Reads the file of settings with what is watched.
pub fn read_watchlist(
    text: &str,
    names: &Names<'_>,
    today: jiff::civil::Date,
) -> Result<(Config, Watchlist), ConfigError> {
    let read = || {
        let config = sections(text, names, today)?;
        let parsed = document(text)?;
        let all = Section::new(parsed.get_ref(), "a file of settings", 0..0);
        let found = all.get("audit").ok_or_else(|| {
            all.wrong("there is no section [audit], so nothing is watched".to_owned())
        })?;
        let watched = watchlist(&found.section("audit")?, names, &config)?;
        Ok((config, watched))
    };
    read().map_err(|wrong: super::Wrong| wrong.place_in(text))
}

fn watchlist(section: &Section<'_>, names: &Names<'_>, config: &Config) -> Read<Watchlist> {
    section.only(&KEYS)?;
    let channels = notify::channels(section)?;
    let found = section.get("target").ok_or_else(|| {
        section.wrong("nothing is watched: name a repository under [[audit.target]]".to_owned())
    })?;
    let around = target::Around { section, names, config, channels: &channels };
    let targets = target::targets(&found, &around)?;
    Ok(Watchlist { store: store(section)?, targets, channels })
}

fn store(section: &Section<'_>) -> Read<Option<StorePlace>> {
    match (section.get("store"), section.get("store-file")) {
        (None, None) => Ok(None),
        (None, Some(found)) => Ok(Some(StorePlace::File(found.text("the name of a file")?.into()))),
        (Some(_), Some(found)) => {
            Err(found.wrong("the history is in one place: store or store-file".to_owned()))
        }
        (Some(found), None) => {
            let text = found.text("a file or a postgres:// address")?;
            let place: Place = text.parse().map_err(|error| found.wrong(format!("{error}")))?;
            if place.has_password() {
                let message = "a password in this file is seen by all who read it: put the address \
                               into the variable REGSIZE_STORE, or into a file that store-file names";
                return Err(found.wrong(message.to_owned()));
            }
            Ok(Some(StorePlace::Named(text.to_owned())))
        }
    }
}
