//! What to say when a registry does not have what was asked for.

use crate::reference::Reference;
use crate::registry::{Error, ErrorKind, Registry, TagList};

/// Tags that are named in a hint.
const SUGGESTED: usize = 5;

/// Finds out whether the tag or the repository is missing, and which tags look alike.
pub(super) async fn explain(registry: &Registry, reference: &Reference, error: Error) -> Error {
    let request = error.request().unwrap_or_default().to_owned();
    let new = |text: String| Error::new(ErrorKind::NotFound, text).during(request.clone());
    if let Some(digest) = reference.digest() {
        return new(format!("the repository has no manifest or index {digest}"))
            .hint("it may have been replaced and removed: ask for a tag");
    }
    let tag = reference.tag().unwrap_or_default();
    match registry.tags(reference.repository()).await {
        Ok(list) if list.tags.is_empty() && list.invalid == 0 && list.incomplete.is_none() => {
            new("the repository has no tags".to_owned())
        }
        Ok(list) => {
            let error = new(format!("the repository has no tag {tag}"));
            match suggestion(tag, &list) {
                Some(hint) => error.hint(hint),
                None => error,
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            no_repository(reference, Some(&request))
        }
        Err(_) => error,
    }
}

/// The error of a repository that the registry does not have.
pub(super) fn no_repository(reference: &Reference, request: Option<&str>) -> Error {
    let host = reference.registry();
    Error::new(ErrorKind::NotFound, "the registry has no such repository")
        .during(request.unwrap_or_default())
        .hint(format!(
            "check the spelling; some registries hide private repositories: docker login {host}"
        ))
}

fn suggestion(tag: &str, list: &TagList) -> Option<String> {
    let distance = |other: &&String| strsim::damerau_levenshtein(tag, other);
    let mut similar: Vec<&String> =
        list.tags.iter().filter(|other| other.len() <= 128).take(10_000).collect();
    similar.sort_by_cached_key(|other| (distance(other), (*other).clone()));
    similar.truncate(SUGGESTED);
    let names: Vec<&str> = similar.into_iter().map(String::as_str).collect();
    let names = names.join(", ");
    match list.tags.len() {
        0 => None,
        count if list.incomplete.is_some() => {
            Some(format!("among the first {count} of its tags are {names}"))
        }
        1 => Some(format!("its only tag is {names}")),
        count => Some(format!("among its {count} tags are {names}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tags_that_look_most_alike_are_named() {
        let check = |tags: &[&str], incomplete: Option<&str>, expected: Option<&str>| {
            let list = TagList {
                tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
                incomplete: incomplete.map(str::to_owned),
                ..TagList::default()
            };
            assert_eq!(suggestion("24.4", &list).as_deref(), expected, "{tags:?}");
        };
        let tags = ["latest", "24.04", "22.04", "noble", "24.10", "23.10", "rolling"];
        check(&tags, None, Some("among its 7 tags are 24.04, 22.04, 24.10, 23.10, noble"));
        check(&tags[..1], None, Some("its only tag is latest"));
        check(&tags[..1], Some("a circle"), Some("among the first 1 of its tags are latest"));
        check(&[], None, None);
    }
}
