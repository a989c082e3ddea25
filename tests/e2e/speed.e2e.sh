#!/usr/bin/env bash
# `bench speed`: it runs, both servers deliver everything, and it leaves no process behind however
# it ends. Nothing here depends on how fast anything is.
set -u
. "$(dirname "$0")/story.sh"
bench="$bin/bench"
out=$(mktemp)
trap 'rm -f "$out"' EXIT

rows() { # of the table under a heading that begins with $1
        awk -v head="$1" 'index($0, head) == 1 { on = 1; next } /^$/ { on = 0 } on && $3 == "B" && NF >= 12' "$out" | wc -l
}

quick() { "$bench" speed --quick >"$out" || { cat "$out"; return 1; }; }
four_rows() { [ "$(rows "$1")" -eq 4 ] || { cat "$out"; return 1; }; }
paced_beside_unpaced() { # what the default costs is the last of 13 columns
        [ "$(awk 'index($0, "udp_server, nack") == 1 { on = 1; next } /^$/ { on = 0 } on && $3 == "B" && NF == 13 && $13 > 0' "$out" | wc -l)" -eq 4 ]
}
by_multicast() { [ "$(rows 'udp_server --multicast')" -eq 2 ] || grep -q 'udp_server --multicast: skipped' "$out"; }
unpaced_alone() { "$bench" speed --quick --paths udp --pace off >"$out" && grep -q -- '--pace off' "$out" && four_rows 'udp_server, nack'; }
core_is_said() { grep -q 'encoded 1.00 times' "$out" && grep -q 'bytes copied for it: 0' "$out"; }

# Interrupted while two servers, the bare one and their subscribers run: all are gone at once.
leaves_nothing() {
        "$bench" speed --paths udp --subscribers 20 >/dev/null 2>&1 &
        local pid=$! children='' i
        for i in $(seq 600); do
                children=$(cat "/proc/$pid/task/$pid/children")
                [ "$(wc -w <<<"$children")" -eq 3 ] && break
                sleep 0.05
        done
        kill -TERM "$pid"
        wait "$pid" 2>/dev/null
        for i in $(seq 600); do
                # shellcheck disable=SC2086
                [ "$(wc -w <<<"$children")" -eq 3 ] && ! kill -0 $children 2>/dev/null && return 0
                sleep 0.05
        done
        echo "children: $children"
        return 1
}

refuses() { # exit code, words, options...
        local code=$1 words=$2 got
        shift 2
        got=$("$bench" speed "$@" 2>&1 >/dev/null)
        [ $? -eq "$code" ] && grep -qF -- "$words" <<<"$got" || { echo "$got"; return 1; }
}

story "a quick run ends well" quick
story "tcp_server has a row for each setting" four_rows tcp_server
story "udp_server has a row for each setting" four_rows 'udp_server, nack'
story "udp_server is measured paced, beside one that is not" paced_beside_unpaced
story "multicast has a row for each burst, or is said to be skipped" by_multicast
story "udp_server is measured without pacing alone" unpaced_alone
story "the core encodes once and copies nothing" core_is_said
story "ended in the middle, it leaves no process" leaves_nothing
story "another word for --pace is refused" refuses 2 'must be one of' --pace fast
story "a bare number for a size is refused" refuses 2 'a unit is required' --size 64
story "more events than a batch holds are refused" refuses 2 'must lie between 1 and 64' --outstanding 65
exit $failed
