//! The image config, image-spec `config.md`: what of it regsize reads.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::descriptor::null_as_default;
use super::{DiffId, Platform};

/// An image config. Real configs leave out what the specification requires, so all is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ImageConfig {
    /// When the image was made, as written.
    #[serde(default)]
    pub created: Option<String>,
    /// The platform that the image is for.
    #[serde(flatten)]
    pub platform: Platform,
    /// How a container of the image runs.
    #[serde(default, deserialize_with = "null_as_default")]
    pub config: Execution,
    /// The layers' uncompressed digests.
    #[serde(default, deserialize_with = "null_as_default")]
    pub rootfs: RootFs,
    /// The build steps, oldest first.
    #[serde(default, deserialize_with = "null_as_default")]
    pub history: Vec<HistoryEntry>,
}

/// The execution part of an image config, as far as it says something about the build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Execution {
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
