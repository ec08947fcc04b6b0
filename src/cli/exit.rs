//! Exit codes: the answer of a run to a script.

use std::process::ExitCode;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Everything asked for was found out.
    Fine,
    /// A limit is not kept.
    No,
    /// Something could not be found out: usage, network, bad data.
    Unknown,
    /// Interrupted from the keyboard.
    Interrupted,
    /// Asked to end.
    Terminated,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::No => 1,
            Exit::Unknown => 2,
            Exit::Interrupted => 130,
            Exit::Terminated => 143,
        })
    }
}
