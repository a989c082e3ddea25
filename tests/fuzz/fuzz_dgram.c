/* A datagram from a stranger: what passes the check is walked to its end and parsed; what parses
 * is written back and must come out the same, and msgpack tails are scanned before they are read. */
#include <stdlib.h>

#include "core/wire/dgram.h"
#include "core/wire/dgram_tail.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

static void read_tail(const struct dgram_msg *m)
{
        struct dgram_connect_tail connect;
        struct dgram_join join;
        struct dgram_join_ok join_ok;
        if (m->type == DGRAM_CONNECT && dgram_connect_tail_parse(m->connect.tail, &connect) == 0 && !connect.space.at)
                abort();
        if (m->type == DGRAM_JOIN && dgram_join_parse(m->join.tail, &join) == 0 && join.rooms_n > DGRAM_JOIN_ROOMS_MAX)
                abort();
        if (m->type == DGRAM_JOIN_OK && dgram_join_ok_parse(m->join_ok.tail, &join_ok) == 0 && join_ok.rooms_n == 0)
                abort();
}

static void read_message(struct bytes message)
{
        struct dgram_msg m, again;
        uint8_t out[UINT16_MAX];
        struct writer w = writer_of(out, sizeof out);
        if (dgram_parse(message, &m) != 0)
                return;
        read_tail(&m);
        if (!dgram_put(&w, &m) || dgram_parse(bytes_of(out, writer_used(&w)), &again) != 0)
                abort();
        if (again.type != m.type || again.tag != m.tag || again.pktno != m.pktno)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
        uint8_t *exact = malloc(n + !n);
        if (n > 0)
                memcpy(exact, in, n);
        struct bytes rest = bytes_of(exact, n), message;
        uint64_t nonce;
        dgram_hello_other_version(rest, &nonce);
        if (dgram_check(rest) == DGRAM_GOOD)
                while (dgram_next(&rest, &message))
                        read_message(message);
        free(exact);
        return 0;
}
