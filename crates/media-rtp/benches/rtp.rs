//! RTP and RTCP per packet: screen, parse, build, rewrite.
//!
//! `cargo bench -p media-rtp --bench rtp`. The parser underneath is `rtp-rs`, shown bare for comparison.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark program")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use media_rtp::demux::{DatagramKind, Screen};
use media_rtp::rtcp::{Compound, CompoundRule, ReportBlock, RtcpWriter, SenderInfo};
use media_rtp::rtp::{RtpBuilder, RtpHeaderMut, RtpPacket};

fn rtp(criterion: &mut Criterion) {
    let mut packet = [0; 172];
    RtpBuilder::new(0, 7, 160, 9).payload(&[0x5A; 160]).write(&mut packet).unwrap();
    let mut group = criterion.benchmark_group("rtp");
    group.bench_function("classify", |bencher| bencher.iter(|| DatagramKind::of(black_box(&packet))));
    group.bench_function("parse", |bencher| {
        bencher.iter(|| {
            let packet = RtpPacket::parse(black_box(&packet)).unwrap();
            (packet.sequence(), packet.ssrc(), packet.payload().len())
        });
    });
    group.bench_function("parse/rtp-rs", |bencher| {
        bencher.iter(|| {
            let packet = rtp_rs::RtpReader::new(black_box(&packet)).unwrap();
            (u16::from(packet.sequence_number()), packet.ssrc(), packet.payload().len())
        });
    });
    let mut screen = Screen::new(CompoundRule::Full);
    group.bench_function("screen", |bencher| bencher.iter(|| screen.pass(black_box(&packet)).is_some()));
    group.bench_function("rewrite", |bencher| {
        bencher.iter(|| {
            let mut header = RtpHeaderMut::parse(black_box(&mut packet)).unwrap();
            header.set_ssrc(1);
            header.set_sequence(2);
            header.set_timestamp(3);
            header.set_payload_type(8);
        });
    });
    let mut buffer = [0; 200];
    group.bench_function("build", |bencher| {
        bencher.iter(|| {
            RtpBuilder::new(0, 7, 160, 9).payload(black_box(&packet[12..])).write(&mut buffer).unwrap()
        });
    });
}

fn rtcp(criterion: &mut Criterion) {
    let mut buffer = [0; 256];
    let mut write = || {
        let mut writer = RtcpWriter::new(&mut buffer);
        writer.sender_report(1, &SenderInfo::default(), &[ReportBlock::default()]).unwrap();
        writer.cname(1, b"edge@example.net").unwrap();
        writer.finish()
    };
    let mut group = criterion.benchmark_group("rtcp");
    group.bench_function("write", |bencher| bencher.iter(&mut write));
    let len = write();
    group.bench_function("parse", |bencher| {
        bencher.iter(|| {
            Compound::parse(black_box(&buffer[..len]), CompoundRule::Full).unwrap().packets().count()
        });
    });
}

criterion_group!(benches, rtp, rtcp);
criterion_main!(benches);
