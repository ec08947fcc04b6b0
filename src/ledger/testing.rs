//! Images written as lines of text.
//!
//! A line without indentation is an instruction: `RUN`, `COPY` and `ADD` make a layer (with `base:`
//! in front, one of the base image), `ENV A=b`, `ENTRYPOINT`, `CMD`, `USER` and `WORKDIR` set what a
//! container gets, `LABEL a=b` a label, without a step. Indented lines are the layer's entries:
//!
//! | line | entry |
//! |---|---|
//! | `etc/x 100` | a file of 100 bytes with a content of its own |
//! | `etc/x 100 hash=a compressed=7 mode=755 uid=1 gid=2` | the same content as other `hash=a` |
//! | `a.so 9000 elf=62,3,.text:5000:a,.debug_info:700` | an ELF file: machine, kind, sections (`a`: loaded) |
//! | `etc/x = "text\n"` | a file with a content that is kept, or a verdict of credentials |
//! | `etc/x = @dir/file` | the same with the content of a file of `testdata/` |
//! | `etc/` | a directory |
//! | `a -> b`, `a => b` | a symbolic link, a hard link |
//! | `-etc/x`, `-etc/*` | a whiteout, an opaque directory |
//! | `!zstd 900 700 8` | none: eight parts of the layer that take 900 bytes, and 700 compressed anew |
//!
//! A file costs half its size in compressed bytes, rounded up, unless it says so.

use std::sync::Arc;

use super::Ledger;
use crate::filesystem::Filesystem;
use crate::image::{Image, Layer, Origin, Runtime, Step};
use crate::layer::{
    Attributes, Capture, ContentHash, Elf, ElfSection, Hashing, Keep, Kind, Limits, Source, Toc,
    TocBuilder, Trial,
};
use crate::oci::{Digest, MediaType, Platform};

const TESTDATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata");

/// The image of a text, and its stored files.
pub(crate) fn image(text: &str) -> (Image, Ledger) {
    let (image, tocs) = layers(text);
    (image, Ledger::new(Filesystem::merge(tocs.into_iter().map(Some).collect())))
}

/// The image of a text, and its layers.
pub(crate) fn layers(text: &str) -> (Image, Vec<Arc<Toc>>) {
    let mut image = empty();
    let mut layers: Vec<TocBuilder> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if line.starts_with(char::is_whitespace) {
            let layer = layers.last_mut().expect("an instruction before the first entry");
            entry(layer, line.trim());
        } else if instruction(&mut image, line.trim(), layers.len()) {
            layers.push(TocBuilder::new(Source::Stream, Hashing::Xxh3, Limits::default()));
        }
    }
    let tocs: Vec<Arc<Toc>> = layers.into_iter().map(|layer| layer.finish(0).into()).collect();
    for (layer, toc) in image.layers.iter_mut().zip(&tocs) {
        layer.compressed = toc.blob_size();
    }
    (image, tocs)
}

fn empty() -> Image {
    Image {
        platform: Platform {
            os: "linux".to_owned(),
            architecture: "amd64".to_owned(),
            ..Platform::default()
        },
        digest: Digest::of(b"manifest"),
        manifest_size: 1,
        config_digest: Digest::of(b"config"),
        config_size: 1,
        created: None,
        os_name: None,
        layers: Vec::new(),
        steps: Vec::new(),
        base: None,
        runtime: Runtime::default(),
        labels: std::collections::BTreeMap::default(),
        label_secrets: Vec::new(),
        annotation_secrets: Vec::new(),
        annotations: std::collections::BTreeMap::default(),
        in_files: false,
    }
}

/// Adds a step; says whether it made a layer.
fn instruction(image: &mut Image, line: &str, layers: usize) -> bool {
    let (origin, line) =
        line.strip_prefix("base: ").map_or((Origin::Own, line), |line| (Origin::Base, line));
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let words = || rest.split(' ').map(str::to_owned).collect();
    let made = matches!(verb, "RUN" | "COPY" | "ADD");
    let (shown, secrets) = crate::secrecy::hide(line);
    match verb {
        "ENV" => {
            let (name, value) = rest.split_once('=').expect("a variable");
            image.runtime.env.insert(name.to_owned(), value.to_owned());
        }
        "LABEL" | "ANNOTATION" => {
            let (name, value) = rest.split_once('=').expect("a label");
            let (value, secrets) = crate::image::label(name, value);
            let (texts, told) = match verb {
                "LABEL" => (&mut image.labels, &mut image.label_secrets),
                _ => (&mut image.annotations, &mut image.annotation_secrets),
            };
            texts.insert(name.to_owned(), value);
            told.extend(secrets.into_iter().map(|secret| (name.to_owned(), secret)));
            return false;
        }
        "ENTRYPOINT" => image.runtime.entrypoint = words(),
        "CMD" => image.runtime.cmd = words(),
        "USER" => rest.clone_into(&mut image.runtime.user),
        "WORKDIR" => rest.clone_into(&mut image.runtime.working_dir),
        _ => assert!(made, "{line}"),
    }
    image.steps.push(Step {
        number: made.then_some(layers + 1),
        instruction: shown.clone(),
        created_by: shown,
        secrets,
        empty: !made,
        layer: made.then_some(layers),
        ..Step::default()
    });
    if made {
        image.layers.push(Layer {
            index: layers,
            digest: Digest::of(layers.to_string().as_bytes()),
            diff_id: None,
            media_type: MediaType("application/vnd.oci.image.layer.v1.tar+gzip".to_owned()),
            compressed: 0,
            uncompressed: None,
            step: Some(image.steps.len() - 1),
            origin,
            source: None,
            annotations: std::collections::BTreeMap::default(),
        });
    }
    made
}

fn entry(layer: &mut TocBuilder, line: &str) {
    if let Some(tried) = line.strip_prefix('!') {
        return trials(layer, tried);
    }
    if let Some((path, content)) = line.split_once(" = ") {
        return document(layer, path, content);
    }
    for (arrow, kind) in [(" -> ", Kind::Symlink), (" => ", Kind::Hardlink)] {
        if let Some((path, target)) = line.split_once(arrow) {
            let at = layer.add(path.as_bytes(), kind, 0, 0, Attributes::default()).unwrap();
            match kind {
                Kind::Symlink => layer.link_symbolic(at, target.as_bytes()).unwrap(),
                _ => layer.link_hard(at, target.as_bytes()).unwrap(),
            }
            return;
        }
    }
    if let Some(path) = line.strip_prefix('-') {
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        let marker = if name == "*" { ".wh..wh..opq".to_owned() } else { format!(".wh.{name}") };
        let path = format!("{directory}/{marker}");
        layer.add(path.as_bytes(), Kind::File, 0, 0, Attributes::default()).unwrap();
        return;
    }
    if line.ends_with('/') {
        layer.add(line.as_bytes(), Kind::Directory, 0, 0, Attributes::default()).unwrap();
        return;
    }
    file(layer, line);
}

fn trials(layer: &mut TocBuilder, line: &str) {
    let mut words = line.split(' ');
    let by = words.next();
    let mut number = || words.next().unwrap().parse().expect("a number");
    let trial = Trial { stored: number(), anew: number() };
    let trials = std::iter::repeat_n(trial, number() as usize);
    let known = &mut layer.toc().trials;
    let list = if by == Some("zstd") { &mut known.zstd } else { &mut known.gzip };
    list.extend(trials);
}

fn file(layer: &mut TocBuilder, line: &str) {
    let mut words = line.split(' ');
    let (path, size) = (words.next().unwrap(), words.next().expect("a size"));
    let size: u64 = size.replace('_', "").parse().expect("a size");
    let mut attributes = Attributes { mode: 0o644, ..Attributes::default() };
    let mut compressed = size.div_ceil(2);
    let mut hash = None;
    let mut elf = None;
    for word in words {
        let (key, value) = word.split_once('=').expect("KEY=VALUE");
        match key {
            "hash" => hash = Some(value),
            "compressed" => compressed = value.parse().unwrap(),
            "mode" => attributes.mode = u16::from_str_radix(value, 8).unwrap(),
            "uid" => attributes.uid = value.parse().unwrap(),
            "gid" => attributes.gid = value.parse().unwrap(),
            "elf" => elf = Some(executable(value)),
            _ => panic!("{line}"),
        }
    }
    let at = layer.add(path.as_bytes(), Kind::File, size, 0, attributes).unwrap();
    let own = format!("{path} {size}");
    layer.entry(at).hash = Some(hashed(hash.unwrap_or(&own).as_bytes()));
    layer.entry(at).compressed = compressed;
    layer.toc().elf.extend(elf.map(|elf| (at, elf)));
}

fn executable(text: &str) -> Elf {
    let mut fields = text.split(',');
    let mut number = || fields.next().unwrap().parse().expect("a number");
    let (machine, kind) = (number(), number());
    let section = |field: &str| {
        let mut parts = field.split(':');
        ElfSection {
            name: parts.next().unwrap().into(),
            size: parts.next().expect("a size").parse().unwrap(),
            loaded: parts.next().is_some(),
        }
    };
    Elf { machine, kind, wide: true, sections: fields.map(section).collect() }
}

fn document(layer: &mut TocBuilder, path: &str, content: &str) {
    let content: Vec<u8> = match content.strip_prefix('@') {
        Some(file) => std::fs::read(std::path::Path::new(TESTDATA).join(file)).expect("a file"),
        None => serde_json::from_str::<String>(content).expect("a text in quotes").into_bytes(),
    };
    let attributes = Attributes { mode: 0o644, ..Attributes::default() };
    let at = layer.add(path.as_bytes(), Kind::File, content.len() as u64, 0, attributes).unwrap();
    layer.entry(at).hash = Some(hashed(&content));
    layer.entry(at).compressed = (content.len() as u64).div_ceil(2);
    let head = Keep::of(path.as_bytes()).of_content(content);
    if !head.is_empty() {
        layer.toc().captures.push(Capture { entry: at, head, tail: Vec::new() });
    }
}

fn hashed(content: &[u8]) -> ContentHash {
    ContentHash(twox_hash::XxHash3_128::oneshot(content).to_be_bytes())
}
