//! `regsize packages`: what is installed.

use super::args::{Cli, OutputFormat, PackagesArgs};
use super::exit::Exit;
use super::run::{finish, layers_request, not_started, prepare, render_options};
use crate::analysis::{Analysis, AnalysisOptions, analyze};
use crate::collect::{LayerRequest, Session};
use crate::config::no_ecosystem;
use crate::package::Ecosystem;
use crate::registry::{Error, ErrorKind};
use crate::report::{Outcome, PackagesOptions, render_packages};
use crate::rule::Selection;

/// Packages that a terminal gets, if nothing else is said.
const TOP: usize = 50;

pub(super) async fn run(cli: &Cli, args: &PackagesArgs) -> Exit {
    let outcomes = match ecosystems(&args.ecosystem) {
        Ok(ecosystems) => outcomes(cli, args).await.map(|outcomes| (outcomes, ecosystems)),
        Err(error) => Err(error),
    };
    let (outcomes, ecosystems) =
        outcomes.unwrap_or_else(|error| (not_started(&args.references, &error), Vec::new()));
    let manifest = cli.output.format == OutputFormat::Manifest;
    let is_terminal = cli.output.format == OutputFormat::Terminal;
    let top = args.top.or(is_terminal.then_some(TOP));
    let show = PackagesOptions { top, ecosystems, manifest };
    let options = render_options(cli, show);
    finish(cli, &outcomes, |_| false, |out| render_packages(&outcomes, &options, out))
}

async fn outcomes(cli: &Cli, args: &PackagesArgs) -> Result<Vec<Outcome<Analysis>>, Error> {
    let prepared = prepare(cli, &args.references)?;
    let request = layers_request(&args.platform);
    let wanted = LayerRequest { no_toc: args.no_toc, captures: true, ..LayerRequest::default() };
    // What the rules would find is not asked for.
    let selection = Selection { skip: vec!["*".to_owned()], ..Selection::default() };
    let options = AnalysisOptions { selection, ..AnalysisOptions::default() };
    let ask = async |session: &Session, reference, observer| {
        let read = session.layers(&reference, &request, &wanted, &observer).await?;
        Ok(analyze(read, &options))
    };
    Ok(prepared.outcomes(&args.references, ask).await)
}

fn ecosystems(names: &[String]) -> Result<Vec<Ecosystem>, Error> {
    let known = || Ecosystem::ALL.iter().copied();
    let ecosystem = |name: &String| {
        known()
            .find(|known| known.as_str() == name)
            .ok_or_else(|| Error::new(ErrorKind::Usage, no_ecosystem(name)))
    };
    names.iter().map(ecosystem).collect()
}
