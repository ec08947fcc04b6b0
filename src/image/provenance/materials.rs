//! The images among the artifacts that took part in a build.

use std::collections::HashSet;

use super::purl::{self, ImageUrl};
use super::statement::RawMaterial;
use crate::oci::Digest;

/// An image that took part in the build.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Material {
    /// The reference with host, as in `docker.io/library/debian:12`.
    pub name: String,
    /// The digest that the reference resolved to, often of an index.
    pub digest: Option<Digest>,
}

/// Images that read Dockerfiles; a build names them, but nothing of them gets into its result.
const FRONTENDS: [&str; 2] =
    ["docker.io/docker/dockerfile", "docker.io/docker/dockerfile-upstream"];

/// The materials that may be base images, in document order, each once.
///
/// `frontends` are the references that the build was asked to read the Dockerfile with.
pub(super) fn candidates(materials: &[RawMaterial], frontends: &[String]) -> Vec<Material> {
    let mut seen: HashSet<Material> = HashSet::new();
    let frontends: HashSet<String> = frontends
        .iter()
        .filter_map(|reference| purl::with_host(reference))
        .map(|reference| repository(&reference).to_owned())
        .chain(FRONTENDS.map(str::to_owned))
        .collect();
    materials
        .iter()
        .filter_map(material)
        .filter(|material| !frontends.contains(repository(&material.name)))
        .filter(|material| seen.insert(material.clone()))
        .collect()
}

fn material(raw: &RawMaterial) -> Option<Material> {
    let url = ImageUrl::parse(&raw.uri)?;
    let listed = raw.digest.iter().find_map(|(algorithm, hex)| digest(algorithm, hex));
    url.is_image.then_some(Material { name: url.name, digest: listed.or(url.digest) })
}

fn digest(algorithm: &str, hex: &str) -> Option<Digest> {
    format!("{algorithm}:{hex}").parse().ok()
}

/// The reference without tag and digest.
fn repository(reference: &str) -> &str {
    let reference = reference.split_once('@').map_or(reference, |(name, _)| name);
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => reference,
    }
}
