#!/bin/bash
# Everything that must hold before a change lands: `bash ci/test.sh`, from anywhere, on a bare Debian machine with Rust.
# Logs are in target/ci. The last lines are the totals of the test runner; the exit status is 0 only when all is well.
set -uo pipefail
cd "$(dirname "$0")/.."
export CARGO_TERM_COLOR=never CARGO_TERM_PROGRESS_WHEN=never RUST_BACKTRACE=0
. ci/steps.sh

packages() {
    local wanted missing=() sudo=
    wanted=$(grep -v '^#' ci/packages.txt)
    if ! command -v dpkg-query >/dev/null; then
        echo "this is no Debian system: have the programs of these packages on the path: $wanted"
        return 0
    fi
    for package in $wanted; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    if [ ${#missing[@]} -eq 0 ]; then
        echo "all of ci/packages.txt is installed"
        return 0
    fi
    [ "$(id -u)" = 0 ] || sudo=sudo
    if [ -n "$sudo" ] && ! command -v sudo >/dev/null; then
        echo "install these as root, then run again: apt-get install ${missing[*]}"
        return 1
    fi
    echo "installing ${missing[*]}"
    # The daemons are started by the tests, on ports of their own: keep the packages from starting them.
    local policy=/usr/sbin/policy-rc.d ours=
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null && $sudo chmod +x $policy && ours=1
    fi
    $sudo apt-get update -q && $sudo env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${missing[@]}"
    local status=$?
    [ -z "$ours" ] || $sudo rm -f $policy
    return $status
}

format() {
    cargo fmt --all --check && cargo fmt --manifest-path fuzz/Cargo.toml --check
}

# One set of features for everything below, so that each dependency is compiled once.
WORKSPACE=(--workspace --all-features)

documentation() {
    RUSTDOCFLAGS='-D warnings' cargo doc "${WORKSPACE[@]}" --no-deps
}

examples() {
    local command status=0
    export EXAMPLES=${CARGO_TARGET_DIR:-target}/debug/examples
    # tests/interop_faults.rs runs the edge as it is built by itself.
    cargo build "${WORKSPACE[@]}" --examples && cargo build -p quickstart && cargo build -p edge || return 1
    echo '== cargo quickstart'
    timeout 300 cargo quickstart || { echo "exit $?"; status=1; }
    while read -r command; do
        case $command in '' | '#'*) continue ;; esac
        echo "== $command"
        timeout 300 bash -c "$command" </dev/null || { echo "exit $?"; status=1; }
    done <ci/examples.txt
    return $status
}

package() {
    local flags=()
    for name in $(published); do flags+=(--package "$name"); done
    cargo package "${flags[@]}" --no-verify --allow-dirty
}

HAS_NEXTEST=
cargo nextest --version >/dev/null 2>&1 && HAS_NEXTEST=1

build_tests() {
    if [ -n "$HAS_NEXTEST" ]; then cargo nextest run "${WORKSPACE[@]}" --no-run; else cargo test "${WORKSPACE[@]}" --no-run; fi
}

rules() {
    if [ -n "$HAS_NEXTEST" ]; then
        cargo nextest run "${WORKSPACE[@]}" -E 'package(telco-tests) & binary(rules)'
    else
        cargo test "${WORKSPACE[@]}" --test rules
    fi
}

tests() {
    if [ -n "$HAS_NEXTEST" ]; then
        timeout 2400 cargo nextest run "${WORKSPACE[@]}"
    else
        timeout 2400 cargo test "${WORKSPACE[@]}" --no-fail-fast --lib --bins --tests
    fi
}

doc_tests() {
    timeout 1200 cargo test "${WORKSPACE[@]}" --no-fail-fast --doc
}

# count LOG WORD: adds up what libtest says (`test result: ok. 12 passed; 0 failed`).
count() {
    grep -h '^test result:' "$1" 2>/dev/null | grep -o "[0-9]* $2" | awk '{ sum += $1 } END { print sum + 0 }'
}

step packages packages
step format format
step clippy cargo clippy "${WORKSPACE[@]}" --all-targets --locked -- -D warnings
step docs documentation
step package package
step build-tests build_tests
step rules rules
step examples examples
step guide bash ci/guide.sh
step doc-tests doc_tests
TAIL=200 step tests tests

echo
if [ ${#FAILED[@]} -eq 0 ]; then
    echo "all $COUNT steps passed in $((SECONDS / 60)) min $((SECONDS % 60)) s"
else
    echo "${#FAILED[@]} of $COUNT steps FAILED in $((SECONDS / 60)) min $((SECONDS % 60)) s: ${FAILED[*]}"
fi

doc_passed=$(count "$LOGS/doc-tests.log" passed) doc_failed=$(count "$LOGS/doc-tests.log" failed)
if [ -n "$HAS_NEXTEST" ]; then
    summary=$(grep -E '^ *Summary \[' "$LOGS/tests.log" | tail -n1)
    passed=$(grep -oE '[0-9]+ passed' <<<"$summary" | grep -oE '[0-9]+')
    failed=$(grep -oE '[0-9]+ (failed|timed out|exec failed)' <<<"$summary" | awk '{ sum += $1 } END { print sum + 0 }')
    echo "$summary"
else
    passed=$(count "$LOGS/tests.log" passed) failed=$(count "$LOGS/tests.log" failed)
fi
echo "documentation tests: $doc_passed passed, $doc_failed failed"
echo "$((${passed:-0} + doc_passed)) passed, $((${failed:-0} + doc_failed)) failed"

# A runner that found nothing to run has not passed.
[ "${passed:-0}" -gt 0 ] && [ ${#FAILED[@]} -eq 0 ]
