//! Linear 16-bit PCM in network byte order.
// RFC 3551 §4.5.11: two's complement, most significant byte first.

/// Writes `pcm` as big-endian pairs into `out`, which must hold twice as many bytes; further samples are left out.
pub fn encode_into(pcm: &[i16], out: &mut [u8]) {
    for (pair, sample) in out.chunks_exact_mut(2).zip(pcm) {
        pair.copy_from_slice(&sample.to_be_bytes());
    }
}

/// Reads big-endian pairs from `payload` into `out`, as far as both reach.
pub fn decode_into(payload: &[u8], out: &mut [i16]) {
    for (sample, pair) in out.iter_mut().zip(payload.chunks_exact(2)) {
        *sample = i16::from_be_bytes([pair[0], pair[1]]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_travel_most_significant_byte_first() {
        let mut bytes = [0; 4];
        encode_into(&[0x1234, -2], &mut bytes);
        assert_eq!(bytes, [0x12, 0x34, 0xff, 0xfe]);
        let mut pcm = [0; 2];
        decode_into(&bytes, &mut pcm);
        assert_eq!(pcm, [0x1234, -2]);
    }
}
