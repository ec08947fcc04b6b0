#![no_main]

libfuzzer_sys::fuzz_target!(|choices: &[u8]| regsize::filesystem::fuzzing::merge(choices));
