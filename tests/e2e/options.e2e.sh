#!/usr/bin/env bash
# Command lines. Wrong usage of every option of every program is one clear line that names the option
# and the cure, and exit 2; what the machine lacks is one clear line and exit 3. The options come from
# each program's own --help, and what is wrong for each from the kind of argument that it names there:
# an option of a new kind fails here until it has its row.
set -u
cd "$(dirname "$0")"
bin=${TWINCAST_BIN:-../../bin}
case $bin in /*) ;; *) [ -d "$bin" ] || bin=../../$bin ;; esac
bin=$(readlink -f "$bin")
dir=$(mktemp -d)
chmod 755 "$dir"
started=
trap 'for p in $started; do kill "$p" 2>/dev/null; done; rm -rf "$dir"' EXIT
cd "$dir"
failed=0
long=$(printf 'x%.0s' $(seq 300))

# expect NAME CODE WORDS COMMAND...: that exit code, nothing on stdout, one line on stderr with these
# words (an extended regular expression)
expect() {
        local name=$1 code=$2 words=$3 got
        shift 3
        timeout 60 "$@" </dev/null >out 2>err
        got=$?
        if [ $got -eq "$code" ] && [ ! -s out ] && [ "$(wc -l <err)" -eq 1 ] && grep -qE -- "$words" err; then
                echo "[       OK ] $name"
        else
                echo "[  FAILED  ] $name"
                echo "# $*: exit $got, expected $code and one line with: $words"
                head -5 out err
                failed=1
        fi
}

# says NAME WORDS COMMAND...: exit 0, nothing on stderr, these words on stdout
says() {
        local name=$1 words=$2
        shift 2
        if timeout 60 "$@" </dev/null >out 2>err && [ ! -s err ] && grep -qE -- "$words" out; then
                echo "[       OK ] $name"
        else
                echo "[  FAILED  ] $name"
                head -5 out err
                failed=1
        fi
}

# What is wrong for a kind of argument, one a line: value, tab, exit code, tab, the cure in the line.
# A kind without wrong values has the row "-".
wrong() {
        local t=$'\t'
        case $1 in
        SPAN) printf '%s\n' "25${t}2${t}a unit is required, as in" "x${t}2${t}write it as in" "-1s${t}2${t}write it as in" \
                "99999999999s${t}2${t}must lie between" "${t}2${t}write it as in" ;;
        SIZE) printf '%s\n' "64${t}2${t}a unit is required, as in" "x${t}2${t}write it as in" "-1b${t}2${t}write it as in" \
                "99999999999gib${t}2${t}must lie between" "${t}2${t}write it as in" ;;
        RATE) printf '%s\n' "200${t}2${t}a unit is required, as in" "x/s${t}2${t}write it as in" "-1/s${t}2${t}write it as in" \
                "0/s${t}2${t}must be above 0" ;;
        BITRATE) printf '%s\n' "10${t}2${t}a unit is required, as in" "x${t}2${t}write it as in" "-1mbit${t}2${t}write it as in" \
                "1kbit${t}2${t}must lie between" "9999gbit${t}2${t}must lie between" ;;
        SHARE) printf '%s\n' "2${t}2${t}a unit is required, as in" "x%${t}2${t}write it as in" "-1%${t}2${t}write it as in" \
                "101%${t}2${t}must lie between" "nosuch:2%${t}2${t}write it as in" ;;
        N | W) printf '%s\n' "x${t}2${t}write it as in" "1.5${t}2${t}write it as in" "-1${t}2${t}write it as in" "${t}2${t}write it as in" \
                "99999999999999999999999${t}2${t}must lie between" ;;
        ADDRESS) printf '%s\n' "x${t}2${t}write it as in" "127.0.0.1${t}2${t}write it as in" "127.0.0.1:x${t}2${t}write it as in" \
                "127.0.0.1:70000${t}2${t}write it as in" "127.0.0.1:${t}2${t}write it as in" "${t}2${t}write it as in" ;;
        GROUP:PORT) printf '%s\n' "x${t}2${t}write it as in" "127.0.0.1:5007${t}2${t}as in 232" "[ff02::1]:5007${t}2${t}as in 232" "${t}2${t}write it as in" ;;
        IPV4) printf '%s\n' "x${t}2${t}write it as in" "1.2.3.4.5${t}2${t}write it as in" "${t}2${t}write it as in" ;;
        *'|'* | MODE | WHICH) printf '%s\n' "maybe${t}2${t}must be one of" "${t}2${t}must be one of" ;;
        LIST) printf '%s\n' "maybe${t}2${t}there are tcp, " "tcp,tcp${t}2${t}each once" "${t}2${t}name one or more" ;;
        PATH) printf '%s\n' "x${t}2${t}as in /" "/x${t}2${t}as in /" "${t}2${t}as in /" ;;
        NAME=FIRST-LAST) for v in a a=2-1 a=0 a=70000 =5 a=1-2x ''; do echo "$v${t}2${t}write it as in"; done ;;
        NSP) for v in '' x / 'a b' '/a,b' '/a?b' '/a b'; do echo "$v${t}2${t}as in /news"; done ;;
        ORIGIN) printf '%s\n' "${t}2${t}as in https" "example.org${t}2${t}as in https" "https://a/${t}2${t}as in https" "a b${t}2${t}as in https" $'a\r'"${t}2${t}as in https" ;;
        NAME) printf '%s\n' "$long${t}2${t}1 to 64 bytes" "${t}2${t}1 to 64 bytes" ;;
        ROOM) printf '%s\n' "$long${t}2${t}1 to 255 bytes" "${t}2${t}1 to 255 bytes" ;;
        ALGORITHM) printf '%s\n' "nosuch${t}3${t}not known to this kernel" "${t}3${t}not known to this kernel" ;;
        FILE) printf '%s\n' "/no/such${t}3${t}No such file" "${t}3${t}No such file" "/dev/null/x${t}3${t}Not a directory" ;;
        DIR) echo "/dev/null/x${t}3${t}Not a directory" ;;
        COMMAND) echo - ;;
        *) echo "?${t}0${t}?" ;;
        esac
}

# --option or --option=KIND, one a line
options_of() {
        "$@" --help | grep -oE '^(      |  -., )--[a-z-]+(=[^ ]+)?' | grep -oE -- '--.*'
}

check_option() {
        local program=$1 option=$2 kind=$3 value code cure
        shift 3
        if [ -z "$kind" ]; then
                expect "$program $option=x" 2 "$option.*--help" "$@" "$option=x" "${rest[@]}"
                return
        fi
        expect "$program $option without its argument" 2 "$option.*requires an argument.*--help" "$@" "$option"
        while IFS= read -r row; do
                [ "$row" = - ] && continue
                value=${row%%$'\t'*} code=${row#*$'\t'} cure=${code#*$'\t'} code=${code%%$'\t'*}
                expect "$program $option='${value:0:30}'" "$code" "^$program: $option.*$cure" "$@" "$option=$value" "${rest[@]}"
        done < <(wrong "$kind")
}

for program in tcp_server udp_server client 'bench run' 'bench speed' 'lab serve' 'lab link' 'lab run compare' 'lab doctor' 'lab same' 'lab list'; do
        read -ra words <<<"$program"
        words[0]=$bin/${words[0]}
        case $program in
        client) rest=(ws://127.0.0.1:1) ;;
        'lab link') rest=(-- true) ;;
        'lab same') rest=(a b) ;;
        *) rest=() ;;
        esac
        says "$program --help" "^Usage: $program " "${words[@]}" --help
        says "$program --version" '^Twincast ' "${words[@]}" --version
        says "$program --usage" "^Usage: $program " "${words[@]}" --usage
        expect "$program --nosuch" 2 "^$program: unrecognized option '--nosuch'; --help" "${words[@]}" --nosuch "${rest[@]}"
        expect "$program -Z" 2 "^$program: invalid option -- 'Z'; --help" "${words[@]}" -Z "${rest[@]}"
        [ "$program" = 'lab link' ] || expect "$program, a stray word" 2 "^$program: stray: " "${words[@]}" "${rest[@]}" stray
        while IFS= read -r option; do
                name=${option%%=*}
                kind=${option#"$name"}
                kind=${kind#=}
                [ "$name" = --congestion ] && kind=ALGORITHM
                check_option "$program" "$name" "${kind/#TIME/SPAN}" "${words[@]}"
        done < <(options_of "${words[@]}")
done

for program in bench lab 'lab run'; do
        read -ra words <<<"$program"
        words[0]=$bin/${words[0]}
        says "$program --help" "^Usage: $program COMMAND" "${words[@]}" --help
        says "$program --version" '^Twincast ' "${words[@]}" --version
        expect "$program, no command" 2 "^$program: a command is missing; \`$program --help\`" "${words[@]}"
        expect "$program, no such command" 2 "^$program: there is no command 'stray'; \`$program --help\`" "${words[@]}" stray
        expect "$program --nosuch" 2 "^$program: there is no command '--nosuch'" "${words[@]}" --nosuch
done

expect "an option that may be several" 2 "'--log' is ambiguous; .*'--log-age'.*--help" "$bin/tcp_server" --log 5
expect "client without a URL" 2 'A URL is missing, as in ws://' "$bin/client"
expect "client with another scheme" 2 'begins with ws:// or udp://' "$bin/client" http://127.0.0.1:1
expect "client without a port" 2 'the port is missing' "$bin/client" ws://127.0.0.1
expect "client with a mode for TCP" 2 '--mode: only udp:// has modes' "$bin/client" --mode raw ws://127.0.0.1:1
expect "lab link without a command" 2 'A COMMAND is missing, as in' "$bin/lab" link
expect "lab same with one log" 2 'two decision logs are wanted' "$bin/lab" same a
expect "a blackout without an end" 2 '--blackout-at: .*--blackout-for 2s' "$bin/lab" run compare --blackout-at 5s
expect "a queue without a line" 2 '--queue: .*--bandwidth 10mbit' "$bin/lab" link --queue 64kb -- true
expect "sizes that no path has" 2 '--size 64kib: must lie between 16b and 65000b' "$bin/bench" run --size 64kib

# ---- what the machine lacks ----

# start NAME PROGRAM...: its process, and the address of its ready line, are left in $pid and $at
start() {
        local name=$1
        shift
        "$@" >"$name.ready" 2>/dev/null &
        pid=$!
        started="$started $pid"
        for _ in $(seq 600); do
                at=$(sed -n 's/^listening [a-z]* //p' "$name.ready" | head -1)
                [ -n "$at" ] && return
                sleep 0.05
        done
        echo "# $* is not ready"
}
start tcp "$bin/tcp_server" --listen 127.0.0.1:0
tcp=$at
start udp "$bin/udp_server" --listen 127.0.0.1:0
udp=$at
expect "tcp_server, a busy port" 3 "^tcp_server: .*$tcp: Address already in use" "$bin/tcp_server" --listen "$tcp"
expect "udp_server, a busy port" 3 "^udp_server: .*$udp: Address already in use" "$bin/udp_server" --listen "$udp"
expect "lab serve, a busy TCP port" 3 "^lab serve: .*tcp $tcp: Address already in use" "$bin/lab" serve --tcp "$tcp" --udp 127.0.0.1:0
expect "lab serve, a busy UDP port" 3 "^lab serve: .*udp $udp: Address already in use" "$bin/lab" serve --tcp 127.0.0.1:0 --udp "$udp"
for program in "tcp_server --listen" "udp_server --listen" "lab serve --tcp" "lab serve --udp" "bench run --publish" "bench idle --tcp"; do
        # shellcheck disable=SC2086
        expect "$program, no address" 2 "^${program% *}: --${program#*--} tea: not an address; write it as in 127.0.0.1:3000" "$bin"/$program tea
done
expect "bench run, a port that is none" 2 "^bench run: --udp 127.0.0.1:0: port 0 is nobody's" "$bin/bench" run --udp 127.0.0.1:0
expect "an address of another machine" 3 '192.0.2.1:3000: Cannot assign requested address' "$bin/tcp_server" --listen 192.0.2.1:3000
expect "client, nobody there on TCP" 3 '^client: cannot reach 127.0.0.1:1: Connection refused; `bin/tcp_server --listen 127.0.0.1:1`' "$bin/client" ws://127.0.0.1:1
expect "client, nobody there on UDP" 3 '^client: cannot reach 127.0.0.1:1: Connection refused; `bin/udp_server --listen 127.0.0.1:1`' "$bin/client" udp://127.0.0.1:1
joining=(bash -c '"$@" 2>&1 | grep -v "^joining$" >&2; exit "${PIPESTATUS[0]}"' -) # is said meanwhile
expect "bench run, nobody there" 3 '^bench run: nothing answers at tcp 127.0.0.1:1 .Connection refused.; `bin/lab serve --tcp 127.0.0.1:1 --udp 127.0.0.1:1`' "${joining[@]}" "$bin/bench" run --tcp 127.0.0.1:1 --udp 127.0.0.1:1
expect "bench run, nobody there on UDP" 3 '^bench run: nothing answers at udp 127.0.0.1:1 .Connection refused.' "${joining[@]}" "$bin/bench" run --tcp "$tcp" --udp 127.0.0.1:1
"$bin/bench" run --tcp "$tcp" --udp "$udp" >/dev/null 2>stopped &
pid=$!
started="$started $pid"
for _ in $(seq 600); do # until it catches SIGINT
        [ $((0x$(awk '/^SigCgt/ { print $2 }' "/proc/$pid/status") & 2)) -ne 0 ] && break
        sleep 0.05
done
kill -INT "$pid"
wait "$pid"
expect "bench run, interrupted" 130 '^bench run: stopped' sh -c 'tail -n 1 stopped >&2; exit "$1"' - $?
expect "a plan that is no capture" 3 '--plan.*key' sh -c 'echo hello, this is no capture >key; exec "$@"' - "$bin/bench" run --plan key
expect "a key that is too short" 3 '--key-file key: too short for a key' "$bin/udp_server" --listen 127.0.0.1:0 --key-file key
expect "a namespace twice" 3 'cannot start the service: exists already' "$bin/tcp_server" --listen 127.0.0.1:0 --namespace /a --namespace /a
expect "a namespace that the application has" 3 'exists already' "$bin/tcp_server" --listen 127.0.0.1:0 --app echo --namespace /custom
expect "more namespaces than there may be" 2 '--namespace /x: .*15 are enough' "$bin/tcp_server" --namespace=/{a,b,c,d,e,f,g,h,i,j,k,l,m,n,o} --namespace=/x
expect "two ways to say whose pages may connect" 2 '--cors and --origin: one is enough' "$bin/tcp_server" --cors '*' --origin https://a
expect "more origins than there may be" 2 '--origin https://x: .*16 are enough' "$bin/tcp_server" --origin=https://{a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p} --origin=https://x
expect "a token that is none" 3 '--auth-token-file empty: must hold one line' sh -c 'echo >empty; exec "$@"' - "$bin/tcp_server" --listen 127.0.0.1:0 --auth-token-file empty
expect "a token that is too long" 3 '--auth-token-file long: must hold one line of 1 to 256' \
        sh -c 'printf %0300d 7 >long; exec "$@"' - "$bin/udp_server" --listen 127.0.0.1:0 --auth-token-file long
expect "logs that are none" 3 'not two decision logs' "$bin/lab" same key key
expect "a log that is not there" 3 '/no/such: No such file' "$bin/lab" same /no/such key

if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null; then
        nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
        cp "$bin"/{tcp_server,udp_server,bench,lab} .
        echo secret >closed
        chmod 600 closed
        mkdir mine
        lowest=$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)
        if [ "$lowest" -gt 999 ]; then
                expect "an ordinary user, TCP port 999" 3 '127.0.0.1:999: Permission denied' "${nobody[@]}" ./tcp_server --listen 127.0.0.1:999
                expect "an ordinary user, UDP port 999" 3 '127.0.0.1:999: Permission denied' "${nobody[@]}" ./udp_server --listen 127.0.0.1:999
                expect "an ordinary user, lab serve on port 999" 3 '127.0.0.1:999: Permission denied' \
                        "${nobody[@]}" ./lab serve --tcp 127.0.0.1:999 --udp 127.0.0.1:0
        fi
        expect "a plan that may not be read" 3 '--plan.*closed: Permission denied' "${nobody[@]}" ./bench run --plan closed
        expect "a key that may not be read" 3 '--key-file closed: Permission denied' "${nobody[@]}" ./udp_server --listen 127.0.0.1:0 --key-file closed
        expect "a folder that may not be written" 3 '--out mine/x: Permission denied' "${nobody[@]}" ./bench run --out mine/x
        expect "a folder of the link's that may not be written" 3 '--out mine/x: Permission denied' "${nobody[@]}" ./lab link --out mine/x -- true
        expect "a key that may not be made" 3 '--key-file mine/key: Permission denied' "${nobody[@]}" ./udp_server --listen 127.0.0.1:0 --key-file mine/key
fi
exit $failed
