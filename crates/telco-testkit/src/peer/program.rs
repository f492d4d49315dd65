//! A program under a test: started, watched, ended.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often a log or a process is looked at.
const GLANCE: Duration = Duration::from_millis(20);
/// How long a program may take to end when it is asked to.
const FAREWELL: Duration = Duration::from_secs(3);

/// Whether a program can be started here; says so on standard error when not.
pub fn installed(program: &str) -> bool {
    let directories = std::env::var_os("PATH").unwrap_or_default();
    let sbin = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let here = std::env::split_paths(&directories).chain(sbin).any(|path| path.join(program).is_file());
    if !here {
        eprintln!("skipped: {program} is not installed here");
    }
    here
}

/// Where [`free_ports`] looks: below the ports that Linux gives to sockets without one (`ip_local_port_range`), so that no
/// connection of anybody takes one between the look and its use.
const RESERVED: Range<u16> = 12_000..32_000;

/// Ports on 127.0.0.1 that are free for UDP and TCP, and so are the ports after them; two apart at least.
///
/// Another process may take one before it is used: start what needs them soon.
///
/// # Panics
/// When the system has no free ports.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let mut held = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        *port = RESERVED.step_by(2).find_map(|_| reserve(&mut held)).expect("the system has free ports");
    }
    ports
}

fn reserve(held: &mut Vec<(TcpListener, [UdpSocket; 2])>) -> Option<u16> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Processes started one after the other look in different places: what one leaves in TIME_WAIT is not in the next one's way.
    let place = std::process::id().wrapping_mul(32).wrapping_add(NEXT.fetch_add(2, Ordering::Relaxed));
    let port = RESERVED.start + u16::try_from(place % u32::from(RESERVED.end - RESERVED.start)).ok()?;
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
    let next = UdpSocket::bind((Ipv4Addr::LOCALHOST, port + 1)).ok()?;
    held.push((tcp, [udp, next]));
    Some(port)
}

/// A directory for one test, removed with it unless the test fails.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new empty directory under the system's temporary directory.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let unique = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("telco-{name}-{}-{unique}", std::process::id()));
        fs::create_dir_all(&path).expect("the temporary directory can be written");
        Self(path)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file into it and returns its path.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).expect("the temporary directory can be written");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("what the test left is in {}", self.0.display());
        } else {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// A running program. It is ended when dropped; when that happens in a failing test, what it printed is shown.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts a command with its output going to `log`.
    ///
    /// # Errors
    /// Those of starting it.
    pub fn start(name: &str, mut command: Command, log: PathBuf) -> io::Result<Self> {
        let output = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        Ok(Self { name: name.into(), child: command.spawn()?, log })
    }

    /// Everything printed so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Waits until `text` was printed.
    ///
    /// # Panics
    /// When that takes longer than `patience`, or the program ends before.
    pub fn wait_for(&mut self, text: &str, patience: Duration) {
        self.wait_until(&format!("{text:?} to be printed"), patience, |log| log.contains(text));
    }

    /// Waits until what was printed satisfies a condition; `what` names it.
    ///
    /// # Panics
    /// As [`wait_for`](Self::wait_for).
    pub fn wait_until(&mut self, what: &str, patience: Duration, satisfied: impl Fn(&str) -> bool) {
        let end = Instant::now() + patience;
        while !satisfied(&self.log()) {
            let ended = self.child.try_wait().expect("a child can be asked");
            assert!(ended.is_none(), "{} ended ({ended:?}) while waiting for {what}", self.name);
            assert!(Instant::now() < end, "waited {patience:?} for {what} from {}", self.name);
            thread::sleep(GLANCE);
        }
    }

    /// Waits until the program ends by itself.
    ///
    /// # Panics
    /// When it takes longer than `patience`.
    pub fn wait(&mut self, patience: Duration) -> ExitStatus {
        let end = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                return status;
            }
            assert!(Instant::now() < end, "{} did not end within {patience:?}", self.name);
            thread::sleep(GLANCE);
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name, such as `TERM`, `KILL`, `USR1`.
    pub fn signal(&self, signal: &str) {
        let _ = Command::new("kill").args(["-s", signal, &self.id().to_string()]).status();
    }

    /// Ends it at once with the processes it has started, as a crash of the machine would.
    pub fn kill(&mut self) {
        let id = self.id();
        let started = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        let _ = self.child.kill();
        for child in started.split_whitespace() {
            let _ = Command::new("kill").args(["-s", "KILL", child]).status();
        }
        let _ = self.child.wait();
    }

    fn end(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        self.signal("TERM");
        let end = Instant::now() + FAREWELL;
        while Instant::now() < end {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            thread::sleep(GLANCE);
        }
        self.kill();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.end();
        if thread::panicking() {
            eprintln!("---- {} printed:\n{}\n----", self.name, self.log());
        }
    }
}
