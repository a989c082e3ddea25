#!/usr/bin/env bash
# The emulated path with real kernels on both sides: delay, loss, blackout, repetition, and that
# nothing of it outlives its process, however that ends.
set -u
cd "$(dirname "$0")"
lab=${TWINCAST_BIN:-../../bin}/lab
case $lab in /*) ;; *) [ -x "$lab" ] || lab=../../$lab ;; esac
lab=$(readlink -f "$lab") node=$(command -v node) probe=$PWD/udp_probe.js
dir=$(mktemp -d)
chmod 755 "$dir"
trap 'rm -rf "$dir"' EXIT
failed=0

ok() { echo "[       OK ] link: $1"; }
no() { echo "[  FAILED  ] link: $1"; failed=1; }
# check NAME CONDITION...: the condition is a command
check() {
        local name=$1
        shift
        if "$@"; then ok "$name"; else no "$name"; fi
}
# Evaluates JavaScript with the files of run $1 at hand; its value is the answer.
holds() {
        "$node" -e '
                const fs = require("fs"), dir = process.argv[1]
                const ping = JSON.parse(fs.readFileSync(dir + "/ping.json"))
                const link = JSON.parse(fs.readFileSync(dir + "/out/link.json"))
                const came = Number(fs.readFileSync(dir + "/came"))
                const count = (direction, verdict) => link.directions.find(d => d.direction === direction).flows
                        .filter(f => f.flow === "udp-raw" && f.number === 2 && f.class === "data" && f.verdict === verdict)
                        .reduce((n, f) => n + f.packets, 0)
                const decisions = d => fs.readFileSync(d + "/out/decisions.csv", "utf8").trim().split("\n").slice(1)
                        .map(l => l.split(",")).filter(c => c[4] === "data")
                const verdicts = d => decisions(d).map(c => [...c.slice(1, 8)].join()).sort().join("\n")
                const value = eval(process.argv[2])
                if (value !== true) console.log("# " + process.argv[2] + " is " + value + JSON.stringify({ ...ping, seqs: ping.seqs.length, came,
                        link: link.directions.map(({ lateness_ns, delivered, device_dropped, flows }) => ({ lateness_ns, delivered, device_dropped, flows })) }))
                process.exit(value === true ? 0 : 1)' "$dir/$1" "$2"
}
# run NAME N [lab link options]: N datagrams, one a millisecond (or in MS), from the far side and back
run() {
        local name=$1 n=$2
        shift 2
        mkdir -p "$dir/$name"
        chmod 777 "$dir/$name"
        "$lab" link --flow udp-raw=20000-20004 --out "$dir/$name/out" --near "'$node' '$probe' serve 3001 '$dir/$name/came'" "$@" \
                -- "$node" "$probe" ping "${TO:-10.77.0.1}" 3001 20002 "$n" "${MS:-1}" >"$dir/$name/ping.json" 2>"$dir/$name/err" ||
                { cat "$dir/$name/err"; return 1; }
}

if ! why=$("$lab" link -- true 2>&1); then
        ok "${why#link: }"
        exit 0
fi

# What is over the delay is the machine's: the least of many round trips is looked at, and a busy machine has more of them.
for _ in 1 2 3 4 5; do
        MS=5 run delay 200 --delay 25ms
        holds delay 'ping.rtt_ms.min < 52' >/dev/null && break
done
check "two ways of 25 ms are a round trip of 50 ms" \
        holds delay 'ping.rtt_ms.min >= 50 && ping.rtt_ms.min < 60 && ping.seqs.length === 200'
check "without loss all comes in order" holds delay 'ping.seqs.every((s, i) => s === i + 1) && came === 200'
check "lateness is told" holds delay 'link.directions.every(d => d.lateness_ns.p50 > 0 && d.lateness_ns.max >= d.lateness_ns.p99)'
check "no stray packet is on the path" \
        holds delay 'link.decisions === 400 && link.directions.every(d => d.flows.length === 1)'

run loss 2000 --delay 5ms --loss 2% --seed 7
check "what the link lost on the way up did not come" \
        holds loss 'count("up", "lost") > 0 && count("up", "lost") === ping.sent - came'
check "what the link lost on the way down did not come back" \
        holds loss 'count("down", "lost") > 0 && count("down", "lost") === came - ping.seqs.length'
check "each missing datagram is in the decision log" \
        holds loss 'const lost = decisions(dir).filter(c => c[7] === "lost").map(c => Number(c[5]))
                lost.every(s => !ping.seqs.includes(s)) && lost.length === ping.sent - ping.seqs.length'
check "2 % are lost, within 3 sigma" \
        holds loss 'Math.abs(count("up", "lost") - .02 * ping.sent) <= 3 * Math.sqrt(ping.sent * .02 * .98)'
run again 2000 --delay 5ms --loss 2% --seed 7
check "the same seed hits the same datagrams" holds again 'verdicts(dir) === verdicts(dir + "/../loss")'
check "lab same agrees" "$lab" same "$dir/loss/out/decisions.csv" "$dir/again/out/decisions.csv"
run other 2000 --delay 5ms --loss 2% --seed 8
check "another seed hits others" holds other 'verdicts(dir) !== verdicts(dir + "/../loss")'
check "lab same sees that, too" eval '"$lab" same "$dir/loss/out/decisions.csv" "$dir/other/out/decisions.csv"; [ $? -eq 1 ]'
check "lab same of what is no log is exit 3" eval '"$lab" same /dev/null /no/such 2>"$dir/e"; [ $? -eq 3 ] && grep -q /no/such "$dir/e"'

# The link's time begins before the far side's, on a busy machine much before.
for at in 700 3000 10000; do
        run dark $((at + 800)) --delay 5ms --blackout-at ${at}ms --blackout-for 300ms
        darkness="const dark = decisions(dir).filter(c => c[0] >= ${at}e6 && c[0] < ${at}e6 + 3e8)"
        holds dark "$darkness; dark.length > 100" >/dev/null && break
done
check "a blackout takes all of its time and nothing else" \
        holds dark "$darkness"'
                dark.length > 100 && dark.every(c => c[7] === "blackout") &&
                count("up", "blackout") + count("down", "blackout") === dark.length &&
                ping.seqs.length === ping.sent - dark.length'

for _ in 1 2 3 4 5; do
        TO=10.78.0.1 MS=5 run clean 100 --delay 25ms --loss 100%
        holds clean 'ping.rtt_ms.min < 2' >/dev/null && break
done
check "the clean path knows neither delay nor loss" \
        holds clean 'ping.seqs.length === 100 && ping.rtt_ms.min < 10 && link.decisions === 0'

# TCP: 2 MB through loss, and whole.
cat >"$dir/tcp.js" <<'EOF'
const net = require('net'), crypto = require('crypto')
const data = crypto.createHash('sha256').update('x').digest('hex').repeat(32768)
const hash = text => crypto.createHash('sha256').update(text).digest('hex')
if (process.argv[2] === 'serve') net.createServer(s => s.on('error', () => {}).end(data)).listen(3000, () => console.log('listening'))
else {
  const got = []
  net.connect({ host: '10.77.0.1', port: 3000, localPort: 20100 }).on('data', d => got.push(d))
    .on('close', () => process.exit(hash(Buffer.concat(got)) === hash(data) ? 0 : 1))
}
EOF
tcp() {
        "$lab" link --delay 5ms --loss 1% --flow tcp=20100 --out "$dir/tcp" --near "'$node' '$dir/tcp.js' serve" \
                -- "$node" "$dir/tcp.js" >"$dir/tcp.err" 2>&1 || { cat "$dir/tcp.err"; return 1; }
        grep -q '"flow": "tcp", "number": 0, "class": "tcp", "verdict": "lost"' "$dir/tcp/link.json" || { cat "$dir/tcp/link.json"; return 1; }
}
check "TCP comes whole through a lossy path" tcp

check "the far program's exit code is ours" eval '"$lab" link -- sh -c "exit 7" 2>/dev/null; [ $? -eq 7 ]'
check "a program that is not there is exit 3" eval '"$lab" link -- /no/such 2>"$dir/e"; [ $? -eq 3 ] && grep -q "cannot run /no/such: No such file" "$dir/e"'
check "a near program that says nothing and ends is exit 3" eval '"$lab" link --near true -- true 2>"$dir/e"; [ $? -eq 3 ]'
for wrong in '--delay 25' '--loss 2' '--loss 101%' '--flow a' '--flow a=2-1' '--flow a=0' '--flow a=70000' '--seed x' ''; do
        # shellcheck disable=SC2086 # words
        check "wrong usage: '$wrong'" eval '"$lab" link $wrong ${wrong:+-- true} >/dev/null 2>"$dir/e"; [ $? -eq 2 ] && [ -s "$dir/e" ]'
done

# All processes below $1, and itself.
tree() {
        local child
        for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do tree "$child"; done
        echo "$1"
}
# Starts a run of two sleepers in a process group of its own, ends it by signal $2 to the process ("-" in
# front: to the group), and looks for what is left of it.
leaves_nothing() {
        local signal=$1 to=$2 devices pid pids spaces left names
        devices=$(cat /proc/net/dev | wc -l) names=$(find /run/netns -type f 2>/dev/null)
        setsid "$lab" link --delay 25ms --near "sh -c 'echo up; exec sleep 100'" -- sleep 100 >"$dir/e" 2>&1 &
        pid=$!
        for _ in $(seq 400); do
                pids=$(tree $pid)
                spaces=$(for p in $pids; do readlink "/proc/$p/ns/net"; done | sort -u | grep -vF "$(readlink /proc/$$/ns/net)")
                [ "$(echo "$pids" | wc -l)" -ge 4 ] && [ "$(echo "$spaces" | wc -l)" -ge 2 ] && break
                sleep 0.05
        done
        [ "$(echo "$pids" | wc -l)" -eq 4 ] || { echo "# not four processes: $pids"; return 1; }
        [ "$(echo "$spaces" | wc -l)" -eq 2 ] || { echo "# not two namespaces: $spaces"; return 1; }
        kill "-$signal" -- "$to$pid"
        wait $pid 2>/dev/null
        for _ in $(seq 400); do # the kernel takes namespaces down in its own time
                left=$(for p in $pids; do kill -0 "$p" 2>/dev/null && echo "process $p"; done
                        for s in $spaces; do readlink /proc/[0-9]*/ns/net 2>/dev/null | grep -F "$s"; done
                        find /run/netns -type f 2>/dev/null | grep -vxF "$names")
                [ -z "$left" ] && [ "$(cat /proc/net/dev | wc -l)" -eq "$devices" ] && return 0
                sleep 0.05
        done
        echo "# left: $left"
        return 1
}
check "Ctrl-C leaves nothing behind" leaves_nothing INT -
check "kill leaves nothing behind" leaves_nothing TERM ""
check "kill -9 leaves nothing behind" leaves_nothing KILL ""

# As an ordinary user: either it works, or one line says why not.
if [ "$(id -u)" -eq 0 ]; then
        nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
        cp "$lab" "$dir/lab"
        as_nobody() {
                "${nobody[@]}" "$dir/lab" link -- true 2>"$dir/e"
                case $? in
                0) grep -q 'link: up' "$dir/e" ;;
                3) [ "$(wc -l <"$dir/e")" -eq 1 ] && grep -q '^link: namespaces are not allowed here: cannot .*(.*)$' "$dir/e" ;;
                *) false ;;
                esac || { cat "$dir/e"; return 1; }
        }
        check "an ordinary user gets it, or one line that says why not" as_nobody
        # A /dev/net/tun that everybody may open, in a mount namespace of its own.
        cat >"$dir/open_tun" <<'EOF'
mknod "$1/tun" c 10 200 && chmod 666 "$1/tun" && mount --bind "$1/tun" /dev/net/tun || exit 77
shift
exec "$@"
EOF
        open_tun() {
                unshare -m sh "$dir/open_tun" "$dir" "${nobody[@]}" "$dir/lab" link --delay 10ms --near "'$node' '$probe' serve 3001 '$dir/came'" \
                        -- "$node" "$probe" ping 10.77.0.1 3001 20002 50 1 >"$dir/ping.json" 2>"$dir/e"
                [ $? -eq 77 ] && return 0
                "$node" -e 'const p = JSON.parse(require("fs").readFileSync(process.argv[1])); process.exit(p.seqs.length === 50 && p.rtt_ms.min >= 20 ? 0 : 1)' \
                        "$dir/ping.json" || { cat "$dir/e" "$dir/ping.json"; return 1; }
        }
        if unshare -U true 2>/dev/null && "${nobody[@]}" "$node" --version >/dev/null 2>&1 && "${nobody[@]}" test -r "$probe"; then
                check "an ordinary user who may open /dev/net/tun gets it in a user namespace" open_tun
        fi
fi

check "the doctor agrees" eval '"$lab" doctor >"$dir/e" && grep -q "^yes  emulated path " "$dir/e"'
exit $failed
