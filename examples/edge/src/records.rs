//! `edge records`: what is in the spool.

use std::io;
use std::path::Path;

use edge_core::cdr::export;
use edge_core::driver::spool;

/// Prints the records of a spool.
///
/// # Errors
/// Which file cannot be read or written, and why.
pub(crate) fn print(directory: &Path, csv: bool) -> Result<(), String> {
    let bytes = spool::read(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let out = io::stdout().lock();
    let (records, exported) = export::records(&bytes);
    let written = if csv { export::csv(&records, out) } else { export::json_lines(&bytes, out).map(drop) };
    if exported.skipped > 0 {
        eprintln!("{} damaged records were left out", exported.skipped);
    }
    written.map_err(|error| error.to_string())
}
