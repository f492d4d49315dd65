//! Benchmarks only; see `sip_message.rs` and `call_pair.rs`.
