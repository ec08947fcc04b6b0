//! Images as files: layouts as lists of files, and archives of them, in the order that a test wants.
//!
//! ```ignore
//! let files = layout(&[("v1", &image.bundle())]);       // index.json, oci-layout, blobs/…
//! write(&directory, &files);                            // for oci:directory
//! std::fs::write("a.tar", archive(&files));             // for oci-archive:a.tar
//! std::fs::write("b.tar", archive(&saved(&image, &["app:1"])));
//! ```

use std::path::Path;

use bytes::Bytes;
use regsize::oci::Digest;
use serde_json::{Value, json};

use super::image::{Bundle, Image, with};

/// Files by their names.
pub type Files = Vec<(String, Bytes)>;

/// An OCI layout of images by their tags; an image with an empty tag has no name.
pub fn layout(images: &[(&str, &Bundle)]) -> Files {
    let mut files = Files::new();
    let mut listed = Vec::new();
    for (tag, bundle) in images {
        let documents = bundle.documents.iter().chain([&bundle.top]).map(|one| &one.bytes);
        for bytes in documents.chain(&bundle.blobs) {
            files.push((format!("blobs/sha256/{}", Digest::of(bytes).hex()), bytes.clone()));
        }
        let name = json!({"annotations": {"org.opencontainers.image.ref.name": tag}});
        let top = bundle.top.descriptor();
        listed.push(if tag.is_empty() { top } else { with(top, name) });
    }
    let index = json!({"schemaVersion": 2, "manifests": listed});
    files.push(("index.json".to_owned(), index.to_string().into()));
    files.push(("oci-layout".to_owned(), r#"{"imageLayoutVersion":"1.0.0"}"#.into()));
    files
}

/// What `docker save` writes of an image: plain layers, each in a directory with a link to it.
pub fn saved(image: &Image, tags: &[&str]) -> Files {
    let mut files = Files::new();
    let mut paths = Vec::new();
    for (number, layer) in image.layers().iter().enumerate() {
        let path = format!("{number}/layer.tar");
        files.push((format!("{number}/VERSION"), "1.0".into()));
        files.push((path.clone(), layer.tar.clone()));
        paths.push(path);
    }
    finish(files, image, tags, &paths)
}

/// What tools write that keep layers compressed, as those of Bazel do.
pub fn saved_compressed(image: &Image, tags: &[&str]) -> Files {
    let path = |number: usize| format!("{number}.tar.gz");
    let blobs = image.layers().iter().enumerate();
    let files = blobs.map(|(number, layer)| (path(number), layer.blob.clone())).collect();
    let paths: Vec<String> = (0..image.layers().len()).map(path).collect();
    finish(files, image, tags, &paths)
}

fn finish(mut files: Files, image: &Image, tags: &[&str], paths: &[String]) -> Files {
    let config = format!("{}.json", Digest::of(&image.config()).hex());
    files.push((config.clone(), image.config()));
    let manifest = json!([{"Config": config, "RepoTags": tags, "Layers": paths}]);
    files.push(("manifest.json".to_owned(), manifest.to_string().into()));
    files
}

/// The same files with another content of one.
pub fn changed(mut files: Files, name: &str, change: impl Fn(Value) -> Value) -> Files {
    let file = files.iter_mut().find(|(known, _)| known == name).expect("a file of this name");
    let value = serde_json::from_slice(&file.1).expect("a document");
    file.1 = change(value).to_string().into();
    files
}

/// Writes files into a directory.
pub fn write(directory: &Path, files: &Files) {
    for (name, bytes) in files {
        let path = directory.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a writable directory");
        std::fs::write(path, bytes).expect("a writable directory");
    }
}

/// A tar archive of files in their order.
pub fn archive(files: &Files) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, bytes) in files {
        archive.extend(header(name, b'0', bytes.len(), ""));
        archive.extend_from_slice(bytes);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

/// The header of a member.
pub fn header(name: &str, kind: u8, size: usize, link: &str) -> [u8; 512] {
    let mut header = [0; 512];
    let mut put =
        |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644\x000000000\x000000000\0");
    put(124, &format!("{size:011o}\x0014500000000\0        "));
    put(157, link);
    put(257, "ustar\x0000");
    header[156] = kind;
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}
