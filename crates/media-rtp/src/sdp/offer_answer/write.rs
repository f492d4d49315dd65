//! Writing media sections.

use super::super::attribute::{
    Crypto, Direction, Fmtp, IceOptions, MaxPtime, Mid, Ptime, Rtcp, RtcpMux, Setup,
};
use super::super::connection::Host;
use super::super::description::SessionDescription;
use super::super::media_line::{MediaLine, Protocol};
use super::super::section::Section;
use super::config::{LocalMedia, MediaConfig};
use super::payload_types::rtpmap;
use super::session::Format;

/// The audio section of an own description.
pub(super) struct AudioSection<'a> {
    pub(super) protocol: Protocol,
    pub(super) formats: &'a [Format],
    pub(super) direction: Direction,
    pub(super) rtcp_mux: bool,
    pub(super) cryptos: Vec<Crypto>,
    pub(super) setup: Option<Setup>,
    pub(super) mid: Option<Mid>,
}

impl AudioSection<'_> {
    pub(super) fn write(
        &self,
        description: &mut SessionDescription,
        config: &MediaConfig,
        local: &LocalMedia,
    ) {
        let section = description.push_media(MediaLine {
            media: "audio".to_owned(),
            port: local.rtp.port(),
            port_count: None,
            protocol: self.protocol.clone(),
            formats: self.formats.iter().map(|format| format.payload_type.to_string()).collect(),
        });
        self.mid.iter().for_each(|mid| section.add(mid));
        for format in self.formats {
            section.add(&rtpmap(format));
            if let Some(parameters) = format.codec.fmtp() {
                section.add(&Fmtp { payload_type: format.payload_type, parameters: parameters.to_owned() });
            }
        }
        section.add(&Ptime(config.ptime));
        config.max_ptime.iter().for_each(|ms| section.add(&MaxPtime(*ms)));
        section.add_attribute(self.direction.name(), None);
        if self.rtcp_mux {
            section.add(&RtcpMux);
        }
        write_rtcp(section, local);
        self.cryptos.iter().for_each(|crypto| section.add(crypto));
        if let (Some(setup), Some(fingerprint)) = (&self.setup, &local.dtls) {
            section.add(&**fingerprint);
            section.add(setup);
        }
        write_ice(section, local);
    }
}

/// A stream that is refused, or was removed: port 0 in its place (RFC 3264 §6, §8.2).
pub(super) fn refused(description: &mut SessionDescription, offered: &MediaLine, mid: Option<&Mid>) {
    let section = description.push_media(MediaLine { port: 0, port_count: None, ..offered.clone() });
    mid.iter().for_each(|mid| section.add(*mid));
}

// RFC 3605 §2.1: a=rtcp is only needed when RTCP is not at the next port.
fn write_rtcp(section: &mut Section, local: &LocalMedia) {
    let moved = local.rtcp.ip() != local.rtp.ip();
    if moved || local.rtp.port().checked_add(1) != Some(local.rtcp.port()) {
        section.add(&Rtcp { port: local.rtcp.port(), host: moved.then(|| Host::Ip(local.rtcp.ip())) });
    }
}

fn write_ice(section: &mut Section, local: &LocalMedia) {
    let Some(ice) = &local.ice else { return };
    section.add(&ice.ufrag);
    section.add(&ice.pwd);
    if !ice.options.is_empty() {
        section.add(&IceOptions(ice.options.clone()));
    }
    ice.candidates.iter().for_each(|candidate| section.add(candidate));
}
