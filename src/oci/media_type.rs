//! Media types: the OCI and the Docker spelling of a thing are one [`Kind`].

use std::fmt;

use serde::{Deserialize, Serialize};

/// A media type as written in a document, without parameters when it came from a header.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MediaType(pub String);

/// What a media type stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An image index or Docker manifest list.
    Index,
    /// An image manifest.
    Manifest,
    /// A Docker schema 1 manifest, which is not supported.
    Schema1,
    /// An image config.
    Config,
    /// A file system layer.
    Layer(LayerType),
    /// An in-toto statement of an attestation manifest.
    Statement,
    /// Anything else: artifacts, encrypted layers, other image formats.
    Other,
}

/// A layer's media type taken apart. The compression is a claim; the bytes decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerType {
    /// The compression that the media type names.
    pub compression: Compression,
    /// Whether the layer is foreign (non-distributable): it may be absent from the registry.
    pub foreign: bool,
}

/// How a layer's tar stream is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// A plain tar stream.
    None,
    /// Gzip, one or several members.
    Gzip,
    /// Zstandard, one or several frames.
    Zstd,
}

impl MediaType {
    /// Reads the value of a `Content-Type` header, dropping parameters and case.
    pub fn from_header(value: &str) -> Self {
        Self(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    /// The text as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the media type stands for.
    pub fn kind(&self) -> Kind {
        match self.0.as_str() {
            "application/vnd.oci.image.index.v1+json"
            | "application/vnd.docker.distribution.manifest.list.v2+json" => Kind::Index,
            "application/vnd.oci.image.manifest.v1+json"
            | "application/vnd.docker.distribution.manifest.v2+json" => Kind::Manifest,
            "application/vnd.docker.distribution.manifest.v1+json"
            | "application/vnd.docker.distribution.manifest.v1+prettyjws" => Kind::Schema1,
            "application/vnd.oci.image.config.v1+json"
            | "application/vnd.docker.container.image.v1+json" => Kind::Config,
            "application/vnd.in-toto+json" => Kind::Statement,
            other => layer_type(other).map_or(Kind::Other, Kind::Layer),
        }
    }
}

fn layer_type(text: &str) -> Option<LayerType> {
    let (rest, foreign) = if let Some(rest) = text.strip_prefix("application/vnd.oci.image.layer.")
    {
        match rest.strip_prefix("nondistributable.") {
            Some(rest) => (rest.strip_prefix("v1.tar")?, true),
            None => (rest.strip_prefix("v1.tar")?, false),
        }
    } else {
        let rest = text.strip_prefix("application/vnd.docker.image.rootfs.")?;
        match rest.strip_prefix("foreign.") {
            Some(rest) => (rest.strip_prefix("diff.tar")?, true),
            None => (rest.strip_prefix("diff.tar")?, false),
        }
    };
    let compression = match rest {
        "" => Compression::None,
        "+gzip" | ".gzip" => Compression::Gzip,
        "+zstd" | ".zstd" => Compression::Zstd,
        _ => return None,
    };
    Some(LayerType { compression, foreign })
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_mean_the_same() {
        let check = |text: &str, expected: Kind| {
            assert_eq!(MediaType(text.into()).kind(), expected, "{text}");
        };
        let layer = |compression, foreign| Kind::Layer(LayerType { compression, foreign });
        check("application/vnd.oci.image.index.v1+json", Kind::Index);
        check("application/vnd.docker.distribution.manifest.v1+prettyjws", Kind::Schema1);
        check("application/vnd.oci.image.layer.v1.tar", layer(Compression::None, false));
        check("application/vnd.oci.image.layer.v1.tar+zstd", layer(Compression::Zstd, false));
        check(
            "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
            layer(Compression::Gzip, true),
        );
        check("application/vnd.docker.image.rootfs.diff.tar.gzip", layer(Compression::Gzip, false));
        check(
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            layer(Compression::Gzip, true),
        );
        check("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", Kind::Other);
        check("application/vnd.oci.image.layer.nydus.blob.v1", Kind::Other);
        check("", Kind::Other);
    }

    #[test]
    fn header_parameters_and_case_are_dropped() {
        let media_type =
            MediaType::from_header("Application/VND.oci.image.index.v1+json; charset=utf-8");
        assert_eq!(media_type.kind(), Kind::Index);
    }
}
