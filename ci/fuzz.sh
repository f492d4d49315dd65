#!/bin/bash
# ci/fuzz.sh                     lists the targets
# ci/fuzz.sh TARGET [SECONDS]    fuzzes one of them with AddressSanitizer, on the installed stable toolchain; for a minute
#                                unless told
#
# New inputs stay in target/fuzz-corpus; what is worth keeping is copied to fuzz/corpus/TARGET by hand, where ordinary
# tests replay it. A crash is written to fuzz/artifacts/TARGET and makes this script fail.
set -euo pipefail
cd "$(dirname "$0")/.."
targets=$(ls fuzz/fuzz_targets | sed 's/\.rs$//')
if [ $# -eq 0 ]; then
    echo "$targets"
    exit
fi
target=$1 seconds=${2:-60}
if ! grep -qx -- "$target" <<<"$targets"; then
    echo "usage: ci/fuzz.sh TARGET [SECONDS]; targets:" $targets >&2
    exit 2
fi
command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked
# The versions that the workspace is tested with.
cp Cargo.lock fuzz/Cargo.lock
grown=target/fuzz-corpus/$target
mkdir -p "$grown"
# RUSTC_BOOTSTRAP lets a stable compiler instrument; it is set for this build only.
RUSTC_BOOTSTRAP=1 cargo fuzz build --fuzz-dir fuzz "$target"
RUSTC_BOOTSTRAP=1 exec cargo fuzz run --fuzz-dir fuzz "$target" "$grown" "fuzz/corpus/$target" -- \
    -max_total_time="$seconds" -max_len=65535 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
