//! Which of several images of a layout or archive is meant.

use super::fault::Place;
use crate::reference::{LocalKind, LocalSource, Reference};
use crate::registry::{Error, ErrorKind};

/// Names that an error lists.
const LISTED: usize = 5;

/// The position of the image that is meant, among images of these names.
pub(super) fn choose(
    images: &[Vec<String>],
    source: &LocalSource,
    place: &Place,
) -> Result<usize, Error> {
    let Some(wanted) = source.name() else {
        return match images.len() {
            0 => Err(Error::new(ErrorKind::BadData, format!("{place} lists no image"))),
            1 => Ok(0),
            count => {
                let text = format!("{place} has {count} images: {}", listed(images, None));
                Err(Error::new(ErrorKind::Usage, text).hint(how(source)))
            }
        };
    };
    if let Some(position) = wanted.strip_prefix('@').and_then(|text| text.parse::<usize>().ok()) {
        return Some(position).filter(|at| *at < images.len()).ok_or_else(|| {
            let text = format!(
                "{place} has no image {wanted}: they are @0 to @{}",
                images.len().saturating_sub(1)
            );
            Error::new(ErrorKind::NotFound, text)
        });
    }
    let fits = |names: &Vec<String>| names.iter().any(|name| is_same(name, wanted));
    let mut found = (0..images.len()).filter(|at| images.get(*at).is_some_and(fits));
    match (found.next(), found.next()) {
        (Some(at), None) => Ok(at),
        (Some(first), Some(second)) => {
            let text = format!("{place} has several images {wanted}");
            Err(Error::new(ErrorKind::Usage, text)
                .hint(format!("choose by position: @{first} or @{second} instead of the name")))
        }
        (None, _) => {
            let text = format!("{place} has no image {wanted}");
            let error = Error::new(ErrorKind::NotFound, text);
            Err(match images.len() {
                0 => error,
                1 => error
                    .hint(format!("its only image is {}; it needs no name", listed(images, None))),
                count => error
                    .hint(format!("among its {count} images are {}", listed(images, Some(wanted)))),
            })
        }
    }
}

/// Whether a name is the wanted one, or the same reference written in another way.
fn is_same(name: &str, wanted: &str) -> bool {
    let reference = |text: &str| text.parse::<Reference>().ok();
    name == wanted
        || name.contains([':', '/'])
            && reference(name)
                .is_some_and(|name| reference(wanted).is_some_and(|wanted| wanted == name))
}

/// A few of the names, those most like the wanted one first.
fn listed(images: &[Vec<String>], wanted: Option<&str>) -> String {
    let name = |(at, names): (usize, &Vec<String>)| {
        names.first().cloned().unwrap_or_else(|| format!("@{at}"))
    };
    let mut names: Vec<String> = images.iter().enumerate().map(name).collect();
    if let Some(wanted) = wanted {
        names.sort_by_cached_key(|name| (strsim::damerau_levenshtein(wanted, name), name.clone()));
    }
    let more = if names.len() > LISTED { ", …" } else { "" };
    names.truncate(LISTED);
    format!("{}{more}", names.join(", "))
}

fn how(source: &LocalSource) -> String {
    let path = source.path().display();
    match source.kind() {
        LocalKind::Stdin => {
            "choose one: oci-archive:/dev/stdin:NAME or docker-archive:/dev/stdin:NAME".to_owned()
        }
        kind => format!("choose one: {}{path}:NAME", kind.prefix()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::Source;

    fn choose_in(typed: &str, images: &[&[&str]]) -> Result<usize, String> {
        let images: Vec<Vec<String>> = images
            .iter()
            .map(|names| names.iter().map(|name| (*name).to_owned()).collect())
            .collect();
        let Source::Local(source) = typed.parse().unwrap() else { panic!("{typed}") };
        choose(&images, &source, &Place::directory(source.path()))
            .map_err(|error| format!("{error}; {}", error.what_to_do().unwrap_or_default()))
    }

    #[test]
    fn one_image_needs_no_name_and_several_do() {
        assert_eq!(choose_in("oci:x", &[&["a"]]), Ok(0));
        assert_eq!(choose_in("oci:x", &[&[]]), Ok(0));
        let error = choose_in("oci:x", &[&["a"], &[], &["c"]]).unwrap_err();
        assert!(error.contains("has 3 images: a, @1, c; choose one: oci:x:NAME"), "{error}");
        let error = choose_in("-", &[&["a"], &["b"]]).unwrap_err();
        assert!(error.contains("docker-archive:/dev/stdin:NAME"), "{error}");
        assert!(choose_in("oci:x", &[]).unwrap_err().contains("lists no image"));
    }

    #[test]
    fn names_are_found_as_written_or_as_references() {
        let images: &[&[&str]] = &[&["docker.io/library/app:1", "1"], &["debian:12"], &["v2"]];
        for (name, at) in [("1", 0), ("app:1", 0), ("docker.io/library/debian:12", 1), ("v2", 2)] {
            assert_eq!(choose_in(&format!("docker-archive:x:{name}"), images), Ok(at), "{name}");
        }
        assert_eq!(choose_in("oci:x:@2", images), Ok(2));
        assert!(choose_in("oci:x:@3", images).unwrap_err().contains("@0 to @2"));
        let error = choose_in("oci:x:debian:13", images).unwrap_err();
        assert!(
            error.contains("has no image debian:13; among its 3 images are debian:12"),
            "{error}"
        );
        let error = choose_in("oci:x:v3", &images[2..]).unwrap_err();
        assert!(error.contains("its only image is v2"), "{error}");
        let error = choose_in("oci:x:v2", &[&["v2"], &["v2"]]).unwrap_err();
        assert!(error.contains("@0 or @1"), "{error}");
    }
}
