//! What is watched: the file of settings, and where its history is.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::super::args::{PlaceArgs, StoreArgs};
use super::super::environment;
use super::super::progress::line;
use super::super::settings::{config, default_file, wrong};
use crate::audit::{StorePlace, Target, Watchlist};
use crate::component::Knowledge;
use crate::config::{Config, nearest};
use crate::history::Place;
use crate::registry::{Error, ErrorKind};

/// What a file of settings says.
pub(super) struct Setup {
    pub(super) config: Config,
    pub(super) watchlist: Watchlist,
    /// Where the file is: names of files in it are meant from there.
    directory: PathBuf,
}

/// Reads a file of settings.
pub(super) fn read(path: &Path, now: Timestamp) -> Result<Setup, Error> {
    let begin = "write one: regsize audit init regsize.toml --target REPOSITORY";
    let today = now.to_zoned(TimeZone::UTC).date();
    let mut config = config(Some(path), &Knowledge::default(), today).map_err(|error| {
        if error.kind() == ErrorKind::Local { error.hint(begin) } else { error }
    })?;
    let watchlist = config.watched.take().ok_or_else(|| {
        let text = "there is no section [audit], so nothing is watched";
        wrong(path, &text).hint(begin)
    })?;
    Ok(Setup { config, watchlist, directory: directory_of(path) })
}

/// What a file of settings says beside a history; nothing without one. One that was not named, and
/// does not say where the history is, either, may be anybody's: what is wrong with it is only told.
pub(super) fn beside(args: &PlaceArgs) -> Result<Config, Error> {
    let Some(path) = args.config.clone().or_else(default_file) else {
        return Ok(Config::default());
    };
    // Exemptions do not matter here, so none is over.
    match config(Some(&path), &Knowledge::default(), Date::MIN) {
        Err(error) if args.config.is_none() && is_given(&args.store) => {
            line(&format!("note: {error}; nothing is taken from it"));
            Ok(Config::default())
        }
        result => result,
    }
}

/// Where the history is: as the command line or the variable says, or else the file of settings.
pub(super) fn place(args: &PlaceArgs) -> Result<Place, Error> {
    // A file that is named has to be right, whatever it is needed for.
    if args.config.is_none() && is_given(&args.store) {
        return environment::store(&args.store);
    }
    let file = args.config.clone().or_else(default_file);
    match (beside(args)?.watched, file) {
        (Some(watchlist), Some(path)) => place_of(&args.store, &watchlist, &directory_of(&path)),
        _ => environment::store(&args.store),
    }
}

fn place_of(args: &StoreArgs, watchlist: &Watchlist, directory: &Path) -> Result<Place, Error> {
    let named = watchlist.store.as_ref().filter(|_| !is_given(args));
    let args = match named {
        None => args.clone(),
        Some(StorePlace::File(path)) => {
            StoreArgs { store: None, store_file: Some(directory.join(path)) }
        }
        Some(StorePlace::Named(text)) if text.contains(':') => {
            StoreArgs { store: Some(text.clone()), store_file: None }
        }
        Some(StorePlace::Named(text)) => return Ok(Place::file(directory.join(text))),
    };
    environment::store(&args)
}

fn is_given(args: &StoreArgs) -> bool {
    args.store.is_some() || args.store_file.is_some() || environment::names_store()
}

/// The directory from where a file of settings names others.
fn directory_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).to_owned()
}

impl Setup {
    /// Where the history is: as the command line or the variable says, or else the file.
    pub(super) fn place(&self, args: &StoreArgs) -> Result<Place, Error> {
        place_of(args, &self.watchlist, &self.directory)
    }

    /// The targets of these names; without names, all.
    pub(super) fn targets(&self, only: &[String]) -> Result<Vec<&Target>, Error> {
        let targets = &self.watchlist.targets;
        let names = || targets.iter().map(|target| target.name.as_str());
        if let Some(unknown) = only.iter().find(|only| !names().any(|name| name == *only)) {
            let error = Error::new(ErrorKind::Usage, format!("there is no target {unknown:?}"));
            return Err(match nearest(unknown, names()) {
                Some(near) => error.hint(format!("did you mean {near}?")),
                None => error.hint("see `regsize audit check-config` for their names"),
            });
        }
        let is_meant = |target: &&Target| only.is_empty() || only.contains(&target.name);
        Ok(targets.iter().filter(is_meant).collect())
    }

    /// A file that the settings name.
    pub(super) fn file(&self, path: &Path) -> PathBuf {
        self.directory.join(path)
    }
}
