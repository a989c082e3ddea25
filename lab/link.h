/* link: one direction of an emulated path, for real IP packets.
 *
 * Packets are pushed in with the instant of their arrival, decided about at once, and popped when
 * they are due. No I/O, no clock, no heap after _create. The same engine serves the TUN process
 * and simulated time.
 *
 *   before t0   every packet passes, after the delay, and nothing is counted: subscribers join here.
 *               The delay holds from the first packet on, so that TCP and the UDP engines have
 *               learned the path's RTT when the measuring starts (a BBR that met 0.1 ms first would
 *               keep that minimum for 10 s and starve itself).
 *   from t0     blackout and loss strike, and what is left goes through the line, if it has a rate, and
 *               the queue in front of it; every packet is counted and goes into the decision log.
 *
 * A packet's flow comes from fixed ports: a rule gives a range of subscribers' ports a name, usually
 * the path's, and the place in the range is the subscriber's number. Packets of a `clean` rule are
 * never held nor impaired. Packets that no rule covers are the flow "other", told apart by a hash of
 * addresses, protocol and ports.
 *
 * Each fate is drawn from (seed, rule's name, number, direction, class, key, n-th time seen), not from
 * a stream of numbers. What that promises:
 *   - LINK_DATA (a datagram with events, keyed by the first seq in it): the same datagrams meet the
 *     same fate in every run of a seed, whatever else was sent. The n-th repeat of a datagram is the
 *     n-th in every run too. Counts of more than LINK_SEEN_MAX other keys ago are forgotten.
 *   - LINK_UDP, LINK_TCP (keyed by index in the flow): equal fates at equal indexes. TCP cuts its
 *     segments differently every time, so its outcome lies in a band; it is not repeated exactly.
 *   - LINK_FRAGMENT (later fragments carry no ports; keyed by IP id and offset): repeats only where
 *     the sender repeats its IP ids, which Linux does not.
 */
#ifndef LAB_LINK_H
#define LAB_LINK_H
#include "core/base/bytes.h"
#include "core/base/mono.h"
#include "lab/loss.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From the servers (near) to the subscribers (far), and back. */
enum link_direction { LINK_DOWN, LINK_UP, LINK_DIRECTIONS };

enum link_class { LINK_DATA, LINK_UDP, LINK_TCP, LINK_FRAGMENT, LINK_OTHER, LINK_CLASSES };

enum link_verdict {
        LINK_PASSED,   /* held until due; link_pop gives it back */
        LINK_CLEAN,    /* a clean flow's: not held, the caller hands it on at once */
        LINK_LOST,     /* by the loss model */
        LINK_BLACKOUT, /* the path was dark */
        LINK_QUEUE,    /* the queue in front of the line was full (drop-tail) */
        LINK_OVERFLOW, /* the delay line was full, or the packet larger than packet_bytes_max */
        LINK_VERDICTS
};

enum { LINK_NAME_MAX = 32, LINK_SEEN_MAX = 1 << 17, LINK_PACKETS_MAX = 1 << 14 };

struct link_flow_rule {
        uint16_t port_first, port_last; /* the subscribers' ports, both included; any protocol */
        char name[LINK_NAME_MAX];       /* letters, digits, '-', '_' */
        bool clean;
};

/* Says whether a UDP payload carries events, and the first seq in it (classify_dgram). */
typedef bool link_classify_fn(const uint8_t *udp_payload, size_t n, uint64_t *first_seq);

struct decision_log;

struct link_config {
        enum link_direction direction;
        uint64_t seed;
        int64_t delay_ns; /* one way; >= 0 */
        struct loss loss;
        int64_t rate;                            /* of the line, bytes per second of whole IP packets; 0: without end */
        uint64_t queue_bytes;                    /* in front of it */
        int64_t blackout_at_ns, blackout_for_ns; /* from t0; for 0: none */
        const struct link_flow_rule *rules;      /* copied; the first that covers a port is meant */
        size_t rules_n;
        link_classify_fn *classify; /* NULL: no datagram is LINK_DATA */
        struct decision_log *log;   /* borrowed for the link's life; NULL: none */
        size_t packets_max;         /* that wait at once; 0: LINK_PACKETS_MAX */
        size_t packet_bytes_max;    /* 0: 1,500 */
};

struct link_count {
        uint64_t packets, bytes; /* bytes of whole IP packets */
};

/* What became of one flow's packets since t0. */
struct link_flow {
        const char *name; /* lives as long as the link */
        uint32_t number;  /* subscriber; 0 for "other" */
        struct link_count count[LINK_CLASSES][LINK_VERDICTS];
        uint64_t first_data[LINK_VERDICTS]; /* LINK_DATA packets whose key had not been seen before: no repairs */
};

struct link;

/* NULL: out of memory, or a rule whose range is backwards or whose name is empty or unclean. */
struct link *link_create(const struct link_config *config);
void link_destroy(struct link *l); /* NULL is fine */

/* Says when the measuring starts. Packets pushed before t0, or while none is set, only wait. */
void link_start(struct link *l, struct mono t0);

/* A packet came in at `now`, which never runs backwards; decides its fate and copies what is held. */
enum link_verdict link_push(struct link *l, struct mono now, struct bytes packet);

/* Takes the next packet that is due: true, with *packet borrowed until the next push and *due the
 * instant when it should have left. */
bool link_pop(struct link *l, struct mono now, struct bytes *packet, struct mono *due);

struct mono link_deadline(const struct link *l); /* when the next packet is due; MONO_NEVER: none waits */
size_t link_waiting(const struct link *l);       /* packets held */

/* Packets that found the delay line full before t0: they are in no flow's counts. */
uint64_t link_early_overflow(const struct link *l);

/* The flows: one for each port of the rules, in their order, then "other". */
size_t link_flows(const struct link *l);
const struct link_flow *link_flow_at(const struct link *l, size_t i);

const char *link_direction_text(enum link_direction d); /* "down", "up" */
const char *link_class_text(enum link_class c);         /* "data", "udp", "tcp", "fragment", "other" */
const char *link_verdict_text(enum link_verdict v);     /* "passed", "clean", "lost", "blackout", "queue", "overflow" */

#endif
