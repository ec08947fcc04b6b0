//! `regsize analyze`: what the layers hold.

use super::args::{AnalyzeArgs, Cli, OutputFormat, TableKind};
use super::environment;
use super::exit::Exit;
use super::run::{finish, not_started, prepare, render_options, request, sort};
use super::selection::{knowledge, selection, text_of};
use super::settings::config;
use crate::analysis::{Analysis, AnalysisOptions, analyze};
use crate::collect::{LayerRequest, Session};
use crate::image::{Inspection, name_lines};
use crate::registry::{Error, ErrorKind};
use crate::report::{AnalysisTable, AnalyzeOptions, Outcome, render_analysis};

pub(super) async fn run(cli: &Cli, args: &AnalyzeArgs) -> Exit {
    let outcomes = match without_table(cli, args) {
        Some(error) => Err(error),
        None => outcomes(cli, args).await,
    };
    let outcomes = outcomes.unwrap_or_else(|error| not_started(&args.images.references, &error));
    let show = AnalyzeOptions {
        sort: sort(args.images.sort),
        top: args.top,
        dive: args.dive,
        verbose: cli.output.verbose,
        full: args.full,
        table: args.table.map_or(AnalysisTable::Layers, table),
    };
    let options = render_options(cli, show);
    let is_doubtful = |found: &Analysis| args.images.strict && is_doubtful(found);
    finish(cli, &outcomes, is_doubtful, |out| render_analysis(&outcomes, &options, out))
}

/// Whether there is a warning, or a layer that two readers would take differently.
fn is_doubtful(analysis: &Analysis) -> bool {
    !analysis.inspection.warnings.is_empty()
        || analysis.images.iter().any(|image| !image.ambiguous.is_empty())
}

/// The error for a table that no format writes.
fn without_table(cli: &Cli, args: &AnalyzeArgs) -> Option<Error> {
    let is_lost = args.table.is_some() && cli.output.format != OutputFormat::Csv;
    is_lost.then(|| {
        Error::new(ErrorKind::Usage, "--table says which table --format csv writes")
            .hint("add --format csv, or leave out --table")
    })
}

fn table(kind: TableKind) -> AnalysisTable {
    match kind {
        TableKind::Layers => AnalysisTable::Layers,
        TableKind::Findings => AnalysisTable::Findings,
        TableKind::Packages => AnalysisTable::Packages,
        TableKind::Owners => AnalysisTable::Owners,
        TableKind::Components => AnalysisTable::Components,
    }
}

/// The Dockerfile's name and text.
fn dockerfile(args: &AnalyzeArgs) -> Result<Option<(String, String)>, Error> {
    let named = args.dockerfile.as_deref();
    named.map(|path| Ok((path.display().to_string(), text_of(path)?))).transpose()
}

async fn outcomes(cli: &Cli, args: &AnalyzeArgs) -> Result<Vec<Outcome<Analysis>>, Error> {
    let typed = &args.images.references;
    let knowledge = knowledge(&args.rules)?;
    let config = config(args.rules.config.as_deref(), &knowledge, environment::today(None)?)?;
    let options = AnalysisOptions {
        dive: args.dive,
        top: args.top,
        selection: selection(&args.rules, &config)?,
        knowledge,
        paths: cli.output.format == OutputFormat::Json,
        ..AnalysisOptions::default()
    };
    let dockerfile = dockerfile(args)?;
    let prepared = prepare(cli, typed)?;
    let request = request(&args.images)?;
    let wanted = LayerRequest {
        min_size: args.read.min_layer,
        no_toc: args.read.no_toc,
        verify_toc: args.verify.verify_toc,
        verify_diff_ids: args.verify.verify_diff_ids,
        all_platforms: args.images.all_platforms,
        captures: true,
        ..LayerRequest::default()
    };
    let ask = async |session: &Session, reference, observer| {
        let mut read = session.layers(&reference, &request, &wanted, &observer).await?;
        if let Some((name, text)) = &dockerfile {
            let Inspection { images, warnings, .. } = &mut read.inspection;
            let named: usize = images.iter_mut().map(|image| name_lines(image, name, text)).sum();
            if named == 0 {
                warnings.push(format!("{name}: no instruction of it is that of a layer"));
            }
        }
        Ok(analyze(read, &options))
    };
    Ok(prepared.outcomes(typed, ask).await)
}
