//! Files that are never half of one: written beside their place, named at the end.

use std::fs::{self, Permissions};
use std::io::{self, BufWriter};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::registry::{Error, ErrorKind};

/// A file that is being written; until its end, what was in its place stays.
pub(super) struct NewFile {
    out: BufWriter<NamedTempFile>,
    /// Where a link leads.
    place: PathBuf,
    shown: String,
}

impl NewFile {
    /// Begins a file at `path`; what is there and is no file is refused.
    pub(super) fn create(path: &Path) -> Result<Self, Error> {
        let shown = path.display().to_string();
        let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if fs::metadata(&place).is_ok_and(|found| !found.is_file()) {
            let text = format!("{shown} cannot be written: it is no file");
            return Err(Error::new(ErrorKind::Usage, text));
        }
        let directory = place.parent().filter(|directory| !directory.as_os_str().is_empty());
        let new = tempfile::Builder::new()
            .prefix(".regsize-")
            // Less what the user's mask takes, as other programs do.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(directory.unwrap_or(Path::new(".")))
            .map_err(|error| unwritten(&shown, error))?;
        Ok(Self { out: BufWriter::new(new), place, shown })
    }

    /// What is written goes here.
    pub(super) fn out(&mut self) -> &mut BufWriter<NamedTempFile> {
        &mut self.out
    }

    /// Gives the file its name.
    pub(super) fn finish(self) -> Result<(), Error> {
        let Self { out, place, shown } = self;
        let new = out.into_inner().map_err(|error| unwritten(&shown, error.into_error()))?;
        let synced = new.as_file().sync_all();
        let named = synced.and_then(|()| new.persist(place).map_err(|error| error.error));
        named.map(|_| ()).map_err(|error| unwritten(&shown, error))
    }
}

/// Why something cannot be written.
pub(super) fn unwritten(name: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::Local, format!("{name} cannot be written")).because(error)
}
