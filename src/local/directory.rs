//! An OCI image layout in a directory.
//!
//! A file is opened where its name leads, if that is in the directory: a blob may be a link to
//! another one, and no link leads out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags};

use super::blob::Part;
use super::fault::Place;
use crate::registry::{Error, ErrorKind};

/// A directory in which names are looked up.
pub(super) struct Directory {
    /// Without links.
    root: PathBuf,
}

impl Directory {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { root: fs::canonicalize(path)? })
    }

    /// Where a file's bytes are; `None` if there is none of that name.
    pub(super) fn part(&self, place: &Place, name: &str) -> Result<Option<Part>, Error> {
        let found = match fs::canonicalize(self.root.join(name)) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(place.unreadable(name, error)),
        };
        let refuse = |why: &str| {
            let text = format!("{name} in {place} {why}");
            Err(Error::new(ErrorKind::BadData, text)
                .hint("a layout has its blobs as plain files; copy what is linked into it"))
        };
        if !found.starts_with(&self.root) {
            return refuse("is a link that leads out of it");
        }
        // A pipe would wait for who writes to it.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::open(&found, flags, Mode::empty());
        let file = fs::File::from(file.map_err(|error| place.unreadable(name, error.into()))?);
        let metadata = file.metadata().map_err(|error| place.unreadable(name, error))?;
        if !metadata.is_file() {
            return refuse("is not a plain file");
        }
        Ok(Some(Part { file: Arc::new(file), start: 0, size: metadata.len() }))
    }
}
