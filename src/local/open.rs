//! Opens what a source names, and says what is wrong with it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::os::unix::fs::{FileExt as _, FileTypeExt as _};
use std::path::Path;

use super::directory::Directory;
use super::fault::{AGAIN, Place};
use super::index::Index;
use super::layout::Choice;
use super::stream::{Passed, Reading};
use super::{Files, Local, layout, saved};
use crate::layer::archive::is_compressed;
use crate::reference::{LocalKind, LocalSource};
use crate::registry::{Error, ErrorKind, Fetched, Limits};

/// Bytes by which a compression is told.
const START: usize = 512;

/// Opens a source and finds the document that it names. One that comes as a stream is read to its
/// end, with its layers as `reading` says.
pub fn open(source: &LocalSource, limits: &Limits, reading: &Reading<'_>) -> Result<Local, Error> {
    let path = source.path();
    let (place, files) = match source.kind() {
        LocalKind::Layout => (Place::directory(path), directory(source)?),
        LocalKind::OciArchive | LocalKind::DockerArchive => {
            let place = Place::archive(path);
            let files = archive(source, &place, limits, reading)?;
            (place, files)
        }
        LocalKind::Stdin => {
            let place = Place::stdin();
            let files = stream(io::stdin().lock(), &place, limits, reading)?;
            (place, files)
        }
    };
    let has = |name| files.size(&place, name).map(|size| size.is_some());
    let (index, manifest) = (has(layout::INDEX)?, has(saved::MANIFEST)?);
    match source.kind() {
        LocalKind::Layout | LocalKind::OciArchive | LocalKind::Stdin if index => {
            of_layout(place, files, source, limits)
        }
        LocalKind::DockerArchive | LocalKind::Stdin if manifest => {
            of_saved(place, files, source, limits)
        }
        _ => Err(neither(source, &place, &files, (index, manifest))),
    }
}

fn of_layout(
    place: Place,
    files: Files,
    source: &LocalSource,
    limits: &Limits,
) -> Result<Local, Error> {
    let index = files.small(&place, layout::INDEX, limits.manifest, layout::INDEX)?;
    let choice = layout::find(&index.unwrap_or_default(), source, &place)?;
    let (listed, root) = match choice {
        Choice::Whole(root) => (None, root),
        Choice::Listed(listed) => {
            let digest = listed.digest.clone();
            let root = Fetched { digest, bytes: bytes::Bytes::new(), media_type: None };
            (Some(listed), root)
        }
    };
    let (names, made) = (BTreeMap::new(), BTreeMap::new());
    let mut local = Local { place, files, root, names, made };
    if let Some(listed) = listed {
        let (size, ceiling) = (Some(listed.size), limits.manifest);
        local.root.bytes = local.verified(&listed.digest, size, ceiling, "the manifest")?;
    }
    Ok(local)
}

fn of_saved(
    place: Place,
    files: Files,
    source: &LocalSource,
    limits: &Limits,
) -> Result<Local, Error> {
    let saved::Made { root, names, config } = saved::make(&files, source, &place, limits)?;
    Ok(Local { place, files, root, names, made: BTreeMap::from([config]) })
}

fn directory(source: &LocalSource) -> Result<Files, Error> {
    let path = source.path();
    let shown = path.display();
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            Directory::open(path).map(Files::Directory).map_err(|error| unopened(path, error))
        }
        Ok(_) => Err(Error::new(ErrorKind::Usage, format!("{shown} is no directory"))
            .hint(format!("of an archive, write oci-archive:{shown} or docker-archive:{shown}"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(absent("directory", source)),
        Err(error) => Err(unopened(path, error)),
    }
}

fn archive(
    source: &LocalSource,
    place: &Place,
    limits: &Limits,
    reading: &Reading<'_>,
) -> Result<Files, Error> {
    let path = source.path();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(absent("file", source));
        }
        Err(error) => return Err(unopened(path, error)),
    };
    let metadata = file.metadata().map_err(|error| unopened(path, error))?;
    if metadata.is_dir() {
        let shown = path.display();
        return Err(Error::new(ErrorKind::Usage, format!("{shown} is a directory"))
            .hint(format!("of an OCI layout, write oci:{shown}")));
    }
    if metadata.file_type().is_char_device() || metadata.file_type().is_block_device() {
        let text = format!("{} is a device and no archive", path.display());
        return Err(Error::new(ErrorKind::Usage, text).hint("name a file, or - for standard input"));
    }
    if metadata.is_file() {
        let mut start = [0; START];
        let length = file.read_at(&mut start, 0).map_err(|error| unopened(path, error))?;
        let start = start.get(..length).unwrap_or_default();
        if !is_compressed(start).map_err(|error| place.damaged(error))? {
            let index = Index::read(file, metadata.len()).map_err(|error| place.damaged(error))?;
            return if index.is_empty() { Err(empty(place)) } else { Ok(Files::Index(index)) };
        }
    }
    stream(BufReader::new(file), place, limits, reading)
}

fn stream(
    input: impl io::BufRead,
    place: &Place,
    limits: &Limits,
    reading: &Reading<'_>,
) -> Result<Files, Error> {
    let longest = limits.manifest.max(limits.config).max(limits.statement);
    let passed = Passed::read(input, longest, reading).map_err(|error| place.damaged(error))?;
    if passed.is_empty() { Err(empty(place)) } else { Ok(Files::Stream(passed)) }
}

fn unopened(path: &Path, error: io::Error) -> Error {
    let text = format!("{} cannot be opened", path.display());
    Error::new(ErrorKind::Local, text).because(error)
}

fn empty(place: &Place) -> Error {
    Error::new(ErrorKind::BadData, format!("{place} has nothing in it")).hint(AGAIN)
}

fn absent(what: &str, source: &LocalSource) -> Error {
    let shown = source.path().display();
    let text = format!("there is no {what} {shown}");
    Error::new(ErrorKind::NotFound, text).hint(format!(
        "the path ends at the first colon; of a registry's image, write docker://{}{shown}",
        source.kind().prefix()
    ))
}

/// What to say of files that are not of the form that the source names.
fn neither(
    source: &LocalSource,
    place: &Place,
    files: &Files,
    (index, manifest): (bool, bool),
) -> Error {
    let shown = source.path().display();
    let error = |text: String| Error::new(ErrorKind::BadData, text);
    match source.kind() {
        LocalKind::Layout
            if manifest && files.size(place, "version").is_ok_and(|s| s.is_some()) =>
        {
            error(format!("{place} is no OCI layout; it is skopeo's dir:"))
                .hint(format!("skopeo copy dir:{shown} oci:OTHER, and name oci:OTHER"))
        }
        LocalKind::Layout if manifest => {
            error(format!("{place} is no OCI layout; it is an unpacked docker archive"))
                .hint(format!("tar -C {shown} -c . | regsize analyze -"))
        }
        LocalKind::Layout => {
            error(format!("{place} is no OCI layout: it has no {}", layout::INDEX))
                .hint("name the directory in which index.json is")
        }
        LocalKind::OciArchive if manifest => {
            error(format!("{place} is no OCI archive but a docker archive"))
                .hint(format!("write docker-archive:{shown}"))
        }
        LocalKind::DockerArchive if index => {
            error(format!("{place} is no docker archive but an OCI archive"))
                .hint(format!("write oci-archive:{shown}"))
        }
        _ => error(format!("{place} has neither {} nor {}", layout::INDEX, saved::MANIFEST)).hint(
            "give what docker save or skopeo copy writes; of a layout, tar -C DIRECTORY -c .",
        ),
    }
}
