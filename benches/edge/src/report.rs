//! The figures as Markdown, ready for `crates/edge-core/README.md`.

#![allow(clippy::print_stdout, reason = "the report is what the program is for")]

use std::time::Duration;

use crate::load::Amount;
use crate::measure;
use crate::memory::{Footprint, Kept, Taken};
use crate::run::{Series, Work};
use crate::server::Kind;
use crate::setup::Times;

/// Where the figures come from.
pub(crate) fn head() {
    let command: Vec<String> = std::env::args().skip(1).collect();
    println!("`cargo run --release -p edge-bench -- {}`", command.join(" "));
    println!("{}\n", measure::machine());
}

/// CPU-seconds per 1,000, of each server, and ours as a share of theirs.
pub(crate) fn costs(all: &[(Work, Vec<Series>)]) {
    println!("| CPU-seconds per 1,000 | server | median (min–max) | runs | edge / this | budget |");
    println!("|---|---|---|---|---|---|");
    for (work, series) in all {
        let ours = series.iter().find(|series| series.kind == Kind::Edge).and_then(median);
        for series in series {
            let theirs = median(series);
            let ratio = match (series.kind, ours, theirs) {
                (Kind::Stateful | Kind::Hiding, Some(ours), Some(theirs)) => format!("{:.2}", ours / theirs),
                (Kind::Edge | Kind::Stateful | Kind::Hiding, _, _) => String::new(),
            };
            let budget = match series.kind {
                Kind::Edge => "",
                Kind::Stateful => "≤ 1.0",
                Kind::Hiding => "≤ 0.6",
            };
            println!(
                "| {} | {} | {} | {} | {ratio} | {budget} |",
                work.name(),
                series.kind.name(),
                spread(series),
                runs(series)
            );
        }
    }
    println!();
}

/// Percentiles of set-up times.
pub(crate) fn setup_times(all: &[Times], amount: Amount) {
    println!("| milliseconds at {} calls/s, UDP | server | p50 | p95 | p99 | calls |", amount.rate);
    println!("|---|---|---|---|---|---|");
    for (name, pick) in [
        ("INVITE to 180", (|times| &times.ringing) as fn(&Times) -> &Vec<Duration>),
        ("INVITE to 200, less ringing", |times| &times.answered),
    ] {
        for times in all {
            let durations = pick(times);
            let [middle, most, nearly_all] = [50, 95, 99].map(|percent| {
                percentile(durations, percent)
                    .map_or("–".into(), |time| format!("{:.2}", time.as_secs_f64() * 1e3))
            });
            let lost = match (times.failed, times.repeated) {
                (0, 0) => String::new(),
                (failed, repeated) => format!(", does not count ({failed} failed, {repeated} sent again)"),
            };
            println!(
                "| {name} | {} | {middle} | {most} | {nearly_all} | {}{lost} |",
                times.kind.name(),
                durations.len()
            );
        }
    }
    println!();
}

/// The least time within which so many percent lie; the times are sorted.
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    sorted.get((sorted.len() * percent).div_ceil(100).checked_sub(1)?).copied()
}

/// Memory of what is kept.
pub(crate) fn memory(all: &[Footprint]) {
    println!(
        "| bytes each | server | number | resident at once | transactions over | budget | allocated at once | transactions over | idle server |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for footprint in all {
        let resident = |taken: Taken| thousands(footprint.each(taken.resident, footprint.idle.resident));
        let allocated = |taken: Taken| {
            let both = taken.allocated.zip(footprint.idle.allocated);
            both.map_or(String::new(), |(with, without)| thousands(footprint.each(with, without)))
        };
        let budget = match (footprint.kind, footprint.kept) {
            (Kind::Edge, Kept::Contact) => "≤ 1 kB",
            (Kind::Edge, Kept::Call) => "≤ 4 kB",
            (Kind::Stateful | Kind::Hiding, _) => "",
        };
        println!(
            "| {} | {} | {} | {} | {} | {budget} | {} | {} | {:.1} MB |",
            footprint.kept.name(),
            footprint.kind.name(),
            footprint.count,
            resident(footprint.at_once),
            resident(footprint.drained),
            allocated(footprint.at_once),
            allocated(footprint.drained),
            footprint.idle.resident as f64 / 1e6
        );
    }
    println!();
}

fn thousands(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "−" } else { "" });
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn median(series: &Series) -> Option<f64> {
    let mut costs = series.costs.clone();
    costs.sort_by(f64::total_cmp);
    let middle = costs.len() / 2;
    if costs.len() % 2 == 1 {
        costs.get(middle).copied()
    } else {
        Some((costs.get(middle.checked_sub(1)?)? + costs.get(middle)?) / 2.0)
    }
}

fn spread(series: &Series) -> String {
    let least = series.costs.iter().copied().reduce(f64::min);
    let most = series.costs.iter().copied().reduce(f64::max);
    match (median(series), least, most) {
        (Some(median), Some(least), Some(most)) => format!("{median:.3} ({least:.3}–{most:.3})"),
        _ => "no clean run".into(),
    }
}

fn runs(series: &Series) -> String {
    match series.unclean.as_slice() {
        [] => series.costs.len().to_string(),
        unclean => {
            let failed: u64 = unclean.iter().map(|counts| counts.failed).sum();
            let repeated: u64 = unclean.iter().map(|counts| counts.repeated).sum();
            format!(
                "{}, and {} that do not count ({failed} failed, {repeated} retransmissions)",
                series.costs.len(),
                unclean.len()
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(costs: &[f64]) -> Series {
        Series { kind: Kind::Edge, costs: costs.to_vec(), unclean: Vec::new() }
    }

    #[test]
    fn a_series_is_told_by_its_median_and_its_ends() {
        assert_eq!(spread(&series(&[0.3, 0.1, 0.2])), "0.200 (0.100–0.300)");
        assert_eq!(spread(&series(&[0.1, 0.2])), "0.150 (0.100–0.200)");
        assert_eq!(spread(&series(&[])), "no clean run");
    }

    #[test]
    fn a_percentile_is_the_least_time_within_which_so_many_lie() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Some(Duration::from_millis(100)));
        assert_eq!(percentile(&times, 99), Some(Duration::from_millis(198)));
        assert_eq!(percentile(&times[..1], 99), Some(Duration::from_millis(1)));
        assert_eq!(percentile(&[], 99), None);
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0, 999, 1000, -21_148].map(thousands), ["0", "999", "1,000", "−21,148"]);
    }
}
