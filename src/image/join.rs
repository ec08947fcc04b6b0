//! Joins a manifest and a config into an [`Image`].
//!
//! Layer `i` of the manifest has `diff_ids[i]` of the config; where their numbers differ nothing
//! is paired and a warning says so. Steps are paired by [`super::history`].

use std::collections::BTreeMap;

use super::{Image, Layer, Origin, Runtime, Uncompressed, history, time};
use crate::oci::{Digest, Execution, ImageConfig, Manifest, Platform};
use crate::secrecy::{HIDDEN, Secret, fingerprint, hide, is_literal, is_secret_name};

/// What an image is made of.
pub(crate) struct Parts<'a> {
    /// The manifest's digest.
    pub(crate) digest: Digest,
    /// The manifest's size in bytes.
    pub(crate) size: u64,
    /// The platform that the index gives the image.
    pub(crate) platform: Option<Platform>,
    pub(crate) manifest: &'a Manifest,
    pub(crate) config: ImageConfig,
    /// Lengths of tar streams by the digest of their blob.
    pub(crate) lengths: &'a BTreeMap<Digest, Uncompressed>,
}

impl Image {
    /// Joins the parts; the base image is not looked for. Gives warnings, one sentence each.
    pub(crate) fn join(parts: Parts<'_>) -> (Self, Vec<String>) {
        let Parts { digest, size, platform, manifest, config, lengths } = parts;
        let platform = platform.unwrap_or(config.platform);
        let joined = history::join(&config.history, manifest.layers.len(), &config.config.shell);
        let mut warnings: Vec<String> = joined.warnings;
        let diff_ids = &config.rootfs.diff_ids;
        let paired = diff_ids.len() == manifest.layers.len();
        if !paired {
            warnings.push(format!(
                "the config lists {} uncompressed layers and the manifest {} layers, so they are not paired",
                diff_ids.len(),
                manifest.layers.len(),
            ));
        }
        let layer = |(index, descriptor): (usize, &crate::oci::Descriptor)| Layer {
            index,
            digest: descriptor.digest.clone(),
            diff_id: diff_ids.get(index).filter(|_| paired).cloned(),
            media_type: descriptor.media_type.clone(),
            compressed: descriptor.size,
            uncompressed: lengths.get(&descriptor.digest).copied(),
            step: joined.layer_steps.get(index).copied().flatten(),
            origin: Origin::Unknown,
            source: None,
            annotations: descriptor.annotations.clone(),
        };
        let runtime = runtime(&config.config);
        let (labels, label_secrets) = without_secrets(config.config.labels);
        let (annotations, annotation_secrets) = without_secrets(manifest.annotations.clone());
        let image = Self {
            digest,
            manifest_size: size,
            config_digest: manifest.config.digest.clone(),
            config_size: manifest.config.size,
            created: config.created.as_deref().and_then(time::to_utc),
            os_name: os_name(&labels, &platform),
            layers: manifest.layers.iter().enumerate().map(layer).collect(),
            steps: joined.steps,
            base: None,
            runtime,
            labels,
            label_secrets,
            annotations,
            annotation_secrets,
            in_files: false,
            platform,
        };
        let warnings =
            warnings.into_iter().map(|warning| format!("{}: {warning}", image.platform)).collect();
        (image, warnings)
    }
}

/// Labels and annotations are shown, and some hold passwords; each of these is told with its label.
fn without_secrets(
    labels: BTreeMap<String, String>,
) -> (BTreeMap<String, String>, Vec<(String, Secret)>) {
    let mut secrets = Vec::new();
    let shown = labels.into_iter().map(|(name, value)| {
        let (value, found) = label(&name, &value);
        secrets.extend(found.into_iter().map(|secret| (name.clone(), secret)));
        (name, value)
    });
    (shown.collect(), secrets)
}

/// A label's value without secrets, and those.
pub(crate) fn label(name: &str, value: &str) -> (String, Vec<Secret>) {
    if is_secret_name(name) && !value.is_empty() && is_literal(value) {
        let fingerprint = fingerprint(value.as_bytes());
        return (HIDDEN.to_owned(), vec![Secret { name: name.to_owned(), fingerprint }]);
    }
    hide(value)
}

fn runtime(config: &Execution) -> Runtime {
    let variables = config.env.iter().filter_map(|variable| variable.split_once('='));
    Runtime {
        env: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        entrypoint: config.entrypoint.clone(),
        cmd: config.cmd.clone(),
        user: config.user.clone(),
        working_dir: config.working_dir.clone(),
    }
}

/// The operating system's name and version, where labels or the platform tell.
fn os_name(labels: &BTreeMap<String, String>, platform: &Platform) -> Option<String> {
    let label = |key: &str| labels.get(key).map(String::as_str).filter(|value| !value.is_empty());
    let reference = label("org.opencontainers.image.ref.name");
    let version = label("org.opencontainers.image.version");
    match (reference, version) {
        // Ubuntu's and Debian's official images name themselves so, and their children inherit it.
        (Some(name @ ("ubuntu" | "debian" | "alpine" | "fedora")), Some(version)) => {
            Some(format!("{name} {version}"))
        }
        _ => platform.os_version.as_ref().map(|version| format!("{} {version}", platform.os)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(layers: u8, config: &str) -> (Image, Vec<String>) {
        let descriptor = |at: u8| {
            format!(r#"{{"mediaType":"x/y","digest":"{}","size":{}}}"#, Digest::of(&[at]), at + 1)
        };
        let layers = (0..layers).map(descriptor).collect::<Vec<_>>().join(",");
        let manifest = format!(r#"{{"config":{},"layers":[{layers}]}}"#, descriptor(99));
        let manifest: Manifest = serde_json::from_str(&manifest).unwrap();
        let config = serde_json::from_str(config).unwrap();
        let lengths =
            BTreeMap::from([(Digest::of(&[0]), Uncompressed { bytes: 512, inferred: true })]);
        Image::join(Parts {
            digest: Digest::of(b"m"),
            size: 1,
            platform: None,
            manifest: &manifest,
            config,
            lengths: &lengths,
        })
    }

    #[test]
    fn layers_stand_with_their_diff_ids_and_lengths() {
        let id = Digest::of(b"tar");
        let (image, warnings) = join(
            2,
            &format!(
                r#"{{"os":"linux","architecture":"arm64","rootfs":{{"diff_ids":["{id}","{id}"]}},"history":[{{}},{{}}]}}"#
            ),
        );
        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(image.platform.to_string(), "linux/arm64");
        assert_eq!(image.layers[1].diff_id.as_ref().map(|id| &id.0), Some(&id));
        assert_eq!(image.layers[0].uncompressed, Some(Uncompressed { bytes: 512, inferred: true }));
        assert_eq!((image.compressed(), image.uncompressed()), (3, None));
    }

    #[test]
    fn unequal_numbers_are_not_paired() {
        let (image, warnings) =
            join(2, &format!(r#"{{"rootfs":{{"diff_ids":["{}"]}}}}"#, Digest::of(b"")));
        assert!(image.layers.iter().all(|layer| layer.diff_id.is_none()));
        assert!(
            warnings
                .iter()
                .any(|warning| warning.contains("1 uncompressed layers and the manifest 2")),
            "{warnings:?}"
        );
    }

    #[test]
    fn an_image_without_layers_has_zero_bytes() {
        let (image, _) = join(0, "{}");
        assert_eq!((image.compressed(), image.uncompressed()), (0, Some(0)));
    }

    #[test]
    fn passwords_in_labels_are_hidden() {
        let check = |name: &str, value: &str, expected: &str, secret: Option<&str>| {
            let config = format!(r#"{{"config":{{"Labels":{{"{name}":"{value}"}}}}}}"#);
            let (image, _) = join(0, &config);
            assert_eq!(image.labels[name], expected);
            let told =
                image.label_secrets.iter().map(|(label, secret)| (label.as_str(), &*secret.name));
            assert_eq!(
                told.collect::<Vec<_>>(),
                Vec::from_iter(secret.map(|secret| (name, secret)))
            );
        };
        let url = "https://x:y9z8@h.example/";
        check("source", url, "https://x:***@h.example/", Some("password for h.example"));
        check("com.example.api-token", "y9z8", "***", Some("com.example.api-token"));
        check("com.example.api-token", "", "", None);
        check("com.example.token-url", "y9z8", "y9z8", None);
        check("version", "1.0", "1.0", None);
    }

    #[test]
    fn passwords_in_annotations_are_hidden() {
        let annotations = BTreeMap::from([
            ("source".to_owned(), "https://x:y9z8@h.example/".to_owned()),
            ("com.example.api-token".to_owned(), "y9z8".to_owned()),
        ]);
        let (shown, _) = without_secrets(annotations);
        assert_eq!(shown["source"], "https://x:***@h.example/");
        assert_eq!(shown["com.example.api-token"], "***");
    }

    #[test]
    fn the_operating_system_is_named_by_labels() {
        let check = |labels: &str, expected: Option<&str>| {
            let (image, _) = join(
                0,
                &format!(
                    r#"{{"os":"windows","os.version":"10.0.1","config":{{"Labels":{labels}}}}}"#
                ),
            );
            assert_eq!(image.os_name.as_deref(), expected, "{labels}");
        };
        check(
            r#"{"org.opencontainers.image.ref.name":"ubuntu","org.opencontainers.image.version":"24.04"}"#,
            Some("ubuntu 24.04"),
        );
        check(r#"{"org.opencontainers.image.version":"1.3.0"}"#, Some("windows 10.0.1"));
    }
}
