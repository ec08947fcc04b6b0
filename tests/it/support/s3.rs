//! A server that speaks S3: `moto_server` of the Python package `moto`, which `scripts/prepare`
//! installs beside what cargo builds.
//!
//! ```ignore
//! let server = S3::start();
//! server.bucket("regsize");
//! server.set_up(&mut sandbox);                       // the variables of S3's own clients
//! ```
//!
//! A test fails where the program is missing. Dropping a server ends its process.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::client::Connection;
use super::sandbox::Sandbox;

/// Longer than the server takes to start on a busy machine.
const START_TIME: Duration = Duration::from_mins(1);

/// A running server.
pub struct S3 {
    child: Child,
    address: SocketAddr,
}

impl S3 {
    /// A server on a loopback port.
    pub fn start() -> Self {
        let program = program();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut server = Command::new(&program);
        server.args(["-H", "127.0.0.1", "-p", &address.port().to_string()]);
        server.env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::null());
        server.stdout(Stdio::null()).stderr(Stdio::null());
        let child = server.spawn().unwrap_or_else(|error| {
            panic!("cannot run {} ({error}): run scripts/prepare", program.display())
        });
        let server = Self { child, address };
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(started.elapsed() < START_TIME, "the S3 server does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// Makes a bucket.
    pub fn bucket(&self, name: &str) {
        let answer = Connection::open(self.address).patience(START_TIME).request(
            "PUT",
            &format!("/{name}"),
            &[],
            b"",
        );
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// The keys of the objects in a bucket.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let target = format!("/{bucket}?list-type=2");
        let answer = Connection::open(self.address).patience(START_TIME).get(&target, &[]);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let text = answer.text();
        let keys = text.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>"));
        keys.map(|(key, _)| key.to_owned()).collect()
    }

    /// Leads the clients of S3 in a sandbox here.
    pub fn set_up(&self, sandbox: &mut Sandbox) {
        set_up(sandbox, &format!("http://{}", self.address));
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Leads the clients of S3 in a sandbox to a server at `url`.
pub fn set_up(sandbox: &mut Sandbox, url: &str) {
    for (name, value) in [
        ("AWS_ENDPOINT_URL", url),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "tester"),
        ("AWS_SECRET_ACCESS_KEY", "a secret of the store"),
    ] {
        sandbox.set(name, value);
    }
}

fn program() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory");
    target.join("tools/moto/bin/moto_server")
}
