#!/usr/bin/env bash
# The main job, end to end: all paths through one bad network, every event accounted for, the same
# seed hits the same datagrams, a lie is noticed, and nothing outlives its process.
#
# The runs go side by side, each in networks of its own. The machine may be too busy for a valid
# measurement (exit 4); that is said, and what must hold then is looked for in the results.
set -u
cd "$(dirname "$0")"
lab=${TWINCAST_BIN:-../../bin}/lab
case $lab in /*) ;; *) [ -x "$lab" ] || lab=../../$lab ;; esac
lab=$(readlink -f "$lab") node=$(command -v node)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0

ok() { echo "[       OK ] compare: $1"; }
no() { echo "[  FAILED  ] compare: $1"; failed=1; }
# check NAME CONDITION...: the condition is a command
check() {
        local name=$1
        shift
        if "$@"; then ok "$name"; else no "$name"; fi
}
# start NAME OPTION...: a run in the background; its exit code goes to NAME/code
start() {
        local name=$1
        shift
        mkdir -p "$dir/$name"
        {
                "$lab" run compare --rate 100/s --out "$dir/$name/out" "$@" >"$dir/$name/table" 2>"$dir/$name/err"
                echo $? >"$dir/$name/code"
        } &
}
code() { cat "$dir/$1/code"; }
# Good, or not valid because the machine was too busy; the first is better.
fair() {
        case $(code "$1") in
        0) return 0 ;;
        4) echo "# $1: this machine was too busy: $(grep -A1 -m1 INVALID "$dir/$1/table" | tr '\n' ' ')" ;;
        *) echo "# $1: exit $(code "$1")"; tail -n 5 "$dir/$1/err"; head -n 8 "$dir/$1/table"; return 1 ;;
        esac
}
# Evaluates JavaScript with run $1's results at hand; its value is the answer.
holds() {
        "$node" -e '
                const fs = require("fs")
                const r = JSON.parse(fs.readFileSync(process.argv[1] + "/out/results.json"))
                const path = name => r.paths.find(p => p.name === name)
                const udp = r.paths.filter(p => p.name !== "tcp"), nack = udp.filter(p => p.name !== "udp-raw")
                const value = eval(process.argv[2])
                if (value !== true) console.log("# " + process.argv[2] + " is " + value + JSON.stringify(r.paths.map(p => [p.name, p.outcomes, p.loss.raw_sent, p.loss.raw_lost])))
                process.exit(value === true ? 0 : 1)' "$dir/$1" "$2"
}

# Do two runs of a seed hit the same datagrams? A busy machine bundles other events into one datagram
# in one run than in the other; then fewer are common than must be, and the pair is run again, each
# alone; where it is still too busy, what is common must do. One that met another fate is never forgiven.
same_fates() {
        local try said
        for try in 1 2 3; do
                if [ $try -gt 1 ]; then
                        start first --duration 3s --seed 5
                        wait
                        start again --duration 3s --seed 5
                        wait
                fi
                said=$("$lab" same "$dir/first/out/decisions.csv" "$dir/again/out/decisions.csv") && echo "# $said" && return 0
                echo "# pair $try: $said"
                [[ $said == *", 0 with another fate,"* ]] || return 1
        done
        [[ "$(code first) $(code again)" =~ ^(4 [04]|0 4)$ ]]
}

# Processes that have mark $1 in their environment, as all have that a marked one starts.
marked() {
        local environ
        for environ in $(grep -lFs "$1" /proc/[0-9]*/environ); do
                echo "${environ%/environ}: $(tr '\0' ' ' 2>/dev/null <"${environ%environ}cmdline")"
        done
}
# Ends a run by signal $1 to the process ("-" in front of it: to its group) after $3 s, and looks for what is left.
# Its networks have no names; they are gone when no process is in them and none holds their devices.
leaves_nothing() {
        local signal=$1 to=$2 after=$3 mark=TWINCAST_E2E=$$.$RANDOM$RANDOM devices names pid left
        devices=$(wc -l </proc/net/dev) names=$(find /run/netns -type f 2>/dev/null)
        env --default-signal "$mark" setsid "$lab" run compare --duration 20s --out "$dir/stopped" >"$dir/e" 2>&1 &
        pid=$!
        until [ "$(cat /proc/$pid/comm)" = lab ]; do :; done
        sleep "$after"
        kill "-$signal" -- "$to$pid" 2>/dev/null || kill "-$signal" "$pid" || { echo "# it had ended by itself:"; cat "$dir/e"; return 1; }
        wait $pid 2>/dev/null
        for _ in $(seq 400); do # the kernel takes namespaces down in its own time
                left=$(marked "$mark"; find /run/netns -type f 2>/dev/null | grep -vxF "$names")
                [ -z "$left" ] && [ "$(wc -l </proc/net/dev)" -eq "$devices" ] && return 0
                sleep 0.05
        done
        echo "# after $after s were left: $left"
        return 1
}

if ! why=$("$lab" link -- true 2>&1); then
        ok "${why#link: }"
        start none --duration 1s
        wait
        check "without namespaces it runs on loopback" fair none
        check "and says so first" eval 'head -n 8 "$dir/none/table" | grep -q "NO BAD NETWORK"'
        exit $failed
fi

start first --duration 3s --seed 5
start again --duration 3s --seed 5
start dark --duration 6s --blackout-at 2s --blackout-for 2s
start swallow --duration 1s --paths udp-nack,tcp --fault swallow
start double --duration 1s --paths udp-nack,tcp --fault double

for wrong in '--delay 25' '--delay 25s' '--loss 2' '--loss 101%' '--loss nonsense:2%' '--blackout-at x' '--blackout-for -1s' \
        '--rate 200' '--paths tcp,tcp' '--fault x' '--nonsense' 'word'; do
        # shellcheck disable=SC2086 # words
        check "wrong usage: '$wrong'" eval '"$lab" run compare $wrong >/dev/null 2>"$dir/e"; [ $? -eq 2 ] && [ "$(wc -l <"$dir/e")" -eq 1 ]'
done
check "a congestion control that is none is exit 3" \
        eval '"$lab" run compare --out "$dir/x" --congestion nonsense 2>"$dir/e"; [ $? -eq 3 ] && grep -q -- "--congestion nonsense" "$dir/e"'
check "a folder that cannot be is exit 3" \
        eval '"$lab" run compare --out /proc/no/such 2>"$dir/e"; [ $? -eq 3 ] && grep -q "/proc/no/such" "$dir/e"'
check "a run that is none is exit 2" eval '"$lab" run nonsense 2>"$dir/e"; [ $? -eq 2 ] && grep -q nonsense "$dir/e"'
check "lab list names it" eval '"$lab" list | grep -q "^  compare "'

# At moments of the setup (a few hundredths of a second), the joining, the run.
seed=${SEED:-$RANDOM}
RANDOM=$seed
echo "# moments from SEED=$seed"
for moment in 0.00$((RANDOM % 10)) 0.01$((RANDOM % 10)) 0.02$((RANDOM % 10)) 0.0$((30 + RANDOM % 60)) 0.$((1 + RANDOM % 9)) 1.$((RANDOM % 10)) 2.$((RANDOM % 10)); do
        check "Ctrl-C after $moment s leaves nothing behind" leaves_nothing INT - "$moment"
        check "kill -9 after $moment s leaves nothing behind" leaves_nothing KILL "" "$moment"
done
check "kill leaves nothing behind" leaves_nothing TERM "" 1.5

# Without /dev/net/tun, in a mount namespace of its own.
cat >"$dir/no_tun" <<'EOT'
mount --bind /dev/null /dev/net/tun || exit 77
exec "$@"
EOT
if unshare -m sh "$dir/no_tun" true 2>/dev/null; then
        mkdir "$dir/none"
        unshare -m sh "$dir/no_tun" "$lab" run compare --duration 1s --out "$dir/none/out" >"$dir/none/table" 2>"$dir/none/err"
        echo $? >"$dir/none/code"
        check "without namespaces it runs on loopback" fair none
        check "and says so first" eval 'head -n 8 "$dir/none/table" | grep -q "NO BAD NETWORK"'
        check "all is accounted for there, too" holds none 'r.conditions.network === "loopback" && r.verdict.balanced && r.paths.every(p => p.outcomes.live === p.outcomes.rows)'
fi

wait
for _ in 1 2 3 4; do # nobody may quote the figures of a run that was too busy: once more, alone
        [ "$(code first)" -eq 4 ] || break
        start first --duration 3s --seed 5
        wait
done
check "a good run is exit 0" fair first
check "all four paths, and not one event is missing" \
        holds first 'r.paths.length === 4 && r.paths.every(p => p.outcomes.rows === 1500 && p.outcomes.missing === 0 && p.outcomes.balanced)'
check "they heard the very same events" holds first 'new Set(r.paths.map(p => p.epoch)).size === 1 && udp.every(p => p.versus.paired_by === "event")'
check "raw loss is 2 %, within 3 sigma" \
        holds first 'udp.every(p => p.loss.raw_sent > 500 && Math.abs(p.loss.raw_lost - .02 * p.loss.raw_sent) <= 3 * Math.sqrt(p.loss.raw_sent * .02 * .98))'
check "raw loses what the link took" holds first 'path("udp-raw").outcomes.lost >= path("udp-raw").loss.raw_lost && path("udp-raw").loss.raw_lost > 0'
check "nack delivers all" holds first 'nack.every(p => p.outcomes.recovered > 0 && p.outcomes.live + p.outcomes.recovered === p.outcomes.rows)'
check "the path is 25 ms long, for each of them" \
        holds first 'r.paths.every(p => p.latency.p50_ns > 25e6 && p.latency.p50_ns < 40e6)'
check "repair takes a round trip" holds first 'nack.every(p => p.recovery.gap.p50_ns > 50e6 && p.recovery.gap.p50_ns < 90e6)'
check "TCP waits for what was lost" holds first 'path("tcp").latency.p99_ns > path("udp-raw").latency.p99_ns + 25e6'
check "bytes on the wire are known" holds first 'r.paths.every(p => p.cost.wire_bytes > p.cost.transport_bytes)'
check "emulator and generator were watched" holds first 'r.validity.emulator.late.count > 0 && r.validity.generator.late.count === 300'
check "the same seed hits the same datagrams" same_fates

check "a run with a blackout is exit 0" fair dark
check "a blackout leaves no event unaccounted for" \
        holds dark 'r.paths.length === 4 && r.paths.every(p => p.outcomes.missing === 0 && p.outcomes.balanced)'
check "raw reports what fell into it" holds dark 'path("udp-raw").outcomes.lost >= 950 && path("udp-raw").loss.runs_after_repair.longest >= 190'
check "nack recovers all of it" holds dark 'nack.every(p => p.outcomes.recovered >= 950 && p.outcomes.live + p.outcomes.recovered === p.outcomes.rows)'
check "TCP delivers all of it, late" holds dark 'path("tcp").outcomes.live + path("tcp").outcomes.recovered === path("tcp").outcomes.rows && path("tcp").latency.max_ns > 2e9'
check "recovery takes longer than the blackout's rest" holds dark 'nack.every(p => p.recovery.event.max_ns > 50e6 && p.latency.max_ns > 2e9)'

check "a client that swallows one event is exit 1" eval '[ "$(code swallow)" -eq 1 ]'
check "and the event is said to be missing" holds swallow 'r.paths[0].outcomes.missing === 1 && !r.verdict.balanced && r.paths[1].outcomes.missing === 0'
check "a client that delivers one twice is exit 1" eval '[ "$(code double)" -eq 1 ]'
check "and it is said to be twice" holds double 'r.paths[0].outcomes.duplicates === 1 && r.paths[0].outcomes.missing === 0 && !r.verdict.balanced'
exit $failed
