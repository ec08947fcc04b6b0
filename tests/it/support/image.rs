//! Images built from layers, the same bytes each time.
//!
//! ```ignore
//! let image = Image::new("linux/amd64")
//!     .layer(Layer::gzip("etc/os-release 300"), "ADD rootfs.tar / # buildkit")
//!     .step("ENV LANG=C")
//!     .layer(Layer::zstd("usr/lib/big.so 50000"), "RUN make install # buildkit")
//!     .label("org.opencontainers.image.title", "app");
//! let index = Index::new().image(&image).attestation(&image, &Provenance::new(TEXT).statement(&image));
//! let registry = Registry::new().put_image("team/app", "latest", &index.bundle()).start();
//! index.bundle().write_layout(directory, "latest");   // for `skopeo copy oci:directory:latest …`
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use regsize::oci::Digest;
use serde_json::{Value, json};

use super::layer::Layer;

/// Media type of an OCI manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an OCI index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Media type of an OCI image config.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Media type of an empty config.
pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// Media type of a Docker manifest.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Media type of a Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Media type of a Docker image config.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// One platform's image.
#[derive(Clone, Debug)]
pub struct Image {
    pub(super) platform: Value,
    layers: Vec<Layer>,
    history: Vec<Value>,
    labels: BTreeMap<String, String>,
    docker: bool,
    config_changes: Value,
    manifest_changes: Value,
}

/// A manifest or index with its media type.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// The bytes.
    pub bytes: Bytes,
    /// The media type.
    pub media_type: String,
}

/// A document with all that it leads to.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    /// The document that a tag stands for.
    pub top: Document,
    /// The manifests below it.
    pub documents: Vec<Document>,
    /// The configs and layers.
    pub blobs: Vec<Bytes>,
}

impl Image {
    /// An image for a platform, as in `linux/arm64/v8`.
    pub fn new(platform: &str) -> Self {
        let mut parts = platform.split('/');
        let mut value = json!({"os": parts.next(), "architecture": parts.next()});
        if let Some(variant) = parts.next() {
            value["variant"] = variant.into();
        }
        Self {
            platform: value,
            layers: Vec::new(),
            history: Vec::new(),
            labels: BTreeMap::new(),
            docker: false,
            config_changes: json!({}),
            manifest_changes: json!({}),
        }
    }

    /// Adds a layer and the step that made it.
    pub fn layer(mut self, layer: Layer, created_by: &str) -> Self {
        self.layers.push(layer);
        self.history(json!({"created_by": created_by}))
    }

    /// Adds a step that made no layer.
    pub fn step(self, created_by: &str) -> Self {
        self.history(json!({"created_by": created_by, "empty_layer": true}))
    }

    /// Adds a history entry; without a time of its own it is one minute after the one before.
    pub fn history(mut self, mut entry: Value) -> Self {
        if entry.get("created").is_none() {
            let minutes = self.history.len();
            let time = format!("2026-01-02T{:02}:{:02}:00Z", minutes / 60, minutes % 60);
            entry["created"] = time.into();
        }
        self.history.push(entry);
        self
    }

    /// Adds a label.
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Sets the config's time; without this call it is the last step's.
    pub fn created(self, time: &str) -> Self {
        self.change_config(json!({"created": time}))
    }

    /// Adds annotations to the manifest.
    pub fn annotations(self, annotations: &Value) -> Self {
        self.change_manifest(json!({"annotations": annotations}))
    }

    /// Writes Docker's media types.
    pub fn docker(self) -> Self {
        Self { docker: true, ..self }
    }

    /// Leaves out the manifest's `mediaType` field.
    pub fn without_media_type(self) -> Self {
        self.change_manifest(json!({"mediaType": null}))
    }

    /// Sets fields of the config; those that are null are left out.
    pub fn change_config(mut self, changes: Value) -> Self {
        merge(&mut self.config_changes, changes);
        self
    }

    /// Sets fields of the manifest; those that are null are left out.
    pub fn change_manifest(mut self, changes: Value) -> Self {
        merge(&mut self.manifest_changes, changes);
        self
    }

    /// The layers, base first.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The config's bytes.
    pub fn config(&self) -> Bytes {
        let diff_ids: Vec<_> = self.layers.iter().map(|layer| Digest::of(&layer.tar)).collect();
        let mut config = self.platform.clone();
        config["config"] = json!({"Labels": self.labels, "Env": ["PATH=/usr/bin:/bin"]});
        config["rootfs"] = json!({"type": "layers", "diff_ids": diff_ids});
        config["history"] = self.history.clone().into();
        config["created"] = self.history.last().map_or(Value::Null, |e| e["created"].clone());
        apply(&mut config, &self.config_changes);
        config.to_string().into()
    }

    /// The descriptors of the layers, base first.
    pub fn layer_descriptors(&self) -> Vec<Value> {
        let media_type = |layer: &Layer| match layer.media_type.strip_prefix(OCI_LAYER) {
            Some(suffix) if self.docker => format!("{DOCKER_LAYER}{}", suffix.replace('+', ".")),
            _ => layer.media_type.clone(),
        };
        let describe = |layer: &Layer| {
            let descriptor = descriptor(&media_type(layer), &layer.blob);
            if layer.annotations.is_empty() {
                return descriptor;
            }
            with(descriptor, json!({"annotations": layer.annotations}))
        };
        self.layers.iter().map(describe).collect()
    }

    /// The manifest.
    pub fn manifest(&self) -> Document {
        let (media_type, config_type) =
            if self.docker { (DOCKER_MANIFEST, DOCKER_CONFIG) } else { (OCI_MANIFEST, OCI_CONFIG) };
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": descriptor(config_type, &self.config()),
            "layers": self.layer_descriptors(),
        });
        apply(&mut manifest, &self.manifest_changes);
        Document::new(&manifest, media_type)
    }

    /// The manifest's digest.
    pub fn digest(&self) -> Digest {
        self.manifest().digest()
    }

    /// The image with all its parts.
    pub fn bundle(&self) -> Bundle {
        let mut blobs: Vec<Bytes> = self.layers.iter().map(|layer| layer.blob.clone()).collect();
        blobs.push(self.config());
        Bundle { top: self.manifest(), documents: Vec::new(), blobs }
    }
}

impl Document {
    /// A document of this JSON.
    pub fn new(value: &Value, media_type: &str) -> Self {
        Self { bytes: value.to_string().into(), media_type: media_type.to_owned() }
    }

    /// The digest.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// The descriptor.
    pub fn descriptor(&self) -> Value {
        descriptor(&self.media_type, &self.bytes)
    }
}

impl Bundle {
    /// Writes an OCI layout whose only reference is `tag`.
    pub fn write_layout(&self, directory: &Path, tag: &str) {
        let blobs = directory.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).expect("a writable directory");
        let documents = self.documents.iter().chain([&self.top]).map(|document| &document.bytes);
        for bytes in documents.chain(&self.blobs) {
            let path = blobs.join(Digest::of(bytes).hex());
            std::fs::write(path, bytes).expect("a writable directory");
        }
        let name = json!({"annotations": {"org.opencontainers.image.ref.name": tag}});
        let index = json!({"schemaVersion": 2, "manifests": [with(self.top.descriptor(), name)]});
        let files = [("index.json", index), ("oci-layout", json!({"imageLayoutVersion": "1.0.0"}))];
        for (file, content) in files {
            let written = std::fs::write(directory.join(file), content.to_string());
            written.expect("a writable directory");
        }
    }
}

/// The descriptor of `bytes`.
pub fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": Digest::of(bytes), "size": bytes.len()})
}

/// `value` with the fields of `fields` as well.
pub fn with(mut value: Value, fields: Value) -> Value {
    merge(&mut value, fields);
    value
}

pub(super) fn merge(value: &mut Value, fields: Value) {
    let Value::Object(fields) = fields else { panic!("fields by name") };
    value.as_object_mut().expect("an object").extend(fields);
}

pub(super) fn apply(document: &mut Value, changes: &Value) {
    merge(document, changes.clone());
    document.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
}
