//! Section `audit`: what is watched, and who is told.

mod notify;
mod target;
#[cfg(test)]
mod tests;

use super::table::Section;
use super::{Config, Names, Read};
use crate::audit::{StorePlace, Watchlist};
use crate::history::Place;

const KEYS: [&str; 7] =
    ["target", "notify", "store", "store-file", "schedule", "time-zone", "spread"];

pub(super) fn watchlist(
    section: &Section<'_>,
    names: &Names<'_>,
    config: &Config,
) -> Read<Watchlist> {
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
