//! Completion scripts and manual pages, from the argument definitions.

use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;

use super::args::Cli;
use crate::registry::{Error, ErrorKind};

/// The completion script for a shell.
pub(super) fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "regsize", &mut script);
    script
}

/// The manual page of the program or of one of its commands.
pub(super) fn manual(command: Option<&str>) -> Result<Vec<u8>, Error> {
    let mut program = Cli::command();
    program.build();
    let page = match command {
        None => program,
        Some(name) => of_command(&program, name)?,
    };
    let mut roff = Vec::new();
    Man::new(page).render(&mut roff).map_err(|error| {
        Error::new(ErrorKind::Local, "the manual page cannot be made").because(error)
    })?;
    Ok(roff)
}

fn of_command(program: &Command, name: &str) -> Result<Command, Error> {
    let found = program.find_subcommand(name).cloned();
    let found = found
        .ok_or_else(|| Error::new(ErrorKind::Usage, format!("there is no command {name:?}")))?;
    let full_name = format!("regsize-{}", found.get_name());
    Ok(found.name(full_name.clone()).display_name(full_name))
}
