//! A place to run `regsize` in: its own home, cache, credentials and environment.
//!
//! ```ignore
//! let mut sandbox = Sandbox::new();
//! sandbox.docker_config(&auths(&[(&registry.host(), "robot", canary.secret())]));
//! sandbox.helper_answering("vault", "robot", canary.secret());
//! sandbox.set("HTTPS_PROXY", &proxy.url());
//! let output = sandbox.run(&["inspect", &registry.reference("team/app:latest")]);
//! assert_eq!(output.code, Some(0), "{output}");
//! assert!(!output.holds(&canary));
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::canary::Canary;

/// Longer than any run in a test takes; a run that takes more is ended and fails its test.
const LONGEST_RUN: Duration = Duration::from_mins(2);

/// A directory with a home, a cache, a docker config and programs.
pub struct Sandbox {
    root: TempDir,
    environment: BTreeMap<String, String>,
}

/// What a run did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// The signal that ended the run.
    pub signal: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it printed for people.
    pub stderr: String,
}

/// A run that goes on.
pub struct Running {
    child: Child,
    stdout: Receiver<Vec<u8>>,
    stderr: Receiver<Vec<u8>>,
}

impl Sandbox {
    /// A new sandbox, without credentials.
    pub fn new() -> Self {
        let root = TempDir::new().expect("a temporary directory");
        let mut environment = BTreeMap::new();
        for (name, directory) in
            [("HOME", "home"), ("REGSIZE_CACHE_DIR", "cache"), ("DOCKER_CONFIG", "docker")]
        {
            let path = root.path().join(directory);
            std::fs::create_dir(&path).expect("a writable directory");
            environment.insert(name.to_owned(), path.display().to_string());
        }
        let programs = root.path().join("bin");
        std::fs::create_dir(&programs).expect("a writable directory");
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display());
        environment.insert("PATH".to_owned(), path);
        environment.insert("LC_ALL".to_owned(), "C.UTF-8".to_owned());
        Self { root, environment }
    }

    /// A path inside.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Writes a file inside and returns its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        let parent = path.parent().expect("a name of a file");
        std::fs::create_dir_all(parent).expect("a writable directory");
        std::fs::write(&path, content).expect("a writable directory");
        path
    }

    /// Sets a variable of the environment.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    /// Removes a variable of the environment.
    pub fn unset(&mut self, name: &str) {
        self.environment.remove(name);
    }

    /// Writes the docker config; see [`auths`].
    pub fn docker_config(&self, config: &Value) -> PathBuf {
        self.write("docker/config.json", config.to_string())
    }

    /// Writes podman's `auth.json` and names it in `REGISTRY_AUTH_FILE`.
    pub fn auth_file(&mut self, config: &Value) -> PathBuf {
        let path = self.write("containers/auth.json", config.to_string());
        self.set("REGISTRY_AUTH_FILE", &path.display().to_string());
        path
    }

    /// Puts `docker-credential-NAME` on the path: a shell script of these lines.
    pub fn helper(&self, name: &str, script: &str) {
        self.program(&format!("docker-credential-{name}"), script);
    }

    /// Puts a program on the path: a shell script of these lines.
    pub fn program(&self, name: &str, script: &str) {
        let source = self.write("helper.sh", format!("#!/bin/sh\n{script}\n"));
        // Another process copies it: a fork of this one, made by another test, could hold the
        // file open for writing at the time it is run, and then it does not run.
        let status = Command::new("install")
            .args(["-m", "755"])
            .args([&source, &self.path(&format!("bin/{name}"))])
            .status();
        assert!(status.expect("the program `install`").success());
    }

    /// Puts a helper on the path that knows one login and keeps what it is asked; see
    /// [`Self::helper_questions`].
    pub fn helper_answering(&self, name: &str, user: &str, secret: &str) {
        let answer = json!({"ServerURL": "", "Username": user, "Secret": secret}).to_string();
        let answer = self.write(&format!("{name}.answer"), answer);
        let questions = self.path(&format!("{name}.questions"));
        let script = format!(
            "printf '%s ' \"$1\" >> '{0}'\ncat >> '{0}'\necho >> '{0}'\ncat '{1}'",
            questions.display(),
            answer.display()
        );
        self.helper(name, &script);
    }

    /// What a helper was asked, as in `get registry.example`.
    pub fn helper_questions(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.path(&format!("{name}.questions")));
        let text = text.unwrap_or_default();
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    /// The command line of `regsize` with these arguments, in this environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_regsize"));
        command
            .args(arguments)
            .env_clear()
            .envs(&self.environment)
            .current_dir(self.path("home"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs `regsize` to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.spawn(arguments).finish()
    }

    /// Starts `regsize`.
    pub fn spawn(&self, arguments: &[&str]) -> Running {
        Running::start(&mut self.command(arguments))
    }

    /// Runs `script` in a shell with the command line of `regsize` as its `"$0" "$@"`.
    pub fn shell(&self, script: &str, arguments: &[&str]) -> Output {
        let own = self.command(arguments);
        let mut command = Command::new("bash");
        command.args(["-c", script]).arg(own.get_program()).args(own.get_args()).env_clear();
        command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(self.path("home"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running::start(&mut command).finish()
    }

    /// The files in a directory inside.
    pub fn files(&self, directory: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        visit(&self.path(directory), &mut |path| found.push(path.to_owned()));
        found
    }

    /// The files inside, by path relative to the sandbox, that hold the canary's secret.
    pub fn files_holding(&self, canary: &Canary) -> Vec<PathBuf> {
        let mut found = Vec::new();
        visit(self.root.path(), &mut |path| {
            if std::fs::read(path).is_ok_and(|bytes| canary.in_bytes(&bytes)) {
                let relative = path.strip_prefix(self.root.path());
                found.push(relative.expect("a path inside").to_owned());
            }
        });
        found.sort();
        found
    }
}

/// Waits until something holds, for a minute at most.
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_mins(1), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

impl Running {
    /// Starts a command whose output is piped.
    pub fn start(command: &mut Command) -> Self {
        Self::of(command.spawn().expect("the program runs"))
    }

    /// A run that was started, whose output is piped.
    pub fn of(mut child: Child) -> Self {
        let stdout = collect(child.stdout.take().expect("a pipe"));
        let stderr = collect(child.stderr.take().expect("a pipe"));
        Self { child, stdout, stderr }
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGINT, as Ctrl-C does.
    pub fn interrupt(&self) {
        self.signal(rustix::process::Signal::INT);
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, signal).expect("the process is ours");
    }

    /// Waits for the end.
    pub fn finish(mut self) -> Output {
        let stdout = self.stdout.recv_timeout(LONGEST_RUN);
        if stdout.is_err() {
            drop(self.child.kill());
        }
        let stderr = text(&self.stderr.recv_timeout(LONGEST_RUN).unwrap_or_default());
        let status = self.child.wait().expect("the process is ours");
        let Ok(stdout) = stdout else { panic!("no end after {LONGEST_RUN:?}; stderr:\n{stderr}") };
        Output::new(status, text(&stdout), stderr)
    }
}

impl Output {
    fn new(status: ExitStatus, stdout: String, stderr: String) -> Self {
        Self { code: status.code(), signal: status.signal(), stdout, stderr }
    }

    /// The standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self}"))
    }

    /// Whether the canary's secret is in the output, in any form.
    pub fn holds(&self, canary: &Canary) -> bool {
        canary.in_bytes(self.stdout.as_bytes()) || canary.in_bytes(self.stderr.as_bytes())
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "exit code {:?}, signal {:?}", self.code, self.signal)?;
        writeln!(f, "--- stdout\n{}", self.stdout)?;
        writeln!(f, "--- stderr\n{}", self.stderr)
    }
}

/// The `auths` of a docker config for these hosts, users and passwords.
pub fn auths(logins: &[(&str, &str, &str)]) -> Value {
    let entries = logins.iter().map(|(host, user, password)| {
        let auth = STANDARD.encode(format!("{user}:{password}"));
        ((*host).to_owned(), json!({"auth": auth}))
    });
    json!({"auths": entries.collect::<serde_json::Map<_, _>>()})
}

fn collect(mut pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        drop(pipe.read_to_end(&mut bytes));
        // The receiver is gone if the run took too long.
        drop(sender.send(bytes));
    });
    receiver
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn visit(directory: &Path, action: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            visit(&path, action);
        } else {
            action(&path);
        }
    }
}
