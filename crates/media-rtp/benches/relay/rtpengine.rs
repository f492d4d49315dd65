//! Drives rtpengine: starts it in user space on free ports and speaks its ng protocol (bencode over UDP).

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running rtpengine; ended when dropped.
pub(crate) struct Rtpengine {
    child: Child,
    control: UdpSocket,
    cookie: u32,
}

impl Rtpengine {
    /// Starts the daemon with one worker thread and waits until it answers.
    pub(crate) fn start() -> io::Result<Self> {
        let free = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut child = Command::new("rtpengine")
            .args(["--config-file=none", "--foreground", "--log-stderr", "--log-level=3", "--table=-1"])
            .args(["--interface=127.0.0.1", "--num-threads=1", "--port-min=40000", "--port-max=48000"])
            .arg(format!("--listen-ng=127.0.0.1:{free}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let control = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        control.connect((Ipv4Addr::LOCALHOST, free))?;
        control.set_read_timeout(Some(Duration::from_millis(200)))?;
        let patience = Instant::now() + Duration::from_secs(10);
        loop {
            // Refused until the port is open, which is no reason to give up.
            if control.send(b"0 d7:command4:pinge").is_ok() && control.recv(&mut [0; 64]).is_ok() {
                control.set_read_timeout(Some(Duration::from_secs(5)))?;
                return Ok(Self { child, control, cookie: 0 });
            }
            if Instant::now() > patience || child.try_wait()?.is_some() {
                let _ = child.kill();
                let _ = child.wait();
                return Err(io::Error::other("rtpengine does not answer on its control port"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Bridges a call: offers `a`, answers with `b`. Returns the descriptions rtpengine shows to A and to B.
    pub(crate) fn bridge(&mut self, call: &str, a: &str, b: &str) -> io::Result<(String, String)> {
        let common =
            [("call-id", call), ("from-tag", "a"), ("ICE", "remove"), ("transport-protocol", "RTP/AVP")];
        let to_b = self.ask("offer", &[&common[..], &[("sdp", a)]].concat())?;
        let to_a = self.ask("answer", &[&common[..3], &[("to-tag", "b"), ("sdp", b)]].concat())?;
        Ok((to_a, to_b))
    }

    /// Ends a call.
    pub(crate) fn delete(&mut self, call: &str) -> io::Result<()> {
        self.request("delete", &[("call-id", call), ("from-tag", "a")]).map(|_| ())
    }

    fn ask(&mut self, command: &str, arguments: &[(&str, &str)]) -> io::Result<String> {
        let answer = self.request(command, arguments)?;
        text_of(&answer, "sdp").ok_or_else(|| io::Error::other(format!("rtpengine refused: {answer}")))
    }

    fn request(&mut self, command: &str, arguments: &[(&str, &str)]) -> io::Result<String> {
        self.cookie += 1;
        let mut message = format!("{} d{}{}", self.cookie, text("command"), text(command));
        for (key, value) in arguments {
            message += &text(key);
            message += &text(value);
        }
        message.push('e');
        self.control.send(message.as_bytes())?;
        let cookie = format!("{} ", self.cookie);
        let mut buffer = [0; 65_535];
        loop {
            let len = self.control.recv(&mut buffer)?;
            let answer = String::from_utf8_lossy(&buffer[..len]);
            if let Some(answer) = answer.strip_prefix(&cookie) {
                return Ok(answer.to_owned());
            }
        }
    }
}

impl Drop for Rtpengine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A bencoded string.
fn text(value: &str) -> String {
    format!("{}:{value}", value.len())
}

/// The string that follows the string `key` in a bencoded dictionary.
fn text_of(answer: &str, key: &str) -> Option<String> {
    let rest = answer.split_once(&text(key))?.1;
    let (len, rest) = rest.split_once(':')?;
    rest.get(..len.parse().ok()?).map(str::to_owned)
}

/// The media address of a description.
pub(crate) fn media_address(sdp: &str) -> Option<SocketAddr> {
    let port = sdp.lines().find_map(|line| line.strip_prefix("m=audio "))?.split(' ').next()?;
    let host = sdp.lines().find_map(|line| line.strip_prefix("c=IN IP4 "))?;
    format!("{}:{port}", host.trim()).parse().ok()
}

/// The key of the first crypto line.
pub(crate) fn inline_key(sdp: &str) -> Option<&str> {
    let line = sdp.lines().find(|line| line.starts_with("a=crypto:"))?;
    line.split_once("inline:")?.1.split(['|', ' ']).next().map(str::trim)
}
