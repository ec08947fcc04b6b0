//! What an image itself says about its base image.
//!
//! Claims come from BuildKit provenance, from `org.opencontainers.image.base.*` annotations and
//! labels, and from the shape of the history. A claim may name the base image without saying how
//! many layers are its; those are then known only if the base image's own layers are compared.

use super::{Base, Evidence, Image, Origin, Step};
use crate::oci::{Annotations, Digest};
use crate::secrecy::hide;

const NAME: &str = "org.opencontainers.image.base.name";
const DIGEST: &str = "org.opencontainers.image.base.digest";
/// The remark of BuildKit's history entries.
const BUILDKIT: &str = "buildkit.dockerfile.v0";

impl Image {
    /// What annotations, labels and history claim, strongest first.
    pub(crate) fn base_claims(&self, index_annotations: &Annotations) -> Vec<Base> {
        let named = |values: &Annotations, evidence| {
            let value = |key: &str| values.get(key).filter(|value| !value.is_empty());
            let digest: Option<Digest> = value(DIGEST).and_then(|digest| digest.parse().ok());
            let name = value(NAME).map(|name| hide(name).0);
            // Without a name the digest is often that of a stage which only the builder has.
            name.map(|name| Base {
                name: Some(name),
                digest,
                layers: None,
                evidence,
                confirmed: false,
            })
        };
        let claims = [
            named(&self.annotations, Evidence::Annotation),
            named(index_annotations, Evidence::Annotation),
            named(&self.labels, Evidence::Label),
            from_history(&self.steps),
        ];
        claims.into_iter().flatten().collect()
    }

    /// Takes `base` for the base image and marks the layers as base or own where it says how many.
    pub(crate) fn set_base(&mut self, base: Base) {
        if let Some(count) = base.layers {
            for layer in &mut self.layers {
                layer.origin = if layer.index < count { Origin::Base } else { Origin::Own };
            }
        }
        self.base = Some(base);
    }
}

/// Finds the boundary where a later build began: a remark `FROM name`, BuildKit's first entry
/// after those of another tool, or steps after the `CMD` that ended an earlier build.
fn from_history(steps: &[Step]) -> Option<Base> {
    let named =
        steps.iter().enumerate().rev().find_map(|(at, step)| Some((at, name_of(&step.comment)?)));
    let unnamed = || first_of_buildkit(steps).or_else(|| after_last_command(steps));
    let (boundary, name) = match named {
        Some((at, name)) => (at, Some(name.to_owned())),
        None => (unnamed()?, None),
    };
    let below = steps[..boundary].iter().filter_map(|step| step.layer).max()?;
    steps[boundary..].iter().any(|step| step.layer.is_some()).then(|| Base {
        name,
        digest: None,
        layers: Some(below + 1),
        evidence: Evidence::History,
        confirmed: false,
    })
}

/// The name in a remark `FROM name`. Builds with a cache write the identifier of the image before
/// each step instead.
fn name_of(comment: &str) -> Option<&str> {
    let name = comment.strip_prefix("FROM ")?.trim();
    let is_identifier = name.len() >= 12 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    (!name.is_empty() && !is_identifier && name != "scratch").then_some(name)
}

fn first_of_buildkit(steps: &[Step]) -> Option<usize> {
    let first = steps.iter().position(|step| step.comment == BUILDKIT)?;
    (first > 0).then_some(first)
}

fn after_last_command(steps: &[Step]) -> Option<usize> {
    let last_layer = steps.iter().rposition(|step| step.layer.is_some())?;
    let command =
        steps[..last_layer].iter().rposition(|step| step.empty && is_command(&step.instruction))?;
    Some(command + 1)
}

fn is_command(instruction: &str) -> bool {
    instruction.starts_with("CMD ") || instruction.starts_with("CMD[")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps as text: `L` made a layer, `-` made none; then comment | instruction.
    fn steps(lines: &[&str]) -> Vec<Step> {
        let mut layers = 0..;
        let step = |line: &&str| {
            let (kind, rest) = line.split_once(' ').unwrap();
            let (comment, instruction) = rest.split_once('|').unwrap();
            let layer = (kind == "L").then(|| layers.next().unwrap());
            Step {
                comment: comment.into(),
                instruction: instruction.into(),
                empty: layer.is_none(),
                layer,
                ..Step::default()
            }
        };
        lines.iter().map(step).collect()
    }

    #[test]
    fn the_history_shows_where_a_later_build_began() {
        let check = |lines: &[&str], expected: Option<(usize, Option<&str>)>| {
            let base = from_history(&steps(lines));
            let found = base.as_ref().map(|base| (base.layers.unwrap(), base.name.as_deref()));
            assert_eq!(found, expected, "{lines:?}");
        };
        check(
            &["L |# debian.sh", "L buildkit.dockerfile.v0|RUN a", "L buildkit.dockerfile.v0|RUN b"],
            Some((1, None)),
        );
        check(&["L |ADD x /", "- |CMD [\"sh\"]", "L |RUN a"], Some((1, None)));
        check(
            &[
                "L |ADD x /",
                "- |CMD [\"sh\"]",
                "L |RUN a",
                "- |CMD [\"py\"]",
                "L |RUN b",
                "- |CMD [\"me\"]",
            ],
            Some((2, None)),
        );
        check(
            &["L |ADD x /", "L FROM docker.io/library/debian:12|RUN a"],
            Some((1, Some("docker.io/library/debian:12"))),
        );
        check(
            &[
                "L |ADD x /",
                "- FROM docker.io/library/debian:12|ARG A",
                "L FROM 0123456789ab|RUN a",
            ],
            Some((1, Some("docker.io/library/debian:12"))),
        );
        check(&["L |ADD x /", "L FROM 0123456789ab|RUN a"], None);
        // All steps of one build, or none that made a layer, show nothing.
        check(&["L buildkit.dockerfile.v0|RUN a", "- buildkit.dockerfile.v0|CMD [\"x\"]"], None);
        check(&["L |ADD x /", "- |CMD [\"sh\"]", "- |ENV A=b"], None);
        check(&["- FROM scratch|LABEL a=b", "L |COPY . /"], None);
        check(&[], None);
    }
}
