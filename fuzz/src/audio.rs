//! media-rtp, the part that is heard: digits, recordings, playout.

use media_rtp::codec::Codec;
use media_rtp::dtmf::{Change, EventReceiver, InfoKind, Report, parse_info};
use media_rtp::jitter::{JitterBuffer, JitterConfig, Packet, Playout};
use media_rtp::wav;
use std::time::{Duration, Instant};

/// INFO bodies of both kinds, and the same bytes as a stream of telephone-event packets.
pub fn dtmf(bytes: &[u8]) {
    for kind in [InfoKind::Relay, InfoKind::Plain] {
        if let Ok(signal) = parse_info(kind, bytes) {
            let again = parse_info(kind, signal.to_body(kind).as_bytes()).expect("what was built is read");
            assert_eq!(again.digit, signal.digit);
        }
    }
    let mut now = origin();
    let mut receiver = EventReceiver::new(8000);
    let (mut pressed, mut released) = (0_u32, 0_u32);
    for packet in bytes.chunks(12) {
        let Some((head, payload)) = packet.split_first_chunk::<4>() else { break };
        now += Duration::from_millis(u64::from(head[0]));
        receiver.handle_timeout(now);
        let timestamp = u32::from_be_bytes([head[1] & 1, head[2], head[3], 0]);
        receiver.handle_input(
            Report { ssrc: u32::from(head[1] & 2), timestamp, marker: head[1] & 4 != 0, payload },
            now,
        );
        while let Some(change) = receiver.poll_output() {
            match change {
                Change::Pressed { .. } => pressed += 1,
                Change::Released { .. } => released += 1,
            }
            assert!(pressed == released || pressed == released + 1, "every digit ends before the next");
        }
    }
}

/// A WAV file: memory stays below what was given, and what was read can be written and read again.
pub fn wav(bytes: &[u8]) {
    let Ok(audio) = wav::read(bytes) else { return };
    assert!(audio.samples.len() <= bytes.len());
    assert_eq!(audio.to_mono().len(), audio.channel(0).count());
    let mut file = std::io::Cursor::new(Vec::new());
    wav::write(&audio, &mut file).expect("memory can be written");
    assert_eq!(wav::read(file.get_ref()).as_ref(), Ok(&audio));
}

/// A stream of packets through the jitter buffer and the decoders.
pub fn jitter(bytes: &[u8]) {
    let mut now = origin();
    let mut buffer = JitterBuffer::new(JitterConfig { capacity: 16, ..JitterConfig::default() });
    let mut decoders: Vec<_> = [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::L16 { rate: 8000 }]
        .into_iter()
        .map(|codec| codec.decoder().expect("always available"))
        .collect();
    let mut pcm = [0; 320];
    for packet in bytes.chunks(16) {
        let Some((head, payload)) = packet.split_first_chunk::<8>() else { break };
        now += Duration::from_millis(u64::from(head[0]));
        let sequence = u16::from_be_bytes([head[1] & 0x81, head[2]]);
        let timestamp = u32::from_be_bytes([head[3] & 0x80, head[4], head[5], head[6]]);
        let ticks = u32::from(head[7]) << (head[1] >> 1 & 0x1f);
        let ssrc = u32::from(head[1] >> 6 & 1);
        buffer.handle_input(Packet { ssrc, sequence, timestamp, payload_type: 0, ticks, payload }, now);
        assert!(buffer.len() <= 16);
        match buffer.pull(now) {
            Playout::Packet { payload, .. } => {
                for decoder in &mut decoders {
                    let _ = decoder.decode(payload, &mut pcm);
                }
            }
            Playout::Missing { ticks } | Playout::Silence { ticks } => assert!(ticks <= 8000),
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "virtual time needs one real origin")]
fn origin() -> Instant {
    Instant::now()
}
