//! Drawing a trace as ASCII.

use std::time::Duration;

use crate::trace::{Entry, Trace};

/// Width of the time column: `1234.567`.
const TIME: usize = 9;
/// Least distance between two lifelines.
const NARROWEST: usize = 14;
/// What an arrow needs around its label: `-- ` and ` -->`.
const ARROW: usize = 7;

pub(crate) fn draw(trace: &Trace) -> String {
    let canvas = Canvas::new(trace);
    let mut lines = vec![canvas.titles(trace)];
    let mut last = None;
    for entry in trace.entries() {
        let (at, body) = match entry {
            Entry::Arrow { at, from, to, label, stream, arrives } => {
                (*at, canvas.arrow(*from, *to, label, if *stream { '=' } else { '-' }, *arrives))
            }
            Entry::Note { at, of, text } => (*at, canvas.note(*of, text)),
            Entry::Banner { at, text } => (*at, canvas.banner(text)),
        };
        // The time is printed once for everything that happens at it.
        let time = if last == Some(at) { String::new() } else { seconds(at) };
        last = Some(at);
        lines.push(format!("{time:>TIME$}{body}"));
    }
    let mut text = lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n");
    text.push('\n');
    text
}

/// Where the lifelines stand, in characters right of the time column.
struct Canvas {
    lifelines: Vec<usize>,
    width: usize,
}

impl Canvas {
    fn new(trace: &Trace) -> Self {
        let titles = trace.columns().iter().map(|title| title.chars().count() + 2);
        let arrows = trace.entries().iter().filter_map(|entry| match entry {
            Entry::Arrow { from, to, label, .. } if from != to => {
                Some((label.chars().count() + ARROW).div_ceil(from.abs_diff(*to)))
            }
            Entry::Arrow { .. } | Entry::Note { .. } | Entry::Banner { .. } => None,
        });
        let gap = titles.chain(arrows).fold(NARROWEST, usize::max);
        let margin = 2 + trace.columns().first().map_or(0, |title| title.chars().count() / 2);
        let lifelines: Vec<usize> = (0..trace.columns().len()).map(|n| margin + n * (gap + 1)).collect();
        let width = lifelines.last().map_or(0, |last| last + margin);
        Self { lifelines, width }
    }

    fn titles(&self, trace: &Trace) -> String {
        let mut line: Vec<char> = "time/s".chars().collect();
        for (title, lifeline) in trace.columns().iter().zip(&self.lifelines) {
            let title: Vec<char> = title.chars().collect();
            put(&mut line, TIME + lifeline - title.len() / 2, &title);
        }
        line.into_iter().collect()
    }

    fn empty(&self) -> Vec<char> {
        let mut line = vec![' '; self.width];
        for lifeline in &self.lifelines {
            line[*lifeline] = '|';
        }
        line
    }

    fn arrow(&self, from: usize, to: usize, label: &str, shaft: char, arrives: bool) -> String {
        if from == to {
            return self.note(from, &format!("{label} (to itself)"));
        }
        let mut line = self.empty();
        let (left, right) = (self.lifelines[from.min(to)], self.lifelines[from.max(to)]);
        for cell in &mut line[left + 1..right] {
            *cell = shaft;
        }
        let label: Vec<char> = format!(" {label} ").chars().collect();
        put(&mut line, left + 1 + (right - left - 1).saturating_sub(label.len()) / 2, &label);
        let head = match (arrives, from < to) {
            (false, _) => 'x',
            (true, true) => '>',
            (true, false) => '<',
        };
        line[if from < to { right - 1 } else { left + 1 }] = head;
        line.into_iter().collect()
    }

    fn note(&self, of: usize, text: &str) -> String {
        let mut line = self.empty();
        line[self.lifelines[of]] = '*';
        let line: String = line.into_iter().collect();
        format!("{} {text}", line.trim_end())
    }

    fn banner(&self, text: &str) -> String {
        let mut line = vec!['~'; self.width];
        line[..2].fill(' ');
        let text: Vec<char> = format!(" {text} ").chars().collect();
        put(&mut line, self.width.saturating_sub(text.len()) / 2, &text);
        line.into_iter().collect()
    }
}

fn put(line: &mut Vec<char>, at: usize, text: &[char]) {
    if line.len() < at + text.len() {
        line.resize(at + text.len(), ' ');
    }
    line[at..at + text.len()].copy_from_slice(text);
}

fn seconds(at: Duration) -> String {
    format!("{}.{:03}", at.as_secs(), at.subsec_millis())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(build: impl FnOnce(&mut Trace), expected: Expect) {
        let mut trace = Trace::default();
        for name in ["phone", "edge", "carrier"] {
            trace.column(name);
        }
        build(&mut trace);
        expected.assert_eq(&trace.ladder());
    }

    fn arrow(ms: u64, from: usize, to: usize, label: &str) -> Entry {
        let at = Duration::from_millis(ms);
        Entry::Arrow { at, from, to, label: label.to_owned(), stream: false, arrives: true }
    }

    #[test]
    fn every_kind_of_line_is_readable() {
        check(
            |trace| {
                trace.push(arrow(0, 0, 1, "INVITE sip:bob@example.com"));
                trace.push(arrow(10, 1, 2, "INVITE"));
                trace.push(arrow(10, 1, 0, "100 Trying"));
                let at = Duration::from_millis(20);
                trace.push(Entry::Banner { at, text: "carrier unplugged".to_owned() });
                let label = "200 OK".to_owned();
                trace.push(Entry::Arrow { at, from: 2, to: 1, label, stream: true, arrives: false });
                let text = "CallFailed 408".to_owned();
                trace.push(Entry::Note { at: Duration::from_secs(32), of: 1, text });
                trace.push(arrow(1_234_567, 2, 0, "passes by"));
            },
            expect![[r#"
                time/s     phone                             edge                             carrier
                    0.000    |-- INVITE sip:bob@example.com -->|                                 |
                    0.010    |                                 |------------ INVITE ------------>|
                             |<--------- 100 Trying -----------|                                 |
                    0.020  ~~~~~~~~~~~~~~~~~~~~~~~~~~ carrier unplugged ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
                             |                                 |x=========== 200 OK =============|
                   32.000    |                                 *                                 | CallFailed 408
                 1234.567    |<--------------------------- passes by ----------------------------|
            "#]],
        );
    }

    #[test]
    fn an_empty_trace_is_its_titles() {
        check(
            |_| (),
            expect![[r#"
                time/s     phone          edge          carrier
            "#]],
        );
    }
}
