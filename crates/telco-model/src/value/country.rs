//! Countries and their calling codes (ITU-T E.164 assignments).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{InvalidValue, text_form};

/// A country calling code: 1 to 3 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct CallingCode(u16);

impl CallingCode {
    /// The North American Numbering Plan.
    pub const NANP: CallingCode = CallingCode(1);

    /// The code a full international number (digits only) begins with.
    pub fn of_digits(digits: &str) -> Option<Self> {
        // No code begins with 0, and `parse` would not see one.
        let value = |len: usize| digits.get(..len).filter(|code| !code.starts_with('0'))?.parse::<u16>().ok();
        (1..=3).find_map(|len| value(len).and_then(|code| CallingCode::try_from(code).ok()))
    }

    /// The code as a number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// How many digits it has.
    pub const fn digits(self) -> usize {
        match self.0 {
            0..=9 => 1,
            10..=99 => 2,
            _ => 3,
        }
    }
}

impl TryFrom<u16> for CallingCode {
    type Error = InvalidValue;

    fn try_from(code: u16) -> Result<Self, InvalidValue> {
        if is_assigned(code) {
            Ok(CallingCode(code))
        } else {
            Err(InvalidValue::new("country calling code", "must be an assigned code without +, such as 52"))
        }
    }
}

impl From<CallingCode> for u16 {
    fn from(code: CallingCode) -> u16 {
        code.0
    }
}

impl fmt::Display for CallingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Codes are prefix-free: no assigned code begins another.
fn is_assigned(code: u16) -> bool {
    matches!(code, 1 | 7
        | 20 | 27 | 30..=34 | 36 | 39..=41 | 43..=49 | 51..=58 | 60..=66 | 81 | 82 | 84 | 86 | 90..=95 | 98
        | 211..=213 | 216 | 218 | 220..=258 | 260..=269 | 290 | 291 | 297..=299
        | 350..=359 | 370..=378 | 380..=383 | 385..=387 | 389 | 420 | 421 | 423
        | 500..=509 | 590..=599 | 670 | 672..=683 | 685..=692
        | 800 | 808 | 850 | 852 | 853 | 855 | 856 | 870 | 878 | 880..=883 | 886 | 888
        | 960..=968 | 970..=977 | 979 | 992..=996 | 998)
}

/// A country, ISO 3166-1 alpha-2. Text form: `MX`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CountryCode([u8; 2]);

impl CountryCode {
    /// The United States.
    pub const US: CountryCode = CountryCode(*b"US");
    /// Mexico.
    pub const MX: CountryCode = CountryCode(*b"MX");

    /// The two letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("two ASCII letters")
    }

    /// The calling code of the country, when known.
    pub fn calling_code(self) -> Option<CallingCode> {
        let letters = self.as_str();
        CALLING_CODES
            .iter()
            .find(|(_, countries)| countries.split(' ').any(|country| country == letters))
            .map(|(code, _)| CallingCode(*code))
    }

    /// The emergency numbers people dial there, most usual first; 112 where nothing else is known.
    pub fn emergency_numbers(self) -> &'static [&'static str] {
        match self.as_str() {
            "US" | "CA" | "MX" | "PR" => &["911"],
            "GB" | "IE" => &["999", "112"],
            "AU" => &["000", "112"],
            "NZ" => &["111"],
            "BR" => &["190", "192", "193"],
            "JP" => &["110", "119"],
            "CN" => &["110", "119", "120"],
            "HK" | "SG" => &["999", "112"],
            _ => &["112"],
        }
    }
}

impl FromStr for CountryCode {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => Ok(CountryCode([*a, *b])),
            _ => Err(InvalidValue::new("country", "must be two capital letters of ISO 3166, such as MX")),
        }
    }
}

impl fmt::Display for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

text_form!(CountryCode);

const CALLING_CODES: &[(u16, &str)] = &[
    (1, "US CA PR DO JM BS BB BM TT AG AI VG VI KY GD TC MS MP GU AS SX LC DM VC KN"),
    (7, "RU KZ"),
    (20, "EG"),
    (27, "ZA"),
    (30, "GR"),
    (31, "NL"),
    (32, "BE"),
    (33, "FR"),
    (34, "ES"),
    (36, "HU"),
    (39, "IT VA"),
    (40, "RO"),
    (41, "CH"),
    (43, "AT"),
    (44, "GB GG JE IM"),
    (45, "DK"),
    (46, "SE"),
    (47, "NO SJ"),
    (48, "PL"),
    (49, "DE"),
    (51, "PE"),
    (52, "MX"),
    (53, "CU"),
    (54, "AR"),
    (55, "BR"),
    (56, "CL"),
    (57, "CO"),
    (58, "VE"),
    (60, "MY"),
    (61, "AU CX CC"),
    (62, "ID"),
    (63, "PH"),
    (64, "NZ"),
    (65, "SG"),
    (66, "TH"),
    (81, "JP"),
    (82, "KR"),
    (84, "VN"),
    (86, "CN"),
    (90, "TR"),
    (91, "IN"),
    (92, "PK"),
    (93, "AF"),
    (94, "LK"),
    (95, "MM"),
    (98, "IR"),
    (211, "SS"),
    (212, "MA EH"),
    (213, "DZ"),
    (216, "TN"),
    (218, "LY"),
    (220, "GM"),
    (221, "SN"),
    (222, "MR"),
    (223, "ML"),
    (224, "GN"),
    (225, "CI"),
    (226, "BF"),
    (227, "NE"),
    (228, "TG"),
    (229, "BJ"),
    (230, "MU"),
    (231, "LR"),
    (232, "SL"),
    (233, "GH"),
    (234, "NG"),
    (235, "TD"),
    (236, "CF"),
    (237, "CM"),
    (238, "CV"),
    (239, "ST"),
    (240, "GQ"),
    (241, "GA"),
    (242, "CG"),
    (243, "CD"),
    (244, "AO"),
    (245, "GW"),
    (246, "IO"),
    (248, "SC"),
    (249, "SD"),
    (250, "RW"),
    (251, "ET"),
    (252, "SO"),
    (253, "DJ"),
    (254, "KE"),
    (255, "TZ"),
    (256, "UG"),
    (257, "BI"),
    (258, "MZ"),
    (260, "ZM"),
    (261, "MG"),
    (262, "RE YT"),
    (263, "ZW"),
    (264, "NA"),
    (265, "MW"),
    (266, "LS"),
    (267, "BW"),
    (268, "SZ"),
    (269, "KM"),
    (290, "SH"),
    (291, "ER"),
    (297, "AW"),
    (298, "FO"),
    (299, "GL"),
    (350, "GI"),
    (351, "PT"),
    (352, "LU"),
    (353, "IE"),
    (354, "IS"),
    (355, "AL"),
    (356, "MT"),
    (357, "CY"),
    (358, "FI AX"),
    (359, "BG"),
    (370, "LT"),
    (371, "LV"),
    (372, "EE"),
    (373, "MD"),
    (374, "AM"),
    (375, "BY"),
    (376, "AD"),
    (377, "MC"),
    (378, "SM"),
    (380, "UA"),
    (381, "RS"),
    (382, "ME"),
    (383, "XK"),
    (385, "HR"),
    (386, "SI"),
    (387, "BA"),
    (389, "MK"),
    (420, "CZ"),
    (421, "SK"),
    (423, "LI"),
    (500, "FK"),
    (501, "BZ"),
    (502, "GT"),
    (503, "SV"),
    (504, "HN"),
    (505, "NI"),
    (506, "CR"),
    (507, "PA"),
    (508, "PM"),
    (509, "HT"),
    (590, "GP BL MF"),
    (591, "BO"),
    (592, "GY"),
    (593, "EC"),
    (594, "GF"),
    (595, "PY"),
    (596, "MQ"),
    (597, "SR"),
    (598, "UY"),
    (599, "CW BQ"),
    (670, "TL"),
    (672, "NF"),
    (673, "BN"),
    (674, "NR"),
    (675, "PG"),
    (676, "TO"),
    (677, "SB"),
    (678, "VU"),
    (679, "FJ"),
    (680, "PW"),
    (681, "WF"),
    (682, "CK"),
    (683, "NU"),
    (685, "WS"),
    (686, "KI"),
    (687, "NC"),
    (688, "TV"),
    (689, "PF"),
    (690, "TK"),
    (691, "FM"),
    (692, "MH"),
    (850, "KP"),
    (852, "HK"),
    (853, "MO"),
    (855, "KH"),
    (856, "LA"),
    (880, "BD"),
    (886, "TW"),
    (960, "MV"),
    (961, "LB"),
    (962, "JO"),
    (963, "SY"),
    (964, "IQ"),
    (965, "KW"),
    (966, "SA"),
    (967, "YE"),
    (968, "OM"),
    (970, "PS"),
    (971, "AE"),
    (972, "IL"),
    (973, "BH"),
    (974, "QA"),
    (975, "BT"),
    (976, "MN"),
    (977, "NP"),
    (992, "TJ"),
    (993, "TM"),
    (994, "AZ"),
    (995, "GE"),
    (996, "KG"),
    (998, "UZ"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_begins_another() {
        for code in 1..=999u16 {
            let text = code.to_string();
            if is_assigned(code) {
                assert_eq!(CallingCode::of_digits(&format!("{text}5555555")).unwrap().get(), code);
            }
        }
    }

    #[test]
    fn a_leading_zero_is_no_code() {
        assert_eq!(CallingCode::of_digits("0113175550123"), None);
        assert_eq!(CallingCode::of_digits("0013175550123"), None);
    }

    #[test]
    fn countries_have_their_codes_and_every_listed_code_is_assigned() {
        assert_eq!(CountryCode::MX.calling_code().unwrap().get(), 52);
        assert_eq!("GB".parse::<CountryCode>().unwrap().calling_code().unwrap().get(), 44);
        assert!("us".parse::<CountryCode>().is_err());
        assert!(CALLING_CODES.iter().all(|(code, _)| is_assigned(*code)));
    }
}
