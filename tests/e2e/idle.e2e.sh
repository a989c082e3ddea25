#!/usr/bin/env bash
# `bench idle`: what a connection that only stands may cost, that nothing is left of those that went,
# and that the bench would notice. Memory is no matter of speed: these bounds hold on any machine.
set -u
. "$(dirname "$0")/story.sh"
bench="$bin/bench"
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# Sanitizers' own memory stands beside every block.
case ${TWINCAST_BIN:-} in
*asan* | *tsan*) bounds=(--bytes-max 16kib --growth-max 64mib) ;;
*) bounds=(--bytes-max 1kib --growth-max 128kib) ;;
esac

within_bounds() { "$bench" idle --connections 1500 --cycles 15000 --rest 500ms "${bounds[@]}" >"$out" || { cat "$out"; return 1; }; }
# Of the server's own blocks 496 bytes, so that 512 leave little for holes in the heap. Sanitizers keep more beside each.
open_is_small() {
        case ${bounds[1]} in 16kib) return 0 ;; esac
        "$bench" idle --connections 3000 --cycles 0 --rest 1ms >"$out" &&
                awk '/WebSockets open/ { found = $(NF - 2) <= 512 } END { exit !found }' "$out" || { cat "$out"; return 1; }
}
idle_is_idle() { awk '/% of a core/ { found = 1; if ($(NF - 7) > 5) exit 1 } END { exit !found }' "$out" || { cat "$out"; return 1; }; }

exits() { # exit code, words, options...
        local code=$1 words=$2 got
        shift 2
        got=$("$bench" idle "$@" 2>&1 >/dev/null)
        [ $? -eq "$code" ] && grep -qF -- "$words" <<<"$got" || { echo "$got"; return 1; }
}

story "1,500 connections and 15,000 cycles leave memory within its bounds" within_bounds
story "nobody says a word, and the server does nothing" idle_is_idle
story "an open WebSocket has at most 512 bytes" open_is_small
story "connections larger than the bound are noticed" exits 1 'more memory than it may' --connections 200 --cycles 0 --rest 1ms --bytes-max 64b
# Sockets that are kept for recovery stand in for a leak: the settling cycles are too few to fill their number.
story "memory that every cycle leaves behind is noticed" exits 1 'more memory than it may' --connections 1 --cycles 2000 --rest 1ms --bytes-max 1mib
story "an address without a process is refused" exits 2 'belong together' --tcp 127.0.0.1:3000
story "a server that is not there is said" exits 1 'Connection refused' --tcp 127.0.0.1:1 --pid $$ --connections 1 --cycles 0
exit $failed
