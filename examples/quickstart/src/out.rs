//! Printing that ends the program when nobody reads on, as in `cargo quickstart | head`, and words for numbers.

use std::fmt;
use std::io::Write as _;

/// What a shell tells of a program that wrote to a closed pipe: 128 and the number of SIGPIPE.
const NOBODY_READS: i32 = 141;

/// Prints a line.
macro_rules! say {
    () => { $crate::out::line(format_args!("")) };
    ($($text:tt)+) => { $crate::out::line(format_args!($($text)+)) };
}
pub(crate) use say;

pub(crate) fn line(text: fmt::Arguments<'_>) {
    if writeln!(std::io::stdout().lock(), "{text}").is_err() {
        std::process::exit(NOBODY_READS);
    }
}

/// So many of something: "1 trunk", "2 trunks".
pub(crate) fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}
