#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| regsize::layer::fuzzing::layer(bytes));
