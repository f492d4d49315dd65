//! Runs the installed rustdoc with unstable options permitted, as `RUSTDOC` of cargo. See `surface::document`.

use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let status =
        Command::new("rustdoc").args(std::env::args_os().skip(1)).env("RUSTC_BOOTSTRAP", "1").status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("rustdoc cannot be started: {error}");
            ExitCode::FAILURE
        }
    }
}
