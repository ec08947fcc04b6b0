//! Debian's `docker-registry` and `skopeo`, run as they are.
//!
//! ```ignore
//! let registry = RealRegistry::start();                       // or with_user(…), proxy_of(&url)
//! registry.push("team/app", "latest", &image.bundle());       // byte for byte
//! registry.skopeo_push("team/app:v2", &image.bundle(), &["--format", "v2s2"]);
//! sandbox.run(&["inspect", &registry.reference("team/app:v2")]);
//! ```
//!
//! A test fails where the programs are missing. Dropping a registry ends its process.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use regsize::oci::Digest;
use tempfile::TempDir;

use super::client::{Answer, Connection};
use super::image::Bundle;
use super::workshop::Layout;

/// Longer than the registry takes to start on a busy machine.
const START_TIME: Duration = Duration::from_secs(30);

/// A running `docker-registry`.
pub struct RealRegistry {
    child: Child,
    address: SocketAddr,
    directory: TempDir,
    user: Option<(String, String)>,
}

impl RealRegistry {
    /// A registry that anyone can use.
    pub fn start() -> Self {
        Self::start_with("", None)
    }

    /// A registry that asks for HTTP Basic.
    pub fn with_user(user: &str, password: &str) -> Self {
        let auth = "auth:\n  htpasswd:\n    realm: test\n    path: DIRECTORY/htpasswd\n";
        Self::start_with(auth, Some((user.to_owned(), password.to_owned())))
    }

    /// A pull-through cache of the registry at `url`.
    pub fn proxy_of(url: &str) -> Self {
        Self::start_with(&format!("proxy:\n  remoteurl: {url}\n"), None)
    }

    fn start_with(extra: &str, user: Option<(String, String)>) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let root = directory.path();
        if let Some((user, password)) = &user {
            let lines = run("htpasswd", "apache2-utils", &["-Bbn", user, password]);
            std::fs::write(root.join("htpasswd"), lines).expect("a writable directory");
        }
        let config = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: DIRECTORY/storage\n\
             \x20 delete:\n    enabled: true\nhttp:\n  addr: 127.0.0.1:0\n{extra}"
        );
        let config = config.replace("DIRECTORY", &root.display().to_string());
        let file = root.join("config.yml");
        std::fs::write(&file, config).expect("a writable directory");
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| missing("docker-registry", "docker-registry", &error));
        let log = child.stderr.take().expect("a pipe");
        match address_in(log) {
            Ok(address) => Self { child, address, directory, user },
            Err(log) => {
                drop(child.kill());
                drop(child.wait());
                panic!("docker-registry did not start:\n{log}");
            }
        }
    }

    /// The URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// An image reference to `name` (as in `team/app:latest`) in this registry.
    pub fn reference(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    /// Where the registry keeps its content.
    pub fn storage(&self) -> std::path::PathBuf {
        self.directory.path().join("storage")
    }

    /// Stores an image or index byte for byte.
    pub fn push(&self, repository: &str, tag: &str, bundle: &Bundle) {
        let mut connection = Connection::open(self.address);
        for blob in &bundle.blobs {
            let start = format!("/v2/{repository}/blobs/uploads/");
            let answer = self.send(&mut connection, "POST", &start, &[], b"");
            let place = answer.header("location").expect("a place to upload to").to_owned();
            let path = place.strip_prefix(&self.url()).unwrap_or(&place);
            let target = format!("{path}&digest={}", Digest::of(blob));
            let headers = [("Content-Type", "application/octet-stream")];
            self.send(&mut connection, "PUT", &target, &headers, blob);
        }
        for (document, name) in bundle.documents.iter().map(|d| (d, d.digest().to_string())) {
            let target = format!("/v2/{repository}/manifests/{name}");
            let headers = [("Content-Type", document.media_type.as_str())];
            self.send(&mut connection, "PUT", &target, &headers, &document.bytes);
        }
        let target = format!("/v2/{repository}/manifests/{tag}");
        let headers = [("Content-Type", bundle.top.media_type.as_str())];
        self.send(&mut connection, "PUT", &target, &headers, &bundle.top.bytes);
    }

    /// Stores an image or index with `skopeo copy`, with options such as `--format v2s2`.
    /// Without options, digests stay as they are.
    pub fn skopeo_push(&self, name: &str, bundle: &Bundle, options: &[&str]) {
        let layout = TempDir::new().expect("a temporary directory");
        bundle.write_layout(layout.path(), "pushed");
        let from = format!("oci:{}:pushed", layout.path().display());
        let to = format!("docker://{}", self.reference(name));
        let credentials = self.user.as_ref().map(|(user, password)| format!("{user}:{password}"));
        let mut arguments = vec!["copy", "--insecure-policy", "--dest-tls-verify=false", "--quiet"];
        if let Some(credentials) = &credentials {
            arguments.extend(["--dest-creds", credentials]);
        }
        let unchanged: &[&str] = &["--all", "--preserve-digests"];
        arguments.extend(if options.is_empty() { unchanged } else { options });
        arguments.extend([from.as_str(), to.as_str()]);
        run("skopeo", "skopeo", &arguments);
    }

    /// Stores the image of an OCI layout byte for byte.
    pub fn push_layout(&self, name: &str, layout: &Layout) {
        let to = format!("docker://{}", self.reference(name));
        let options = ["--insecure-policy", "--dest-tls-verify=false", "--quiet"];
        let exactly = ["--preserve-digests", &layout.name(), &to];
        run("skopeo", "skopeo", &[&["copy"], &options[..], &exactly].concat());
    }

    /// Loses the content of a blob: whoever asks for it gets an error.
    pub fn lose_blob(&self, digest: &str) {
        let hex = digest.strip_prefix("sha256:").expect("a digest of SHA-256");
        let blobs = self.storage().join("docker/registry/v2/blobs/sha256");
        let data = blobs.join(&hex[..2]).join(hex).join("data");
        std::fs::remove_file(data).expect("a blob of the registry");
    }

    fn send(
        &self,
        connection: &mut Connection,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut headers = headers.to_vec();
        let basic = self
            .user
            .as_ref()
            .map(|(user, password)| STANDARD.encode(format!("{user}:{password}")))
            .map(|text| format!("Basic {text}"));
        headers.extend(basic.as_ref().map(|text| ("Authorization", text.as_str())));
        let answer = connection.request(method, target, &headers, body);
        assert!((200..300).contains(&answer.status), "{method} {target}: {}", answer.text());
        answer
    }
}

impl Drop for RealRegistry {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs a program to its end and returns what it printed.
pub fn run(program: &str, package: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| missing(program, package, &error));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {}\n{errors}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Copies an image out of a registry into an OCI layout with `skopeo copy`.
pub fn skopeo_pull(reference: &str, directory: &Path) {
    let from = format!("docker://{reference}");
    let to = format!("oci:{}:pulled", directory.display());
    let options = ["copy", "--insecure-policy", "--src-tls-verify=false", "--quiet"];
    run("skopeo", "skopeo", &[&options[..], &[&from, &to]].concat());
}

/// Fails the test for want of a program.
pub fn missing(program: &str, package: &str, error: &std::io::Error) -> ! {
    panic!("cannot run `{program}` ({error}): this test needs the Debian package `{package}`");
}

/// Reads the registry's log up to the line that names its address; reads on in the background.
fn address_in(log: impl Read + Send + 'static) -> Result<SocketAddr, String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            // Lines after the address have no receiver; they only have to be read.
            drop(sender.send(line));
        }
    });
    let mut text = String::new();
    while let Ok(line) = lines.recv_timeout(START_TIME) {
        if let Some((_, rest)) = line.split_once("listening on ") {
            let end = rest.find(['"', ' ', ',']).unwrap_or(rest.len());
            return rest[..end].parse().map_err(|_| line);
        }
        text += &line;
        text.push('\n');
    }
    Err(text)
}
