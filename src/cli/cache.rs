//! `regsize cache`: what is kept between runs, and removing it.

use std::io::Write;
use std::time::Duration;

use super::args::{CacheCommand, Cli, OutputFormat};
use super::exit::Exit;
use super::progress::line;
use super::run::{format, terminal_options};
use super::{complain, environment, write_report};
use crate::cache::{Cache, Removed, Usage};
use crate::registry::{Error, ErrorKind};
use crate::report::{Failure, render_cache, write_cache_failure};

const DAY: Duration = Duration::from_hours(24);

pub(super) fn run(cli: &Cli, command: &CacheCommand) -> Exit {
    let json = cli.output.format == OutputFormat::Json;
    let (written, exit) = match carry_out(cli, command) {
        Ok((usage, removed)) => {
            let (format, options) = (format(&cli.output), terminal_options(&cli.output));
            let render = |out: &mut dyn Write| render_cache(&usage, removed, format, &options, out);
            (write_report(render), Exit::Fine)
        }
        Err(error) => {
            complain(&error);
            let render = |out: &mut dyn Write| {
                if json { write_cache_failure(&Failure::from(&error), out) } else { Ok(()) }
            };
            (write_report(render), Exit::Unknown)
        }
    };
    if written == Exit::Fine { exit } else { written }
}

/// Says after a run what the cache did not do: once why something was not kept, and to who wants
/// to know everything how much of it was damaged.
pub(super) fn remark(cache: &Cache, verbose: bool) {
    if let Some(notice) = cache.notice() {
        line(&format!("note: {notice}"));
    }
    if verbose && cache.damaged() > 0 {
        let damaged = cache.damaged();
        line(&format!("note: {damaged} damaged cache entries were taken for missing"));
    }
}

fn carry_out(cli: &Cli, command: &CacheCommand) -> Result<(Usage, Option<Removed>), Error> {
    let network = &cli.network;
    if network.no_cache {
        return Err(Error::new(ErrorKind::Usage, "--no-cache leaves no cache to look at"));
    }
    let Some(directory) = environment::cache_directory(network) else {
        let text = "there is no directory for a cache: HOME and XDG_CACHE_HOME are not set";
        return Err(Error::new(ErrorKind::Local, text).hint("name one: --cache-dir DIRECTORY"));
    };
    let limit = environment::cache_limit(network);
    let cache = if directory.symlink_metadata().is_ok() {
        Cache::open(&directory).map_err(|reason| Error::new(ErrorKind::Local, reason))?
    } else {
        Cache::disabled()
    };
    let cannot = |what: &str| {
        let text = format!("the cache directory {} cannot be {what}", directory.display());
        move |error: std::io::Error| Error::new(ErrorKind::Local, text).because(error)
    };
    let cache = cache.with_limit(limit);
    let removed = match command {
        CacheCommand::Info => None,
        CacheCommand::Prune(prune) => {
            let age = prune.older_than.map(|days| DAY * days);
            // With nothing said, what is beyond the limit goes.
            let size = prune.max_size.or(limit.filter(|_| age.is_none()));
            Some(cache.prune(size, age).map_err(cannot("pruned"))?)
        }
        CacheCommand::Clear => Some(cache.clear().map_err(cannot("cleared"))?),
    };
    let usage = cache.usage().map_err(cannot("read"))?;
    Ok((Usage { directory, limit, ..usage }, removed))
}
