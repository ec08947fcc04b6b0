//! Image indexes and manifests, image-spec `image-index.md` and `manifest.md`.
//!
//! What a document is follows from its shape. A `mediaType` field or a `Content-Type` header that
//! names another kind of document makes it ambiguous, and ambiguous documents are refused
//! (CVE-2021-41190). Docker schema 1 is recognised and refused.

use serde::Deserialize;
use serde_json::Value;

use super::descriptor::{null_as_default, object, objects, objects_or_default, optional_object};
use super::json::shortened;
use super::{Annotations, Decoded, Descriptor, JsonError, Kind, MediaType, decode};

/// A document found under a repository's `manifests`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// A list of manifests, one per platform.
    Index(Index),
    /// One platform's image, or another artifact.
    Manifest(Box<Manifest>),
}

/// An image index or Docker manifest list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// The media type the document gives itself.
    #[serde(default)]
    pub media_type: Option<MediaType>,
    /// The artifact type, on indexes that are not of images.
    #[serde(default)]
    pub artifact_type: Option<String>,
    /// The manifests, in the order of the document.
    #[serde(deserialize_with = "objects")]
    pub manifests: Vec<Descriptor>,
    /// Annotations, empty when absent.
    #[serde(default, deserialize_with = "null_as_default")]
    pub annotations: Annotations,
}

/// An image manifest.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The media type the document gives itself.
    #[serde(default)]
    pub media_type: Option<MediaType>,
    /// The artifact type, on manifests that are not of images.
    #[serde(default)]
    pub artifact_type: Option<String>,
    /// The image config.
    #[serde(deserialize_with = "object")]
    pub config: Descriptor,
    /// The layers, base first.
    #[serde(default, deserialize_with = "objects_or_default")]
    pub layers: Vec<Descriptor>,
    /// The manifest that this one is attached to.
    #[serde(default, deserialize_with = "optional_object")]
    pub subject: Option<Descriptor>,
    /// Annotations, empty when absent.
    #[serde(default, deserialize_with = "null_as_default")]
    pub annotations: Annotations,
}

/// Why bytes are not an index or manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// The bytes are not JSON or a field is wrong.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Docker schema 1.
    #[error("Docker manifest schema 1 is not supported: push the image again with a current tool")]
    Schema1,
    /// The document has the parts of both an index and a manifest.
    #[error("the document is ambiguous: it has both `manifests` and `layers` or `config`")]
    Ambiguous,
    /// The media types named for the document differ from its shape or from one another.
    #[error("the document is ambiguous: {0}")]
    MediaType(String),
    /// The document is neither an index nor a manifest.
    #[error("neither an image index (`manifests`) nor an image manifest (`config` and `layers`)")]
    Shape,
}

impl Document {
    /// Decodes a document, given the media type that the registry answered with, if any.
    pub fn parse(
        bytes: &[u8],
        answered: Option<&MediaType>,
    ) -> Result<Decoded<Self>, DocumentError> {
        if answered.is_some_and(|media_type| media_type.kind() == Kind::Schema1) {
            return Err(DocumentError::Schema1);
        }
        let shape = decode::<Value>(bytes)?;
        let has = |key: &str| shape.value.get(key).is_some();
        let (value, kind) = match (has("manifests"), has("layers") || has("config")) {
            (true, true) => return Err(DocumentError::Ambiguous),
            (true, false) => (Self::Index(decode(bytes)?.value), Kind::Index),
            (false, true) => (Self::Manifest(Box::new(decode(bytes)?.value)), Kind::Manifest),
            (false, false) if has("fsLayers") => return Err(DocumentError::Schema1),
            (false, false) if !shape.value.is_object() => {
                return Err(JsonError {
                    path: ".".into(),
                    message: "expected a JSON object".into(),
                }
                .into());
            }
            (false, false) => return Err(DocumentError::Shape),
        };
        check_media_types(kind, value.media_type(), answered)?;
        Ok(Decoded { value, repeated_keys: shape.repeated_keys })
    }

    fn media_type(&self) -> Option<&MediaType> {
        match self {
            Self::Index(index) => index.media_type.as_ref(),
            Self::Manifest(manifest) => manifest.media_type.as_ref(),
        }
    }
}

fn check_media_types(
    shape: Kind,
    field: Option<&MediaType>,
    answered: Option<&MediaType>,
) -> Result<(), DocumentError> {
    // An empty type is none, and types that are no document's (`text/plain`) say nothing.
    let field = field.filter(|field| !field.as_str().is_empty());
    let is_document = |media_type: &&MediaType| !matches!(media_type.kind(), Kind::Other);
    for named in [field, answered].into_iter().flatten().filter(is_document) {
        if named.kind() != shape {
            return Err(DocumentError::MediaType(format!(
                "it is named {} but is not of that shape",
                shortened(named.as_str())
            )));
        }
    }
    match (field, answered.filter(is_document)) {
        (Some(field), Some(answered)) if field != answered => {
            Err(DocumentError::MediaType(format!(
                "it names itself {} but the registry answered {}",
                shortened(field.as_str()),
                shortened(answered.as_str())
            )))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

    fn descriptor() -> String {
        format!(r#"{{"mediaType":"x/y","digest":"{}","size":7}}"#, super::super::Digest::of(b"x"))
    }

    fn check(text: &str, answered: Option<&str>, expected: Result<Kind, &str>) {
        let answered = answered.map(MediaType::from_header);
        let outcome = Document::parse(text.as_bytes(), answered.as_ref()).map(|decoded| {
            match decoded.value {
                Document::Index(_) => Kind::Index,
                Document::Manifest(_) => Kind::Manifest,
            }
        });
        match (outcome, expected) {
            (Ok(kind), Ok(expected)) => assert_eq!(kind, expected, "{text}"),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{text}: {error}"),
            (outcome, expected) => panic!("{text}: got {outcome:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn the_shape_decides_and_contradictions_are_refused() {
        let d = descriptor();
        let manifest = format!(r#"{{"schemaVersion":2,"config":{d},"layers":[{d}]}}"#);
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{d}]}}"#);
        check(&manifest, None, Ok(Kind::Manifest));
        check(&manifest, Some("text/plain; charset=utf-8"), Ok(Kind::Manifest));
        check(&manifest, Some(&format!("{OCI_MANIFEST}; charset=utf-8")), Ok(Kind::Manifest));
        check(&manifest, Some(OCI_INDEX), Err("not of that shape"));
        check(&index, Some(OCI_INDEX), Ok(Kind::Index));
        check(&index, Some(OCI_MANIFEST), Err("not of that shape"));
        let typed = manifest.replacen('{', &format!(r#"{{"mediaType":"{OCI_MANIFEST}","#), 1);
        check(&typed, Some(DOCKER_MANIFEST), Err("the registry answered"));
        check(&typed, Some("application/json"), Ok(Kind::Manifest));
        let both = format!(r#"{{"config":{d},"layers":[],"manifests":[]}}"#);
        check(&both, None, Err("both"));
        check(r#"{"schemaVersion":1,"fsLayers":[]}"#, None, Err("schema 1"));
        check(
            "{}",
            Some("application/vnd.docker.distribution.manifest.v1+prettyjws"),
            Err("schema 1"),
        );
        check("{}", None, Err("neither"));
        check("[]", None, Err("expected a JSON object"));
        check("null", None, Err("expected a JSON object"));
        check("<html>", None, Err("expected value"));
    }

    #[test]
    fn optional_fields_may_be_null_and_required_ones_may_not() {
        let d = descriptor();
        check(
            &format!(
                r#"{{"config":{d},"layers":null,"annotations":null,"subject":null,"mediaType":null}}"#
            ),
            None,
            Ok(Kind::Manifest),
        );
        check(
            &format!(r#"{{"config":null,"layers":[{d}]}}"#),
            None,
            Err("config: invalid type: null"),
        );
        check(r#"{"manifests":null}"#, None, Err("manifests: invalid type: null"));
        let bad = d.replace(r#""size":7"#, r#""size":null"#);
        check(
            &format!(r#"{{"config":{d},"layers":[{bad}]}}"#),
            None,
            Err("layers[0].size: invalid type: null"),
        );
        let bad = d.replace("sha256:", "sha256:../");
        check(&format!(r#"{{"config":{d},"layers":[{bad}]}}"#), None, Err("layers[0].digest"));
    }
}
