//! The `webrtc-srtp` crate behind guards, for programs that already depend on it.
//!
//! The crate is exact, but not made for hostile networks: `decrypt_rtcp` panics on short packets and `decrypt_rtp` on
//! header extensions whose elements pass the end; SRTCP with a cleared encryption flag is accepted without looking at
//! its tag; state is created for every forged SSRC; and the replay window works on 16-bit numbers. This backend checks
//! shape and flags first, keeps its own 48-bit window and bounded list of sources, and tries unknown sources in a
//! throw-away context.

use webrtc_srtp::context::Context;
use webrtc_srtp::protection_profile::ProtectionProfile;

use super::sender::{RtpShape, rtcp_ssrc};
use super::sources::Sources;
use super::transform::{ENCRYPTED, INDEX};
use super::{MasterKey, ProtectError, SrtpBackend, SrtpConfig, SrtpProfile, SrtpSetupError, UnprotectError};
use crate::rtp::{Elements, ExtensionForm, RTP_FIXED_HEADER};
use crate::wire::{u16_at, u32_at};

/// Forged sources tried in one throw-away context before it is replaced.
const PROBES: u32 = 64;

/// [`SrtpBackend`] on top of `webrtc-srtp`. No MKI, no AES-192, no initial rollover counter, no clear SRTCP.
pub struct WebrtcSrtp {
    profile: SrtpProfile,
    local: Context,
    remote: Context,
    remote_key: MasterKey,
    /// Where packets of unknown sources are tried, and how many have been.
    probe: (Context, u32),
    sent: [Sources; 2],
    received: [Sources; 2],
}

impl WebrtcSrtp {
    /// A session that sends with `local` and receives with `remote`.
    ///
    /// # Errors
    /// [`SrtpSetupError::Unsupported`] for what the crate cannot do, others when `config` is out of range.
    pub fn new(local: &MasterKey, remote: &MasterKey, config: &SrtpConfig) -> Result<Self, SrtpSetupError> {
        config.check()?;
        if !local.mki().is_empty() || !remote.mki().is_empty() {
            return Err(SrtpSetupError::Unsupported("MKI"));
        }
        if config.initial_roc != 0 {
            return Err(SrtpSetupError::Unsupported("an initial rollover counter"));
        }
        if config.clear_rtcp {
            return Err(SrtpSetupError::Unsupported("unencrypted SRTCP"));
        }
        Ok(Self {
            profile: remote.profile(),
            local: context(local)?,
            remote: context(remote)?,
            remote_key: remote.clone(),
            probe: (context(remote)?, 0),
            sent: [Sources::new(config), Sources::new(config)],
            received: [Sources::new(config), Sources::new(config)],
        })
    }

    /// True when a packet of an unknown source is authentic; the real context never sees it otherwise.
    fn probe(&mut self, packet: &[u8], decrypt: Decrypt) -> Result<bool, UnprotectError> {
        if self.probe.1 == PROBES {
            let fresh = context(&self.remote_key).map_err(|_| UnprotectError::Authentication)?;
            self.probe = (fresh, 0);
        }
        self.probe.1 += 1;
        Ok(decrypt(&mut self.probe.0, packet).is_some())
    }

    fn open(
        &mut self,
        packet: &mut [u8],
        len: usize,
        side: usize,
        found: super::sources::Candidate,
        decrypt: Decrypt,
    ) -> Result<usize, UnprotectError> {
        if found.is_new(&self.received[side]) && !self.probe(packet, decrypt)? {
            return Err(UnprotectError::Authentication);
        }
        let plain = decrypt(&mut self.remote, packet).ok_or(UnprotectError::Authentication)?;
        let slot = packet.get_mut(..len).filter(|slot| slot.len() == plain.len());
        slot.ok_or(UnprotectError::Malformed)?.copy_from_slice(&plain);
        self.received[side].admit(found);
        Ok(len)
    }
}

type Decrypt = fn(&mut Context, &[u8]) -> Option<bytes::Bytes>;

const RTP: usize = 0;
const RTCP: usize = 1;

impl SrtpBackend for WebrtcSrtp {
    fn protect_rtp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        let packet = buffer.get(..len).ok_or(ProtectError::NoRoom { need: len, have: buffer.len() })?;
        let shape = readable(packet).ok_or(ProtectError::Malformed)?;
        let found = self.sent[RTP].locate(shape.ssrc, shape.sequence)?;
        let sealed = self.local.encrypt_rtp(packet).map_err(|_| ProtectError::Malformed)?;
        let len = put(&sealed, buffer)?;
        self.sent[RTP].admit(found);
        Ok(len)
    }

    fn protect_rtcp(&mut self, buffer: &mut [u8], len: usize) -> Result<usize, ProtectError> {
        let packet = buffer.get(..len).ok_or(ProtectError::NoRoom { need: len, have: buffer.len() })?;
        let ssrc = rtcp_ssrc(packet).ok_or(ProtectError::Malformed)?;
        let found = self.sent[RTCP].next_index(ssrc)?;
        let sealed = self.local.encrypt_rtcp(packet).map_err(|_| ProtectError::Malformed)?;
        let len = put(&sealed, buffer)?;
        self.sent[RTCP].admit(found);
        Ok(len)
    }

    fn unprotect_rtp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        let len = packet.len().checked_sub(self.profile.rtp_tag_len()).ok_or(UnprotectError::Malformed)?;
        let shape = readable(&packet[..len]).ok_or(UnprotectError::Malformed)?;
        let found = self.received[RTP].locate(shape.ssrc, shape.sequence)?;
        self.open(packet, len, RTP, found, |context, packet| context.decrypt_rtp(packet).ok())
    }

    fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, UnprotectError> {
        let (tag, whole) = (self.profile.rtcp_tag_len(), packet.len());
        let len = whole.checked_sub(tag + INDEX).ok_or(UnprotectError::Malformed)?;
        let ssrc = rtcp_ssrc(&packet[..len]).ok_or(UnprotectError::Malformed)?;
        let at = if self.profile.is_aead() { whole - INDEX } else { whole - tag - INDEX };
        let word = u32_at(packet, at).ok_or(UnprotectError::Malformed)?;
        // RFC 3711 §3.4: the crate would return such a packet without looking at its tag.
        if word & ENCRYPTED == 0 {
            return Err(UnprotectError::ClearRtcp);
        }
        let found = self.received[RTCP].locate_index(ssrc, u64::from(word & !ENCRYPTED))?;
        self.open(packet, len, RTCP, found, |context, packet| context.decrypt_rtcp(packet).ok())
    }
}

/// The header of a packet whose extension the crate reads without panicking and without losing its place.
fn readable(packet: &[u8]) -> Option<RtpShape> {
    let shape = RtpShape::read(packet)?;
    let start = RTP_FIXED_HEADER + 4 * usize::from(packet[0] & 0x0F);
    if shape.header > start {
        let (profile, data) = (u16_at(packet, start)?, &packet[start + 4..shape.header]);
        let cut_off = Elements::new(profile, data).any(|element| element.is_err());
        if cut_off || (profile == ExtensionForm::OneByte.profile() && ends_early(data)) {
            return None;
        }
    }
    Some(shape)
}

/// True when a one-byte extension stops at identifier 15 (RFC 8285 §4.2), after which the crate miscounts the header.
fn ends_early(data: &[u8]) -> bool {
    let mut at = 0;
    while let Some(&head) = data.get(at) {
        match head {
            0 => at += 1,
            0xF0.. => return true,
            _ => at += 2 + usize::from(head & 0x0F),
        }
    }
    false
}

fn context(key: &MasterKey) -> Result<Context, SrtpSetupError> {
    let profile = match key.profile() {
        SrtpProfile::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        SrtpProfile::AesCm128HmacSha1_32 => ProtectionProfile::Aes128CmHmacSha1_32,
        SrtpProfile::AesCm256HmacSha1_80 => ProtectionProfile::Aes256CmHmacSha1_80,
        SrtpProfile::AesCm256HmacSha1_32 => ProtectionProfile::Aes256CmHmacSha1_32,
        SrtpProfile::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
        SrtpProfile::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
        SrtpProfile::AesCm192HmacSha1_80 | SrtpProfile::AesCm192HmacSha1_32 => {
            return Err(SrtpSetupError::Unsupported("AES-192"));
        }
    };
    let (master, salt) = key.expose();
    Context::new(master, salt, profile, None, None).map_err(|_| SrtpSetupError::Unsupported("the key"))
}

fn put(sealed: &[u8], buffer: &mut [u8]) -> Result<usize, ProtectError> {
    let (need, have) = (sealed.len(), buffer.len());
    buffer.get_mut(..need).ok_or(ProtectError::NoRoom { need, have })?.copy_from_slice(sealed);
    Ok(need)
}
