//! Benchmarks only; see `sip_message.rs`.
