#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| telco_fuzz::sip::sip_stun(bytes));
