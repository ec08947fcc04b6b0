//! The tar walker against another reader, over the seeds and some thousand written archives. Says
//! on stderr which reader that was.

use regsize::layer::fuzzing::tar_archive;
use regsize_fuzz::differential::{Oracle, Reader, archive};
use regsize_fuzz::seeds;

const ARCHIVES: u64 = 4000;

#[test]
fn another_reader_lists_the_same() {
    let mut oracle = Oracle::start(Reader::present());
    for (name, bytes) in seeds("tar_walker") {
        oracle.hold(&name, &bytes);
    }
    for (name, choices) in seeds("tar_archives") {
        oracle.hold(&name, &tar_archive(&choices));
    }
    for seed in 0..ARCHIVES {
        oracle.hold(&seed.to_string(), &archive(seed));
    }
    assert_eq!(oracle.end(), 0, "archives are read in different ways");
}
