//! T.38 fax parameters (ITU-T T.38 Annex D), spread over several attributes.

use super::super::section::Section;
use super::number;

/// The T.38 attributes of an `m=image … udptl t38` section. Flags may be written bare, as `:1` or as `:0`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct T38 {
    /// `T38FaxVersion`; 0 when absent.
    pub version: u16,
    /// `T38MaxBitRate` in bit/s.
    pub max_bit_rate: Option<u32>,
    /// `T38FaxFillBitRemoval`.
    pub fill_bit_removal: bool,
    /// `T38FaxTranscodingMMR`.
    pub transcoding_mmr: bool,
    /// `T38FaxTranscodingJBIG`.
    pub transcoding_jbig: bool,
    /// `T38FaxRateManagement`: `transferredTCF` or `localTCF`.
    pub rate_management: Option<String>,
    /// `T38FaxMaxBuffer` in bytes.
    pub max_buffer: Option<u32>,
    /// `T38FaxMaxDatagram` in bytes.
    pub max_datagram: Option<u32>,
    /// `T38FaxUdpEC`: `t38UDPRedundancy`, `t38UDPFEC` or `t38UDPNoEC`.
    pub udp_error_correction: Option<String>,
}

impl T38 {
    /// The parameters of a section; `None` when it has none of them.
    #[must_use]
    pub fn of(section: &Section) -> Option<Self> {
        let text = |name: &str| {
            let value = section.raw_attribute(name)??;
            std::str::from_utf8(value).ok().map(str::trim)
        };
        let flag = |name: &str| section.has(name) && text(name) != Some("0");
        let owned = |name: &str| text(name).map(str::to_owned);
        let t38 = Self {
            version: text("T38FaxVersion").and_then(number).unwrap_or(0),
            max_bit_rate: text("T38MaxBitRate").and_then(number),
            fill_bit_removal: flag("T38FaxFillBitRemoval"),
            transcoding_mmr: flag("T38FaxTranscodingMMR"),
            transcoding_jbig: flag("T38FaxTranscodingJBIG"),
            rate_management: owned("T38FaxRateManagement"),
            max_buffer: text("T38FaxMaxBuffer").and_then(number),
            max_datagram: text("T38FaxMaxDatagram").and_then(number),
            udp_error_correction: owned("T38FaxUdpEC"),
        };
        (section.has("T38FaxVersion") || t38 != Self::default()).then_some(t38)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::SessionDescription;

    #[test]
    fn reads_the_usual_parameters() {
        let body = "v=0\r\nm=image 4002 udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\n\
                    a=T38FaxFillBitRemoval:0\r\na=T38FaxTranscodingMMR\r\na=T38FaxRateManagement:transferredTCF\r\n\
                    a=T38FaxMaxBuffer:262\r\na=T38FaxMaxDatagram:x\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n";
        let description = SessionDescription::parse(body.as_bytes()).unwrap();
        assert_eq!(T38::of(description.session()), None);
        let expected = T38 {
            max_bit_rate: Some(14_400),
            transcoding_mmr: true,
            rate_management: Some("transferredTCF".into()),
            max_buffer: Some(262),
            udp_error_correction: Some("t38UDPRedundancy".into()),
            ..T38::default()
        };
        assert_eq!(T38::of(description.media()[0].section()), Some(expected));
    }
}
