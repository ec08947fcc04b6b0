//! A history that is opened to record what is found out, and the spools that wait for it.

use jiff::Timestamp;

use super::super::progress::line;
use super::super::{complain, environment};
use super::error;
use crate::audit::pass::{Opened, Unsaved};
use crate::history::{Access, Claim, Place, Replayed, Spools, Store};
use crate::registry::{Error, ErrorKind};

/// Opens the history to write, or else to read. Only mistakes of the user stop a run: all else may
/// be well the next time, and what is found out until then waits.
pub(super) async fn open(place: &Place) -> Result<Opened, Error> {
    let unwritable = match Store::open_in_time(place, Access::Write).await {
        Ok(store) => return Ok(Opened::Writable(store)),
        Err(reason) => reason,
    };
    if unwritable.lost_connection() {
        return Ok(Opened::Away(unwritable));
    }
    match Store::open_in_time(place, Access::Read).await {
        Ok(store) => Ok(Opened::Readable(store, unwritable)),
        Err(_) if unwritable.is_mistake() => Err(error(unwritable)),
        Err(unreadable) if unreadable.is_mistake() => Err(error(unreadable)),
        Err(_) => Ok(Opened::Away(unwritable)),
    }
}

/// Makes sure that no other run is at work on a history that can be written.
pub(super) async fn claim(
    place: &Place,
    opened: Opened,
    now: Timestamp,
) -> Result<(Opened, Option<Claim>), Error> {
    let Opened::Writable(store) = opened else { return Ok((opened, None)) };
    let holder = format!("{}, since {}", environment::process(), now.strftime("%FT%TZ"));
    match Claim::take(place, &holder).await {
        Ok(Ok(claim)) => Ok((Opened::Writable(store), Some(claim))),
        Ok(Err(who)) => {
            let who = if who.is_empty() { who } else { format!(" ({who})") };
            let text = format!("another run is at work on {place}{who}");
            Err(Error::new(ErrorKind::Local, text)
                .hint("nothing was read; the next one will do it"))
        }
        Err(reason) => Ok((Opened::Readable(store, reason), None)),
    }
}

/// Records what waits in spools, before anything is read; tells whether some of it never will be.
pub(super) async fn replay(opened: Opened, spools: Option<&Spools>) -> (Opened, bool) {
    let (mut store, spools) = match (opened, spools) {
        (Opened::Writable(store), Some(spools)) => (store, spools),
        (opened, _) => return (opened, false),
    };
    match store.replay(spools).await {
        Ok(Replayed { files, rows, cut, aside }) => {
            if rows > 0 {
                let (spools, rows) = (counted(files, "spool"), counted(rows, "row"));
                line(&format!("note: recorded what waited in {spools}: {rows}"));
            }
            if cut > 0 {
                let spools = counted(cut, "spool");
                line(&format!(
                    "note: {spools} ended in the middle of a row: the end of that run is lost"
                ));
            }
            let is_damaged = !aside.is_empty();
            for (path, reason) in aside {
                let path = path.display();
                line(&format!(
                    "error: not all that waited was recorded; {path} keeps it: {reason}"
                ));
            }
            (Opened::Writable(store), is_damaged)
        }
        // What is found out now comes after what waits.
        Err(reason) => (Opened::Readable(store, reason), false),
    }
}

/// A number of things.
fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// Says that not all was recorded, and where the rest is.
pub(super) fn complain_unsaved(unsaved: Unsaved) {
    let Unsaved { reason, spool, lost } = unsaved;
    complain(&error(reason).about(&"not all of the run was saved"));
    if let Some(path) = &spool {
        let path = path.display();
        line(&format!("note: the rest waits in {path} for the next run that can record it"));
    }
    if let Some(reason) = lost {
        complain(&error(reason).about(&"the rest, or some of it, is lost"));
    }
}
