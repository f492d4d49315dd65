#!/bin/bash
# Follows docs/guide/first-edge.md to the letter: every `sh` block is run, every `text` block after one is looked for in what it
# printed. In a network of its own where the system allows one, since the page names fixed ports.
set -uo pipefail
cd "$(dirname "$0")/.."
PAGE=${1:-docs/guide/first-edge.md}

if [ -z "${GUIDE_ALONE:-}" ] && unshare -rn true 2>/dev/null; then
    GUIDE_ALONE=1 exec unshare -rn bash -c 'ip link set lo up && exec bash "$0" "$@"' "$0" "$PAGE"
fi

WORK=$(mktemp -d)
RUNNING=()
finish() {
    for pid in "${RUNNING[@]}"; do kill -- "-$pid" 2>/dev/null; done
    rm -rf "$WORK" /tmp/first-edge
}
trap finish EXIT
rm -rf /tmp/first-edge

# N.sh, N.kind and N.text for the N-th command block and the output shown after it.
awk -v work="$WORK" '
    /^```/ && inside { inside = 0; next }
    /^```sh/ { n++; inside = 1; file = work "/" n ".sh"; print substr($0, 7) > (work "/" n ".kind"); next }
    /^```text/ { inside = 1; file = work "/" n ".text"; next }
    /^```/ { inside = 1; file = "/dev/null"; next }
    inside { print > file }
' "$PAGE"

# shown TEXT LOG: whether every line of TEXT, in its parts between the ellipses, is in LOG.
shown() {
    local line part
    while read -r line; do
        while read -r part; do
            part=$(sed 's/^ *//; s/ *$//' <<<"$part")
            [ -z "$part" ] || grep -qF -- "$part" "$2" || { MISSING=$part; return 1; }
        done < <(sed 's/…/\n/g' <<<"$line")
    done <"$1"
}

fail() {
    echo "FAILED: $1"
    tail -n 40 "$WORK"/*.log
    exit 1
}

for script in $(ls "$WORK"/*.sh | sort -V); do
    name=${script%.sh}
    kind=$(cat "$name.kind")
    echo "== ${kind:-run}: $(head -n 1 "$script")"
    case $kind in
    install) continue ;;
    terminal)
        setsid bash "$script" >"$name.log" 2>&1 </dev/null &
        RUNNING+=($!)
        ;;
    stop | '')
        # "stop it": the program of the last terminal ends first.
        [ -z "$kind" ] || { kill -- "-${RUNNING[-1]}"; wait "${RUNNING[-1]}"; unset 'RUNNING[-1]'; }
        timeout 900 bash "$script" >"$name.log" 2>&1 </dev/null || fail "exit $?: $(cat "$script")"
        ;;
    esac
    touch "$name.text"
    for ((tries = 0; ; tries++)); do
        tr -d '\r' <"$name.log" | sed 's/\x1b\[[0-9;]*m//g' >"$name.plain"
        shown "$name.text" "$name.plain" && break
        # What runs on may need its time, a build included.
        [ "$kind" = terminal ] && ((tries < 900)) || fail "not printed: $MISSING"
        sleep 1
    done
    cat "$name.text"
done
echo "the page is true"
