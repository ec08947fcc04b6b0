//! `regsize.packages/1`: what is installed in the images of a reference.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::Serialize;

use super::FailureJson;
use super::study::{PackageJson, installed};
use crate::analysis::Analysis;
use crate::package::Note;
use crate::report::encode::write_json;
use crate::report::{Outcome, PackagesOptions};

const SCHEMA: &str = "regsize.packages/1";

#[derive(Serialize)]
#[serde(untagged)]
enum OutcomeJson<'a> {
    Found(PackagesJson<'a>),
    Failed(FailureJson<'a>),
}

#[derive(Serialize)]
struct PackagesJson<'a> {
    schema: &'static str,
    reference: &'a str,
    digest: &'a str,
    images: Vec<ImagePackagesJson<'a>>,
}

#[derive(Serialize)]
struct ImagePackagesJson<'a> {
    platform: String,
    digest: &'a str,
    /// `null` if a layer was left out.
    packages: Option<Vec<PackageJson<'a>>>,
    /// Records of which not all could be read, so that packages are missing.
    notes: Option<Vec<NoteJson<'a>>>,
}

#[derive(Serialize)]
struct NoteJson<'a> {
    path: Cow<'a, str>,
    text: &'a str,
}

/// Writes one object for one reference and an array of objects for several.
pub(in crate::report) fn write_packages_json(
    outcomes: &[Outcome<Analysis>],
    options: &PackagesOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    match outcomes {
        [outcome] => write_json(&document(outcome, options), out),
        _ => write_json(
            &outcomes.iter().map(|outcome| document(outcome, options)).collect::<Vec<_>>(),
            out,
        ),
    }
}

fn note(note: &Note) -> NoteJson<'_> {
    NoteJson { path: String::from_utf8_lossy(&note.path), text: &note.text }
}

fn document<'a>(outcome: &'a Outcome<Analysis>, options: &PackagesOptions) -> OutcomeJson<'a> {
    let analysis = match &outcome.result {
        Ok(analysis) => analysis,
        Err(failure) => {
            return OutcomeJson::Failed(FailureJson::new(
                SCHEMA,
                Some(&outcome.reference),
                failure,
            ));
        }
    };
    let inspection = &analysis.inspection;
    let images = analysis.images.iter().filter_map(|found| {
        let image = inspection.images.get(found.image)?;
        Some(ImagePackagesJson {
            platform: image.platform.to_string(),
            digest: image.digest.as_str(),
            packages: found
                .study
                .as_ref()
                .map(|study| installed(image, study, |package| options.has(package))),
            notes: found
                .study
                .as_ref()
                .map(|study| study.inventory.notes.iter().map(note).collect()),
        })
    });
    OutcomeJson::Found(PackagesJson {
        schema: SCHEMA,
        reference: &inspection.reference,
        digest: inspection.digest.as_str(),
        images: images.collect(),
    })
}
