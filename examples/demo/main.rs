//! Shows what regsize does, with no network but loopback: starts a registry in this process, fills
//! it with the images of `testdata/demo/` and runs the real commands against it.
//!
//! ```text
//! cargo run --release --example demo
//! ```

mod images;

mod support;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use support::registry::Registry;

fn main() -> ExitCode {
    // Nobody waits for a reader of this line.
    let _ = writeln!(io::stderr().lock(), "building the example images …");
    let published = images::publish(Registry::new());
    let registry = published.start();
    let name = |image: &str| registry.reference(image);
    let commands: [&[&str]; 3] = [
        &["inspect", &name("debian:12"), &name("conda/miniforge:24.11"), &name("science/ml:4.4")],
        &["inspect", &name("science/ml:4.4")],
        &["inspect", &name("science/ml:4.4"), "--platform", "linux/arm64", "--sort", "size"],
    ];
    for command in commands {
        if let Err(error) = announce(command) {
            return if error.kind() == io::ErrorKind::BrokenPipe {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            };
        }
        let arguments = ["regsize"].iter().chain(command).map(OsString::from);
        if regsize::cli::main(arguments.chain(["--no-cache".into()])) != ExitCode::SUCCESS {
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn announce(command: &[&str]) -> io::Result<()> {
    writeln!(io::stdout().lock(), "\n$ regsize {}\n", command.join(" "))
}
