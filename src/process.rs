//! Programs of others: started without a shell, in process groups of their own.
//!
//! A group is killed when its program is abandoned, so that children of the program go with it; one
//! whose program has ended is left alone, as its number may be another's by then.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};
use zeroize::Zeroizing;

/// How long the output of a program is read on once it has ended: what it left running may hold the
/// pipe open for ever.
const AFTER: Duration = Duration::from_secs(1);

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

/// Gives a program its input; tells how it ended, with the first `most` bytes of its standard error.
/// Children that it leaves running are not waited for.
pub async fn converse(
    child: &mut Child,
    input: &[u8],
    most: usize,
) -> io::Result<(ExitStatus, Zeroizing<Vec<u8>>)> {
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let mut said = Zeroizing::new(Vec::with_capacity(most));
    let status = {
        let listen = read_into(stderr, most, &mut said);
        let talk = async { tokio::join!(send(stdin, input), listen).1 };
        tokio::pin!(talk);
        tokio::select! {
            talked = &mut talk => {
                talked?;
                child.wait().await?
            }
            status = child.wait() => {
                tokio::time::timeout(AFTER, talk).await.unwrap_or(Ok(()))?;
                status?
            }
        }
    };
    Ok((status, said))
}

/// Reads to the end, so that the program can go on, and keeps the first `most` bytes.
pub async fn read_start(
    output: Option<impl AsyncRead + Unpin>,
    most: usize,
) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut kept = Zeroizing::new(Vec::with_capacity(most));
    read_into(output, most, &mut kept).await?;
    Ok(kept)
}

async fn read_into(
    output: Option<impl AsyncRead + Unpin>,
    most: usize,
    kept: &mut Vec<u8>,
) -> io::Result<()> {
    let mut piece = Zeroizing::new([0; 1024]);
    let Some(mut output) = output else { return Ok(()) };
    loop {
        let read = output.read(&mut piece[..]).await?;
        if read == 0 {
            return Ok(());
        }
        let room = most.saturating_sub(kept.len());
        kept.extend_from_slice(&piece[..read.min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn what_a_program_leaves_running_is_not_waited_for() {
        let check = async |script: &str, input: &[u8], expected: (i32, &str)| {
            let mut command = Command::new("sh");
            command.args(["-c", script]).stdout(Stdio::null());
            // What is left running is killed at the end.
            let mut running = Running::start(&mut command).expect("a shell");
            let started = Instant::now();
            let (status, said) =
                converse(&mut running.child, input, 8).await.expect("a conversation");
            let said = String::from_utf8_lossy(&said);
            assert_eq!((status.code(), &*said), (Some(expected.0), expected.1), "{script}");
            assert!(started.elapsed() < Duration::from_secs(30), "{script}");
        };
        let large = vec![b'x'; 1 << 20];
        check("cat > /dev/null; sleep 100 & exit 0", b"x", (0, "")).await;
        check("echo no room >&2; sleep 100 & exit 3", b"x", (3, "no room\n")).await;
        check("exec 3<&0; sleep 100 <&3 & exit 4", &large, (4, "")).await;
        check("while :; do echo yes >&2; done & exit 5", b"", (5, "yes\nyes\n")).await;
        check("exec 2>&-; cat > /dev/null; exit 6", &large, (6, "")).await;
        check("exit 7", &large, (7, "")).await;
    }
}
