//! Debian's PostgreSQL, run as it is, in a directory of its own.
//!
//! ```ignore
//! let server = Postgres::start();
//! let url = server.database("sizes");                // with user and password
//! ```
//!
//! A test fails where the programs are missing. Dropping a server ends its processes.

use std::fmt::Write;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longer than a server takes to start on a busy machine.
const START_TIME: Duration = Duration::from_mins(1);

/// A running server.
pub struct Postgres {
    child: Child,
    address: SocketAddr,
    directory: TempDir,
    password: String,
}

impl Postgres {
    /// A server on a loopback port, whose user `regsize` has this password.
    pub fn start(password: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let root = directory.path();
        std::fs::write(root.join("password"), password).unwrap();
        // The server refuses to run as root.
        let user = rustix::process::getuid().is_root().then(server_user);
        if let Some((uid, gid)) = user {
            for path in [root.to_owned(), root.join("password")] {
                chown(path, Some(uid), Some(gid)).unwrap();
            }
        }
        let data = root.join("data");
        let mut init = as_user(program("initdb"), user, root);
        init.args(["-U", "regsize", "-E", "UTF8", "--locale=C", "-A", "scram-sha-256", "-N"]);
        init.arg("--pwfile").arg(root.join("password")).arg("-D").arg(&data);
        let output = init.output().unwrap();
        assert!(output.status.success(), "initdb: {output:?}");
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut server = as_user(program("postgres"), user, root);
        server.arg("-D").arg(&data).arg("-k").arg(root).args(["-h", "127.0.0.1", "-F", "-p"]);
        server.arg(address.port().to_string()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = server.spawn().unwrap();
        let server = Self { child, address, directory, password: password.to_owned() };
        let started = Instant::now();
        while !server.psql("SELECT 1") {
            assert!(started.elapsed() < START_TIME, "the server does not start");
            std::thread::sleep(Duration::from_millis(100));
        }
        server
    }

    /// The address of a new database, with user and password.
    pub fn database(&self, name: &str) -> String {
        assert!(self.psql(&format!("CREATE DATABASE {name}")), "CREATE DATABASE {name}");
        let mut password = String::new();
        for byte in self.password.bytes() {
            write!(password, "%{byte:02X}").unwrap();
        }
        format!("postgres://regsize:{password}@{}/{name}", self.address)
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn psql(&self, sql: &str) -> bool {
        let mut psql = Command::new(program("psql"));
        psql.env("PGPASSWORD", &self.password).current_dir(self.directory.path());
        psql.args(["-q", "-h", "127.0.0.1", "-U", "regsize", "-d", "postgres", "-c", sql, "-p"]);
        psql.arg(self.address.port().to_string());
        psql.output().unwrap().status.success()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The fast way to stop: the server ends its sessions and then itself.
        if let Some(id) =
            i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::INT);
        }
        let _ = self.child.wait();
    }
}

fn as_user(program: PathBuf, user: Option<(u32, u32)>, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory).env("LC_ALL", "C");
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

/// The ids of the user that Debian made for the server, or of nobody.
fn server_user() -> (u32, u32) {
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let ids = |name: &str| {
        let user = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = user.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    ids("postgres").or_else(|| ids("nobody")).expect("a user to run the server as")
}

/// A program of PostgreSQL, which Debian keeps beside the usual directories.
fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.map(|version| version.path().join("bin").join(name));
    let in_path = std::env::var_os("PATH").unwrap_or_default();
    let in_path: Vec<PathBuf> =
        std::env::split_paths(&in_path).map(|directory| directory.join(name)).collect();
    found
        .chain(in_path)
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("this test needs `{name}` of the Debian package postgresql"))
}
