//! baresip: a phone with audio from and to files, told what to do over its control port.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::program::{Program, Scratch, free_ports};

/// How a phone is set up.
#[derive(Debug, Clone)]
pub struct Phone<'a> {
    /// For logs, and its directory.
    pub name: &'a str,
    /// The account line of baresip: `<sip:2001@127.0.0.1:5060;transport=udp>;auth_pass=secret;answermode=auto`.
    pub account: &'a str,
    /// Its SIP address, such as `127.0.0.1:5070`.
    pub listen: &'a str,
    /// What it says: a WAV file with 8,000 or 16,000 samples a second; silence when absent.
    pub speaks: Option<PathBuf>,
    /// A CA bundle, to check the server's certificate with.
    pub ca: Option<PathBuf>,
}

/// A running baresip.
#[derive(Debug)]
pub struct Baresip {
    /// The process, with everything it printed.
    pub program: Program,
    control: u16,
    recordings: PathBuf,
}

impl Baresip {
    /// Starts it and waits until it takes commands.
    ///
    /// # Panics
    /// When it cannot be started, or takes no commands within 10 seconds.
    pub fn phone(scratch: &Scratch, phone: &Phone<'_>) -> Self {
        let directory = scratch.path().join(phone.name);
        let recordings = directory.join("recordings");
        std::fs::create_dir_all(&recordings).expect("the temporary directory can be written");
        let [control, rtp] = free_ports();
        let source = phone
            .speaks
            .as_ref()
            .map_or_else(|| "aubridge,nowhere".to_owned(), |file| format!("aufile,{}", file.display()));
        let ca = phone.ca.as_ref().map_or_else(String::new, |ca| format!("sip_cafile {}\n", ca.display()));
        let config = format!(
            "sip_listen {listen}\nnet_interface 127.0.0.1\n{ca}call_local_timeout 30\ncall_max_calls 4\naudio_path /usr/share/baresip\n\
             audio_source {source}\naudio_player aubridge,nowhere\naudio_alert aubridge,nowhere\n\
             rtp_ports {rtp}-{last}\nsnd_path {recordings}\nctrl_tcp_listen 127.0.0.1:{control}\n\
             module_path {modules}\n\
             module g711.so\nmodule aufile.so\nmodule aubridge.so\nmodule sndfile.so\nmodule srtp.so\n\
             module_tmp account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n\
             module_app debug_cmd.so\n",
            listen = phone.listen,
            last = rtp + 20,
            recordings = recordings.display(),
            modules = MODULES.iter().find(|path| std::path::Path::new(path).is_dir()).unwrap_or(&MODULES[0]),
        );
        std::fs::write(directory.join("config"), config).expect("the temporary directory can be written");
        std::fs::write(directory.join("accounts"), format!("{}\n", phone.account))
            .expect("the temporary directory can be written");
        let mut command = Command::new("baresip");
        command.arg("-f").arg(&directory);
        let log = scratch.path().join(format!("{}.log", phone.name));
        let mut program = Program::start(phone.name, command, log).expect("baresip starts");
        program.wait_for("baresip is ready.", Duration::from_secs(10));
        Self { program, control, recordings }
    }

    /// Runs a command of its menu, such as `dial` with an address, `accept`, `hangup`, `sndcode` with digits.
    ///
    /// # Errors
    /// Those of the control connection.
    pub fn command(&self, command: &str, parameters: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.control))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let json = format!("{{\"command\":\"{command}\",\"params\":\"{parameters}\",\"token\":\"t\"}}");
        // ctrl_tcp frames its JSON as netstrings.
        write!(stream, "{}:{json},", json.len())?;
        let mut answer = vec![0; 8192];
        let length = stream.read(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
    }

    /// The WAV files recorded so far, of what was heard (`dec`) and said (`enc`).
    pub fn recordings(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.recordings).into_iter().flatten().flatten();
        let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
        files.sort();
        files
    }
}

/// Where Debian and others keep the modules.
const MODULES: [&str; 2] = ["/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules"];
