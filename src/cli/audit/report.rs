//! `regsize audit report`: what moved over a time, from the history alone.

use std::io::Write as _;

use jiff::{SignedDuration, Timestamp};

use super::super::args::{Cli, OutputFormat, ReportArgs};
use super::super::exit::Exit;
use super::super::run::{format, terminal_options};
use super::super::{write_out, write_report};
use super::file::{NewFile, unwritten};
use super::{error, open, setup, target, unknown};
use crate::audit::overview::{Asked, Limit, Measure, Overview, overview};
use crate::check::{Bound, Budget, Budgets, Levels};
use crate::config::Config;
use crate::history::{Access, Question, Store, Target};
use crate::oci::Platform;
use crate::registry::{Error, ErrorKind};
use crate::report::{html_overview, render_overview};

pub(super) async fn run(cli: &Cli, args: &ReportArgs) -> Result<Exit, Error> {
    let targets = args.targets.iter().map(|typed| target(typed)).collect::<Result<Vec<_>, _>>()?;
    let until = Timestamp::now();
    if let Some(since) = args.since.filter(|since| *since > until) {
        let text = format!("--since {since} is in the future: name a day or time that has come");
        return Err(Error::new(ErrorKind::Usage, text));
    }
    let limited = Limited::by(setup::beside(&args.place)?);
    // A page that cannot be written is told before anything is read.
    let page = args.html.as_deref().map(NewFile::create).transpose()?;
    let (mut store, _) = open(&args.place, Access::Read).await?;
    for (typed, (repository, tag)) in args.targets.iter().zip(&targets) {
        if !is_known(&mut store, repository, tag.as_ref()).await? {
            return Err(unknown(typed));
        }
    }
    let days = SignedDuration::from_hours(24 * i64::from(args.days));
    let since = args.since.or_else(|| until.checked_sub(days).ok());
    let limits = |target: &Target| limited.limits(target);
    let asked = Asked { targets: &targets, since, until, limits: &limits };
    let found = overview(&mut store, &asked).await.map_err(error)?;
    store.close().await.map_err(error)?;
    let options = terminal_options(&cli.output);
    if let Some(page) = page {
        write_page(page, &html_overview(&found, options.units))?;
    }
    Ok(show(cli, &found))
}

async fn is_known(store: &mut Store, name: &str, tag: Option<&String>) -> Result<bool, Error> {
    let (repository, tag) = (name.to_owned(), tag.cloned());
    let question = Question { repository, tag, platform: None, newest: 1 };
    store.knows(&question).await.map_err(error)
}

fn write_page(mut page: NewFile, text: &str) -> Result<(), Error> {
    page.out().write_all(text.as_bytes()).map_err(|error| unwritten("the page", error))?;
    page.finish()
}

fn show(cli: &Cli, overview: &Overview) -> Exit {
    let options = terminal_options(&cli.output);
    if cli.output.format == OutputFormat::Html {
        return write_out(html_overview(overview, options.units).as_bytes());
    }
    write_report(|out| render_overview(overview, format(&cli.output), &options, out))
}

/// What a file of settings limits.
struct Limited {
    budgets: Budgets,
    watched: Vec<crate::audit::Target>,
}

impl Limited {
    fn by(config: Config) -> Self {
        let watched = config.watched.map(|found| found.targets).unwrap_or_default();
        Self { budgets: config.budgets, watched }
    }

    /// The limits of a target's sizes that a chart can show.
    fn limits(&self, target: &Target) -> Vec<Limit> {
        let Ok(platform) = target.platform.parse::<Platform>() else { return Vec::new() };
        let is_it = |watched: &&crate::audit::Target| {
            watched.repository_name() == target.repository
                && watched.filter.fits(&target.tag)
                && watched.wants(&target.platform)
        };
        let mut parts = self.budgets.parts.clone();
        let watched = self.watched.iter().filter(is_it);
        parts.extend(watched.flat_map(|watched| watched.budgets.iter().cloned()));
        sizes_of(&Budgets { parts, flags: Budget::default() }.of(&platform))
    }
}

fn sizes_of(budget: &Budget) -> Vec<Limit> {
    let measures = [
        (crate::check::Measure::Compressed, Measure::Compressed),
        (crate::check::Measure::Content, Measure::Content),
    ];
    let known = measures.into_iter().filter_map(|(of, measure)| {
        let Levels { warn, fail } = budget.limits.get(&of)?;
        let limit = |level: &Option<Bound>, name: String| match level {
            Some(Bound::Bytes(bytes)) => Some(Limit { measure, bytes: *bytes, name }),
            _ => None,
        };
        Some([limit(fail, of.to_string()), limit(warn, format!("{of} (warn)"))])
    });
    known.flatten().flatten().collect()
}
