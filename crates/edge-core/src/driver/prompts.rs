//! Sounds in files: read once, and again when the file has changed.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use media_rtp::wav::{self, Audio};

use crate::media::Sound;

/// Files kept in memory; when there are more, all are forgotten and read again as they are needed.
const KEPT: usize = 256;

/// The prompts of an edge. Reading blocks.
#[derive(Clone)]
pub(super) struct Prompts {
    directory: PathBuf,
    kept: Arc<Mutex<HashMap<PathBuf, Kept>>>,
}

/// A file that was read, and when it was last changed before that.
type Kept = (SystemTime, Arc<Audio>);

impl Prompts {
    /// Names without a directory are looked for in `directory`.
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory, kept: Arc::default() }
    }

    /// The sound with its files read.
    ///
    /// # Errors
    /// Which file cannot be read, and why.
    pub(super) fn resolve(&self, sound: Sound) -> Result<Sound, String> {
        match sound {
            Sound::File(path) => self.read(&path).map(Sound::Audio),
            Sound::Sequence(sounds) => {
                let sounds = sounds.into_iter().map(|sound| self.resolve(sound));
                sounds.collect::<Result<_, _>>().map(Sound::Sequence)
            }
            other @ (Sound::Tone(_) | Sound::Audio(_) | Sound::Silence(_)) => Ok(other),
        }
    }

    fn read(&self, path: &Path) -> Result<Arc<Audio>, String> {
        let path = self.directory.join(path);
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let changed = fs::metadata(&path).and_then(|file| file.modified()).map_err(|error| told(&error))?;
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&path).cloned();
        if let Some((_, audio)) = kept.filter(|(then, _)| *then == changed) {
            return Ok(audio);
        }
        let bytes = fs::read(&path).map_err(|error| told(&error))?;
        let audio = Arc::new(wav::read(&bytes).map_err(|error| told(&error))?);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(path, (changed, Arc::clone(&audio)));
        Ok(audio)
    }
}

/// Whether any of it is in a file.
pub(super) fn has_files(sound: &Sound) -> bool {
    match sound {
        Sound::File(_) => true,
        Sound::Sequence(sounds) => sounds.iter().any(has_files),
        Sound::Tone(_) | Sound::Audio(_) | Sound::Silence(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, sample: i16) {
        let audio = Audio { rate: 8000, channels: 1, samples: vec![sample; 10] };
        wav::write(&audio, fs::File::create(path).unwrap()).unwrap();
    }

    #[test]
    fn a_prompt_is_read_once_and_again_when_it_has_changed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("welcome.wav");
        write(&path, 1);
        let prompts = Prompts::new(directory.path().to_owned());
        let read = || prompts.read(Path::new("welcome.wav")).unwrap();
        let first = read();
        assert!(Arc::ptr_eq(&first, &read()));
        write(&path, 2);
        fs::File::options().write(true).open(&path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!((first.samples[0], read().samples[0]), (1, 2));
        let missing = Sound::Sequence(vec![Sound::File("none.wav".into())]);
        assert!(prompts.resolve(missing).unwrap_err().contains("none.wav"));
    }
}
