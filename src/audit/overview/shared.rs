//! Which bytes of a tag are its own, and which the other tags of its repository have, too.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Series;
use crate::oci::Digest;

/// The tags of a repository for one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// Registry and repository.
    pub repository: String,
    /// The platform.
    pub platform: String,
    /// Compressed bytes of all layers of all tags, each layer once.
    pub once: u128,
    /// The tags, those with the most bytes of their own first.
    pub tags: Vec<SharedTag>,
}

/// An image, in compressed bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedTag {
    /// Its tags, by name.
    pub tags: Vec<String>,
    /// Its layers.
    pub compressed: u128,
    /// Those of its layers that no other image has.
    pub unique: u128,
}

/// What the tags share that are still there; only where there are two or more.
pub fn shared(series: &[Series]) -> Vec<Shared> {
    let mut groups: BTreeMap<(&str, &str), Vec<&Series>> = BTreeMap::new();
    for series in series.iter().filter(|s| s.gone().is_none() && !s.layers.is_empty()) {
        let target = &series.target;
        groups.entry((&target.repository, &target.platform)).or_default().push(series);
    }
    let several = groups.into_iter().filter(|(_, series)| series.len() > 1);
    several.map(|((repository, platform), series)| group(repository, platform, &series)).collect()
}

fn group(repository: &str, platform: &str, series: &[&Series]) -> Shared {
    // Tags of the same image are one image: a layer is not shared because it has two names.
    let mut images: HashMap<&Digest, BTreeSet<&Digest>> = HashMap::new();
    let mut sizes: HashMap<&Digest, u64> = HashMap::new();
    for (last, series) in series.iter().filter_map(|s| Some((s.moments.last()?, s))) {
        for (digest, compressed) in &series.layers {
            images.entry(digest).or_default().insert(&last.image);
            sizes.insert(digest, *compressed);
        }
    }
    let mut named: BTreeMap<Option<&Digest>, Vec<&Series>> = BTreeMap::new();
    for series in series {
        named.entry(series.moments.last().map(|last| &last.image)).or_default().push(series);
    }
    let mut tags: Vec<SharedTag> = named
        .values()
        .filter_map(|alike| {
            let series = alike.first()?;
            let layers: BTreeMap<&Digest, u64> =
                series.layers.iter().map(|(digest, bytes)| (digest, *bytes)).collect();
            let sum = |alone: bool| {
                let is_alone = |d: &Digest| images.get(d).is_some_and(|images| images.len() == 1);
                let counted = layers.iter().filter(|(digest, _)| !alone || is_alone(digest));
                counted.map(|(_, bytes)| u128::from(*bytes)).sum()
            };
            let mut tags: Vec<String> = alike.iter().map(|s| s.target.tag.clone()).collect();
            tags.sort();
            Some(SharedTag { tags, compressed: sum(false), unique: sum(true) })
        })
        .collect();
    tags.sort_by(|a, b| b.unique.cmp(&a.unique).then_with(|| a.tags.cmp(&b.tags)));
    Shared {
        repository: repository.to_owned(),
        platform: platform.to_owned(),
        once: sizes.values().map(|bytes| u128::from(*bytes)).sum(),
        tags,
    }
}
