//! Reads the images of `testdata/demo/` and builds them.
//!
//! A file names the image and its platforms, may build `from` another one, and lists its steps:
//! `layer LINES COMMAND` with the files that it brings on indented lines below, `shared` for a
//! layer that is the same on all platforms, and `step` for an instruction without a layer. `LINES`
//! are those of the Dockerfile, `-` where none is known.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use regsize::oci::Digest;

use crate::support::image::Image;
use crate::support::index::Index;
use crate::support::layer::Layer;
use crate::support::provenance::Provenance;
use crate::support::registry::Registry;

const FILES: [&str; 3] = [
    include_str!("../../testdata/demo/1-debian.image"),
    include_str!("../../testdata/demo/2-miniforge.image"),
    include_str!("../../testdata/demo/3-ml.image"),
];

/// Builds all images and puts them into `registry`.
pub(crate) fn publish(registry: Registry) -> Registry {
    let mut known = BTreeMap::new();
    FILES.iter().fold(registry, |registry, text| {
        let recipe = Recipe::parse(text);
        let (repository, tag) = recipe.name.split_once(':').expect("a name and a tag");
        let images = recipe.images(&known);
        let bundle = recipe.index(&images, &known).bundle();
        let digest = bundle.top.digest();
        known.insert(recipe.name, Built { images, digest });
        registry.put_image(repository, tag, &bundle)
    })
}

/// An image that others may be built from.
struct Built<'a> {
    images: BTreeMap<&'a str, Image>,
    digest: Digest,
}

type Known<'a> = BTreeMap<&'a str, Built<'a>>;

/// An image as its file describes it.
#[derive(Default)]
struct Recipe<'a> {
    name: &'a str,
    platforms: Vec<&'a str>,
    from: Option<&'a str>,
    labels: Vec<(&'a str, &'a str)>,
    steps: Vec<Step<'a>>,
}

struct Step<'a> {
    command: &'a str,
    layer: Option<Contents<'a>>,
}

struct Contents<'a> {
    lines: Option<RangeInclusive<u32>>,
    same_everywhere: bool,
    files: Vec<&'a str>,
}

impl<'a> Recipe<'a> {
    fn parse(text: &'a str) -> Self {
        let mut recipe = Self::default();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(file) = line.strip_prefix("    ") {
                let layer = recipe.steps.last_mut().and_then(|step| step.layer.as_mut());
                layer.expect("files stand below a layer").files.push(file);
                continue;
            }
            let (word, rest) = line.split_once(' ').expect("a word and its value");
            match word {
                "name" => recipe.name = rest,
                "platforms" => recipe.platforms = rest.split(' ').collect(),
                "from" => recipe.from = Some(rest),
                "label" => recipe.labels.push(rest.split_once(' ').expect("a key and a value")),
                "step" => recipe.steps.push(Step { command: rest, layer: None }),
                "layer" | "shared" => recipe.steps.push(Step::with_layer(rest, word == "shared")),
                _ => panic!("unknown word {word:?}"),
            }
        }
        recipe
    }

    fn images(&self, known: &Known<'_>) -> BTreeMap<&'a str, Image> {
        self.platforms.iter().map(|platform| (*platform, self.image(platform, known))).collect()
    }

    fn image(&self, platform: &str, known: &Known<'_>) -> Image {
        let below = match self.from {
            Some(base) => known[base].images[platform].clone(),
            None => Image::new(platform),
        };
        let labelled =
            self.labels.iter().fold(below, |image, (key, value)| image.label(key, value));
        self.steps.iter().fold(labelled, |image, step| match &step.layer {
            Some(contents) => image.layer(contents.build(platform), step.command),
            None => image.step(step.command),
        })
    }

    fn index(&self, images: &BTreeMap<&str, Image>, known: &Known<'_>) -> Index {
        self.platforms.iter().fold(Index::new(), |index, platform| {
            let image = &images[platform];
            let index = index.image(image);
            match self.provenance(image, known) {
                Some(provenance) => index.attestation(image, &provenance.statement(image)),
                None => index,
            }
        })
    }

    /// What BuildKit would attest, if the image is built from another one.
    fn provenance(&self, image: &Image, known: &Known<'_>) -> Option<Provenance> {
        let base = self.from?;
        let made = self.steps.iter().filter_map(|step| Some((step.command, step.layer.as_ref()?)));
        let below = image.layers().len() - made.clone().count();
        let source = format!("docker-image://docker.io/{base}@{}", known[base].digest);
        let provenance = Provenance::new("FROM base\n").source(&source, 1, below);
        Some(made.zip(below + 1..).fold(provenance, |provenance, ((command, contents), layers)| {
            match contents.lines.clone() {
                Some(lines) => provenance.exec(command, lines, layers),
                None => provenance,
            }
        }))
    }
}

impl<'a> Step<'a> {
    fn with_layer(text: &'a str, same_everywhere: bool) -> Self {
        let (lines, command) = text.split_once(' ').expect("lines and a command");
        let number = |text: &str| text.parse::<u32>().expect("a line number");
        let lines = match lines.split_once('-') {
            Some(("", "")) => None,
            Some((first, last)) => Some(number(first)..=number(last)),
            None => Some(number(lines)..=number(lines)),
        };
        Self { command, layer: Some(Contents { lines, same_everywhere, files: Vec::new() }) }
    }
}

impl Contents<'_> {
    fn build(&self, platform: &str) -> Layer {
        let for_platform = |file: &&str| match file.split_once(' ') {
            Some((path, size)) if !self.same_everywhere && !size.contains("seed=") => {
                format!("{path} {size} seed={platform}/{path}")
            }
            _ => (*file).to_owned(),
        };
        Layer::gzip(&self.files.iter().map(for_platform).collect::<Vec<_>>().join("\n"))
    }
}
