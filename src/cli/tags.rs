//! `regsize tags`: the tags of a repository, with sizes and what they share.

use super::args::{Cli, TagsArgs};
use super::exit::Exit;
use super::progress::line;
use super::run::{finish, not_started, prepare, render_options};
use crate::collect::{Session, TagsRequest};
use crate::oci::Platform;
use crate::reference::Source;
use crate::registry::{Error, ErrorKind};
use crate::report::{Outcome, render_tags};
use crate::tags::{Filter, Repository, Selector};

pub(super) async fn run(cli: &Cli, args: &TagsArgs) -> Exit {
    let typed = std::slice::from_ref(&args.repository);
    let outcomes = outcomes(cli, args, typed).await;
    let outcomes = outcomes.unwrap_or_else(|error| not_started(typed, &error));
    for outcome in &outcomes {
        if let Ok(found) = &outcome.result {
            told(found);
        }
    }
    let options = render_options(cli, ());
    finish(cli, &outcomes, Repository::is_doubtful, |out| {
        outcomes.iter().try_for_each(|outcome| render_tags(outcome, &options, out))
    })
}

async fn outcomes(
    cli: &Cli,
    args: &TagsArgs,
    typed: &[String],
) -> Result<Vec<Outcome<Repository>>, Error> {
    let request = TagsRequest {
        filter: filter(args)?,
        platform: args.platform.platform.clone(),
        preferred: Platform::host(),
        all_platforms: args.all_platforms,
        reserve: args.reserve,
    };
    let prepared = prepare(cli, typed)?;
    // What is wrong with the text as a whole is said by the parser.
    if let Some(error) =
        prepared.sources().next().and_then(|source| not_a_repository(&args.repository, source))
    {
        return Err(error);
    }
    let ask = async |session: &Session, source: Source, _| match source.registry() {
        Some(reference) => session.tags(reference, &request).await,
        None => Err(Error::new(ErrorKind::Usage, "files are no repository")),
    };
    Ok(prepared.outcomes(typed, ask).await)
}

fn filter(args: &TagsArgs) -> Result<Filter, Error> {
    let selector = Selector {
        patterns: args.matching.clone(),
        regex: args.regex.clone(),
        semver: args.semver.clone(),
        exclude: args.exclude.clone(),
        newest: (!args.all).then_some(args.newest),
    };
    selector.compile().map_err(|error| {
        let usage = Error::new(ErrorKind::Usage, error.to_string());
        match std::error::Error::source(&error) {
            Some(source) => usage.because(source.to_string()),
            None => usage,
        }
    })
}

/// What to say if more or something else than a repository was typed.
fn not_a_repository(typed: &str, source: &Source) -> Option<Error> {
    let usage = |is: &str| {
        Error::new(ErrorKind::Usage, format!("{typed:?} is {is}, and `tags` is about a repository"))
    };
    if let Source::Local(_) = source {
        return Some(usage("in files").hint(format!("read the image: regsize inspect {typed}")));
    }
    let (repository, tag) = tag_of(typed)?;
    let pattern = tag.map(|tag| format!(" --match '{tag}'")).unwrap_or_default();
    Some(usage("an image").hint(format!("regsize tags {repository}{pattern}")))
}

/// The repository of a reference that was typed with more than it, and the tag, if there is one.
fn tag_of(typed: &str) -> Option<(&str, Option<&str>)> {
    let (name, digest) = typed.split_once('@').map_or((typed, None), |(a, b)| (a, Some(b)));
    let path = name.rfind('/').map_or(0, |slash| slash + 1);
    let tag = name[path..].find(':').map(|colon| path + colon);
    match (tag, digest) {
        (None, None) => None,
        (None, Some(_)) => Some((name, None)),
        (Some(colon), _) => Some((&name[..colon], Some(&name[colon + 1..]))),
    }
}

/// Says on stderr that the report is not complete, for those who read only that.
fn told(found: &Repository) {
    let count = |is_left_out: bool| -> usize {
        let tags = found.unread.iter().filter(|unread| unread.is_left_out() == is_left_out);
        tags.map(|unread| unread.tags.len()).sum()
    };
    let (failed, left_out) = (count(false), count(true));
    if failed > 0 {
        line(&format!("error: {failed} of {} tags could not be read", found.fitting));
    }
    if left_out > 0 {
        line(&format!("error: {left_out} of {} tags were left out", found.fitting));
    }
    if found.incomplete.is_some() {
        line("error: the list of tags is not complete");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_or_digest_is_told_from_a_port() {
        let check = |typed: &str, expected: Option<(&str, Option<&str>)>| {
            assert_eq!(tag_of(typed), expected, "{typed}");
        };
        check("debian", None);
        check("host:5000/team/app", None);
        check("debian:12", Some(("debian", Some("12"))));
        check("host:5000/team/app:1", Some(("host:5000/team/app", Some("1"))));
        check("team/app@sha256:ab", Some(("team/app", None)));
        check("team/app:1@sha256:ab", Some(("team/app", Some("1"))));
        check("localhost:5000", Some(("localhost", Some("5000"))));
    }
}
