//! A light driver on tokio: one task per call.
//!
//! For a softphone, a test tool or a recorder with a few streams. Under load [`MediaThreads`](super::MediaThreads) needs
//! less CPU.

use std::net::SocketAddr;
use std::task::Poll;
use std::time::Instant;

use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::{Receiver, Sender};

use super::{BUFFER, EngineOutput, Forward, MAX_DATAGRAM, MediaEngine};

/// Runs one call until `commands` closes, then returns its engine with everything it knows.
///
/// `sockets` are the engine's ports 0, 1, …. Events wait in `events` if there is room and are dropped if not: media does
/// not wait for signalling.
pub async fn serve<E: MediaEngine>(
    mut engine: E,
    sockets: Vec<UdpSocket>,
    mut commands: Receiver<E::Command>,
    events: Sender<E::Event>,
) -> E {
    let mut buffer = vec![0; BUFFER];
    loop {
        drain(&mut engine, &sockets, &events);
        let deadline = engine.next_timeout();
        let timer = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            (port, len, source) = receive(&sockets, &mut buffer[..MAX_DATAGRAM]) => {
                let forward = engine.handle_datagram(port, source, &mut buffer, len, Instant::now());
                if let Forward::Send { port, to, len } = forward
                    && let (Some(socket), Some(datagram)) = (sockets.get(port), buffer.get(..len))
                {
                    // A full socket buffer or an unreachable network drops media.
                    let _ = socket.try_send_to(datagram, to);
                }
            }
            command = commands.recv() => match command {
                Some(command) => engine.handle_command(command, Instant::now()),
                None => return engine,
            },
            () = timer => engine.handle_timeout(Instant::now()),
        }
    }
}

/// The next datagram on any of the sockets.
async fn receive(sockets: &[UdpSocket], buffer: &mut [u8]) -> (usize, usize, SocketAddr) {
    std::future::poll_fn(|context| {
        for (port, socket) in sockets.iter().enumerate() {
            let mut space = ReadBuf::new(buffer);
            // An error is an ICMP message about something sent; the next datagram is what matters.
            if let Poll::Ready(Ok(source)) = socket.poll_recv_from(context, &mut space) {
                return Poll::Ready((port, space.filled().len(), source));
            }
        }
        Poll::Pending
    })
    .await
}

fn drain<E: MediaEngine>(engine: &mut E, sockets: &[UdpSocket], events: &Sender<E::Event>) {
    while let Some(output) = engine.poll_output() {
        match output {
            EngineOutput::Transmit { port, to, datagram } => {
                if let Some(socket) = sockets.get(port) {
                    let _ = socket.try_send_to(&datagram, to);
                }
            }
            EngineOutput::Event(event) => _ = events.try_send(event),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::mpsc::channel;

    use super::*;

    /// Echoes, and answers a command with an event after a deadline of 10 ms.
    #[derive(Default)]
    struct Echo {
        deadline: Option<Instant>,
        ready: Option<&'static str>,
        heard: usize,
    }

    impl MediaEngine for Echo {
        type Command = ();
        type Event = &'static str;

        fn handle_datagram(
            &mut self,
            port: usize,
            to: SocketAddr,
            _: &mut [u8],
            len: usize,
            _: Instant,
        ) -> Forward {
            self.heard += 1;
            Forward::Send { port, to, len }
        }

        fn handle_command(&mut self, (): (), now: Instant) {
            self.deadline = Some(now + Duration::from_millis(10));
        }

        fn handle_timeout(&mut self, _: Instant) {
            self.deadline = None;
            self.ready = Some("waited");
        }

        fn poll_output(&mut self) -> Option<EngineOutput<&'static str>> {
            self.ready.take().map(EngineOutput::Event)
        }

        fn next_timeout(&self) -> Option<Instant> {
            self.deadline
        }
    }

    #[tokio::test]
    async fn datagrams_commands_and_deadlines_reach_the_engine() {
        let (commands, receiver) = channel(1);
        let (sender, mut events) = channel(1);
        let sockets = vec![
            UdpSocket::bind("127.0.0.1:0").await.unwrap(),
            UdpSocket::bind("127.0.0.1:0").await.unwrap(),
        ];
        let ports: Vec<_> = sockets.iter().map(|socket| socket.local_addr().unwrap()).collect();
        let client = async move {
            let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            for port in ports {
                client.send_to(b"hello", port).await.unwrap();
                let mut answer = [0; 8];
                assert_eq!(client.recv_from(&mut answer).await.unwrap(), (5, port));
            }
            commands.send(()).await.unwrap();
            assert_eq!(events.recv().await, Some("waited"));
            drop(commands);
        };
        let both = async { tokio::join!(serve(Echo::default(), sockets, receiver, sender), client) };
        let (engine, ()) = tokio::time::timeout(Duration::from_secs(5), both).await.unwrap();
        assert_eq!(engine.heard, 2);
    }
}
