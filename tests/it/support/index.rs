//! Indexes over images, with the attestations and SOCI indexes that go with them.
//!
//! ```ignore
//! let index = Index::new()
//!     .image(&amd64)
//!     .image(&arm64)
//!     .attestation(&amd64, &Provenance::new(DOCKERFILE).statement(&amd64))
//!     .soci(&arm64, &[(0, ztoc)]);
//! let registry = Registry::new().put_image("team/app", "latest", &index.bundle()).start();
//! ```

use bytes::Bytes;
use serde_json::{Value, json};

use super::image::{
    Bundle, DOCKER_LIST, Document, Image, OCI_CONFIG, OCI_EMPTY, OCI_INDEX, OCI_MANIFEST, apply,
    descriptor, merge, with,
};

const SOCI_V2: &str = "application/vnd.amazon.soci.index.v2+json";
const IN_TOTO: &str = "application/vnd.in-toto+json";
const ATTESTATION: &str = "application/vnd.docker.attestation.manifest.v1+json";

/// An index.
#[derive(Clone, Debug, Default)]
pub struct Index {
    entries: Vec<Value>,
    contents: Bundle,
    docker: bool,
    changes: Value,
}

impl Index {
    /// An index without entries.
    pub fn new() -> Self {
        Self { changes: json!({}), ..Self::default() }
    }

    /// Adds an image under its platform.
    pub fn image(self, image: &Image) -> Self {
        let entry = with(image.manifest().descriptor(), json!({"platform": image.platform}));
        self.attach(image.bundle()).entry(entry)
    }

    /// Adds an attestation manifest for `image`, in the form of an image.
    pub fn attestation(self, image: &Image, statement: &Value) -> Self {
        let config = Bytes::from(
            r#"{"architecture":"unknown","os":"unknown","config":{},"rootfs":{"type":"layers","diff_ids":[]}}"#,
        );
        let head = json!({"config": descriptor(OCI_CONFIG, &config)});
        self.attested(image, statement, config, head)
    }

    /// Adds an attestation manifest for `image`, in the form of an artifact with a subject.
    pub fn attestation_artifact(self, image: &Image, statement: &Value) -> Self {
        let config = Bytes::from("{}");
        let head = json!({
            "artifactType": ATTESTATION,
            "config": descriptor(OCI_EMPTY, &config),
            "subject": image.manifest().descriptor(),
        });
        self.attested(image, statement, config, head)
    }

    fn attested(self, image: &Image, statement: &Value, config: Bytes, head: Value) -> Self {
        let statement_bytes = Bytes::from(statement.to_string());
        let annotations = json!({"in-toto.io/predicate-type": statement["predicateType"]});
        let layer =
            with(descriptor(IN_TOTO, &statement_bytes), json!({"annotations": annotations}));
        let manifest =
            with(json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": [layer]}), head);
        let top = Document::new(&manifest, OCI_MANIFEST);
        let place = json!({
            "platform": {"os": "unknown", "architecture": "unknown"},
            "annotations": {
                "vnd.docker.reference.type": "attestation-manifest",
                "vnd.docker.reference.digest": image.digest(),
            },
        });
        let entry = with(top.descriptor(), place);
        let blobs = vec![statement_bytes, config];
        self.attach(Bundle { top, documents: Vec::new(), blobs }).entry(entry)
    }

    /// Adds a SOCI index (version 2) for `image`; each table of contents goes with the layer of
    /// the given number.
    pub fn soci(self, image: &Image, ztocs: &[(usize, Bytes)]) -> Self {
        let descriptors = image.layer_descriptors();
        let layers: Vec<Value> = ztocs
            .iter()
            .map(|(layer, ztoc)| {
                let annotations = json!({
                    "com.amazon.soci.image-layer-digest": descriptors[*layer]["digest"],
                    "com.amazon.soci.image-layer-mediaType": descriptors[*layer]["mediaType"],
                });
                let entry = descriptor("application/octet-stream", ztoc);
                with(entry, json!({"annotations": annotations}))
            })
            .collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor(SOCI_V2, b"{}"),
            "layers": layers,
            "annotations": {"com.amazon.soci.build-tool-identifier": "AWS SOCI CLI v0.2"},
        });
        let top = Document::new(&manifest, OCI_MANIFEST);
        let place = json!({
            "artifactType": SOCI_V2,
            "platform": image.platform,
            "annotations": {"com.amazon.soci.image-manifest-digest": image.digest()},
        });
        let entry = with(top.descriptor(), place);
        let mut blobs: Vec<Bytes> = ztocs.iter().map(|(_, ztoc)| ztoc.clone()).collect();
        blobs.push(Bytes::from("{}"));
        self.attach(Bundle { top, documents: Vec::new(), blobs }).entry(entry)
    }

    /// Adds an entry that leads to nothing unless the test stores it.
    pub fn entry(mut self, entry: Value) -> Self {
        self.entries.push(entry);
        self
    }

    /// Writes Docker's media type.
    pub fn docker(self) -> Self {
        Self { docker: true, ..self }
    }

    /// Sets fields of the index; those that are null are left out.
    pub fn change(mut self, changes: Value) -> Self {
        merge(&mut self.changes, changes);
        self
    }

    /// The index with all its parts.
    pub fn bundle(&self) -> Bundle {
        let media_type = if self.docker { DOCKER_LIST } else { OCI_INDEX };
        let mut index =
            json!({"schemaVersion": 2, "mediaType": media_type, "manifests": self.entries});
        apply(&mut index, &self.changes);
        Bundle { top: Document::new(&index, media_type), ..self.contents.clone() }
    }

    fn attach(mut self, part: Bundle) -> Self {
        self.contents.documents.push(part.top);
        self.contents.blobs.extend(part.blobs);
        self
    }
}
