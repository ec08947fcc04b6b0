//! The `regsize` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    regsize::cli::main(std::env::args_os())
}
