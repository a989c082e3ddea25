/* move: a client is heard from another address: the gate asks, and follows (udp_path.h decides). */
#include "udp_server/udp_gate_inside.h"

/* The client has shown that it is there. Whoever had the address before has it no more. */
static void move(struct udp_peer *p, struct mono now)
{
        struct udp_gate *g = p->gate;
        struct udp_peer *before = udp_peer_at(g, &p->path.asked);
        bool far = memcmp(p->path.addr.ip, p->path.asked.ip, sizeof p->path.addr.ip) != 0;
        if (before)
                udp_peer_forget_addr(before);
        udp_peer_forget_addr(p);
        udp_path_move(&p->path, now);
        udp_peer_note_addr(p);
        g->stats.moved++;
        udp_session_moved(p->session, now, far);
}

/* Says the message to an address that is not the session's. */
static size_t say_there(struct udp_peer *p, struct dgram_msg *m, uint8_t answer[DGRAM_COOKIE_BYTES])
{
        udp_session_address(p->session, m);
        return udp_stranger_put(m, answer);
}

static size_t ask(struct udp_peer *p, uint8_t answer[DGRAM_COOKIE_BYTES])
{
        struct dgram_msg there = { .type = DGRAM_CHALLENGE, .challenge = { p->path.random_there } };
        p->gate->stats.challenges++;
        udp_session_challenge(p->session, p->path.random_here);
        udp_peer_mark(p);
        return say_there(p, &there, answer);
}

static size_t follow(struct udp_peer *p, struct mono now, struct bytes datagram, uint8_t answer[DGRAM_COOKIE_BYTES])
{
        struct udp_gate *g = p->gate;
        struct dgram_msg no = { .type = DGRAM_ERROR, .error = { DGRAM_CODE_LIMIT, DGRAM_RESPONSE, 0 } };
        if (admission_move(g->admission, p->path.asked.ip, &p->source) != ADMISSION_GRANTED) {
                g->stats.moves_refused++;
                udp_path_stay(&p->path);
                return say_there(p, &no, answer);
        }
        move(p, now);
        udp_peer_take(p, now, datagram);
        return 0;
}

size_t udp_move_recv(struct udp_peer *p, struct mono now, const struct udp_addr *from, struct bytes datagram,
                     uint32_t newest, uint8_t answer[DGRAM_COOKIE_BYTES])
{
        struct udp_stats *stats = &p->gate->stats;
        switch (udp_path_elsewhere(&p->path, now, from, datagram, newest, udp_session_newest(p->session),
                                   udp_session_rtt(p->session))) {
        case UDP_PATH_OLD:
                stats->wrong_address++;
                return 0;
        case UDP_PATH_OFTEN:
                stats->moves_limited++;
                return 0;
        case UDP_PATH_WAIT:
                stats->moves_waiting++;
                return 0;
        case UDP_PATH_ASK:
                return ask(p, answer);
        case UDP_PATH_PROVEN:
                return follow(p, now, datagram, answer);
        }
        return 0;
}
