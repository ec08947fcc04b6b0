//! The images of tags together: which tags are one image, and which layers are in several.
//!
//! A layer counts once however many images have it, and configs and manifests, which are small,
//! do not count. What a pull costs is told against the next older image of the same platform:
//! the layers that one does not have.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::order::Key;
use crate::image::Image;
use crate::oci::{Digest, Platform};

/// No container image is older than the first release of Docker: an earlier date was set so that
/// builds can be repeated, and says nothing of when that was.
const FIRST_DATE: &str = "2013-";

/// Images by the digest that their tags have.
#[derive(Debug, Default)]
pub struct Collection {
    entries: BTreeMap<Digest, Entry>,
    layers: Vec<Blob>,
    known: HashMap<Digest, usize>,
    /// Layers of which manifests give different sizes.
    doubtful: BTreeSet<usize>,
}

#[derive(Debug)]
struct Entry {
    tags: Vec<String>,
    images: Vec<TagImage>,
}

/// Groups of tags, newest first, and what they share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shared {
    /// The groups.
    pub groups: Vec<Group>,
    /// Every layer once.
    pub layers: Vec<Blob>,
    /// Compressed bytes of all images, each image once; what images share counts in each.
    pub compressed: u128,
    /// Compressed bytes of all layers, each once.
    pub unique: u128,
    /// Compressed bytes of the layers that several groups have, each once.
    pub shared: u128,
}

/// Tags that stand for the same image or index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The tags, the newest by name first.
    pub tags: Vec<String>,
    /// The digest that they all have.
    pub digest: Digest,
    /// When the youngest of the images was made; `None` if no config tells.
    pub created: Option<String>,
    /// The images that were read, one for each platform.
    pub images: Vec<TagImage>,
    /// Compressed bytes of the layers that no other group has.
    pub own: u128,
}

/// The image of a group for one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagImage {
    /// The platform.
    pub platform: Platform,
    /// The manifest's digest.
    pub digest: Digest,
    /// When it was made; `None` if the config does not tell, or names a date before there were
    /// container images.
    pub created: Option<String>,
    /// Positions in [`Shared::layers`], base first.
    pub layers: Vec<usize>,
    /// Compressed bytes of all layers.
    pub compressed: u128,
    /// What a pull costs for who has the next older image; `None` if there is none.
    pub pull: Option<Pull>,
}

/// What a pull costs after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pull {
    /// A tag of the older image.
    pub after: String,
    /// Layers that the older image does not have.
    pub layers: usize,
    /// Their compressed bytes.
    pub compressed: u128,
}

/// A layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// The digest.
    pub digest: Digest,
    /// The compressed size in bytes; the largest one, if manifests do not agree.
    pub compressed: u64,
    /// Groups that have it.
    pub groups: usize,
}

impl Collection {
    /// Adds tags and the images that they stand for.
    pub fn add(&mut self, tags: Vec<String>, digest: Digest, images: &[Image]) {
        if let Some(entry) = self.entries.get_mut(&digest) {
            entry.tags.extend(tags);
            return;
        }
        let images = images.iter().map(|image| self.image(image)).collect();
        self.entries.insert(digest, Entry { tags, images });
    }

    fn image(&mut self, image: &Image) -> TagImage {
        let created = image.created.clone().filter(|created| created.as_str() >= FIRST_DATE);
        TagImage {
            platform: image.platform.clone(),
            digest: image.digest.clone(),
            created,
            layers: image.layers.iter().map(|l| self.layer(&l.digest, l.compressed)).collect(),
            compressed: image.compressed(),
            pull: None,
        }
    }

    fn layer(&mut self, digest: &Digest, compressed: u64) -> usize {
        if let Some(at) = self.known.get(digest) {
            if let Some(known) = self.layers.get_mut(*at) {
                if known.compressed != compressed {
                    self.doubtful.insert(*at);
                }
                known.compressed = known.compressed.max(compressed);
            }
            return *at;
        }
        let at = self.layers.len();
        self.layers.push(Blob { digest: digest.clone(), compressed, groups: 0 });
        self.known.insert(digest.clone(), at);
        at
    }

    /// What is wrong with the manifests that were added.
    pub fn warnings(&self) -> Vec<String> {
        let doubtful = self.doubtful.iter().filter_map(|at| self.layers.get(*at));
        let warning = |layer: &Blob| {
            let Blob { digest, compressed, .. } = layer;
            format!(
                "manifests give layer {digest} different sizes; the largest, {compressed} bytes, is counted"
            )
        };
        doubtful.map(warning).collect()
    }

    /// Tells what the images share, newest first: by date, and those of the same or no known date
    /// by name.
    pub fn share(self) -> Shared {
        let mut groups: Vec<Group> = self.entries.into_iter().map(group).collect();
        groups.sort_by(|a, b| {
            b.created.cmp(&a.created).then_with(|| Key::of(name(a)).cmp(&Key::of(name(b))))
        });
        let mut layers = self.layers;
        for position in groups.iter().flat_map(distinct) {
            if let Some(layer) = layers.get_mut(position) {
                layer.groups += 1;
            }
        }
        for group in &mut groups {
            group.own = sum(&layers, distinct(group), |layer| layer.groups == 1);
        }
        compare(&mut groups, &layers);
        let all = 0..layers.len();
        Shared {
            compressed: groups.iter().flat_map(|group| &group.images).map(|i| i.compressed).sum(),
            unique: sum(&layers, all.clone(), |_| true),
            shared: sum(&layers, all, |layer| layer.groups > 1),
            groups,
            layers,
        }
    }
}

fn group((digest, Entry { mut tags, images }): (Digest, Entry)) -> Group {
    tags.sort_by(|a, b| Key::of(a).cmp(&Key::of(b)));
    let created = images.iter().filter_map(|image| image.created.clone()).max();
    Group { tags, digest, created, images, own: 0 }
}

/// The tag that stands for a group.
fn name(group: &Group) -> &str {
    group.tags.first().map_or("", String::as_str)
}

/// The layers of a group, each once.
fn distinct(group: &Group) -> BTreeSet<usize> {
    group.images.iter().flat_map(|image| image.layers.iter().copied()).collect()
}

fn sum(
    layers: &[Blob],
    positions: impl IntoIterator<Item = usize>,
    counts: impl Fn(&Blob) -> bool,
) -> u128 {
    let found = positions.into_iter().filter_map(|at| layers.get(at));
    found.filter(|layer| counts(layer)).map(|layer| u128::from(layer.compressed)).sum()
}

/// Says of each image what a pull costs after the next older one of its platform. Images of known
/// and of unknown dates are not compared, as nobody knows which of them are newer.
fn compare(groups: &mut [Group], layers: &[Blob]) {
    let mut older: HashMap<(Platform, bool), (String, HashSet<usize>)> = HashMap::new();
    for group in groups.iter_mut().rev() {
        let is_dated = group.created.is_some();
        let tag = name(group).to_owned();
        for image in &mut group.images {
            let own: HashSet<usize> = image.layers.iter().copied().collect();
            let key = (image.platform.clone(), is_dated);
            if let Some((after, known)) = older.get(&key) {
                let new = || own.difference(known).copied();
                image.pull = Some(Pull {
                    after: after.clone(),
                    layers: new().count(),
                    compressed: sum(layers, new(), |_| true),
                });
            }
            older.insert(key, (tag.clone(), own));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Origin;
    use crate::oci::MediaType;

    /// An image from `platform date layers`, where layers are `name=bytes`.
    fn image(text: &str) -> Image {
        let mut words = text.split_whitespace();
        let platform = words.next().unwrap().parse().unwrap();
        let created = words.next().filter(|date| *date != "?");
        let layers = words.enumerate().map(|(index, layer)| {
            let (name, bytes) = layer.split_once('=').unwrap();
            crate::image::Layer {
                index,
                digest: Digest::of(name.as_bytes()),
                diff_id: None,
                media_type: MediaType("application/vnd.oci.image.layer.v1.tar+gzip".to_owned()),
                compressed: bytes.parse().unwrap(),
                uncompressed: None,
                step: None,
                origin: Origin::Unknown,
                source: None,
                annotations: std::collections::BTreeMap::new(),
            }
        });
        Image {
            platform,
            digest: Digest::of(text.as_bytes()),
            manifest_size: 1,
            config_digest: Digest::of(b"config"),
            config_size: 1,
            created: created.map(str::to_owned),
            os_name: None,
            layers: layers.collect(),
            steps: Vec::new(),
            base: None,
            runtime: crate::image::Runtime::default(),
            labels: std::collections::BTreeMap::new(),
            label_secrets: Vec::new(),
            annotation_secrets: Vec::new(),
            annotations: std::collections::BTreeMap::new(),
            in_files: false,
        }
    }

    /// Images written as `tags: image; image`.
    fn collection(rows: &[&str]) -> Collection {
        let mut collection = Collection::default();
        for row in rows {
            let (tags, images) = row.split_once(": ").unwrap();
            let tags = tags.split(' ').map(str::to_owned).collect();
            let images: Vec<Image> = images.split("; ").map(image).collect();
            collection.add(tags, Digest::of(row.split_once(": ").unwrap().1.as_bytes()), &images);
        }
        collection
    }

    /// Tags, own bytes, and of each image compressed bytes and the cost of a pull.
    fn check(rows: &[&str], expected: &[&str]) {
        let shared = collection(rows).share();
        let image = |image: &TagImage| {
            let pull = image.pull.as_ref();
            let pull =
                pull.map_or("-".to_owned(), |pull| format!("{}>{}", pull.after, pull.compressed));
            format!("{}:{pull}", image.compressed)
        };
        let found = shared.groups.iter().map(|group| {
            let images: Vec<String> = group.images.iter().map(image).collect();
            format!("{} {} {}", group.tags.join("+"), group.own, images.join(" "))
        });
        let found: Vec<String> = found.collect();
        assert_eq!(found, expected, "{rows:?}");
        let once: u128 = shared.groups.iter().map(|group| group.own).sum();
        assert_eq!(once + shared.shared, shared.unique, "{rows:?}");
    }

    #[test]
    fn tags_are_grouped_ordered_and_compared() {
        let old = "linux/amd64 2024-01-01T00:00:00Z a=10 b=1";
        let new = "linux/amd64 2024-02-01T00:00:00Z a=10 c=2";
        check(
            &[&format!("1: {old}"), &format!("2: {new}"), &format!("latest: {new}")],
            &["latest+2 2 12:1>2", "1 1 11:-"],
        );
        // The date decides, not the name.
        check(&[&format!("3: {old}"), &format!("1: {new}")], &["1 2 12:3>2", "3 1 11:-"]);
        check(&[], &[]);
    }

    #[test]
    fn dates_that_are_none_go_by_name_and_last() {
        check(
            &[
                "1.9: linux/amd64 1970-01-01T00:00:00Z a=1",
                "1.10: linux/amd64 1980-01-01T00:00:01Z a=1 b=2",
                "1.8: linux/amd64 ? c=4",
                "0.1: linux/amd64 2024-01-01T00:00:00Z d=8",
            ],
            &["0.1 8 8:-", "1.10 2 3:1.9>2", "1.9 0 1:1.8>1", "1.8 4 4:-"],
        );
    }

    #[test]
    fn platforms_are_compared_with_themselves() {
        check(
            &[
                "3: linux/amd64 2024-03-01T00:00:00Z a=1 b=2; linux/arm64 2024-03-01T00:00:00Z z=4",
                "2: linux/amd64 2024-02-01T00:00:00Z a=1",
                "1: linux/amd64 2024-01-01T00:00:00Z c=8; linux/arm64 2024-01-01T00:00:00Z z=4",
            ],
            &["3 2 3:2>2 4:1>0", "2 0 1:1>1", "1 8 8:- 4:-"],
        );
    }

    #[test]
    fn layers_that_are_listed_often_count_once() {
        let rows = ["1: linux/amd64 ? a=5 a=5", "2: linux/amd64 ? a=7"];
        check(&rows, &["2 0 7:1>0", "1 0 10:-"]);
        let images = collection(&rows);
        let warnings = images.warnings();
        assert!(
            warnings.len() == 1 && warnings[0].ends_with("7 bytes, is counted"),
            "{warnings:?}"
        );
        let shared = images.share();
        assert_eq!((shared.compressed, shared.unique, shared.shared), (17, 7, 7));
        assert_eq!(shared.layers.len(), 1);
        assert_eq!(collection(&["1: linux/amd64 ? a=5 a=5"]).warnings(), Vec::<String>::new());
        let huge = format!("1: linux/amd64 ? a={} b={}", u64::MAX, u64::MAX);
        check(&[&huge], &[&format!("1 {0} {0}:-", u128::from(u64::MAX) * 2)]);
    }
}
