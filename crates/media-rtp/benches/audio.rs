//! Cost of the audio path per 20 ms packet: `cargo bench -p media-rtp --bench audio`.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark is a program for the family's own use")]
#![allow(clippy::disallowed_methods, reason = "virtual time needs one real origin")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use media_rtp::codec::{Codec, g711};
use media_rtp::dtmf::Detector;
use media_rtp::jitter::{Concealment, JitterBuffer, JitterConfig, Packet};
use media_rtp::mix::Resampler;
use std::hint::black_box;
use std::time::{Duration, Instant};

fn speech(samples: usize) -> Vec<i16> {
    (0..samples)
        .map(|n| ((n as f32 * 0.13).sin() * 6000.0 + (n as f32 * 0.71).cos() * 1500.0) as i16)
        .collect()
}

fn codecs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec");
    group.throughput(Throughput::Elements(1));
    for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722] {
        let pcm = speech(codec.samples_in(Duration::from_millis(20)));
        let (mut payload, mut heard) = ([0; 320], [0; 320]);
        let (mut encoder, mut decoder) = (codec.encoder().unwrap(), codec.decoder().unwrap());
        let length = encoder.encode(&pcm, &mut payload).unwrap();
        group.bench_function(format!("{}/encode", codec.name()), |b| {
            b.iter(|| encoder.encode(black_box(&pcm), &mut payload).unwrap());
        });
        group.bench_function(format!("{}/decode", codec.name()), |b| {
            b.iter(|| decoder.decode(black_box(&payload[..length]), &mut heard).unwrap());
        });
    }
    let mut payload = [0x5a; 160];
    group.bench_function("PCMU/to PCMA", |b| b.iter(|| g711::ulaw_to_alaw(black_box(&mut payload))));
    let mut up = Resampler::new(8000, 48_000).unwrap();
    let (pcm, mut out) = (speech(160), [0; 960]);
    group.bench_function("resample/8 to 48 kHz", |b| b.iter(|| up.process(black_box(&pcm), &mut out)));
    group.finish();
}

fn jitter(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("jitter");
    group.throughput(Throughput::Elements(1));
    let start = Instant::now();
    let mut buffer = JitterBuffer::new(JitterConfig::default());
    let mut n = 0_u32;
    group.bench_function("packet in and out", |b| {
        b.iter(|| {
            let now = start + Duration::from_millis(20) * n;
            let packet = Packet {
                ssrc: 1,
                sequence: n as u16,
                timestamp: n.wrapping_mul(160),
                payload_type: 0,
                ticks: 160,
                payload: &[0; 160],
            };
            buffer.handle_input(black_box(packet), now);
            n += 1;
            black_box(buffer.pull(now));
        });
    });
    let mut concealment = Concealment::new(8000);
    let mut pcm = speech(800);
    concealment.received(&mut pcm);
    group.bench_function("conceal a packet", |b| {
        b.iter(|| {
            let mut plc = concealment.clone();
            plc.conceal(black_box(&mut pcm[..160]));
        });
    });
    group.finish();
}

fn dtmf(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dtmf");
    group.throughput(Throughput::Elements(1));
    let (pcm, silence) = (speech(160), [0; 160]);
    let mut detector = Detector::new(8000, Default::default()).unwrap();
    group.bench_function("detect/speech", |b| b.iter(|| detector.listen(black_box(&pcm)).count()));
    group.bench_function("detect/silence", |b| b.iter(|| detector.listen(black_box(&silence)).count()));
    group.finish();
}

criterion_group!(benches, codecs, jitter, dtmf);
criterion_main!(benches);
