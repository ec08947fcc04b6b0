//! `regsize files`: disk usage over the files of one image.

use std::os::unix::ffi::OsStrExt as _;

use super::args::{Cli, FilesArgs, FilesSortBy};
use super::exit::Exit;
use super::run::{finish, layers_request, not_started, prepare, render_options};
use crate::analysis::{NoSuchPath, Sort, Usage, UsageError, UsageOptions, usage};
use crate::collect::{ImageLayers, LayerRequest, Session};
use crate::image::{Image, Inspection};
use crate::layer::normalize;
use crate::registry::{Error, ErrorKind};
use crate::report::{Listing, Outcome, how_hidden, render_files, render_files_failure};

/// Names that differ in more letters than this are not the one that was meant.
const FARTHEST: usize = 3;

/// What was found to be listed.
struct Found {
    inspection: Inspection,
    image: usize,
    left_out: Vec<usize>,
    transferred: u64,
    /// Bytes of the layer that is listed, if it is one, that belong to no entry.
    overhead: Option<u64>,
    usage: Usage,
}

pub(super) async fn run(cli: &Cli, args: &FilesArgs) -> Exit {
    let outcomes = outcomes(cli, args).await;
    let typed = std::slice::from_ref(&args.reference);
    let outcomes = outcomes.unwrap_or_else(|error| not_started(typed, &error));
    let options = render_options(cli, ());
    finish(
        cli,
        &outcomes,
        |_| false,
        |out| {
            for outcome in &outcomes {
                match &outcome.result {
                    Ok(found) => {
                        let root = root(args);
                        let listing = listing(args, found, &root);
                        render_files(&listing, found.usage.rows(), &options, out)?;
                    }
                    Err(failure) => {
                        render_files_failure(&outcome.reference, failure, options.format, out)?;
                    }
                }
            }
            Ok(())
        },
    )
}

async fn outcomes(cli: &Cli, args: &FilesArgs) -> Result<Vec<Outcome<Found>>, Error> {
    let typed = std::slice::from_ref(&args.reference);
    let prepared = prepare(cli, typed)?;
    let request = layers_request(&args.platform);
    let wanted = LayerRequest {
        only: args.layer,
        min_size: args.read.min_layer,
        no_toc: args.read.no_toc,
        ..LayerRequest::default()
    };
    let ask = async |session: &Session, reference, observer| {
        let read = session.layers(&reference, &request, &wanted, &observer).await?;
        let Some(image) = read.images.first() else {
            return Err(Error::new(ErrorKind::NotFound, "there is no image in it"));
        };
        let layers = || image.layers.iter().enumerate();
        let listed_layer = args.layer.and_then(|layer| image.layers.get(layer)?.as_ref());
        Ok(Found {
            overhead: listed_layer.map(|read| read.toc.overhead),
            usage: listed(&read.inspection, image, args)?,
            image: image.image,
            left_out: layers().filter(|(_, read)| read.is_none()).map(|(at, _)| at).collect(),
            transferred: image.layers.iter().flatten().map(|read| read.transferred).sum(),
            inspection: read.inspection,
        })
    };
    Ok(prepared.outcomes(typed, ask).await)
}

fn usage_options(args: &FilesArgs) -> UsageOptions {
    UsageOptions {
        path: args.path.as_bytes().to_vec(),
        depth: args.depth.or((!args.all).then_some(1)),
        top: args.top,
        sort: match args.sort {
            FilesSortBy::Size => Sort::Size,
            FilesSortBy::Compressed => Sort::Compressed,
            FilesSortBy::Path => Sort::Path,
        },
        all: args.all,
        layer: args.layer,
        shadowed: args.shadowed,
    }
}

fn listed(inspection: &Inspection, image: &ImageLayers, args: &FilesArgs) -> Result<Usage, Error> {
    usage(image, &usage_options(args)).map_err(|error| match error {
        UsageError::NoSuchPath(absent) => {
            no_such_path(&inspection.images[image.image], args, &absent)
        }
        UsageError::NoSuchLayer => {
            let layer = args.layer.unwrap_or_default();
            Error::new(ErrorKind::NotFound, format!("layer {layer} was not read"))
                .hint("leave out --min-layer, or name another one: --layer NUMBER")
        }
    })
}

/// The error for a path that is not there, with the one that may be meant.
fn no_such_path(image: &Image, args: &FilesArgs, absent: &NoSuchPath) -> Error {
    let shown = |path: &[u8]| format!("/{}", String::from_utf8_lossy(path));
    let path = shown(&root(args));
    if let Some(hidden) = absent.hidden {
        let text = format!("there is no {path}: {}", how_hidden(image, hidden));
        return Error::new(ErrorKind::NotFound, text).hint("list what is not shown: --shadowed");
    }
    let missing = String::from_utf8_lossy(&absent.missing);
    let distance =
        |name: &[u8]| strsim::damerau_levenshtein(&missing, &String::from_utf8_lossy(name));
    let near = absent.names.iter().map(|name| (distance(name), name));
    let nearest = near.min().filter(|(distance, _)| *distance <= FARTHEST);
    let within: Vec<&[u8]> =
        [&*absent.parent].into_iter().filter(|parent| !parent.is_empty()).collect();
    let error = Error::new(ErrorKind::NotFound, format!("there is no {path}"));
    error.hint(match nearest {
        Some((_, name)) => {
            format!("did you mean {}?", shown(&[&within[..], &[name]].concat().join(&b'/')))
        }
        None => {
            format!("see what is in {}: leave out the rest of the path", shown(&absent.parent))
        }
    })
}

/// The path in its one form.
fn root(args: &FilesArgs) -> Vec<u8> {
    let components = normalize(args.path.as_bytes()).map(|normalized| normalized.components);
    components.unwrap_or_default().join(&b'/')
}

fn listing<'a>(args: &FilesArgs, found: &'a Found, root: &'a [u8]) -> Listing<'a> {
    Listing {
        inspection: &found.inspection,
        image: &found.inspection.images[found.image],
        root,
        layer: args.layer,
        shadowed: args.shadowed,
        detailed: args.all,
        totals: found.usage.total(),
        overhead: found.overhead,
        transferred: found.transferred,
        left_out: &found.left_out,
    }
}
