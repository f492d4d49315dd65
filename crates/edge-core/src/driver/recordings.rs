//! Files of recordings, written by a thread of their own: a slow disk must not hold up anybody's audio.
//!
//! A recording is written as `NAME.part` and gets its name when it is complete.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Octets handed to the disk at a time.
const CHUNK: usize = 32 * 1024;

/// Chunks that may wait for the disk: 32 MiB, some minutes of hundreds of recordings.
const WAITING: usize = 1024;

/// The thread that writes recordings; it ends when nobody can write any more.
#[derive(Clone)]
pub(super) struct Disk {
    work: SyncSender<Work>,
}

struct Work {
    target: Arc<Target>,
    at: u64,
    bytes: Vec<u8>,
}

/// One file, its name when complete, and what went wrong.
struct Target {
    file: File,
    part: PathBuf,
    path: PathBuf,
    failed: Mutex<Option<io::ErrorKind>>,
}

impl Disk {
    pub(super) fn start() -> io::Result<Self> {
        let (work, queue) = sync_channel::<Work>(WAITING);
        std::thread::Builder::new().name("recordings".into()).spawn(move || {
            while let Ok(Work { target, at, bytes }) = queue.recv() {
                if let Err(error) = target.file.write_all_at(&bytes, at) {
                    target.note(&error);
                }
            }
        })?;
        Ok(Self { work })
    }

    /// Creates a file; its directory too.
    ///
    /// # Errors
    /// What the operating system says; also when there is a file of that name already.
    pub(super) fn create(&self, path: &Path) -> io::Result<DiskFile> {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        if path.exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = OpenOptions::new().write(true).create_new(true).open(&part)?;
        let target = Arc::new(Target { file, part, path: path.to_owned(), failed: Mutex::new(None) });
        Ok(DiskFile { target, disk: self.clone(), at: 0, buffer: Vec::with_capacity(CHUNK), end: 0 })
    }
}

impl Target {
    fn note(&self, error: &io::Error) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.replace(error.kind()).is_none() {
            tracing::error!(file = %self.path.display(), "the recording cannot be written: {error}");
        }
    }
}

impl Drop for Target {
    /// Nobody writes any more, and all is written.
    fn drop(&mut self) {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).take();
        if failed.is_none()
            && let Err(error) = fs::rename(&self.part, &self.path)
        {
            tracing::error!(file = %self.path.display(), "the recording cannot get its name: {error}");
        }
    }
}

/// A file that never waits for the disk.
pub(super) struct DiskFile {
    target: Arc<Target>,
    disk: Disk,
    /// Where the buffer begins.
    at: u64,
    buffer: Vec<u8>,
    end: u64,
}

impl DiskFile {
    fn hand_over(&mut self) -> io::Result<()> {
        if let Some(kind) = *self.target.failed.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(kind.into());
        }
        if self.buffer.is_empty() {
            return Ok(());
        }
        let bytes = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        let work = Work { target: Arc::clone(&self.target), at: self.at, bytes };
        self.at += work.bytes.len() as u64;
        self.disk.work.try_send(work).map_err(|error| match error {
            TrySendError::Full(_) => io::Error::other("the disk is too slow"),
            TrySendError::Disconnected(_) => io::ErrorKind::BrokenPipe.into(),
        })
    }

    fn position(&self) -> u64 {
        self.at + self.buffer.len() as u64
    }
}

impl Write for DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() + bytes.len() > CHUNK {
            self.hand_over()?;
        }
        self.buffer.extend_from_slice(bytes);
        self.end = self.end.max(self.position());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hand_over()
    }
}

impl Seek for DiskFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let wanted = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.position().checked_add_signed(by),
            SeekFrom::End(by) => self.end.checked_add_signed(by),
        };
        let wanted = wanted.ok_or(io::ErrorKind::InvalidInput)?;
        if wanted != self.position() {
            self.hand_over()?;
            self.at = wanted;
        }
        Ok(wanted)
    }
}

impl Drop for DiskFile {
    fn drop(&mut self) {
        if let Err(error) = self.hand_over() {
            self.target.note(&error);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use media_rtp::wav::{Layout, Leg, Recorder, read};

    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test of threads and files waits in real time")]
    fn a_recording_appears_when_it_is_complete() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("today/call.wav");
        let disk = Disk::start().unwrap();
        let start = Instant::now();
        let mut recorder = Recorder::new(disk.create(&path).unwrap(), Layout::Mixed, 8000, start).unwrap();
        for n in 0..500 {
            let at = start + n * Duration::from_millis(20);
            recorder.capture(Leg::Caller, &[700; 160], at).unwrap();
        }
        assert!(!path.exists());
        recorder.finish(start + Duration::from_secs(10)).unwrap();
        let patience = Instant::now() + Duration::from_secs(10);
        while !path.exists() && Instant::now() < patience {
            std::thread::yield_now();
        }
        let audio = read(&fs::read(&path).unwrap()).unwrap();
        assert_eq!((audio.samples.len(), audio.samples[79_999]), (80_000, 700));
        assert_eq!(disk.create(&path).err().unwrap().kind(), io::ErrorKind::AlreadyExists);
    }
}
