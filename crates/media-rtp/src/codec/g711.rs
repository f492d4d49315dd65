//! G.711: 8-bit logarithmic PCM, in the µ-law of North America and Japan and the A-law of everywhere else.
//!
//! Bit-exact to the reference software of ITU-T G.191 over all 65,536 samples and all 256 codes. Two common programs are
//! not, and peers will show it by a last-place difference: sox rounds to 14 bits before it quantises, and ffmpeg picks the
//! nearest level where G.711 has decision values that are not the middle at the eight segment borders.
//!
//! [`ULAW_TO_ALAW`] and [`ALAW_TO_ULAW`] convert without going through samples and equal decoding and encoding again, so
//! that a call sounds the same whether its path mixes or not. Tables 3 and 4 of the Recommendation choose the
//! neighbouring code in some places, µ-law segment 5 for one.

/// Encodes one 16-bit sample as µ-law.
// ITU-T G.711 table 2: 14-bit magnitude plus a bias of 33, so that the segment is the place of the highest bit.
#[inline]
pub const fn ulaw_encode(sample: i16) -> u8 {
    let (magnitude, sign) = if sample < 0 { (!sample >> 2, 0x7f) } else { (sample >> 2, 0xff) };
    let biased = if magnitude > 8158 { 8191 } else { magnitude as u16 + 33 };
    let segment = 10 - biased.leading_zeros();
    let step = (biased >> (segment + 1)) & 0x0f;
    sign ^ ((segment << 4) as u8 | step as u8)
}

/// Decodes one µ-law code to a 16-bit sample, in −32,124..=32,124.
#[inline]
pub const fn ulaw_decode(code: u8) -> i16 {
    ULAW_LINEAR[code as usize]
}

/// Encodes one 16-bit sample as A-law.
// ITU-T G.711 table 1: 12-bit magnitude, the two lowest segments equally fine, even bits inverted on the line.
#[inline]
pub const fn alaw_encode(sample: i16) -> u8 {
    let (magnitude, sign) = if sample < 0 { (!sample >> 4, 0x55) } else { (sample >> 4, 0xd5) };
    let magnitude = magnitude as u16;
    let code = if magnitude < 16 {
        magnitude
    } else {
        let segment = 12 - magnitude.leading_zeros();
        (segment << 4) as u16 | ((magnitude >> (segment - 1)) & 0x0f)
    };
    sign ^ code as u8
}

/// Decodes one A-law code to a 16-bit sample, in −32,256..=32,256; there is no zero.
#[inline]
pub const fn alaw_decode(code: u8) -> i16 {
    ALAW_LINEAR[code as usize]
}

/// Encodes `pcm` as µ-law into `out`, as far as both reach.
pub fn ulaw_encode_into(pcm: &[i16], out: &mut [u8]) {
    for (code, &sample) in out.iter_mut().zip(pcm) {
        *code = ulaw_encode(sample);
    }
}

/// Decodes µ-law `payload` into `out`, as far as both reach.
pub fn ulaw_decode_into(payload: &[u8], out: &mut [i16]) {
    for (sample, &code) in out.iter_mut().zip(payload) {
        *sample = ulaw_decode(code);
    }
}

/// Encodes `pcm` as A-law into `out`, as far as both reach.
pub fn alaw_encode_into(pcm: &[i16], out: &mut [u8]) {
    for (code, &sample) in out.iter_mut().zip(pcm) {
        *code = alaw_encode(sample);
    }
}

/// Decodes A-law `payload` into `out`, as far as both reach.
pub fn alaw_decode_into(payload: &[u8], out: &mut [i16]) {
    for (sample, &code) in out.iter_mut().zip(payload) {
        *sample = alaw_decode(code);
    }
}

/// Turns a µ-law payload into A-law in place.
pub fn ulaw_to_alaw(payload: &mut [u8]) {
    for code in payload {
        *code = ULAW_TO_ALAW[*code as usize];
    }
}

/// Turns an A-law payload into µ-law in place.
pub fn alaw_to_ulaw(payload: &mut [u8]) {
    for code in payload {
        *code = ALAW_TO_ULAW[*code as usize];
    }
}

/// The A-law code for each µ-law code.
pub static ULAW_TO_ALAW: [u8; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = alaw_encode(ULAW_LINEAR[code]);
        code += 1;
    }
    table
};

/// The µ-law code for each A-law code.
pub static ALAW_TO_ULAW: [u8; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = ulaw_encode(ALAW_LINEAR[code]);
        code += 1;
    }
    table
};

const ULAW_LINEAR: [i16; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let bits = !(code as u8);
        let (segment, step) = ((bits >> 4) & 7, (bits & 0x0f) as i32);
        let magnitude = ((((step << 3) + 132) << segment) - 132) as i16;
        table[code] = if bits & 0x80 != 0 { -magnitude } else { magnitude };
        code += 1;
    }
    table
};

const ALAW_LINEAR: [i16; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        let bits = code as u8 ^ 0x55;
        let (segment, step) = ((bits >> 4) & 7, (bits & 0x0f) as i32);
        let magnitude =
            if segment == 0 { (step << 4) + 8 } else { ((step << 4) + 264) << (segment - 1) } as i16;
        table[code] = if bits & 0x80 != 0 { magnitude } else { -magnitude };
        code += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    /// ITU-T G.191's way to a µ-law code: shift until the segment is found. Slow, and independent of the code above.
    fn ulaw_by_search(sample: i16) -> u8 {
        let magnitude =
            if sample < 0 { ((!i32::from(sample)) >> 2) + 33 } else { (i32::from(sample) >> 2) + 33 };
        let magnitude = magnitude.min(0x1fff);
        let (mut segment, mut rest) = (1, magnitude >> 6);
        while rest != 0 {
            segment += 1;
            rest >>= 1;
        }
        let code = ((8 - segment) << 4) | (0x0f - ((magnitude >> segment) & 0x0f));
        (if sample >= 0 { code | 0x80 } else { code }) as u8
    }

    /// The same for A-law.
    fn alaw_by_search(sample: i16) -> u8 {
        let mut code = if sample < 0 { (!i32::from(sample)) >> 4 } else { i32::from(sample) >> 4 };
        if code > 15 {
            let mut exponent = 1;
            while code > 31 {
                code >>= 1;
                exponent += 1;
            }
            code = code - 16 + (exponent << 4);
        }
        ((if sample >= 0 { code | 0x80 } else { code }) ^ 0x55) as u8
    }

    const ULAW_SUM: u64 = 0x04ec_1f08_3fd7_8c2d;
    const ALAW_SUM: u64 = 0xf030_666e_b780_cf25;

    fn fnv(bytes: impl IntoIterator<Item = u8>) -> u64 {
        bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    }

    /// MR-017: all 65,536 samples encode as the reference does, and their checksum is the committed one.
    #[test]
    fn every_sample_encodes_as_the_reference_software_does() {
        for sample in i16::MIN..=i16::MAX {
            assert_eq!(ulaw_encode(sample), ulaw_by_search(sample), "{sample}");
            assert_eq!(alaw_encode(sample), alaw_by_search(sample), "{sample}");
        }
        assert_eq!(fnv((i16::MIN..=i16::MAX).map(ulaw_encode)), ULAW_SUM);
        assert_eq!(fnv((i16::MIN..=i16::MAX).map(alaw_encode)), ALAW_SUM);
    }

    /// MR-017: every code survives decoding and encoding; only µ-law's negative zero becomes positive zero.
    #[test]
    fn every_code_survives_a_round_trip() {
        for code in 0..=255 {
            assert_eq!(alaw_encode(alaw_decode(code)), code);
            assert_eq!(ulaw_encode(ulaw_decode(code)), if code == 0x7f { 0xff } else { code });
        }
    }

    #[test]
    fn the_corners_are_those_of_the_recommendation() {
        let ulaw = [
            (0, 0xff),
            (-1, 0x7f),
            (32767, 0x80),
            (-32768, 0x00),
            (3, 0xff),
            (4, 0xfe),
            (-4, 0x7f),
            (-5, 0x7e),
        ];
        for (sample, code) in ulaw {
            assert_eq!(ulaw_encode(sample), code, "{sample}");
        }
        for (sample, code) in [(0, 0xd5), (-1, 0x55), (32767, 0xaa), (-32768, 0x2a), (16, 0xd4), (-17, 0x54)]
        {
            assert_eq!(alaw_encode(sample), code, "{sample}");
        }
        assert_eq!((ulaw_decode(0x80), ulaw_decode(0x00), ulaw_decode(0x7f)), (32124, -32124, 0));
        assert_eq!((alaw_decode(0xaa), alaw_decode(0x2a), alaw_decode(0xd5)), (32256, -32256, 8));
    }

    /// MR-017: the direct tables are decoding and encoding again.
    #[test]
    fn the_direct_tables_equal_decoding_and_encoding() {
        for code in 0..=255u8 {
            let (mut to_alaw, mut to_ulaw) = ([code], [code]);
            ulaw_to_alaw(&mut to_alaw);
            alaw_to_ulaw(&mut to_ulaw);
            assert_eq!(to_alaw[0], alaw_by_search(ulaw_decode(code)));
            assert_eq!(to_ulaw[0], ulaw_by_search(alaw_decode(code)));
        }
    }
}
