#![no_main]

libfuzzer_sys::fuzz_target!(|choices: &[u8]| regsize::layer::fuzzing::tar_archives(choices));
