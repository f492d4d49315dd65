//! What a process and those it started have used, from `/proc`.

use std::fs;
use std::time::Duration;

/// Time on a processor since the start, as the scheduler counts it, of every thread of the process and its descendants.
pub(crate) fn cpu(root: u32) -> Duration {
    let run_time = |task: &str| -> u64 {
        let text = fs::read_to_string(format!("{task}/schedstat")).unwrap_or_default();
        text.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
    };
    Duration::from_nanos(tree(root).iter().flat_map(|id| tasks(*id)).map(|task| run_time(&task)).sum())
}

/// Bytes of the process and its descendants that are in memory; what several share counts once (`Pss`).
pub(crate) fn resident(root: u32) -> u64 {
    let pss = |id: u32| {
        let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
        let line =
            text.lines().find_map(|line| line.strip_prefix("Pss:")?.split_whitespace().next()?.parse().ok());
        line.unwrap_or(0_u64) * 1024
    };
    tree(root).into_iter().map(pss).sum()
}

/// A process, its children, theirs and so on.
fn tree(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(id) = found.get(next).copied() {
        next += 1;
        for task in tasks(id) {
            let children = fs::read_to_string(format!("{task}/children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    found
}

/// The directories of a process' threads.
fn tasks(id: u32) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path().to_string_lossy().into_owned()).collect()
}

/// Processor model and count, for the head of a report.
pub(crate) fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |line: &str| line.split_once(':').map(|(_, value)| value.trim().to_owned());
    let model = cpus.lines().find(|line| line.starts_with("model name")).and_then(field);
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{count} × {}, Linux {}", model.unwrap_or_else(|| "unknown".into()), kernel.trim())
}
