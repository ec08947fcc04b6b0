#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| regsize::package::system::fuzzing::rpm_header(bytes));
