//! The figures as Markdown, ready for `crates/edge-core/README.md`.

#![allow(clippy::print_stdout, reason = "the report is what the program is for")]

use crate::measure;
use crate::run::{Series, Work};
use crate::server::Kind;

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
}
