#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| telco_fuzz::media::sdp_offer_answer(bytes));
