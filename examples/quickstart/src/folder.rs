//! Where a run keeps its files.

use std::io::{Error, ErrorKind};
use std::path::PathBuf;

/// Makes a folder of this run alone: one that is there already may be of somebody else.
pub(crate) fn make() -> Result<PathBuf, Error> {
    let process = std::process::id();
    let names = (0..100).map(|number| match number {
        0 => format!("telco-quickstart-{process}"),
        number => format!("telco-quickstart-{process}-{number}"),
    });
    for name in names {
        let folder = std::env::temp_dir().join(name);
        match std::fs::create_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => return made.map(|()| folder),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runs_never_share_a_folder() {
        let (one, other) = (make().unwrap(), make().unwrap());
        assert_ne!(one, other);
        for folder in [one, other] {
            std::fs::remove_dir(folder).unwrap();
        }
    }
}
