//! `regsize audit check-config`: what a file of settings watches.

use jiff::Timestamp;

use super::super::args::{CheckConfigArgs, Cli};
use super::super::exit::Exit;
use super::super::run::{format, terminal_options};
use super::super::write_report;
use super::setup;
use crate::registry::Error;
use crate::report::render_watchlist;

pub(super) fn run(cli: &Cli, args: &CheckConfigArgs) -> Result<Exit, Error> {
    let now = args.now.unwrap_or_else(Timestamp::now);
    let setup = setup::read(&args.config, now)?;
    let (format, options) = (format(&cli.output), terminal_options(&cli.output));
    let watched = &setup.watchlist;
    Ok(write_report(|out| render_watchlist(watched, now, format, &options, out)))
}
