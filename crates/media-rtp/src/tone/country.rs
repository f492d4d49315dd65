//! The tones of each country.
//!
//! Usual values of each national network, as ITU-T E.180 supplement 2 collects them; check yours against the current
//! supplement before you rely on a cadence. Networks differ in detail; a plan is a value, so make your own
//! where yours does. Tones that stop by themselves in some networks (call waiting in Germany, for one) repeat here until
//! the call's state changes.

use super::{Segment, Sound, Tone};

/// The call progress tones of one country.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TonePlan {
    /// ISO 3166-1 alpha-2 code. `US` stands for the whole North American numbering plan.
    pub country: &'static str,
    /// Go ahead and dial.
    pub dial: Tone,
    /// The called phone is ringing.
    pub ring_back: Tone,
    /// The called phone is busy.
    pub busy: Tone,
    /// No line is free; `reorder` in North America.
    pub congestion: Tone,
    /// Another call is waiting.
    pub call_waiting: Tone,
    /// Special information tone: the three rising notes before an announcement.
    pub special_information: Tone,
}

impl TonePlan {
    /// Every plan, in the order of the country codes.
    pub fn all() -> &'static [TonePlan] {
        PLANS
    }

    /// The plan of an ISO 3166-1 alpha-2 code, in either case; Canada and the Caribbean share that of `US`.
    pub fn of(country: &str) -> Option<&'static TonePlan> {
        let shared = ["CA", "PR", "DO", "JM", "TT", "BS", "BB"];
        let code = if shared.iter().any(|code| code.eq_ignore_ascii_case(country)) { "US" } else { country };
        PLANS.iter().find(|plan| plan.country.eq_ignore_ascii_case(code))
    }
}

const fn cycle(segments: &'static [Segment]) -> Tone {
    Tone { segments, repeat_from: Some(0) }
}

const fn silence(milliseconds: u32) -> Segment {
    Segment { sound: Sound::Silence, milliseconds }
}

const fn single(hertz: u16, milliseconds: u32) -> Segment {
    Segment { sound: Sound::Single(hertz), milliseconds }
}

const fn pair(first: u16, second: u16, milliseconds: u32) -> Segment {
    Segment { sound: Sound::Pair(first, second), milliseconds }
}

const fn modulated(carrier: u16, by: u16, milliseconds: u32) -> Segment {
    Segment { sound: Sound::Modulated(carrier, by), milliseconds }
}

/// ITU-T E.180 §7: 950, 1400 and 1800 Hz for 330 ms each, then a second of silence.
const INFORMATION: Tone = cycle(&[single(950, 330), single(1400, 330), single(1800, 330), silence(1000)]);

#[rustfmt::skip]
static PLANS: &[TonePlan] = &[
    // Austria.
    TonePlan {
        country: "AT",
        dial: cycle(&[single(420, 0)]),
        ring_back: cycle(&[single(420, 1000), silence(5000)]),
        busy: cycle(&[single(420, 400), silence(400)]),
        congestion: cycle(&[single(420, 200), silence(200)]),
        call_waiting: cycle(&[single(420, 40), silence(1960)]),
        special_information: cycle(&[single(950, 330), single(1450, 330), single(1850, 330), silence(1000)]),
    },
    // Australia.
    TonePlan {
        country: "AU",
        dial: cycle(&[pair(413, 438, 0)]),
        ring_back: cycle(&[pair(413, 438, 400), silence(200), pair(413, 438, 400), silence(2000)]),
        busy: cycle(&[single(425, 375), silence(375)]),
        congestion: cycle(&[single(425, 375), silence(375), single(420, 375), silence(375)]),
        call_waiting: cycle(&[single(425, 200), silence(200), single(425, 200), silence(4400)]),
        special_information: INFORMATION,
    },
    // Belgium.
    TonePlan {
        country: "BE",
        dial: cycle(&[single(425, 0)]),
        ring_back: cycle(&[single(425, 1000), silence(3000)]),
        busy: cycle(&[single(425, 500), silence(500)]),
        congestion: cycle(&[single(425, 167), silence(167)]),
        call_waiting: cycle(&[single(1400, 175), silence(175), single(1400, 175), silence(3500)]),
        special_information: cycle(&[single(900, 330), single(1400, 330), single(1800, 330), silence(1000)]),
    },
    // Brazil.
    TonePlan {
        country: "BR",
        dial: cycle(&[single(425, 0)]),
        ring_back: cycle(&[single(425, 1000), silence(4000)]),
        busy: cycle(&[single(425, 250), silence(250)]),
        congestion: cycle(&[single(425, 250), silence(250), single(425, 750), silence(250)]),
        call_waiting: cycle(&[single(425, 50), silence(1000)]),
        special_information: INFORMATION,
    },
    // Switzerland.
    TonePlan {
        country: "CH",
        dial: cycle(&[single(425, 0)]),
        ring_back: cycle(&[single(425, 1000), silence(4000)]),
        busy: cycle(&[single(425, 500), silence(500)]),
        congestion: cycle(&[single(425, 200), silence(200)]),
        call_waiting: cycle(&[single(425, 200), silence(200), single(425, 200), silence(4000)]),
        special_information: INFORMATION,
    },
    // China.
    TonePlan {
        country: "CN",
        dial: cycle(&[single(450, 0)]),
        ring_back: cycle(&[single(450, 1000), silence(4000)]),
        busy: cycle(&[single(450, 350), silence(350)]),
        congestion: cycle(&[single(450, 700), silence(700)]),
        call_waiting: cycle(&[single(450, 400), silence(4000)]),
        special_information: INFORMATION,
    },
    // Czechia.
    TonePlan {
        country: "CZ",
        dial: cycle(&[single(425, 330), silence(330), single(425, 660), silence(660)]),
        ring_back: cycle(&[single(425, 1000), silence(4000)]),
        busy: cycle(&[single(425, 330), silence(330)]),
        congestion: cycle(&[single(425, 165), silence(165)]),
        call_waiting: cycle(&[single(425, 330), silence(9000)]),
        special_information: INFORMATION,
    },
    // Germany.
    TonePlan {
        country: "DE",
        dial: cycle(&[single(425, 0)]),
        ring_back: cycle(&[single(425, 1000), silence(4000)]),
        busy: cycle(&[single(425, 480), silence(480)]),
        congestion: cycle(&[single(425, 240), silence(240)]),
        call_waiting: cycle(&[single(425, 200), silence(200), single(425, 200), silence(5000)]),
        special_information: INFORMATION,
    },
    // Denmark.
    TonePlan {
        country: "DK",
        dial: cycle(&[single(425, 0)]),
        ring_back: cycle(&[single(425, 1000), silence(4000)]),
        busy: cycle(&[single(425, 500), silence(500)]),
        congestion: cycle(&[single(425, 200), silence(200)]),
        call_waiting: cycle(&[single(425, 200), silence(600), single(425, 200), silence(3000)]),
        special_information: INFORMATION,
    },
    // Spain.
    TonePlan {
        country: "ES",
        dial: cycle(&[single(425, 0)]),
        ring_back: cycle(&[single(425, 1500), silence(3000)]),
        busy: cycle(&[single(425, 200), silence(200)]),
        congestion: cycle(&[single(425, 200), silence(200), single(425, 200), silence(200), single(425, 200), silence(600)]),
        call_waiting: cycle(&[single(425, 175), silence(175), single(425, 175), silence(3500)]),
        special_information: INFORMATION,
    },
    // Finland.
    TonePlan {
        country: "FI",
        dial: cycle(&[single(425, 0)]),
        ring_back: cycle(&[single(425, 1000), silence(4000)]),
        busy: cycle(&[single(425, 300), silence(300)]),
        congestion: cycle(&[single(425, 200), silence(200)]),
        call_waiting: cycle(&[single(425, 150), silence(150), single(425, 150), silence(8000)]),
        special_information: INFORMATION,
    },
    // France.
    TonePlan {
        country: "FR",
        dial: cycle(&[single(440, 0)]),
        ring_back: cycle(&[single(440, 1500), silence(3500)]),
        busy: cycle(&[single(440, 500), silence(500)]),
        congestion: cycle(&[single(440, 250), silence(250)]),
        call_waiting: cycle(&[single(440, 300), silence(10000)]),
        special_information: INFORMATION,
    },
    // United Kingdom.
    TonePlan {
        country: "GB",
        dial: cycle(&[pair(350, 440, 0)]),
        ring_back: cycle(&[pair(400, 450, 400), silence(200), pair(400, 450, 400), silence(2000)]),
        busy: cycle(&[single(400, 375), silence(375)]),
        congestion: cycle(&[single(400, 400), silence(350), single(400, 225), silence(525)]),
        call_waiting: cycle(&[single(400, 100), silence(4000)]),
        special_information: INFORMATION,
    },
    // Greece.
    TonePlan {
        country: "GR",
        dial: cycle(&[single(425, 200), silence(300), single(425, 700), silence(800)]),
        ring_back: cycle(&[single(425, 1000), silence(4000)]),
        busy: cycle(&[single(425, 300), silence(300)]),
        congestion: cycle(&[single(425, 200), silence(200)]),
        call_waiting: cycle(&[single(425, 150), silence(150), single(425, 150), silence(8000)]),
        special_information: INFORMATION,
    },
    // Hungary.
    TonePlan {
        country: "HU",
        dial: cycle(&[single(425, 0)]),
        ring_back: cycle(&[single(425, 1250), silence(3750)]),
        busy: cycle(&[single(425, 300), silence(300)]),
        congestion: cycle(&[single(425, 300), silence(300)]),
        call_waiting: cycle(&[single(425, 40), silence(1960)]),
        special_information: INFORMATION,
    },
    // Israel.
    TonePlan {
        country: "IL",
        dial: cycle(&[single(414, 0)]),
        ring_back: cycle(&[single(414, 1000), silence(3000)]),
        busy: cycle(&[single(414, 500), silence(500)]),
        congestion: cycle(&[single(414, 250), silence(250)]),
        call_waiting: cycle(&[single(414, 100), silence(100), single(414, 100), silence(100), single(414, 600), silence(3000)]),
        special_information: cycle(&[single(1000, 330), single(1400, 330), single(1800, 330), silence(1000)]),
    },
    // India.
    TonePlan {
        country: "IN",
        dial: cycle(&[modulated(400, 25, 0)]),
        ring_back: cycle(&[modulated(400, 25, 400), silence(200), modulated(400, 25, 400), silence(2000)]),
        busy: cycle(&[single(400, 750), silence(750)]),
        congestion: cycle(&[single(400, 250), silence(250)]),
        call_waiting: cycle(&[single(400, 200), silence(100), single(400, 200), silence(7500)]),
        special_information: INFORMATION,
    },
    // Italy.
    TonePlan {
        country: "IT",
        dial: cycle(&[single(425, 200), silence(200), single(425, 600), silence(1000)]),
        ring_back: cycle(&[single(425, 1000), silence(4000)]),
        busy: cycle(&[single(425, 500), silence(500)]),
        congestion: cycle(&[single(425, 200), silence(200)]),
        call_waiting: cycle(&[single(425, 400), silence(100), single(425, 250), silence(100), single(425, 150), silence(14000)]),
        special_information: INFORMATION,
    },
    // Japan.
    TonePlan {
        country: "JP",
        dial: cycle(&[single(400, 0)]),
        ring_back: cycle(&[modulated(400, 16, 1000), silence(2000)]),
        busy: cycle(&[single(400, 500), silence(500)]),
        congestion: cycle(&[single(400, 500), silence(500)]),
        call_waiting: cycle(&[modulated(400, 16, 500), silence(8000)]),
        special_information: INFORMATION,
    },
    // Mexico.
    TonePlan {
        country: "MX",
        dial: cycle(&[single(425, 0)]),
        ring_back: cycle(&[single(425, 1000), silence(4000)]),
        busy: cycle(&[single(425, 250), silence(250)]),
        congestion: cycle(&[single(425, 250), silence(250)]),
        call_waiting: cycle(&[single(425, 200), silence(600), single(425, 200), silence(10000)]),
        special_information: INFORMATION,
    },
    // Netherlands.
    TonePlan {
        country: "NL",
        dial: cycle(&[single(425, 0)]),
        ring_back: cycle(&[single(425, 1000), silence(4000)]),
        busy: cycle(&[single(425, 500), silence(500)]),
        congestion: cycle(&[single(425, 250), silence(250)]),
        call_waiting: cycle(&[single(425, 500), silence(9500)]),
        special_information: INFORMATION,
    },
    // Norway.
    TonePlan {
        country: "NO",
        dial: cycle(&[single(425, 0)]),
        ring_back: cycle(&[single(425, 1000), silence(4000)]),
        busy: cycle(&[single(425, 500), silence(500)]),
        congestion: cycle(&[single(425, 200), silence(200)]),
        call_waiting: cycle(&[single(425, 200), silence(600), single(425, 200), silence(10000)]),
        special_information: INFORMATION,
    },
    // New Zealand.
    TonePlan {
        country: "NZ",
        dial: cycle(&[single(400, 0)]),
        ring_back: cycle(&[pair(400, 450, 400), silence(200), pair(400, 450, 400), silence(2000)]),
        busy: cycle(&[single(400, 500), silence(500)]),
        congestion: cycle(&[single(400, 250), silence(250)]),
        call_waiting: cycle(&[single(400, 200), silence(3000)]),
        special_information: INFORMATION,
    },
    // Poland.
    TonePlan {
        country: "PL",
        dial: cycle(&[single(425, 0)]),
        ring_back: cycle(&[single(425, 1000), silence(4000)]),
        busy: cycle(&[single(425, 500), silence(500)]),
        congestion: cycle(&[single(425, 500), silence(500)]),
        call_waiting: cycle(&[single(425, 150), silence(150), single(425, 150), silence(4000)]),
        special_information: INFORMATION,
    },
    // Portugal.
    TonePlan {
        country: "PT",
        dial: cycle(&[single(425, 0)]),
        ring_back: cycle(&[single(425, 1000), silence(5000)]),
        busy: cycle(&[single(425, 500), silence(500)]),
        congestion: cycle(&[single(425, 200), silence(200)]),
        call_waiting: cycle(&[single(440, 300), silence(10000)]),
        special_information: INFORMATION,
    },
    // Sweden.
    TonePlan {
        country: "SE",
        dial: cycle(&[single(425, 0)]),
        ring_back: cycle(&[single(425, 1000), silence(5000)]),
        busy: cycle(&[single(425, 250), silence(250)]),
        congestion: cycle(&[single(425, 250), silence(750)]),
        call_waiting: cycle(&[single(425, 200), silence(500), single(425, 200), silence(9100)]),
        special_information: INFORMATION,
    },
    // Singapore.
    TonePlan {
        country: "SG",
        dial: cycle(&[single(425, 0)]),
        ring_back: cycle(&[modulated(425, 24, 400), silence(200), modulated(425, 24, 400), silence(2000)]),
        busy: cycle(&[single(425, 750), silence(750)]),
        congestion: cycle(&[single(425, 250), silence(250)]),
        call_waiting: cycle(&[modulated(425, 24, 300), silence(200), modulated(425, 24, 300), silence(3200)]),
        special_information: INFORMATION,
    },
    // United States and the rest of the North American plan.
    TonePlan {
        country: "US",
        dial: cycle(&[pair(350, 440, 0)]),
        ring_back: cycle(&[pair(440, 480, 2000), silence(4000)]),
        busy: cycle(&[pair(480, 620, 500), silence(500)]),
        congestion: cycle(&[pair(480, 620, 250), silence(250)]),
        call_waiting: cycle(&[single(440, 300), silence(10000)]),
        special_information: INFORMATION,
    },
    // South Africa.
    TonePlan {
        country: "ZA",
        dial: cycle(&[modulated(400, 33, 0)]),
        ring_back: cycle(&[modulated(400, 33, 400), silence(200), modulated(400, 33, 400), silence(2000)]),
        busy: cycle(&[single(400, 500), silence(500)]),
        congestion: cycle(&[single(400, 250), silence(250)]),
        call_waiting: cycle(&[modulated(400, 33, 250), silence(250), modulated(400, 33, 250), silence(3250)]),
        special_information: INFORMATION,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::Generator;

    #[test]
    fn countries_are_sorted_found_and_more_than_fifteen() {
        let codes: Vec<&str> = TonePlan::all().iter().map(|plan| plan.country).collect();
        assert!(codes.is_sorted() && codes.len() >= 15);
        for code in codes {
            assert_eq!(TonePlan::of(&code.to_lowercase()).unwrap().country, code);
        }
        assert_eq!(TonePlan::of("ca"), TonePlan::of("US"));
        assert_eq!(TonePlan::of("XX"), None);
    }

    /// Frequencies that carry energy in `pcm` at 8 kHz, to 10 Hz.
    fn heard(pcm: &[i16]) -> Vec<u16> {
        let power = |hertz: u16| {
            let turn = std::f64::consts::TAU * f64::from(hertz) / 8000.0;
            let (re, im) = pcm.iter().enumerate().fold((0.0, 0.0), |(re, im), (n, &sample)| {
                (
                    re + f64::from(sample) * (turn * n as f64).cos(),
                    im + f64::from(sample) * (turn * n as f64).sin(),
                )
            });
            2.0 * f64::hypot(re, im) / pcm.len() as f64
        };
        (200..2000).step_by(10).filter(|&hertz| power(hertz) > 2000.0).collect()
    }

    #[test]
    fn north_american_ring_back_is_two_seconds_of_440_and_480() {
        let mut pcm = vec![0; 48_000];
        Generator::new(TonePlan::of("US").unwrap().ring_back, 8000).fill(&mut pcm);
        assert_eq!(heard(&pcm[..16_000]), [440, 480]);
        assert_eq!(heard(&pcm[16_000..]), []);
    }

    #[test]
    fn british_ring_back_rings_twice() {
        let mut pcm = vec![0; 24_000];
        Generator::new(TonePlan::of("GB").unwrap().ring_back, 8000).fill(&mut pcm);
        for (from, to, rings) in
            [(0, 3200, true), (3200, 4800, false), (4800, 8000, true), (8000, 24_000, false)]
        {
            assert_eq!(heard(&pcm[from..to]), if rings { vec![400, 450] } else { vec![] }, "{from}");
        }
    }

    #[test]
    fn the_special_information_tone_rises() {
        let mut pcm = vec![0; 15_920];
        Generator::new(TonePlan::of("FR").unwrap().special_information, 8000).fill(&mut pcm);
        for (n, hertz) in [950, 1400, 1800].into_iter().enumerate() {
            assert!(heard(&pcm[n * 2640..][..2640]).contains(&hertz), "{hertz}");
        }
        assert_eq!(heard(&pcm[7920..]), []);
    }
}
