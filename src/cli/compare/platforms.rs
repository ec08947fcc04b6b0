//! `regsize compare --platforms`: the platforms of one image beside each other.

use super::super::args::{ALL, Cli, CompareArgs};
use super::super::kept::file_of;
use super::super::run::{Observers, prepare};
use super::subject::{options, request};
use crate::analysis::{Analysis, analyze};
use crate::collect::{LayerRequest, Session};
use crate::compare::{Platforms, Skew, platforms};
use crate::image::{Image, Inspection};
use crate::oci::Platform;
use crate::reference::{Source, without_password};
use crate::registry::{Error, ErrorKind};
use crate::report::{Comparisons, MOST_IMAGES};
use crate::rule::{Finding, Selection, index_findings};
use crate::snapshot::Snapshot;

/// The rule that tells platforms of very different sizes.
const SKEW: &str = "platform-asymmetry";

/// Compares the platforms that are wanted of one image.
pub(super) async fn compared(
    cli: &Cli,
    args: &CompareArgs,
    wanted: &[String],
) -> Result<Comparisons, Error> {
    let wanted = parsed(wanted)?;
    let [typed] = &args.images[..] else {
        let text = "--platforms compares the platforms of one image";
        return Err(Error::new(ErrorKind::Usage, text)
            .hint("name one image, or compare several for one platform: --platform OS/ARCH"));
    };
    if let Some(file) = file_of(typed) {
        let text = format!("{} is a file, and --platforms asks a registry", file.display());
        return Err(Error::new(ErrorKind::Usage, text).hint("name the reference"));
    }
    let typed = std::slice::from_ref(typed);
    let ask = async |session: &Session, sources: Vec<Source>, observers: Observers<'_>| {
        let Some(source) = sources.first() else {
            return Err(Error::new(ErrorKind::Usage, "no image is named"));
        };
        let found = session.inspect(source, &request(None)).await;
        let about = |error: Error| error.about(&without_password(&typed[0]));
        let inspection = found.map_err(about)?;
        let inspection = narrowed(inspection, wanted.as_deref()).map_err(about)?;
        of(session, args, source, inspection, observers).await.map_err(about)
    };
    let found = prepare(cli, typed)?.together(typed, ask).await?;
    Ok(Comparisons::Platforms(found))
}

/// The platforms of a list; `None` for all.
fn parsed(wanted: &[String]) -> Result<Option<Vec<Platform>>, Error> {
    if wanted.iter().any(|name| name == ALL) {
        return Ok(None);
    }
    let parsed = |name: &String| {
        let full = if name.contains('/') { name.clone() } else { format!("linux/{name}") };
        full.parse().map_err(|error: crate::oci::PlatformError| {
            Error::new(ErrorKind::Usage, error.to_string())
        })
    };
    wanted.iter().map(parsed).collect::<Result<_, _>>().map(Some)
}

/// The inspection with the images of these platforms alone.
fn narrowed(mut inspection: Inspection, wanted: Option<&[Platform]>) -> Result<Inspection, Error> {
    let is_for = |image: &Image, wanted: &Platform| image.platform.satisfies(wanted);
    for platform in wanted.into_iter().flatten() {
        if !inspection.images.iter().any(|image| is_for(image, platform)) {
            let text = format!("there is no image for {platform}");
            let found = inspection.images.iter().map(|image| image.platform.to_string());
            let found = found.collect::<Vec<_>>().join(", ");
            return Err(Error::new(ErrorKind::NotFound, text).hint(format!("there is: {found}")));
        }
    }
    let all = inspection.images.len();
    if let Some(wanted) = wanted {
        inspection.images.retain(|image| wanted.iter().any(|platform| is_for(image, platform)));
    }
    inspection.shown = 0;
    match inspection.images.len() {
        0 | 1 if all > 1 => {
            let text = "one platform alone is named, so there is nothing to compare";
            let hint =
                format!("the image has {all}: name two or more, or give --platforms without any");
            Err(Error::new(ErrorKind::Usage, text).hint(hint))
        }
        0 | 1 => {
            let text = "there is one platform only, so there is nothing to compare";
            Err(Error::new(ErrorKind::Usage, text))
        }
        count if count > MOST_IMAGES => {
            let text = format!("there are {count} platforms; {MOST_IMAGES} can be compared");
            Err(Error::new(ErrorKind::Usage, text).hint("name some: --platforms OS/ARCH,OS/ARCH"))
        }
        _ => Ok(inspection),
    }
}

async fn of(
    session: &Session,
    args: &CompareArgs,
    source: &Source,
    inspection: Inspection,
    observers: Observers<'_>,
) -> Result<Platforms, Error> {
    if args.manifest_only {
        let images = inspection.images.iter();
        let images: Vec<_> =
            images.map(|image| Snapshot::of_inspection(&inspection, image)).collect();
        let findings = index_findings(&inspection, &Selection::default());
        return Ok(platforms(&images, skew(&findings)));
    }
    let wanted = LayerRequest {
        no_toc: args.no_toc,
        captures: true,
        all_platforms: true,
        ..LayerRequest::default()
    };
    let read = session.read(source, inspection, &wanted, &observers()).await?;
    let analysis: Analysis = analyze(read, &options());
    Ok(platforms(&Snapshot::all_of(&analysis), skew(&analysis.findings)))
}

fn skew(findings: &[Finding]) -> Vec<Skew> {
    let found = findings.iter().filter(|finding| finding.rule.id == SKEW);
    let skew = |finding: &Finding| Skew {
        rule: finding.rule.id.to_owned(),
        severity: finding.severity,
        message: finding.message.to_string(),
    };
    found.map(skew).collect()
}
