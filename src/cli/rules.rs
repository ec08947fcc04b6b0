//! `regsize rules`: the catalogue.

use std::io::Write;

use super::args::{Cli, RulesArgs};
use super::exit::Exit;
use super::run::{format, terminal_options};
use super::selection::matching;
use super::{failed, write_report};
use crate::report::{Format, render_rules, usage_json};
use crate::rule::rules;

pub(super) fn run(cli: &Cli, args: &RulesArgs) -> Exit {
    let found = match args.rule.as_deref() {
        None => Ok(rules().to_vec()),
        Some(name) => matching(name),
    };
    let (format, options) = (format(&cli.output), terminal_options(&cli.output));
    match found {
        Ok(rules) => {
            write_report(|out: &mut dyn Write| render_rules(&rules, format, &options, out))
        }
        Err(error) => {
            if format == Format::Json {
                let document = usage_json(&error.to_string(), error.what_to_do());
                write_report(|out| out.write_all(&document));
            }
            failed(&error)
        }
    }
}
