#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| regsize::package::fuzzing::language_packages(bytes));
