//! `regsize audit init`: a commented file of settings to begin with.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::args::AuditInitArgs;
use super::super::exit::Exit;
use super::super::progress::line;
use super::super::settings::understood;
use crate::component::Knowledge;
use crate::registry::{Error, ErrorKind};

const BEGIN: &str = "\
# What `regsize audit run` looks at. `regsize audit check-config --config FILE` tells what it says.
[audit]
";
const TIMES: &str = "\
schedule = \"0 6 * * *\"     # for `audit watch`: minute hour day month weekday
time-zone = \"UTC\"
";
const TARGET: &str = "\
tags = [\"latest\"]          # names, patterns such as \"1.*\" or \"/^v?[0-9]/\"; without them all tags
";
const BUDGET: &str = "
[audit.target.budget]
max-growth = \"5% and 20MB\" # since the image before; both must be exceeded
max-creep = { \"30d\" = \"10%\" }  # above the smallest of 30 days
";
/// The repository if none is given.
const EXAMPLE: &str = "docker.io/library/debian";

pub(super) fn run(args: &AuditInitArgs) -> Result<Exit, Error> {
    let text = text(args);
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    understood(&text, &Knowledge::default(), today).map_err(|error| {
        Error::new(ErrorKind::Usage, error.message)
            .hint("name repositories as in --target ghcr.io/owner/name, without a tag")
    })?;
    let name = args.file.display();
    let file = OpenOptions::new().write(true).create_new(true).open(&args.file);
    let mut file = file.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Error::new(ErrorKind::Usage, format!("{name} is there already"))
                .hint("nothing was changed")
        }
        _ => Error::new(ErrorKind::Local, format!("{name} cannot be written")).because(error),
    })?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| {
        Error::new(ErrorKind::Local, format!("{name} cannot be written")).because(error)
    })?;
    line(&format!("note: {name} is written; next: regsize audit run --config {name}"));
    Ok(Exit::Fine)
}

fn text(args: &AuditInitArgs) -> String {
    let store = args.store.as_deref().unwrap_or("history.sqlite");
    let mut text = BEGIN.to_owned();
    // Writing into a String cannot fail.
    let _ =
        writeln!(text, "store = {:26}# a file, or postgres://USER@HOST/DATABASE", quoted(store));
    text.push_str(TIMES);
    let example = [EXAMPLE.to_owned()];
    let targets = if args.target.is_empty() { &example[..] } else { &args.target };
    for target in targets {
        let _ = writeln!(text, "\n[[audit.target]]\nrepository = {}", quoted(target));
        text.push_str(TARGET);
        text.push_str(BUDGET);
    }
    text
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            character if character.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(character));
            }
            character => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use jiff::civil::Date;

    use super::*;
    use crate::audit::StorePlace;

    #[test]
    fn what_is_written_is_understood() {
        let check = |targets: &[&str], store: Option<&str>, names: &[&str], place: &str| {
            let args = AuditInitArgs {
                file: "regsize.toml".into(),
                target: targets.iter().map(|&target| target.to_owned()).collect(),
                store: store.map(str::to_owned),
            };
            let config = understood(&text(&args), &Knowledge::default(), Date::MIN);
            let watched = config.expect("settings").watched.expect("a section");
            let found: Vec<&str> = watched.targets.iter().map(|target| &*target.name).collect();
            assert_eq!(found, names);
            assert_eq!(watched.store, Some(StorePlace::Named(place.to_owned())));
        };
        check(&[], None, &[EXAMPLE], "history.sqlite");
        let two = ["ghcr.io/owner/name", "host:5000/team/app"];
        check(&two, Some("postgres://me@db/sizes"), &two, "postgres://me@db/sizes");
        check(&["debian"], Some("a \"b\"\\\u{1}"), &[EXAMPLE], "a \"b\"\\\u{1}");
    }
}
