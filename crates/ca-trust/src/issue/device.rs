//! Who is certified: edges by their id and names, phones by their MAC address.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A phone's MAC address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress([u8; 6]);

/// Why a text is no usable MAC address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "not the MAC address of a device; expected twelve hexadecimal digits, not all zero, all one or multicast"
)]
pub struct MacAddressError;

impl MacAddress {
    /// From its six octets; all zero, all one and multicast addresses belong to no device.
    pub fn new(octets: [u8; 6]) -> Result<Self, MacAddressError> {
        if octets == [0; 6] || octets[0] & 1 == 1 { Err(MacAddressError) } else { Ok(Self(octets)) }
    }

    /// The six octets.
    pub fn octets(&self) -> [u8; 6] {
        self.0
    }
}

impl FromStr for MacAddress {
    type Err = MacAddressError;

    /// Reads `0004f2aabbcc`, `00:04:F2:AA:BB:CC`, `00-04-…` and `0004.f2aa.bbcc`.
    fn from_str(text: &str) -> Result<Self, MacAddressError> {
        let mut digits = Vec::with_capacity(12);
        for character in text.chars() {
            match character.to_digit(16) {
                Some(digit) if digits.len() < 12 => {
                    digits.push(u8::try_from(digit).map_err(|_| MacAddressError)?)
                }
                None if matches!(character, ':' | '-' | '.') => {}
                Some(_) | None => return Err(MacAddressError),
            }
        }
        let octets: Vec<u8> = digits.chunks_exact(2).map(|pair| (pair[0] << 4) | pair[1]).collect();
        Self::new(octets.try_into().map_err(|_| MacAddressError)?)
    }
}

impl fmt::Display for MacAddress {
    /// Twelve lower-case digits, as phones put it into paths and common names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What an edge certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeIdentity {
    /// The edge's id; becomes the common name and a `urn:` alternative name.
    pub edge_id: String,
    /// DNS names the edge is contacted under; at least one.
    pub dns_names: Vec<String>,
    /// Addresses the edge is contacted under without DNS.
    pub addresses: Vec<std::net::IpAddr>,
    /// Whether it also serves TLS (phones, trunks), or only connects to the control plane.
    pub serves_tls: bool,
}

/// What a phone certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneIdentity {
    /// The MAC address; becomes common name and serial number attribute.
    pub mac: MacAddress,
    /// The model, as an organizational unit.
    pub model: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mac_addresses_are_read_in_every_usual_form() {
        for text in
            ["0004f2aabbcc", "0004F2AABBCC", "00:04:f2:aa:bb:cc", "00-04-F2-AA-BB-CC", "0004.f2aa.bbcc"]
        {
            assert_eq!(text.parse::<MacAddress>().unwrap().to_string(), "0004f2aabbcc");
        }
        for text in [
            "",
            "0004f2aabb",
            "0004f2aabbccdd",
            "000000000000",
            "ffffffffffff",
            "01005e000001",
            "0004f2aabbcg",
        ] {
            assert_eq!(text.parse::<MacAddress>(), Err(MacAddressError), "{text}");
        }
    }
}
