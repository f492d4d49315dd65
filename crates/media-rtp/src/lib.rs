//! Media for telephony.

pub mod codec;
pub mod demux;
pub mod dtmf;
pub mod jitter;
pub mod mix;
pub mod quality;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
pub mod srtp;
pub mod tone;
pub mod wav;
