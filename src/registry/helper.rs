//! Asks a credential helper: a program `docker-credential-<name>` that keeps passwords.
//!
//! The program's name must be plain, and it is looked for in the absolute folders of the given
//! search path. What it prints on standard output may be a secret whatever its exit status, so no
//! error quotes it; a line of standard error is quoted only if it shares nothing with the output.
//! An answer about another registry is refused. Protocol: docker-credential-helpers, `get`.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use serde::Deserialize;

use super::credentials::{Credential, Flaw};
use super::process;
use super::scope::Scope;
use super::secret::Secret;

/// One question to a helper.
#[derive(Clone, Copy, Debug)]
pub(super) struct Helper<'a> {
    /// The name after `docker-credential-`.
    pub(super) name: &'a str,
    /// The name under which the helper keeps the credentials.
    pub(super) server: &'a str,
    /// The folders to look for the program in, as in `PATH`.
    pub(super) path: Option<&'a OsStr>,
    /// How long it may take.
    pub(super) timeout: Duration,
}

/// Why a credential helper gave no answer.
#[derive(Debug, thiserror::Error)]
#[error("credential helper {helper} for {registry}: {problem}")]
pub struct HelperError {
    /// The name of the program.
    pub helper: String,
    /// The registry that the question was about.
    pub registry: String,
    /// What went wrong.
    pub problem: HelperProblem,
}

/// What went wrong with a credential helper.
#[derive(Debug, thiserror::Error)]
pub enum HelperProblem {
    /// The configured name cannot be one of a program.
    #[error("the name may have only letters, digits, '.', '_' and '-', and no '-' in front")]
    BadName,
    /// There is no such program.
    #[error("the program is not in PATH")]
    NotInPath,
    /// The program could not be started or spoken to.
    #[error("cannot be run: {0}")]
    Run(io::Error),
    /// The program took too long.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The program printed more than any answer.
    #[error("printed more than 1 MiB")]
    TooMuchOutput,
    /// The program failed.
    #[error("{}", describe_failure(*status, message.as_deref()))]
    Failed {
        /// How it ended.
        status: ExitStatus,
        /// The first line of its standard error, if it can be shown.
        message: Option<String>,
    },
    /// The program printed something else than an answer.
    #[error("the answer is not one JSON object with Username and Secret")]
    NotAnAnswer,
    /// The answer is about something else.
    #[error("the answer is for another registry")]
    OtherServer,
    /// The answer cannot be sent.
    #[error("{0}")]
    Flaw(Flaw),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(rename = "ServerURL")]
    server_url: Option<String>,
    username: String,
    secret: Secret,
}

const MAX_LINE: usize = 200;

/// So many equal bytes in output and message may be a piece of a secret.
const TELLING: usize = 4;

/// What helpers print, with exit status 1, when they have nothing.
const NOTHING: &[u8] = b"credentials not found in native keychain";

/// The user name that marks a secret as an identity token.
const TOKEN_USER: &str = "<token>";

/// Asks `helper` for the credentials of `wanted`; `None` if it has none.
pub(super) async fn get(
    helper: &Helper<'_>,
    wanted: &Scope,
) -> Result<Option<Credential>, HelperError> {
    ask(helper, wanted).await.map_err(|problem| HelperError {
        helper: program_name(helper.name),
        registry: wanted.to_string(),
        problem,
    })
}

/// The name of the program, fit to be printed.
pub(super) fn program_name(name: &str) -> String {
    format!("docker-credential-{}", printable(name, 64))
}

async fn ask(helper: &Helper<'_>, wanted: &Scope) -> Result<Option<Credential>, HelperProblem> {
    let output = process::run(&find(helper)?, helper).await?;
    if output.status.success() {
        read_answer(&output.stdout, wanted).map(Some)
    } else if output.status.code() == Some(1) && output.stdout.trim_ascii() == NOTHING {
        Ok(None)
    } else {
        let message = showable(&output.stderr, &output.stdout);
        Err(HelperProblem::Failed { status: output.status, message })
    }
}

/// The program's place; folders that depend on the current one are not looked at.
fn find(helper: &Helper<'_>) -> Result<PathBuf, HelperProblem> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if helper.name.is_empty() || helper.name.starts_with('-') || !helper.name.bytes().all(allowed) {
        return Err(HelperProblem::BadName);
    }
    std::env::split_paths(helper.path.unwrap_or_default())
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(format!("docker-credential-{}", helper.name)))
        .find(|program| {
            program.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
        })
        .ok_or(HelperProblem::NotInPath)
}

fn read_answer(stdout: &[u8], wanted: &Scope) -> Result<Credential, HelperProblem> {
    if stdout.trim_ascii_start().first() != Some(&b'{') {
        return Err(HelperProblem::NotAnAnswer);
    }
    // The error would quote the answer.
    let answer: Answer = serde_json::from_slice(stdout).map_err(|_| HelperProblem::NotAnAnswer)?;
    let server = answer.server_url.unwrap_or_default();
    if !server.is_empty() && !Scope::of_key(&server).same_host(wanted) {
        return Err(HelperProblem::OtherServer);
    }
    let credential = if answer.username == TOKEN_USER {
        Credential::identity_token(answer.secret)
    } else {
        Credential::basic(&answer.username, answer.secret)
    };
    credential.map_err(HelperProblem::Flaw)
}

/// The first line of `stderr`, unless a piece of it is in `stdout` too.
fn showable(stderr: &[u8], stdout: &[u8]) -> Option<String> {
    let line = stderr.trim_ascii_start().split(|b| matches!(b, b'\r' | b'\n')).next()?;
    if line.is_empty() || shares_a_piece(line, stdout.trim_ascii()) {
        return None;
    }
    Some(printable(&String::from_utf8_lossy(line), MAX_LINE))
}

fn shares_a_piece(line: &[u8], stdout: &[u8]) -> bool {
    if stdout.len() < TELLING {
        return !stdout.is_empty();
    }
    let pieces: HashSet<&[u8]> = line.windows(TELLING).collect();
    stdout.windows(TELLING).any(|piece| pieces.contains(piece))
}

/// Up to `length` characters of `text`, those that could command a terminal replaced.
fn printable(text: &str, length: usize) -> String {
    let shown = |c: char| c.is_alphanumeric() || c.is_ascii_graphic() || c == ' ';
    text.chars().take(length).map(|c| if shown(c) { c } else { '\u{fffd}' }).collect()
}

fn describe_failure(status: ExitStatus, message: Option<&str>) -> String {
    let mut text = match (status.code(), status.signal()) {
        (Some(code), _) => format!("failed with exit status {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "failed".to_owned(),
    };
    if let Some(message) = message {
        let _ = write!(text, ": {message}");
    }
    text
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::OsString;
    use std::fs;
    use std::io::Write as _;
    use std::process::Stdio;

    /// A folder of scripts that comes first in a search path.
    pub(in crate::registry) struct Bin(pub(in crate::registry) tempfile::TempDir);

    impl Bin {
        pub(in crate::registry) fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        pub(in crate::registry) fn path(&self) -> OsString {
            let mut path = self.0.path().as_os_str().to_owned();
            path.push(":/usr/bin:/bin");
            path
        }

        /// Writes a script by another process: a program open for writing in this one, if only in
        /// the copy that a test in another thread is about to start, cannot be run.
        pub(in crate::registry) fn script(&self, name: &str, body: &str) {
            let mut writer = std::process::Command::new("sh")
                .args(["-c", r#"cat >"$0" && chmod 755 "$0""#])
                .arg(self.0.path().join(name))
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            let text = format!("#!/bin/sh\n{body}\n");
            writer.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
            assert!(writer.wait().unwrap().success());
        }
    }

    const TIMEOUT: Duration = Duration::from_millis(200);

    pub(in crate::registry) async fn get_from(
        bin: &Bin,
        server: &str,
        timeout: Duration,
    ) -> Result<String, String> {
        let path = bin.path();
        let helper = Helper { name: "test", server, path: Some(&path), timeout };
        match get(&helper, &Scope::of_key(server)).await {
            Ok(None) => Ok("nothing".to_owned()),
            Ok(Some(Credential::Basic { username, password })) => {
                Ok(format!("{username} {}", password.expose()))
            }
            Ok(Some(Credential::IdentityToken(token))) => Ok(format!("token {}", token.expose())),
            Ok(Some(other)) => panic!("{other:?}"),
            Err(error) => {
                assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
                Err(error.to_string())
            }
        }
    }

    #[tokio::test]
    async fn answers_are_read() {
        let check = async |body: &str, expected: &str| {
            let bin = Bin::new();
            bin.script("docker-credential-test", body);
            let answer = get_from(&bin, "r.example:5000", Duration::from_secs(20)).await;
            assert_eq!(answer.unwrap(), expected, "{body}");
        };
        let json = |text: &str| format!("printf '%s' '{text}'");
        check(&json(r#"{"ServerURL":"r.example:5000","Username":"u","Secret":"p"}"#), "u p").await;
        check(&json(r#"{"Username":"u","Secret":"p","Extra":[1]}"#), "u p").await;
        check(
            &json(r#"{"ServerURL":"https://R.example:5000/v2/","Username":"u","Secret":"p"}"#),
            "u p",
        )
        .await;
        check(&json(r#"{"ServerURL":"","Username":"<token>","Secret":"t"}"#), "token t").await;
        check("echo credentials not found in native keychain; exit 1", "nothing").await;
    }

    #[tokio::test]
    async fn the_server_is_asked_for_on_standard_input() {
        let bin = Bin::new();
        bin.script(
            "docker-credential-test",
            r#"printf '{"Username":"%s","Secret":"%s"}' "$(cat)" "$*""#,
        );
        let answer = get_from(&bin, "r.example", Duration::from_secs(20)).await;
        assert_eq!(answer.unwrap(), "r.example get");
    }

    #[tokio::test]
    async fn everything_else_is_an_error_without_the_output() {
        let check = async |body: &str, expected: &str| {
            let bin = Bin::new();
            bin.script("docker-credential-test", body);
            let error = get_from(&bin, "r.example", Duration::from_secs(20)).await.unwrap_err();
            let expected =
                format!("credential helper docker-credential-test for r.example: {expected}");
            assert_eq!(error, expected, "{body}");
        };
        let json = |text: &str| format!("printf '%s' '{text}'");
        let not_an_answer = "the answer is not one JSON object with Username and Secret";
        check("true", not_an_answer).await;
        check("echo canary", not_an_answer).await;
        check(&json("[null,\"u\",\"canary\"]"), not_an_answer).await;
        check(&json(r#"{"Username":"canary"}"#), not_an_answer).await;
        check(&json(r#"{"Username":"canary","Secret":1}"#), not_an_answer).await;
        check(
            &json(r#"{"Username":"u","Secret":"canary"}{"Username":"u","Secret":"p"}"#),
            not_an_answer,
        )
        .await;
        check("echo credentials not found in native keychain", not_an_answer).await;
        check(&json(r#"{"Username":"u","Secret":""}"#), "the password or token is empty").await;
        check(&json(r#"{"Username":"","Secret":"canary"}"#), "the user name is empty").await;
        check(
            &json(r#"{"Username":"u","Secret":"canary\nX: y"}"#),
            "a value contains a line break or a NUL character",
        )
        .await;
        for server in ["other.example", "r.example:5000", "https://r.example.evil/"] {
            let body = format!(r#"{{"ServerURL":"{server}","Username":"u","Secret":"canary"}}"#);
            check(&json(&body), "the answer is for another registry").await;
        }
        check("exit 3", "failed with exit status 3").await;
        check("kill -9 $$", "ended by signal 9").await;
        check("echo canary; exit 1", "failed with exit status 1").await;
        check("echo canary; echo no canary here >&2; exit 1", "failed with exit status 1").await;
        check("echo credentials not found in native keychain; exit 2", "failed with exit status 2")
            .await;
        check(
            r"printf 'locked \033[31mnow\nsecond\n' >&2; exit 1",
            "failed with exit status 1: locked \u{fffd}[31mnow",
        )
        .await;
        check("yes canary | head -c 10000000", "printed more than 1 MiB").await;
    }

    #[tokio::test]
    async fn a_helper_that_hangs_is_given_up() {
        let check = async |body: &str| {
            let bin = Bin::new();
            bin.script("docker-credential-test", body);
            let error = get_from(&bin, "r.example", TIMEOUT).await.unwrap_err();
            assert!(error.ends_with("no answer within 200ms"), "{error}");
        };
        check("trap '' TERM; sleep 3600 & while :; do sleep 3600; done").await;
        check("sleep 3600 & exit 0").await;
    }

    #[tokio::test]
    async fn only_programs_of_plain_names_in_absolute_folders_are_run() {
        let bin = Bin::new();
        bin.script("docker-credential-ok.1_x-y", r#"printf '{"Username":"u","Secret":"p"}'"#);
        fs::write(bin.0.path().join("docker-credential-plain"), "").unwrap();
        fs::create_dir(bin.0.path().join("docker-credential-folder")).unwrap();
        let check = async |name: &str, path: Option<&OsStr>, expected: &str| {
            let helper =
                Helper { name, server: "r.example", path, timeout: Duration::from_secs(20) };
            let answer = get(&helper, &Scope::of_key("r.example")).await;
            let shown = answer.map_or_else(|error| error.to_string(), |_| "answer".to_owned());
            assert!(shown.ends_with(expected), "{name}: {shown}");
        };
        let path = bin.path();
        check("ok.1_x-y", Some(&path), "answer").await;
        check(
            "missing",
            Some(&path),
            "docker-credential-missing for r.example: the program is not in PATH",
        )
        .await;
        for name in ["plain", "folder", "..", "."] {
            check(name, Some(&path), "not in PATH").await;
        }
        for path in ["", ".", ":", "relative/bin"] {
            check("ok.1_x-y", Some(OsStr::new(path)), "not in PATH").await;
        }
        check("ok.1_x-y", None, "not in PATH").await;
        for name in ["", "-x", "a/b", "../sh", "a b", "a;b", "a\nb", "\u{e9}", "$(id)"] {
            check(name, Some(&path), "no '-' in front").await;
        }
    }

    proptest! {
        #[test]
        fn any_output_is_an_answer_or_refused(output in r#"[{}":,a-zA-Z<>]{0,60}"#) {
            let _ = read_answer(output.as_bytes(), &Scope::of_key("r.example"));
        }

        #[test]
        fn a_message_never_quotes_the_output(
            secret in "[a-z]{4,20}", before in "[ -~\n]{0,20}", after in "[ -~\n]{0,20}",
        ) {
            let stderr = format!("{before}{secret}{after}");
            let shown = showable(stderr.as_bytes(), format!("{{\"Secret\":\"{secret}\"}}").as_bytes());
            prop_assert!(!shown.is_some_and(|shown| shown.contains(&secret)));
        }

        #[test]
        fn shown_text_has_no_control_characters(text: String) {
            prop_assert!(printable(&text, 50).chars().all(|c| !c.is_control()));
        }
    }
}
