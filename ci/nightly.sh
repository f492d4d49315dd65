#!/bin/bash
# What takes too long for every change: feature sets, benchmarks, many property cases, every fuzz target.
# `ci/nightly.sh [SECONDS]`: seconds for each fuzz target, 300 unless told.
set -uo pipefail
cd "$(dirname "$0")/.."
export CARGO_TERM_COLOR=never CARGO_TERM_PROGRESS_WHEN=never
. ci/steps.sh
seconds=${1:-300}

# Each crate alone, bare and with its default features: additive features must not lean on each other.
alone() {
    cargo check --lib --package "$1" --no-default-features && cargo check --lib --package "$1" &&
        cargo check --lib --package "$1" --all-features
}

minimum_rust() {
    local version
    version=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    if ! command -v rustup >/dev/null || ! rustup toolchain list | grep -q "^$version"; then
        echo "toolchain $version is not installed; the language version was not tried"
        return 0
    fi
    cargo "+$version" check --workspace --all-features --target-dir target/minimum
}

for crate in $(published); do step "alone-$crate" alone "$crate"; done
step minimum-rust minimum_rust
step flood env FLOOD_SECONDS=1800 timeout 3600 cargo test --package edge-core --release --test interop_security calls_do_not_notice_a_flood -- --nocapture
step bench-edge timeout 1200 cargo run --release --package edge-bench -- --quick
step benches cargo bench --workspace --all-features --no-run
step properties env PROPTEST_CASES=20000 timeout 7200 cargo test --workspace --all-features --release --lib --tests -- prop
for target in fuzz/fuzz_targets/*.rs; do
    name=$(basename "$target" .rs)
    step "fuzz-$name" bash ci/fuzz.sh "$name" "$seconds"
done

echo
if [ ${#FAILED[@]} -eq 0 ]; then
    echo "all $COUNT steps passed in $((SECONDS / 60)) min"
else
    echo "${#FAILED[@]} of $COUNT steps FAILED: ${FAILED[*]}"
    exit 1
fi
