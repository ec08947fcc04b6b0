//! Runs a credential helper within limits of time and output.
//!
//! It is killed with its children when the time is up, when it prints too much, or when the question
//! is abandoned.

use std::path::Path;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

use super::helper::{Helper, HelperProblem};
use crate::process::{Running, read_start, send};

/// What a program printed and how it ended.
pub(super) struct Output {
    /// How it ended.
    pub(super) status: ExitStatus,
    /// All of its standard output.
    pub(super) stdout: Zeroizing<Vec<u8>>,
    /// The start of its standard error.
    pub(super) stderr: Zeroizing<Vec<u8>>,
}

/// No answer is nearly as long.
const MAX_OUTPUT: u64 = 1 << 20;

/// Only the first line is shown.
const MAX_MESSAGE: usize = 4096;

/// Runs `program` to its end, or kills it and its children.
pub(super) async fn run(program: &Path, helper: &Helper<'_>) -> Result<Output, HelperProblem> {
    let mut command = Command::new(program);
    command
        .arg("get")
        .env("PATH", helper.path.unwrap_or_default())
        // It may hold passwords of other registries.
        .env_remove("DOCKER_AUTH_CONFIG")
        .stdout(Stdio::piped());
    let mut running = Running::start(&mut command).map_err(HelperProblem::Run)?;
    let output = tokio::time::timeout(helper.timeout, converse(&mut running.child, helper.server))
        .await
        .map_err(|_| HelperProblem::TimedOut(helper.timeout))??;
    running.release();
    Ok(output)
}

async fn converse(child: &mut Child, server: &str) -> Result<Output, HelperProblem> {
    let stdin = child.stdin.take();
    let send = async {
        send(stdin, server.as_bytes()).await;
        Ok(())
    };
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let stderr = async { read_start(stderr, MAX_MESSAGE).await.map_err(HelperProblem::Run) };
    let ((), stdout, stderr) = tokio::try_join!(send, read_all(stdout), stderr)?;
    let status = child.wait().await.map_err(HelperProblem::Run)?;
    Ok(Output { status, stdout, stderr })
}

async fn read_all(
    stdout: Option<impl AsyncRead + Unpin>,
) -> Result<Zeroizing<Vec<u8>>, HelperProblem> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 << 10));
    if let Some(stdout) = stdout {
        let mut bounded = stdout.take(MAX_OUTPUT + 1);
        bounded.read_to_end(&mut bytes).await.map_err(HelperProblem::Run)?;
        if bounded.limit() == 0 {
            return Err(HelperProblem::TooMuchOutput);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::helper::tests::{Bin, get_from};
    use std::fs::File;
    use std::io::Read as _;
    use std::time::Duration;

    #[tokio::test]
    async fn a_talkative_helper_is_not_stopped_by_its_standard_error() {
        let bin = Bin::new();
        let body = r#"head -c 300000 /dev/zero >&2; printf '{"Username":"u","Secret":"p"}'"#;
        bin.script("docker-credential-test", body);
        assert_eq!(get_from(&bin, "r.example", Duration::from_secs(20)).await.unwrap(), "u p");
    }

    #[tokio::test]
    async fn an_abandoned_helper_is_killed_with_its_children() {
        let bin = Bin::new();
        let pipe = bin.0.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        // Both processes hold the pipe's end, so it is closed only when both are gone.
        let body = format!(
            "trap '' TERM\nexec 3>'{}'\nsh -c 'echo ready >&3; while :; do sleep 3600; done' &\nwait",
            pipe.display()
        );
        bin.script("docker-credential-test", &body);
        let (ready_sender, ready) = tokio::sync::oneshot::channel();
        let (closed_sender, closed) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut file = File::open(pipe).unwrap();
            let mut start = [0; 6];
            file.read_exact(&mut start).unwrap();
            let _ = ready_sender.send(());
            let _ = closed_sender.send(file.read_to_end(&mut Vec::new()));
        });
        tokio::select! {
            answer = get_from(&bin, "r.example", Duration::from_mins(1)) => panic!("{answer:?}"),
            _ = ready => {}
        }
        let end = closed.recv_timeout(Duration::from_secs(20));
        assert!(end.is_ok(), "a process of the helper is still running");
    }
}
