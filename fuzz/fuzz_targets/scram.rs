#![no_main]

libfuzzer_sys::fuzz_target!(init: rowgate_fuzz::quiet(), |input: &[u8]| {
    rowgate_fuzz::scram::check(input);
});
