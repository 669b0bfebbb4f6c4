#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| restate_pg_fuzz::token::run(data));
