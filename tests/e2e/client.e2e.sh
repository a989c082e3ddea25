#!/usr/bin/env bash
# bin/client as people and programs use it: pipes, files, JSON, a screen, and servers that go and
# come back. Each story once a path.
set -u
bin=$(readlink -f "${TWINCAST_BIN:-$(dirname "$0")/../../bin}")
dir=$(mktemp -d)
failed=0

ok() { echo "[       OK ] client: $1"; }
no() { echo "[  FAILED  ] client: $1"; failed=1; }
# check NAME CONDITION...: the condition is a command; what it printed is shown if it fails
check() {
        local name=$1
        shift
        if "$@" >"$dir/said" 2>&1; then ok "$name"; else no "$name" && sed 's/^/# /' "$dir/said"; fi
}
end() {
        local pids
        pids=$(jobs -p)
        # shellcheck disable=SC2086 # a list of numbers
        [ -z "$pids" ] || kill -9 $pids
        wait 2>/dev/null
        rm -rf "$dir"
}
trap end EXIT

# until_lines N FILE PATTERN: waits for N matching lines, at most 30 s, so as not to hang
until_lines() {
        for _ in $(seq 600); do
                [ "$(grep -c -e "$3" "$2" 2>/dev/null)" -ge "$1" ] 2>/dev/null && return 0
                sleep 0.05
        done
        echo "not $1 times $3 in:" && cat "$2"
        return 1
}
until_line() { until_lines 1 "$@"; }
serve() { # TCP-ADDRESS UDP-ADDRESS: sets server (its pid), ws and udp
        rm -f "$dir/serve"
        "$bin/lab" serve --tcp "$1" --udp "$2" >"$dir/serve" 2>"$dir/serve.err" &
        server=$!
        until_line "$dir/serve" "listening tcp" && until_line "$dir/serve" "listening udp" || exit 1
        ws=ws://$(awk '$2 == "tcp" { print $3 }' "$dir/serve")
        udp=udp://$(awk '$2 == "udp" { print $3 }' "$dir/serve")
}
# open NAME ARGS...: a client that stays, heard in $dir/NAME, spoken to with `tell NAME LINE`
declare -A mouth pid
open() {
        local name=$1
        shift
        mkfifo "$dir/$name.in"
        "$bin/client" "$@" <"$dir/$name.in" >"$dir/$name" 2>"$dir/$name.err" &
        pid[$name]=$!
        exec {mouth[$name]}>"$dir/$name.in"
}
tell() { printf '%s\n' "$2" >&"${mouth[$1]}"; }
shut() { # NAME: end of input; the client's exit code
        local fd=${mouth[$1]}
        exec {fd}>&-
        wait "${pid[$1]}"
}
same() { [ "$1" = "$2" ] || { printf 'is: %s\nnot: %s\n' "$1" "$2"; false; }; }
# ends CODE ARGS...: a client with no input ends so, having said one line of error
ends() {
        local code=$1
        shift
        "$bin/client" "$@" </dev/null >"$dir/out" 2>"$dir/err"
        same $? "$code" && same "$(wc -l <"$dir/err")" 1 && [ ! -s "$dir/out" ] || { cat "$dir/err" "$dir/out"; false; }
}
silent_json() { # OUT ERR: OUT is lines of JSON and ERR is empty
        [ ! -s "$2" ] && node -e 'require("fs").readFileSync(process.argv[1], "utf8").trim().split("\n").forEach(l => JSON.parse(l))' "$1"
}

check "--help names every option and command" sh -c \
        '"$0" --help >"$1" && for w in --room --name --mode --json /join /leave /name /who /help /quit; do grep -q -e "$w" "$1" || exit 1; done' \
        "$bin/client" "$dir/help"
check "--version and --usage answer" sh -c '"$0" --version && "$0" --usage' "$bin/client"
for wrong in "" "h:1" "ws://h" "ws://h:0" "udp://h:1/x/" "ws://h:1 ws://h:1" "ws://h:1 --mode raw" "udp://h:1 --mode fast" \
        "ws://h:1 --bogus" "ws://h:1 --name" "ws://h:1 --room="; do
        # shellcheck disable=SC2086 # words
        check "wrong: '$wrong' is one line and exit 2" ends 2 $wrong
done

serve 127.0.0.1:0 127.0.0.1:0
check "nobody at that name is one line and exit 3" ends 3 ws://nosuchhost.invalid:1
check "another kind of server is one line and exit 3" ends 3 "$ws/elsewhere/"

for path in ws udp; do
        url=${!path} other=$([ $path = ws ] && echo "$udp" || echo "$ws")
        check "$path: nobody there is one line and exit 3" ends 3 "$path://127.0.0.1:1"
        open "ear_$path" "$other" --room "tea $path" --name Ear
        until_line "$dir/ear_$path.err" "you are in"

        printf 'one\n\ntwo\r\n//three\n/name Bo\nfour' | "$bin/client" "$url" --room "tea $path" --name Ann >"$dir/out" 2>"$dir/err"
        check "$path: a pipe's lines are messages, and the end of input leaves with exit 0" same $? 0
        until_line "$dir/ear_$path" " left" >/dev/null
        check "$path: they are heard on the other path, in order, with names" same "$(cat "$dir/ear_$path")" \
                "$(printf '[tea %s] %s\n' $path "Ann joined" $path "Ann: one" $path "Ann: two" $path "Ann: /three" $path "Bo: four" $path "Bo left")"

        printf '/who\n' >"$dir/file"
        "$bin/client" "$url" --room "tea $path" --name Cy <"$dir/file" >"$dir/out" 2>"$dir/err"
        check "$path: a regular file is read too" same "$? $(cat "$dir/out")" "0 in tea $path: Ear, Cy"

        printf '["to",[],"x"]\n' | "$bin/client" "$url" --json >"$dir/out"
        check "$path: a refusal is exit 1" same "$? $(grep -c '"status":"refused"' "$dir/out")" "1 1"
        printf '["news",{"x":1.5}]\nno json\n["who","tea %s"]\n' $path | "$bin/client" "$url" --json >"$dir/out" 2>"$dir/err"
        check "$path: --json refuses what is no event, and goes on" \
                same "$? $(grep -c '"type":"error"' "$dir/out") $(grep -c '"status":"ok"' "$dir/out")" "1 1 2"
        check "$path: --json prints nothing but JSON" silent_json "$dir/out" "$dir/err"
        check "$path: any event is heard by all" until_line "$dir/ear_$path" '^news {"x":1.5}$'

        printf 'a\033[2Jb\n' | "$bin/client" "$url" --room "tea $path" >/dev/null 2>&1
        check "$path: escape sequences are shown, not obeyed" until_line "$dir/ear_$path" 'a\\x1b\[2Jb'
        printf 'caf\351\n' | "$bin/client" "$url" >"$dir/out" 2>"$dir/err"
        check "$path: what is not UTF-8 is not sent, and exit 1" same "$? $(tail -n 1 "$dir/err")" "1 client: not sent: this is not UTF-8"
        head -c 2000000 /dev/zero | tr '\0' x | "$bin/client" "$url" >"$dir/out" 2>"$dir/err"
        check "$path: a line too long is refused, and exit 1" same "$? $(tail -n 1 "$dir/err")" "1 client: not sent: larger than the limit"

        head -c 60000 /dev/zero | tr '\0' x | "$bin/client" "$url" --room "tea $path" --name Big >/dev/null 2>&1
        check "$path: a message of 60,000 bytes is answered" same $? 0
        until_line "$dir/ear_$path" "Big left" >/dev/null
        check "$path: and heard whole on the other path" same "$(sed -n 's/.*Big: //p' "$dir/ear_$path" | tr -d 'x' | wc -c) \
$(sed -n 's/.*Big: //p' "$dir/ear_$path" | tr -cd 'x' | wc -c)" "1 60000"

        seq 5000 | "$bin/client" "$url" --room "tea $path" --name Many >/dev/null 2>&1
        check "$path: 5,000 lines at once are all answered" same $? 0
        until_line "$dir/ear_$path" "Many: 5000$" >/dev/null
        check "$path: and all heard, once and in order" same "$(sed -n 's/.*Many: //p' "$dir/ear_$path" | md5sum)" "$(seq 5000 | md5sum)"

        open "term_$path" "$url" --room "tea $path" --name Term
        until_line "$dir/term_$path.err" "you are in" >/dev/null
        kill -TERM "${pid[term_$path]}"
        wait "${pid[term_$path]}"
        check "$path: SIGTERM says goodbye and ends with 0" same $? 0
        check "$path: and the others hear of it" until_line "$dir/ear_$path" "Term left"
        shut "ear_$path"
        check "$path: a listener that heard all ends with 0" same $? 0
done

# A server that takes 500 events a second: what is over that waits, on either path, and nothing overtakes it.
for path in ws udp; do
        program=udp_server
        [ "$path" = ws ] && program=tcp_server
        "$bin/$program" --listen 127.0.0.1:0 --event-rate 500/s --event-burst 20 >"$dir/slow_$path" 2>"$dir/slow_$path.err" &
        until_line "$dir/slow_$path" "listening" >/dev/null
        url=$path://$(awk '{ print $3 }' "$dir/slow_$path")
        open "slow_ear_$path" "$url" --room tea
        until_line "$dir/slow_ear_$path.err" "you are in" >/dev/null
        seq 1000 | "$bin/client" "$url" --room tea --name Hasty >/dev/null 2>&1
        check "$path: 1,000 lines at twice the rate are all answered" same $? 0
        until_line "$dir/slow_ear_$path" "Hasty: 1000$" >/dev/null
        check "$path: and heard in the order in which they were said" same "$(sed -n 's/.*Hasty: //p' "$dir/slow_ear_$path" | md5sum)" "$(seq 1000 | md5sum)"
done

# The screen: `script` gives the client a terminal. A half-typed line must come back whole after
# what came in meanwhile.
if command -v script >/dev/null; then
        mkfifo "$dir/keys"
        TERM=xterm script -qfec "'$bin/client' $ws --room tea --name Ann" "$dir/screen" <"$dir/keys" >/dev/null 2>&1 &
        screen=$!
        exec {keys}>"$dir/keys"
        until_line "$dir/screen" "you are in tea" >/dev/null
        printf 'half a li' >&"$keys"
        until_line "$dir/screen" "half a li" >/dev/null
        echo "good news" | "$bin/client" "$udp" --room tea --name Bob >/dev/null 2>&1
        check "screen: what comes in is printed above" until_line "$dir/screen" "\[tea\] Bob: good news"
        check "screen: and the half-typed line stands again behind it" sh -c \
                'for _ in $(seq 600); do
                        sed -n "/Bob left/,\$p" "$0" | tail -n +2 | grep -q "tea> half a li" && exit; sleep 0.05
                 done; cat "$0"; exit 1' "$dir/screen"
        printf 'ne\n' >&"$keys"
        check "screen: the whole line is said" until_line "$dir/screen" "\[tea\] Ann: half a line"
        printf '/quit\n' >&"$keys"
        wait "$screen"
        check "screen: /quit ends with 0" same $? 0
        exec {keys}>&-
fi

# A server that dies without a word, and comes back with another log.
open gone_ws "$ws" --room tea --name Gone
open gone_udp "$udp" --room tea --name Lost --json
open gone_words "$udp" --room tea --name Own
until_line "$dir/gone_ws.err" "you are in" >/dev/null
until_line "$dir/gone_udp" '"type":"joined"' >/dev/null
until_line "$dir/gone_words.err" "you are in" >/dev/null
tell gone_ws "before"
until_line "$dir/gone_udp" "before" >/dev/null
kill -9 "$server"
wait "$server" 2>/dev/null
tell gone_udp '["chat message","into the dark"]' # the kernel's refusals are how UDP finds out
tell gone_words "into the dark, too"
check "ws: a lost connection is told" until_line "$dir/gone_ws.err" "connection lost"
check "udp: a lost connection is told" until_line "$dir/gone_udp" '"type":"down"'
serve "${ws#ws://}" "${udp#udp://}"
check "ws: the client comes back by itself" until_line "$dir/gone_ws.err" "connected again"
check "udp: the client comes back by itself" until_lines 2 "$dir/gone_udp" '"type":"up"'
check "udp: the log that is gone is told as a gap" until_line "$dir/gone_udp" '"type":"gap","room":"tea"'
check "udp: and to a person in words, of the room that was his, too" until_line "$dir/gone_words" \
        '^gap in what was for you alone: .* is lost to you (the server was started anew)$'
tell gone_ws "again in the room"
check "both are in their room again" until_line "$dir/gone_udp" "again in the room"

# Nobody is there to say goodbye to: they go all the same.
kill "${pid[gone_words]}" # the server has its mouth open, too
wait "${pid[gone_words]}"
kill -STOP "$server"
for path in ws udp; do
        kill -INT "${pid[gone_$path]}"
        check "$path: an interrupt ends it, though the server says nothing" timeout 5 tail --pid="${pid[gone_$path]}" -f /dev/null
done
kill -CONT "$server"

exit $failed
