//! The image config, image-spec `config.md`: what of it regsize reads.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::descriptor::{
    Object, null_as_default, object_or_default, objects_or_default, other_as_default,
};
use super::{DiffId, Platform};

/// An image config. Real configs leave out what the specification requires, so all is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Object<Written>")]
pub struct ImageConfig {
    /// When the image was made, as written.
    pub created: Option<String>,
    /// The platform that the image is for.
    pub platform: Platform,
    /// How a container of the image runs.
    pub config: Execution,
    /// The layers' uncompressed digests.
    pub rootfs: RootFs,
    /// The build steps, oldest first.
    pub history: Vec<HistoryEntry>,
}

/// A config as it is written: the platform's fields stand among the others. Flattening them would
/// lose their names in errors.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    created: Option<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    os: String,
    #[serde(default, deserialize_with = "null_as_default")]
    architecture: String,
    #[serde(default)]
    variant: Option<String>,
    #[serde(default, rename = "os.version")]
    os_version: Option<String>,
    #[serde(default, rename = "os.features", deserialize_with = "null_as_default")]
    os_features: Vec<String>,
    #[serde(default, deserialize_with = "object_or_default")]
    config: Execution,
    #[serde(default, deserialize_with = "object_or_default")]
    rootfs: RootFs,
    #[serde(default, deserialize_with = "objects_or_default")]
    history: Vec<HistoryEntry>,
}

impl From<Object<Written>> for ImageConfig {
    fn from(Object(written): Object<Written>) -> Self {
        let Written { created, os, architecture, variant, os_version, os_features, .. } = written;
        let platform = Platform { os, architecture, variant, os_version, os_features };
        let Written { config, rootfs, history, .. } = written;
        Self { created, platform, config, rootfs, history }
    }
}

/// The execution part of an image config, as far as it says something about the build or about
/// what a container needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Execution {
    /// Variables of the environment, as `KEY=value`.
    #[serde(default, deserialize_with = "other_as_default")]
    pub env: Vec<String>,
    /// The program that a container starts.
    #[serde(default, deserialize_with = "other_as_default")]
    pub entrypoint: Vec<String>,
    /// Its arguments, or the program where there is no entry point.
    #[serde(default, deserialize_with = "other_as_default")]
    pub cmd: Vec<String>,
    /// The user that it runs as.
    #[serde(default, deserialize_with = "other_as_default")]
    pub user: String,
    /// The directory that it starts in.
    #[serde(default, deserialize_with = "other_as_default")]
    pub working_dir: String,
    /// Labels, in key order.
    #[serde(default, deserialize_with = "null_as_default")]
    pub labels: BTreeMap<String, String>,
    /// The shell that the build's shell-form instructions ran in.
    #[serde(default, deserialize_with = "null_as_default")]
    pub shell: Vec<String>,
}

/// The root file system part of an image config.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct RootFs {
    /// The digests of the layers' tar streams, base first.
    #[serde(default, deserialize_with = "null_as_default")]
    pub diff_ids: Vec<DiffId>,
}

/// One step of an image's history, as written by the tool that built it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct HistoryEntry {
    /// When the step was made, as written.
    #[serde(default)]
    pub created: Option<String>,
    /// The command or instruction, in the words of the build tool.
    #[serde(default, deserialize_with = "null_as_default")]
    pub created_by: String,
    /// Who made the step; some build tools sign here.
    #[serde(default, deserialize_with = "null_as_default")]
    pub author: String,
    /// A remark; some build tools sign here.
    #[serde(default, deserialize_with = "null_as_default")]
    pub comment: String,
    /// Whether the step made no layer.
    #[serde(default, deserialize_with = "null_as_default")]
    pub empty_layer: bool,
}

#[cfg(test)]
mod tests {
    use super::super::decode;
    use super::*;

    #[test]
    fn configs_of_real_tools_decode() {
        let check =
            |text: &str| decode::<ImageConfig>(text.as_bytes()).map(|decoded| decoded.value);
        assert_eq!(check("{}").unwrap(), ImageConfig::default());
        let nulls = r#"{"config":null,"rootfs":{"type":"layers","diff_ids":null},"history":null,"created":null,
            "architecture":null,"os":"linux","variant":null}"#;
        assert_eq!(check(nulls).unwrap().platform.os, "linux");
        let windows = r#"{"os":"windows","os.version":"10.0.20348.1","config":{"Shell":["cmd","/S","/C"],"Labels":{"a":"b"}}}"#;
        let config = check(windows).unwrap();
        assert_eq!(config.platform.os_version.as_deref(), Some("10.0.20348.1"));
        assert_eq!(config.config.shell, ["cmd", "/S", "/C"]);
        let error = check(r#"{"rootfs":{"diff_ids":["sha256:zz"]}}"#).unwrap_err();
        assert!(error.to_string().contains("is not a digest"), "{error}");
    }
}
