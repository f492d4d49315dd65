//! The spool: call records on disk, durable before they count.
//!
//! Files are named `records-N.jsonl` by their first record's number; a new one is begun when one has grown large. One process
//! writes a spool at a time.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use tokio::sync::mpsc;

use crate::cdr::frame::{Survey, survey};
use crate::cdr::{Store, StoreFault};

/// When a file has this many octets, the next line begins another.
const FILE_SIZE: u64 = 64 << 20;

/// How often the disk is written at most: records wait no longer than this for those before them.
const PACE: Duration = Duration::from_millis(50);

/// An open spool.
pub struct Spool {
    directory: PathBuf,
    file: File,
    /// Octets that count; what is behind them is the rest of a write that failed.
    length: u64,
    _lock: File,
}

impl Spool {
    /// Opens a spool, or creates it, and says what was found in its newest file. A torn last line is cut off: it was never
    /// reported as stored.
    ///
    /// # Errors
    /// What the operating system says; [`io::ErrorKind::WouldBlock`] when another process has it.
    pub fn open(directory: &Path) -> io::Result<(Self, Survey)> {
        fs::create_dir_all(directory)?;
        let lock = File::create(directory.join("lock"))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        let path = files(directory)?.pop().unwrap_or_else(|| name(directory, 1));
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        let mut bytes = vec![0; usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX)];
        file.read_exact_at(&mut bytes, 0)?;
        let mut found = survey(&bytes);
        // A file that was just begun says by its name what went before.
        found.last = found.last.or(first_of(&path).checked_sub(1).filter(|last| *last > 0));
        let length = found.end as u64;
        let (torn, name) = (bytes.len() - found.end, path.display());
        if torn > 0 {
            tracing::warn!(file = %name, octets = torn, "a call record was being written when the edge ended; it is cut off");
        }
        if found.damaged > 0 {
            let lines = found.damaged;
            tracing::error!(file = %name, lines, "call records are damaged: no export has them; look at the disk");
        }
        file.set_len(length)?;
        Ok((Self { directory: directory.to_owned(), file, length, _lock: lock }, found))
    }

    /// Appends lines and waits until they are on the disk. After a failure nothing of it is there.
    ///
    /// # Errors
    /// [`StoreFault`].
    pub fn append(&mut self, store: &Store) -> Result<(), StoreFault> {
        self.try_append(store).map_err(|error| {
            tracing::warn!(directory = %self.directory.display(), "the spool cannot be written: {error}");
            // What was written in part is cut off, now or by the next start.
            let _ = self.file.set_len(self.length);
            let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded].contains(&error.kind());
            if full { StoreFault::Full } else { StoreFault::Unwritable }
        })
    }

    fn try_append(&mut self, store: &Store) -> io::Result<()> {
        if self.length >= FILE_SIZE {
            let path = name(&self.directory, store.first);
            self.file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
            self.length = 0;
            File::open(&self.directory)?.sync_all()?;
        }
        self.file.write_all_at(&store.lines, self.length)?;
        self.file.sync_data()?;
        self.length += store.lines.len() as u64;
        Ok(())
    }

    /// Writes on a thread of its own, until the sender is dropped. What is stored is answered with its number, 50 ms after it began
    /// at the earliest: an idle edge has its record on the disk at once, a busy one writes many together.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(mut self) -> io::Result<(SyncSender<Store>, mpsc::UnboundedReceiver<Stored>)> {
        // The outbox has one store out at a time, so neither channel ever holds more.
        let (lines, queue): (_, Receiver<Store>) = sync_channel(1);
        let (answers, stored) = mpsc::unbounded_channel();
        std::thread::Builder::new().name("spool".into()).spawn(move || {
            while let Ok(store) = queue.recv() {
                let began = Instant::now();
                // Whatever happens to a line, it is answered: the next one waits for that.
                let appended = catch_unwind(AssertUnwindSafe(|| self.append(&store)));
                let result = appended.unwrap_or(Err(StoreFault::Unwritable));
                std::thread::sleep(PACE.saturating_sub(began.elapsed()));
                if answers.send(Stored { sequence: store.sequence, result }).is_err() {
                    return;
                }
            }
        })?;
        Ok((lines, stored))
    }
}

/// What became of a [`Store`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Its number.
    pub sequence: u64,
    /// Whether it is on the disk.
    pub result: Result<(), StoreFault>,
}

/// The files of a spool, the oldest first.
///
/// # Errors
/// What the operating system says.
pub fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("records-") && name.ends_with(".jsonl") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Everything in a spool, as one text of spool lines.
///
/// # Errors
/// What the operating system says.
pub fn read(directory: &Path) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    for file in files(directory)? {
        all.write_all(&fs::read(file)?)?;
    }
    Ok(all)
}

/// The number in a file's name.
fn first_of(path: &Path) -> u64 {
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    name.strip_prefix("records-").and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn name(directory: &Path, first: u64) -> PathBuf {
    directory.join(format!("records-{first:012}.jsonl"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cdr::frame::{read_all, write_line};

    fn line(sequence: u64) -> Store {
        Store { first: sequence, sequence, lines: write_line(sequence, "{}").into() }
    }

    fn numbers(directory: &Path) -> Vec<u64> {
        let bytes = read(directory).unwrap();
        read_all(&bytes).map(|read| read.line.unwrap().sequence).collect()
    }

    #[test]
    fn records_outlive_the_process_and_a_torn_line_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let (mut spool, found) = Spool::open(directory.path()).unwrap();
        assert_eq!(found.last, None);
        for sequence in 1..=3 {
            spool.append(&line(sequence)).unwrap();
        }
        drop(spool);
        let file = files(directory.path()).unwrap().remove(0);
        let mut bytes = fs::read(&file).unwrap();
        bytes.extend_from_slice(b"{\"seq\":4,\"crc\":\"");
        fs::write(&file, bytes).unwrap();
        let (mut spool, found) = Spool::open(directory.path()).unwrap();
        assert_eq!((found.intact, found.damaged, found.last), (3, 0, Some(3)));
        spool.append(&line(4)).unwrap();
        assert_eq!(numbers(directory.path()), [1, 2, 3, 4]);
    }

    /// A last line that is torn at any octet, or has any octet changed, costs no other line and is never believed; what is appended
    /// after that is read.
    #[test]
    fn whatever_became_of_the_last_line_the_others_stay() {
        let directory = tempfile::tempdir().unwrap();
        let (before, last) = (write_line(1, "{}") + &write_line(2, "{}"), write_line(3, r#"{"a":"b"}"#));
        let file = directory.path().join("records-000000000001.jsonl");
        let reopened = |bytes: &[u8]| {
            fs::write(&file, bytes).unwrap();
            let (mut spool, found) = Spool::open(directory.path()).unwrap();
            spool.append(&line(9)).unwrap();
            let bytes = read(directory.path()).unwrap();
            let intact =
                read_all(&bytes).filter_map(|read| Some(read.line.ok()?.sequence)).collect::<Vec<_>>();
            (found, intact)
        };
        for cut in 0..last.len() {
            let (found, intact) = reopened(format!("{before}{}", &last[..cut]).as_bytes());
            assert_eq!((found.last, found.damaged, intact), (Some(2), 0, vec![1, 2, 9]), "cut at {cut}");
        }
        for at in 0..last.len() {
            let mut bytes = (before.clone() + &last).into_bytes();
            bytes[before.len() + at] ^= 0x10;
            let (found, intact) = reopened(&bytes);
            assert_eq!((found.last, intact), (Some(2), vec![1, 2, 9]), "octet {at}");
        }
        assert_eq!(reopened((before.clone() + &last).as_bytes()).1, [1, 2, 3, 9]);
    }

    #[test]
    fn a_large_file_is_followed_by_another() {
        let directory = tempfile::tempdir().unwrap();
        let (mut spool, _) = Spool::open(directory.path()).unwrap();
        spool.append(&line(1)).unwrap();
        let first = spool.length;
        spool.length = FILE_SIZE;
        spool.append(&line(2)).unwrap();
        assert_eq!((files(directory.path()).unwrap().len(), spool.length), (2, first));
        drop(spool);
        fs::write(files(directory.path()).unwrap().remove(1), b"").unwrap();
        let (_, found) = Spool::open(directory.path()).unwrap();
        assert_eq!(found.last, Some(1), "no number is given twice");
    }

    #[test]
    fn a_spool_has_one_writer() {
        let directory = tempfile::tempdir().unwrap();
        let _first = Spool::open(directory.path()).unwrap();
        assert_eq!(Spool::open(directory.path()).err().unwrap().kind(), io::ErrorKind::WouldBlock);
    }
}
