//! Repositories for the tests of the report of `tags`.

use super::ml;
use crate::image::{Image, RateLimit};
use crate::oci::Digest;
use crate::registry::{Error, ErrorKind};
use crate::report::Outcome;
use crate::tags::{Collection, Repository, Unread};

/// The tags, the date and the number of layers of each image.
type Row = (&'static [&'static str], Option<&'static str>, usize);

const ROWS: [Row; 4] = [
    (&["4.4", "4.4.1", "latest", "4"], Some("2024-05-02T10:00:00Z"), 6),
    (&["4.3.2"], Some("2024-04-01T10:00:00Z"), 5),
    (&["4.2"], None, 4),
    (&["4.1"], Some("1980-01-01T00:00:01Z"), 2),
];

/// A repository of images that share their lower layers.
pub(in crate::report) fn repository() -> Repository {
    let image = ml().images.into_iter().next().unwrap();
    let mut collection = Collection::default();
    for (tags, created, layers) in ROWS {
        let mut image = Image { created: created.map(str::to_owned), ..image.clone() };
        image.layers.truncate(layers);
        image.digest = Digest::of(tags[0].as_bytes());
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        collection.add(tags, image.digest.clone(), &[image]);
    }
    Repository {
        name: "docker.io/rocker/ml".to_owned(),
        listed: 31,
        invalid: 0,
        incomplete: None,
        attached: 0,
        fitting: 7,
        beyond: 0,
        shared: collection.share(),
        unread: Vec::new(),
        pulls: 4,
        rate_limit: None,
        warnings: Vec::new(),
    }
}

/// A repository of which not all could be found out.
pub(in crate::report) fn doubtful_repository(said: &str) -> Repository {
    let mut other = ml().images.into_iter().next().unwrap();
    other.platform = "linux/arm64".parse().unwrap();
    other.digest = Digest::of(b"arm64");
    other.layers.truncate(3);
    let image = Image { created: None, ..ml().images.into_iter().next().unwrap() };
    let mut collection = Collection::default();
    collection.add(vec!["2".to_owned()], Digest::of(b"2"), &[image, other]);
    let reserved = |tag: &str| Unread {
        tags: vec![tag.to_owned()],
        error: Error::new(ErrorKind::RateLimited, "not asked for: the registry leaves 10 pulls")
            .hint("try again later"),
    };
    let failed = Error::new(ErrorKind::NotFound, said).hint(said);
    let mut unread: Vec<Unread> = (0..12).map(|minor| reserved(&format!("1.{minor}"))).collect();
    unread.push(Unread { tags: vec!["1.99".to_owned(), "1.98".to_owned()], error: failed });
    Repository {
        invalid: 2,
        incomplete: Some(said.to_owned()),
        attached: 3,
        beyond: 5,
        shared: collection.share(),
        unread,
        rate_limit: Some(RateLimit {
            limit: 100,
            remaining: 10,
            window_seconds: Some(21600),
            source: Some(said.to_owned()),
        }),
        warnings: vec![said.to_owned(); 12],
        ..repository()
    }
}

/// A repository as the outcome of a run.
pub(in crate::report) fn listed(found: Repository) -> Outcome<Repository> {
    Outcome { reference: found.name.clone(), result: Ok(found) }
}
