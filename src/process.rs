//! Programs of others: started without a shell, in process groups of their own.
//!
//! A group is killed when its program is abandoned, so that children of the program go with it; one
//! whose program has ended is left alone, as its number may be another's by then.

use std::io;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};
use zeroize::Zeroizing;

/// A program that runs; killed with its children when dropped, unless it was released.
pub struct Running {
    // Dropped before the child: the group's number is the child's.
    group: Group,
    /// The program.
    pub child: Child,
}

struct Group(Option<Pid>);

impl Running {
    /// Starts a program, with pipes to its standard input and from its standard error.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let command = command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let child = command.process_group(0).kill_on_drop(true).spawn()?;
        let leader = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self { group: Group(leader), child })
    }

    /// Leaves what the program left running alone, once it has ended.
    pub fn release(mut self) {
        self.group.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // It fails only if nobody is left.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

/// Writes to a program's standard input and closes it. A program may do without.
pub async fn send(stdin: Option<ChildStdin>, bytes: &[u8]) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(bytes).await;
    }
}

/// Reads to the end, so that the program can go on, and keeps the first `most` bytes.
pub async fn read_start(
    output: Option<impl AsyncRead + Unpin>,
    most: usize,
) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut kept = Zeroizing::new(Vec::with_capacity(most));
    let mut piece = Zeroizing::new([0; 1024]);
    let Some(mut output) = output else { return Ok(kept) };
    loop {
        let read = output.read(&mut piece[..]).await?;
        if read == 0 {
            return Ok(kept);
        }
        let room = most - kept.len();
        kept.extend_from_slice(&piece[..read.min(room)]);
    }
}
