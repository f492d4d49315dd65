# Steps with a name, a log, a time and a line each. Sourced by the scripts beside it.

LOGS=${CARGO_TARGET_DIR:-target}/ci
mkdir -p "$LOGS"
FAILED=()
COUNT=0

# step NAME COMMAND...: runs it, keeps its output in $LOGS/NAME.log and shows the end of it when it fails.
step() {
    local name=$1 started=$SECONDS log
    shift
    COUNT=$((COUNT + 1))
    log=$LOGS/$name.log
    printf '%2d  %-22s ' "$COUNT" "$name"
    if "$@" >"$log" 2>&1 </dev/null; then
        printf 'ok      %4ds\n' $((SECONDS - started))
    else
        printf 'FAILED  %4ds   (exit %d, %s)\n' $((SECONDS - started)) $? "$log"
        tail -n "${TAIL:-60}" "$log" | sed 's/^/      | /'
        FAILED+=("$name")
        return 1
    fi
}

# Names of the published packages: the directories of crates/ that do not say otherwise.
published() {
    grep -L '^publish = false' crates/*/Cargo.toml | xargs -n1 dirname | xargs -n1 basename
}
