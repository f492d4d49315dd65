//! What each codec costs in the E-model.

use crate::codec::Codec;

/// Equipment impairment and robustness against packet loss (ITU-T G.113 Appendix I, table I.3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Impairment {
    /// Ie: impairment without loss, 0 for G.711.
    pub ie: f64,
    /// Bpl: the more, the less loss is heard.
    pub bpl: f64,
}

impl Impairment {
    /// G.711 whose losses are played as silence (G.113 Appendix I).
    pub const G711: Impairment = Impairment { ie: 0.0, bpl: 4.3 };
    /// G.711 with concealment as in its Appendix I (G.113 Appendix I).
    pub const G711_CONCEALED: Impairment = Impairment { ie: 0.0, bpl: 25.1 };
    /// G.729 Annex A with voice activity detection, 8 kbit/s (G.113 Appendix I).
    pub const G729A: Impairment = Impairment { ie: 11.0, bpl: 19.0 };
    /// G.722 at 64 kbit/s. An approximation: on the narrow-band scale it is no worse than G.711, and its better sound is
    /// not rated; loss is taken to be concealed as well as in G.711. The wide-band E-model is G.107.1.
    pub const G722: Impairment = Impairment { ie: 0.0, bpl: 15.0 };
    /// Opus in speech mode. An approximation: the ITU has tabled no values for it; these stand for a codec transparent on
    /// the narrow-band scale with its own concealment and error correction.
    pub const OPUS: Impairment = Impairment { ie: 0.0, bpl: 30.0 };

    /// The values for a codec, as this crate plays it.
    pub fn of(codec: Codec) -> Impairment {
        match codec {
            Codec::Pcmu | Codec::Pcma | Codec::L16 { .. } | Codec::ComfortNoise => Impairment::G711_CONCEALED,
            Codec::G722 => Impairment::G722,
            Codec::Opus => Impairment::OPUS,
            Codec::G729 => Impairment::G729A,
        }
    }
}
