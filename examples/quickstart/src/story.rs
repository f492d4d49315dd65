//! What happens: one scene a call. Each is played by real endpoints over real sockets, drawn as a ladder and judged.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use edge_core::cdr::{CallRecord, LegOutcome, TransferKind};
use media_rtp::wav;
use sip_trunk::header::{Header as _, UserToUser};
use sip_trunk::msg::Message;
use sip_trunk::transport::Transport;

use crate::cast::{Call, Peer, Role, measure};
use crate::heading;
use crate::ladder::{LEGEND, Trace, Who};
use crate::office::{self, EXTENSION, MENU, Neighbours, Office};
use crate::out::say;

/// How long people talk: long enough to measure their voices.
const TALK: Duration = Duration::from_millis(1300);

/// How long phones ring.
const RING: Duration = Duration::from_millis(300);

/// Packets heard that are looked at: half a second.
const LAST: usize = 25;

/// Everybody, the edge in the middle.
pub(crate) struct Story {
    pub(crate) office: Office,
    pub(crate) trace: Trace,
    pub(crate) ana: Peer,
    pub(crate) luis: Peer,
    pub(crate) carrier_a: Option<Peer>,
    pub(crate) carrier_b: Peer,
    pub(crate) desk: Peer,
    /// Carrier A once it is dead, to be raised at the same address.
    pub(crate) dead: Option<Role>,
    /// Where carrier A has the edge registered.
    trunk: String,
    failed: usize,
}

impl Story {
    /// Opens all sockets and starts the edge.
    pub(crate) fn begin(at: Ipv4Addr, port: u16) -> Result<Self> {
        let trace = Trace::default();
        let start = |who, host, transport, hertz, user, password, registrar| {
            let at = SocketAddr::from(([127, 0, 0, host], 0));
            Peer::start(Role { who, at, transport, hertz, user, password, registrar }, &trace)
        };
        let udp = Transport::Udp;
        let carrier_a = start(Who::CarrierA, 11, Transport::Tcp, 1020.0, "office", "office-secret", true)?;
        let carrier_b = start(Who::CarrierB, 12, udp, 820.0, "carrier-b", "", false)?;
        let desk = start(Who::Desk, 13, udp, 740.0, "desk", "", false)?;
        let ana = start(Who::Ana, 21, udp, 440.0, "ana", "ana-secret", false)?;
        let luis = start(Who::Luis, 22, udp, 620.0, "luis", "luis-secret", false)?;
        let peers = Neighbours { carrier_a: carrier_a.at, carrier_b: carrier_b.at, desk: desk.at };
        let office = Office::open(office::organization(&peers)?, at.into(), port)?;
        trace.place(Who::Edge, office.address());
        let (carrier_a, trunk) = (Some(carrier_a), String::new());
        Ok(Self { office, trace, ana, luis, carrier_a, carrier_b, desk, dead: None, trunk, failed: 0 })
    }

    /// Plays every scene.
    pub(crate) async fn play(&mut self) -> Result<()> {
        let played = self.scenes().await;
        if played.is_err() {
            say!("{}", self.trace.draw());
        }
        played
    }

    async fn scenes(&mut self) -> Result<()> {
        heading("1  Everybody registers");
        say!("  {LEGEND}\n");
        self.registrations().await.context("registrations")?;
        heading("2  A carrier calls a number of ours: +1 214 555 0101, Ana's");
        self.inbound().await.context("the call from the carrier")?;
        heading("3  Luis calls out: 212 555 0147");
        self.outbound().await.context("the call to the carrier")?;
        heading("4  Keys: the main number answers, the caller presses 2 and then 4102#");
        self.keys().await.context("the call with keys")?;
        heading("5  Transfers with user data: Luis to the service desk, and the service desk back to Ana");
        self.transfers().await.context("the transfers")?;
        heading("6  The first carrier dies while it rings");
        self.failover().await.context("the failover")
    }

    async fn registrations(&mut self) -> Result<()> {
        let edge = self.office.address();
        let carrier = self.carrier_a.as_mut().context("carrier A")?;
        let contact = carrier.registered().await?;
        let host = contact.split_once('@').and_then(|(_, rest)| rest.split(['>', ';']).next());
        self.trunk = host.context("the contact of the edge")?.to_owned();
        self.ana.register(edge).await?;
        self.luis.register(edge).await?;
        say!("{}", self.trace.draw());
        let status = self.office.running.handle().call(|edge, _| edge.status()).await?;
        self.expect(status.contacts == 2, "two phones have proved their passwords, and have a contact each");
        self.expect(contact.contains("<sip:office@"), &format!("carrier A reaches the edge as {contact}"));
        Ok(())
    }

    async fn inbound(&mut self) -> Result<()> {
        let (mut caller, mut ana) = self.carrier_calls_ana().await?;
        tokio::time::sleep(TALK).await;
        self.judge_audio(&caller, Who::CarrierA, &ana, Who::Ana);
        self.carrier_a()?.hang_up(&mut caller).await?;
        self.ana.ended(&mut ana).await?;
        say!("{}", self.trace.draw());
        self.tell_audio(&caller, "the caller", &ana, "Ana");
        self.judge_recording()
    }

    async fn carrier_calls_ana(&mut self) -> Result<(Call, Call)> {
        let uri = format!("sip:+12145550101@{};transport=tcp", self.trunk);
        let recording = self.recording();
        let carrier = self.carrier_a.as_mut().context("carrier A")?;
        let mut caller = carrier.call("<sip:+13125550188@carrier.example>", &uri).await?;
        let ringing = self.ana.rings().await?;
        carrier.hears_ringing(&caller).await?;
        tokio::time::sleep(RING).await;
        let ana = self.ana.answer(&ringing, Some(recording)).await?;
        carrier.answered(&mut caller).await?;
        Ok((caller, ana))
    }

    async fn outbound(&mut self) -> Result<()> {
        let edge = self.office.address();
        let mut luis =
            self.luis.call(&format!("<sip:luis@{edge}>"), &format!("sip:2125550147@{edge}")).await?;
        let carrier = self.carrier_a.as_mut().context("carrier A")?;
        let ringing = carrier.rings().await?;
        self.luis.hears_ringing(&luis).await?;
        tokio::time::sleep(RING).await;
        let mut called = carrier.answer(&ringing, None).await?;
        self.luis.answered(&mut luis).await?;
        tokio::time::sleep(TALK).await;
        self.judge_audio(&luis, Who::Luis, &called, Who::CarrierA);
        self.luis.hang_up(&mut luis).await?;
        self.carrier_a()?.ended(&mut called).await?;
        say!("{}", self.trace.draw());
        let (to, from) = (target(&ringing.1), text(&ringing.1, "From"));
        self.expect(to.contains("+12125550147"), &format!("the carrier is called by an E.164 number: {to}"));
        self.expect(from.contains("+12145550"), &format!("and told a number of ours as the caller: {from}"));
        self.tell_audio(&luis, "Luis", &called, "the called side");
        Ok(())
    }

    async fn keys(&mut self) -> Result<()> {
        let uri = format!("sip:+12145550100@{};transport=tcp", self.trunk);
        let carrier = self.carrier_a.as_mut().context("carrier A")?;
        let mut caller = carrier.call("<sip:+13125550188@carrier.example>", &uri).await?;
        carrier.answered(&mut caller).await?;
        let menu = wait_for_tone(&caller, MENU).await;
        self.trace.media(Who::CarrierA, Who::Edge, "hears the menu, presses 2 (RFC 4733)");
        caller.press("2").await?;
        let extension = wait_for_tone(&caller, EXTENSION).await;
        self.trace.media(Who::CarrierA, Who::Edge, "is asked for the extension, presses 4102#");
        caller.press("4102#").await?;
        let ringing = self.luis.rings().await?;
        tokio::time::sleep(RING).await;
        let mut luis = self.luis.answer(&ringing, None).await?;
        tokio::time::sleep(TALK).await;
        self.judge_audio(&caller, Who::CarrierA, &luis, Who::Luis);
        self.carrier_a()?.hang_up(&mut caller).await?;
        self.luis.ended(&mut luis).await?;
        say!("{}", self.trace.draw());
        self.expect(menu, &format!("the caller heard the menu, a prompt of {MENU} Hz"));
        self.expect(extension, &format!("the key 2 led to the next prompt, of {EXTENSION} Hz"));
        let called = target(&ringing.1);
        self.expect(called.contains("luis@"), &format!("the keys 4102# rang Luis: {called}"));
        self.tell_audio(&caller, "the caller", &luis, "Luis");
        Ok(())
    }

    async fn transfers(&mut self) -> Result<()> {
        let (edge, trunk) = (self.office.address(), self.trunk.clone());
        let carrier = self.carrier_a.as_mut().context("carrier A")?;
        let uri = format!("sip:+12145550102@{trunk};transport=tcp");
        let mut caller = carrier.call("<sip:+13125550188@carrier.example>", &uri).await?;
        let ringing = self.luis.rings().await?;
        let mut luis = self.luis.answer(&ringing, None).await?;
        carrier.answered(&mut caller).await?;
        tokio::time::sleep(RING).await;

        let data = "order 4711";
        let refer_to = format!("<sip:9001@{edge}?User-to-User={}%3Bencoding%3Dhex>", hex(data));
        self.luis.transfer(&luis, refer_to).await?;
        let ringing = self.desk.rings().await?;
        let mut desk = self.desk.answer(&ringing, None).await?;
        let first = self.luis.transferred(&luis).await?;
        self.luis.ended(&mut luis).await?;
        tokio::time::sleep(RING).await;

        let back =
            format!("<sip:+12145550101@anywhere.invalid?User-to-User={}%3Bencoding%3Dhex>", hex("sold"));
        self.desk.transfer(&desk, back).await?;
        let at_ana = self.ana.rings().await?;
        let mut ana = self.ana.answer(&at_ana, None).await?;
        let second = self.desk.transferred(&desk).await?;
        self.desk.ended(&mut desk).await?;
        tokio::time::sleep(TALK).await;
        self.judge_audio(&caller, Who::CarrierA, &ana, Who::Ana);
        self.carrier_a()?.hang_up(&mut caller).await?;
        self.ana.ended(&mut ana).await?;
        say!("{}", self.trace.draw());

        let uui = text(&ringing.1, "User-to-User");
        let received = UserToUser::parse(uui.as_bytes()).ok().and_then(|uui| uui.data().ok());
        let decoded = received.as_ref().and_then(|data| data.text()).unwrap_or_default().to_owned();
        self.expect(decoded == data, &format!("the service desk was told {decoded:?}: User-to-User: {uui}"));
        self.expect(first == 200, &format!("Luis was told {first} and released"));
        self.expect(
            second == 200,
            &format!("the service desk was told {second} and released; the host it named did not count"),
        );
        self.tell_audio(&caller, "the caller", &ana, "Ana");
        Ok(())
    }

    async fn failover(&mut self) -> Result<()> {
        let edge = self.office.address();
        let mut ana = self.ana.call(&format!("<sip:ana@{edge}>"), &format!("sip:2125550199@{edge}")).await?;
        let mut carrier = self.carrier_a.take().context("carrier A")?;
        carrier.rings().await?;
        self.ana.hears_ringing(&ana).await?;
        tokio::time::sleep(RING).await;
        self.dead = Some(carrier.die().await);
        self.trace.media(Who::Edge, Who::CarrierA, "the connection breaks");
        let ringing = self.carrier_b.rings().await?;
        tokio::time::sleep(RING).await;
        let mut called = self.carrier_b.answer(&ringing, None).await?;
        self.ana.answered(&mut ana).await?;
        tokio::time::sleep(TALK).await;
        self.judge_audio(&ana, Who::Ana, &called, Who::CarrierB);
        self.ana.hang_up(&mut ana).await?;
        self.carrier_b.ended(&mut called).await?;
        say!("{}", self.trace.draw());
        let to = target(&ringing.1);
        self.expect(
            to.contains("+12125550199"),
            &format!(
                "carrier B is called in its place, at its server; A was at the domain we register with: {to}"
            ),
        );
        self.tell_audio(&ana, "Ana", &called, "the called side");
        Ok(())
    }

    /// Judges the records by what was seen.
    pub(crate) fn judge_records(&mut self, records: &[CallRecord]) -> usize {
        self.expect(
            records.len() == 5,
            &format!("five calls, {} records, each under a checksum", records.len()),
        );
        let answered = records.iter().filter(|record| record.answered.is_some()).count();
        let media = records.iter().flat_map(|record| &record.legs).filter_map(|leg| leg.quality.as_ref());
        let (received, lost) = media.fold((0, 0), |all, leg| (all.0 + leg.received, all.1 + leg.lost));
        let good = answered == 5 && received > 0 && lost * 100 <= received;
        self.expect(
            good,
            &format!("{answered} were answered; {received} packets of RTP received, {lost} lost"),
        );
        let transfers = records.iter().flat_map(|record| &record.transfers);
        let transfers: Vec<_> = transfers.map(|transfer| (transfer.kind, transfer.status)).collect();
        let expected = [(TransferKind::Blind, 200), (TransferKind::TakeBack, 200)];
        self.expect(transfers == expected, "two transfers in one conversation, both with 200");
        let outcomes = |record: &CallRecord| record.legs.iter().map(|leg| leg.outcome).collect::<Vec<_>>();
        let last = records.last().map(outcomes).unwrap_or_default();
        let expected = [LegOutcome::Answered, LegOutcome::Failed, LegOutcome::Answered];
        self.expect(
            last == expected,
            "the failover is one conversation: carrier A failed, carrier B answered",
        );
        self.failed
    }

    fn carrier_a(&mut self) -> Result<&mut Peer> {
        self.carrier_a.as_mut().context("carrier A is gone")
    }

    /// Where the first call is recorded.
    pub(crate) fn recording(&self) -> PathBuf {
        self.office.directory.join("recordings/inbound.wav")
    }

    /// Draws the audio into the ladder, where both sides had begun.
    fn judge_audio(&self, a: &Call, of_a: Who, b: &Call, of_b: Who) {
        let (codec, there) = b.unchanged_from(a);
        let (_, back) = a.unchanged_from(b);
        if let Some(began) = a.began().max(b.began()) {
            self.trace.audio(of_a, of_b, format!("RTP {codec}: {there} packets → ← {back}"), began);
        }
    }

    /// Judges what two heard of each other: the tone of the other, and its packets bit for bit.
    fn tell_audio(&mut self, a: &Call, name_of_a: &str, b: &Call, name_of_b: &str) {
        for (hears, name, says, other) in [(b, name_of_b, a, name_of_a), (a, name_of_a, b, name_of_b)] {
            let heard = hears.hears(says.hertz(), LAST);
            let (codec, packets) = hears.unchanged_from(says);
            let good = heard.share > 0.8 && (heard.level + 13.0).abs() < 1.5 && packets >= LAST;
            self.expect(
                good,
                &format!(
                    "{name} hears {other}: {} Hz at {:.1} dBm0, sent at -13.0; {packets} packets of {codec} in a row bit for bit",
                    says.hertz(),
                    heard.level
                ),
            );
        }
    }

    /// Judges the file on the disk by what was sent: left what Ana said, right what she heard.
    fn judge_recording(&mut self) -> Result<()> {
        let path = self.recording();
        let audio = wav::read(&std::fs::read(&path)?)?;
        for (channel, side, hertz) in
            [(0, "left, Ana", self.ana.role.hertz), (1, "right, the caller", 1020.0)]
        {
            let heard = measure(&audio.channel(channel).collect::<Vec<_>>(), hertz);
            let good = heard.share > 0.8 && (heard.level + 13.0).abs() < 1.5 && heard.seconds > 0.5;
            let percent = heard.share * 100.0;
            self.expect(
                good,
                &format!(
                    "recorded {side}: {:.1} s of {hertz} Hz at {:.1} dBm0, {percent:.1} % of the energy",
                    heard.seconds, heard.level
                ),
            );
        }
        say!("    {}", path.display());
        Ok(())
    }

    /// Says whether something holds, and counts what does not.
    pub(crate) fn expect(&mut self, holds: bool, what: &str) {
        say!("  {} {what}", if holds { '✓' } else { '✗' });
        self.failed += usize::from(!holds);
    }
}

/// Waits until a tone is heard, for as long as a loaded machine may need.
async fn wait_for_tone(call: &Call, hertz: f64) -> bool {
    for _ in 0..600 {
        let heard = call.hears(hertz, 5);
        if heard.share > 0.8 && heard.seconds > 0.0 {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    false
}

fn text(message: &Message, header: &str) -> String {
    message.header(header).map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
}

fn target(message: &Message) -> String {
    message.request_uri().map(|uri| String::from_utf8_lossy(uri).into_owned()).unwrap_or_default()
}

/// Protocol discriminator 0, then the text: what carriers write into User-to-User.
fn hex(text: &str) -> String {
    text.bytes().fold("00".to_owned(), |all, byte| format!("{all}{byte:02x}"))
}
