//! `regsize inspect`: sizes from documents alone.

use super::args::{Cli, InspectArgs};
use super::exit::Exit;
use super::run::{finish, not_started, prepare, render_options, request, sort};
use crate::collect::Request;
use crate::image::Inspection;
use crate::registry::Error;
use crate::report::{InspectOptions, Outcome, render};

pub(super) async fn run(cli: &Cli, args: &InspectArgs) -> Exit {
    let outcomes = outcomes(cli, args).await;
    let outcomes = outcomes.unwrap_or_else(|error| not_started(&args.images.references, &error));
    let show = InspectOptions {
        all_platforms: args.images.all_platforms,
        sort: sort(args.images.sort),
        history: args.history,
        verbose: cli.output.verbose,
    };
    let options = render_options(cli, show);
    let is_doubtful = |found: &Inspection| args.images.strict && !found.warnings.is_empty();
    finish(cli, &outcomes, is_doubtful, |out| render(&outcomes, &options, out))
}

async fn outcomes(cli: &Cli, args: &InspectArgs) -> Result<Vec<Outcome>, Error> {
    let typed = &args.images.references;
    let prepared = prepare(cli, typed)?;
    let request =
        Request { tails: !args.no_tails, referrers: args.referrers, ..request(&args.images)? };
    let ask = async |session: &crate::collect::Session, reference, _| {
        session.inspect(&reference, &request).await
    };
    Ok(prepared.outcomes(typed, ask).await)
}
