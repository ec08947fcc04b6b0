//! A command that is told of breaches: the message as JSON on its standard input.
//!
//! It is started without a shell, and killed with its children when the time is up. What it prints
//! on standard output is dropped; the first line of standard error goes into the error if it fails.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::Command;

use crate::process::{Running, converse};

/// Bytes of standard error that are looked at.
const MAX_SAID: usize = 4096;

/// Why a command did not take a message.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// There is no command.
    #[error("the command to tell is empty")]
    Empty,
    /// It cannot be run.
    #[error("the command {0} cannot be run: {1}")]
    Run(String, io::Error),
    /// It took too long.
    #[error("the command {0} was not done after {1:?}")]
    TimedOut(String, Duration),
    /// It failed.
    #[error("the command {0} failed with {1}{2}")]
    Failed(String, ExitStatus, String),
}

impl ExecError {
    /// The error without what the command said, which may have secrets in it.
    pub fn without_words(&self) -> String {
        match self {
            Self::Failed(program, status, _) => {
                format!("the command {program} failed with {status}")
            }
            other => other.to_string(),
        }
    }
}

/// Runs a program with its arguments and gives it `body`.
pub async fn exec(command: &[String], body: &str, limit: Duration) -> Result<(), ExecError> {
    let (program, arguments) = command.split_first().ok_or(ExecError::Empty)?;
    let unable = |error| ExecError::Run(program.clone(), error);
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::null());
    let mut running = Running::start(&mut command).map_err(unable)?;
    let ended =
        tokio::time::timeout(limit, converse(&mut running.child, body.as_bytes(), MAX_SAID)).await;
    let (status, said) =
        ended.map_err(|_| ExecError::TimedOut(program.clone(), limit))?.map_err(unable)?;
    running.release();
    if status.success() {
        return Ok(());
    }
    let first = String::from_utf8_lossy(&said).lines().next().unwrap_or_default().trim().to_owned();
    let said = if first.is_empty() { first } else { format!(": {first}") };
    Err(ExecError::Failed(program.clone(), status, said))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run(script: &str, limit: Duration) -> Result<(), String> {
        let command = ["sh", "-c", script].map(str::to_owned);
        exec(&command, "{\"text\":\"x\"}", limit).await.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn commands_get_the_message_and_tell_why_they_fail() {
        let long = Duration::from_secs(20);
        assert_eq!(run("grep -q '\"text\":\"x\"'", long).await, Ok(()));
        assert_eq!(run("exit 0", long).await, Ok(()));
        // What it leaves running is not waited for.
        assert_eq!(run("cat >/dev/null; sleep 60 & exit 0", long).await, Ok(()));
        let error = run("echo no room >&2; echo more >&2; exit 3", long).await.unwrap_err();
        assert!(error.ends_with("exit status: 3: no room"), "{error}");
        assert_eq!(run("head -c 300000 /dev/zero >&2", long).await, Ok(()));
        let error = run("sleep 60", Duration::from_millis(50)).await.unwrap_err();
        assert!(error.contains("was not done"), "{error}");
        let error = exec(&["/nonexistent/x".to_owned()], "", long).await.unwrap_err();
        assert!(error.to_string().contains("cannot be run"), "{error}");
        assert!(matches!(exec(&[], "", long).await, Err(ExecError::Empty)));
    }
}
