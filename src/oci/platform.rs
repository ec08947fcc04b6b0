//! Platforms: `os/architecture[/variant]`, image-spec `image-index.md`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::descriptor::null_as_default;

/// The operating system and processor that an image is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// The operating system, as in `linux`; `unknown` when the documents do not tell.
    #[serde(default, deserialize_with = "null_as_default")]
    pub os: String,
    /// The processor architecture, as in `amd64`.
    #[serde(default, deserialize_with = "null_as_default")]
    pub architecture: String,
    /// The variant of the architecture, as in `v8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The version of the operating system, used by Windows images.
    #[serde(default, rename = "os.version", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// Features of the operating system that the image requires.
    #[serde(
        default,
        rename = "os.features",
        deserialize_with = "null_as_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub os_features: Vec<String>,
}

/// The longest part of a platform that is taken from a command line or shown whole.
const LONGEST: usize = 64;

/// Operating systems of images.
const SYSTEMS: [&str; 10] = [
    "linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "solaris", "illumos", "wasi",
    "wasip1",
];
/// Processor architectures of images.
const ARCHITECTURES: [&str; 17] = [
    "amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64", "loong64", "mips64le", "mips64",
    "mipsle", "mips", "ppc64", "riscv", "s390", "wasm", "wasm32",
];

/// Why a text is not a platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a platform: expected os/architecture[/variant], as in linux/arm64")]
pub struct PlatformError(String);

impl Platform {
    /// A platform of an operating system and an architecture.
    pub fn new(os: &str, architecture: &str) -> Self {
        Self { os: os.to_owned(), architecture: architecture.to_owned(), ..Self::default() }
    }

    /// The platform that this program runs on, in the terms images use.
    pub fn host() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
            "loongarch64" => "loong64",
            other => other,
        };
        let os = match std::env::consts::OS {
            // Containers on a Mac run in a Linux machine.
            "macos" => "linux",
            other => other,
        };
        Self::new(os, architecture)
    }

    /// Whether an image for `self` is what somebody asking for `wanted` means.
    ///
    /// A missing variant in `wanted` matches any; `arm64` is `arm64/v8` and `arm` is `arm/v7`.
    pub fn satisfies(&self, wanted: &Self) -> bool {
        self.os == wanted.os
            && self.architecture == wanted.architecture
            && (wanted.variant.is_none() || self.effective_variant() == wanted.effective_variant())
            && wanted.os_version.as_ref().is_none_or(|v| self.os_version.as_ref() == Some(v))
    }

    /// The system or architecture that no image is known to be for, and those that are known.
    pub fn unknown_part(&self) -> Option<(&str, &'static [&'static str])> {
        let parts: [(&str, &'static [&'static str]); 2] =
            [(&self.os, &SYSTEMS), (&self.architecture, &ARCHITECTURES)];
        parts.into_iter().find(|(part, known)| !known.contains(part))
    }

    /// Whether the platform is named at all; attestations use `unknown/unknown`.
    pub fn is_known(&self) -> bool {
        let named = |text: &str| !text.is_empty() && text != "unknown";
        named(&self.os) || named(&self.architecture)
    }

    fn effective_variant(&self) -> Option<&str> {
        match (self.architecture.as_str(), self.variant.as_deref()) {
            ("arm64", None) => Some("v8"),
            ("arm", None) => Some("v7"),
            (_, variant) => variant,
        }
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let parts: Vec<&str> = text.split('/').collect();
        let valid = |part: &&str| {
            !part.is_empty()
                && part.len() <= LONGEST
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        };
        if !(2..=3).contains(&parts.len()) || !parts.iter().all(valid) {
            return Err(PlatformError(text.to_owned()));
        }
        let lower = |part: &str| part.to_ascii_lowercase();
        let architecture = match lower(parts[1]).as_str() {
            "x86_64" | "x86-64" => "amd64".to_owned(),
            "aarch64" => "arm64".to_owned(),
            other => other.to_owned(),
        };
        let variant = parts.get(2).map(|part| lower(part));
        Ok(Self { os: lower(parts[0]), architecture, variant, ..Self::default() })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A config's platform is as long as its writer likes.
        let shown = |text: &str| match text.char_indices().nth(LONGEST) {
            _ if text.is_empty() => "unknown".to_owned(),
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text.to_owned(),
        };
        write!(f, "{}/{}", shown(&self.os), shown(&self.architecture))?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{}", shown(variant)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wanted_platform_is_a_set_of_requirements() {
        let check = |has: &str, wanted: &str, expected: bool| {
            let (has, wanted): (Platform, Platform) =
                (has.parse().unwrap(), wanted.parse().unwrap());
            assert_eq!(has.satisfies(&wanted), expected, "{has} for {wanted}");
        };
        check("linux/amd64", "linux/amd64", true);
        check("linux/arm64/v8", "linux/arm64", true);
        check("linux/arm64", "linux/arm64/v8", true);
        check("linux/arm/v6", "linux/arm", true);
        check("linux/arm/v6", "linux/arm/v7", false);
        check("linux/arm", "linux/arm/v7", true);
        check("linux/amd64", "linux/amd64/v3", false);
        check("windows/amd64", "linux/amd64", false);
        check("linux/amd64", "Linux/x86_64", true);
    }

    #[test]
    fn malformed_platforms_are_refused() {
        for text in [
            "",
            "linux",
            "linux/",
            "/amd64",
            "linux/amd64/v1/x",
            "linux/am d64",
            "linux/\u{1b}[31m",
        ] {
            assert!(text.parse::<Platform>().is_err(), "{text:?}");
        }
    }
}
