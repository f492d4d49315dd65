//! srtp
