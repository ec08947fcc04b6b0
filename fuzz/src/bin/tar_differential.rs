//! Holds the tar walker against another reader over written archives:
//! `tar_differential [ARCHIVES [SEED [go|python]]]`. Ends with 1 where the two differ.

use std::process::ExitCode;

use regsize_fuzz::differential::{Oracle, Reader, archive};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u64| {
        arguments.get(at).map_or(default, |text| text.parse().expect("a number"))
    };
    let (count, seed) = (number(0, 100_000), number(1, 1));
    let reader = match arguments.get(2).map(String::as_str) {
        None => Reader::present(),
        Some("go") => Reader::Go,
        Some("python") => Reader::Python,
        Some(other) => panic!("{other} is neither go nor python"),
    };
    let mut oracle = Oracle::start(reader);
    for at in 0..count {
        let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(at);
        oracle.hold(&at.to_string(), &archive(seed));
    }
    if oracle.end() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
