# layers: who may include whom. Fed with all C files; prints each break and exits 1 on any.
#
#   tests > lab > bench > client, tcp_server, udp_server > core/service > core/chat, core/wire, core/loop
#         > core/event > core/base
#
# Modules on one floor are strangers, except inside a folder; bench and lab may use the loop's
# programs below them. Edges, the files that may touch descriptors, are listed below.

BEGIN {
        allow["core/base"] = "core/base"
        allow["core/event"] = "core/base core/event"
        allow["core/chat"] = "core/base core/event core/chat"
        allow["core/wire"] = "core/base core/event core/wire"
        allow["core/loop"] = "core/base core/loop"
        allow["core/service"] = "core/base core/event core/chat core/loop core/service"
        all = "core/base core/event core/chat core/wire core/loop core/service"
        allow["client"] = all " client"
        allow["tcp_server"] = all " tcp_server"
        allow["udp_server"] = all " udp_server"
        allow["bench"] = all " client bench"
        allow["lab"] = all " client tcp_server udp_server bench lab"
        edge["tcp_server"] = "main tcp_server tcp_server_inside tcp_conn tcp_turn tcp_request tcp_polled"
        edge["udp_server"] = "main udp_server"
        edge["client"] = "main client_io group_io client terminal"
        edge["bench"] = "main run run_main crowd speed speed_child audience audience_tcp audience_udp bare idle idlers"
        edge["lab"] = "main serve netdev netns wire_tun wire_packet doctor link_run link_main servers urgent compare"
}

function complain(words) {
        printf "%s:%d: %s\n", FILENAME, FNR, words
        broken = 1
}

FNR == 1 {
        module = FILENAME
        sub(/\/[^\/]*$/, "", module)
        if (module ~ /^(tests|lab|bench|client|tcp_server|udp_server)\//)
                sub(/\/.*/, "", module)
        name = FILENAME
        sub(/.*\//, "", name)
        sub(/[.][ch]$/, "", name)
        is_edge = module == "core/loop" || index(" " edge[module] " ", " " name " ") > 0
        test = FILENAME ~ /^tests\//
}

test { next }

/^#include "/ {
        split($0, part, "\"")
        from = part[2]
        sub(/\/[^\/]*$/, "", from)
        if (from ~ /^(lab|bench|client|tcp_server|udp_server)\//)
                sub(/\/.*/, "", from)
        if (index(" " allow[module] " ", " " from " ") == 0)
                complain(module " may not include " from)
}

/^#include <event2[/]/ && module != "core/loop" { complain("<event2/> belongs to core/loop") }
/^#include <sys\/(socket|epoll|timerfd|ioctl)|^#include <(unistd|netinet\/in|arpa\/inet|netdb)[.]h>/ && !is_edge { complain("descriptors belong to core/loop and the EDGE files") }
/^#include <msgpack/ && module != "core/event" && FILENAME != "core/wire/sio_msgpack.c" { complain("<msgpack belongs to core/event and core/wire/sio_msgpack.c") }
/^#include <jansson/ && module != "core/event" { complain("<jansson belongs to core/event") }
/(clock_gettime|gettimeofday|[^_a-z]time)\(/ && FILENAME != "core/loop/loop.c" && !/^[ \t]*(\/?\*|\/\/)/ { complain("the clock is read in core/loop/loop.c alone") }

END { exit broken }
