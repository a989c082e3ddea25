#include "bench/crowd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/client_io.h"
#include "client/udp_client.h"
#include "core/base/err.h"
#include "core/base/units.h"
#include "core/event/event.h"
#include "core/event/pack.h"

enum {
        RECEIVE_BYTES = 1 << 20, /* of each UDP subscriber's socket, asked for */
        LIE_AT = 10,             /* which event a lying client swallows or doubles */
        RESAMPLES = 1000,
};
#define BLOCK_NS (500 * NS_PER_MS) /* pairs drawn together by the bootstrap: longer than a TCP stall */

struct subscriber {
        struct crowd *crowd;
        struct client_io *io;
        uint32_t number;
        uint32_t epoch; /* of the log it hears */
        uint32_t heard;
        bool joined;
};

struct crowd {
        const struct run_config *config;
        const struct path *path;
        struct ledger *ledger;
        struct gapstat *gaps;
        struct seqstat *order;
        struct subscriber *subscriber;
        bool answered; /* somebody was up */
        uint32_t joined, epoch;
        uint64_t bytes_before; /* read from sockets before the first event: handshakes and joins */
        enum run_fault fault;
        char broken[RUN_WHY_MAX];
        const char *trouble; /* NULL: none yet */
        char host[SOCK_ADDR_TEXT_MAX];
};

/* ---- what a subscriber claims ------------------------------------------------------------- */

static void count(struct subscriber *s, const struct client_event *ev, struct bytes text, struct mono now)
{
        struct crowd *c = s->crowd;
        uint32_t index;
        if (ledger_heard(c->ledger, s->number, text, ev->recovered, now, &index) != LEDGER_FIRST)
                return;
        /* A misplaced event is in the ledger's tally and unbalances the run. */
        (void)ledger_placed(c->ledger, index, (struct ledger_place){ ev->epoch, ev->eid, ev->seq });
        seqstat_arrived(&c->order[s->number], index, ledger_intended(c->ledger, index), now);
        if (ev->recovered && ev->gap_opened_ns > 0)
                gapstat_recovered(c->gaps, s->number, (struct mono){ ev->gap_opened_ns }, now);
}

static void heard(struct subscriber *s, const struct client_event *ev, struct mono now)
{
        struct event e;
        struct bytes text;
        if (ev->epoch)
                s->crowd->epoch = s->epoch = ev->epoch;
        if (event_parse(ev->event, ev->event.n, &e) != 0 || !event_is(&e, CROWD_EVENT) ||
            !pack_get_text(event_arg(&e, 0), &text))
                return; /* joined, left, hello: not the plan's */
        bool lies = s->number == 0 && ++s->heard == LIE_AT;
        if (lies && s->crowd->fault == RUN_SWALLOWS)
                return;
        count(s, ev, text, now);
        if (lies && s->crowd->fault == RUN_DOUBLES)
                count(s, ev, text, now);
}

static void missed(struct subscriber *s, const struct client_event *ev, struct mono now)
{
        struct crowd *c = s->crowd;
        if (!bytes_equal(ev->room, bytes_text(CROWD_ROOM)))
                return;
        struct ledger_gap gap = { .unit = ev->unit == CLIENT_UNIT_EID ? LEDGER_EID : LEDGER_SEQ,
                                  .epoch = ev->epoch  ? ev->epoch
                                           : s->epoch ? s->epoch
                                                      : c->epoch,
                                  .from = ev->from,
                                  .to = ev->to,
                                  .reason = ledger_reason_named(bytes_text(ev->reason ? ev->reason : "")) };
        (void)ledger_gap(c->ledger, s->number, &gap); /* a refused report is in the tally, too */
        struct mono opened = ev->gap_opened_ns > 0 ? (struct mono){ ev->gap_opened_ns } : MONO_NEVER;
        gapstat_lost(c->gaps, s->number, opened, ev->to == UINT64_MAX ? 1 : ev->to - ev->from + 1, now);
}

static void on_event(void *owner, struct mono now, const struct client_event *ev)
{
        struct subscriber *s = owner;
        struct crowd *c = s->crowd;
        switch (ev->kind) {
        case CLIENT_UP:
                c->answered = true;
                if (!s->joined)
                        c->path->transport->join(client_io_engine(s->io), now, bytes_text(CROWD_ROOM));
                return;
        case CLIENT_JOINED:
                c->joined += !s->joined;
                s->joined = true;
                return;
        case CLIENT_EVENT:
                heard(s, ev, now);
                return;
        case CLIENT_GAP:
                missed(s, ev, now);
                return;
        case CLIENT_DOWN:
                c->trouble = ev->reason;
                if (ev->final && !c->broken[0])
                        snprintf(c->broken, sizeof c->broken, "%s subscriber %u: %s", c->path->name, s->number,
                                 ev->reason ? ev->reason : "closed");
                return;
        case CLIENT_ANSWER:
        case CLIENT_OUT: /* what it misses then is missing in the ledger */
        case CLIENT_ADVICE:
                return;
        }
}

static void on_closed(void *owner, struct mono now, const char *why)
{
        struct subscriber *s = owner;
        (void)now;
        if (strcmp(why, "closed") != 0) /* that was said with DOWN */
                s->crowd->trouble = why;
}

/* ---- making and ending -------------------------------------------------------------------- */

static int subscribe(struct crowd *c, struct loop *loop, uint32_t number)
{
        const struct run_config *config = c->config;
        struct subscriber *s = &c->subscriber[number];
        struct client_io_config io = {
                .transport = c->path->transport,
                .engine = { .host = c->host,
                            .path = "/socket.io/",
                            .mode = c->path->mode,
                            .seed = config->seed + number,
                            .reconnect = true },
                .to = { c->path->transport->datagrams ? config->udp : config->tcp },
                .to_n = 1,
                .source_port = config->fixed_ports ? (uint16_t)(c->path->port_first + number) : 0,
                .congestion = config->congestion,
                .receive_bytes = c->path->transport->datagrams ? RECEIVE_BYTES : 0,
                .event = on_event,
                .closed = on_closed,
                .owner = s,
        };
        s->crowd = c;
        s->number = number;
        s->io = client_io_create(loop, &io);
        return s->io ? 0 : ERR_NO_MEMORY;
}

struct crowd *crowd_create(struct loop *loop, const struct run_config *config, int path, uint32_t run)
{
        struct crowd *c = calloc(1, sizeof *c);
        uint32_t n = config->subscribers;
        if (!c)
                return NULL;
        c->config = config;
        c->path = config->path[path];
        c->fault = path == 0 ? config->fault : RUN_HONEST;
        sock_addr_text(c->path->transport->datagrams ? &config->udp : &config->tcp, c->host);
        c->ledger = ledger_create(c->path->name, run, config->plan, n);
        c->gaps = gapstat_create(n);
        c->order = calloc(n, sizeof *c->order);
        c->subscriber = calloc(n, sizeof *c->subscriber);
        bool made = c->ledger && c->gaps && c->order && c->subscriber;
        for (uint32_t i = 0; made && i < n; i++)
                made = subscribe(c, loop, i) == 0;
        if (made)
                return c;
        crowd_destroy(c);
        return NULL;
}

void crowd_destroy(struct crowd *c)
{
        if (!c)
                return;
        for (uint32_t i = 0; c->subscriber && i < c->config->subscribers; i++)
                client_io_destroy(c->subscriber[i].io);
        free(c->subscriber);
        free(c->order);
        gapstat_destroy(c->gaps);
        ledger_destroy(c->ledger);
        free(c);
}

bool crowd_answered(const struct crowd *c)
{
        return c->answered;
}

uint32_t crowd_joined(const struct crowd *c)
{
        return c->joined;
}

uint32_t crowd_epoch(const struct crowd *c)
{
        return c->epoch;
}

struct ledger *crowd_ledger(struct crowd *c)
{
        return c->ledger;
}

const char *crowd_broken(const struct crowd *c)
{
        return c->broken[0] ? c->broken : NULL;
}

const char *crowd_trouble(const struct crowd *c)
{
        return c->trouble;
}

static uint64_t bytes_in(const struct crowd *c)
{
        uint64_t n = 0;
        for (uint32_t i = 0; i < c->config->subscribers; i++)
                n += c->path->transport->stats(client_io_engine(c->subscriber[i].io)).bytes_in;
        return n;
}

void crowd_start(struct crowd *c, struct mono t0)
{
        c->bytes_before = bytes_in(c);
        ledger_start(c->ledger, t0);
}

void crowd_leave(struct crowd *c, struct mono now)
{
        for (uint32_t i = 0; i < c->config->subscribers; i++) {
                struct client_io *io = c->subscriber[i].io;
                (void)c->path->transport->bye(client_io_engine(io), now);
                client_io_turn(io);
        }
}

bool crowd_is_open(const struct crowd *c)
{
        for (uint32_t i = 0; i < c->config->subscribers; i++)
                if (client_io_is_open(c->subscriber[i].io))
                        return true;
        return false;
}

uint64_t crowd_kernel_drops(const struct crowd *c)
{
        uint64_t drops = 0;
        for (uint32_t i = 0; i < c->config->subscribers; i++)
                drops += client_io_figures(c->subscriber[i].io).kernel_drops;
        return drops;
}

/* ---- reporting ---------------------------------------------------------------------------- */

/* Pairs that a bootstrap block spans: half a second of them. */
static size_t block_of(const struct run_config *config)
{
        int64_t span_ns = plan_span_ns(config->plan);
        double share = span_ns > 0 ? (double)BLOCK_NS / (double)span_ns : 1;
        size_t pairs = (size_t)config->plan->events_n * config->subscribers;
        return 1 + (size_t)((double)pairs * (share < 1 ? share : 1));
}

static void report_sockets(const struct crowd *c, struct report *r, struct report_path *p)
{
        struct client_io_figures f = client_io_figures(c->subscriber[0].io);
        if (c->path->transport->datagrams) {
                r->udp_rcvbuf_bytes = (uint32_t)f.receive_bytes;
                r->udp_congestion_controlled = udp_client_stats(client_io_engine(c->subscriber[0].io)).paced;
                return;
        }
        snprintf(p->congestion, sizeof p->congestion, "%s", f.congestion);
        snprintf(r->nodelay, sizeof r->nodelay, "%s", f.nodelay ? "on" : "off");
        r->tcp_rcvbuf_bytes = (uint32_t)f.receive_bytes;
        r->recovery_on = c->epoch != 0; /* the offset tells the epoch; without recovery there is none */
}

int crowd_report(struct crowd *c, struct crowd *first, struct report *r)
{
        struct report_path *p = &r->paths[r->paths_n++];
        snprintf(p->name, sizeof p->name, "%s", c->path->name);
        p->epoch = c->epoch;
        p->subscribers = c->config->subscribers;
        report_sockets(c, r, p);
        for (uint32_t i = 0; i < c->config->subscribers; i++) {
                struct client_stats s = c->path->transport->stats(client_io_engine(c->subscriber[i].io));
                p->nacks += s.nacks;
                p->mended += s.mended;
                p->reconnects += s.reconnects;
        }
        p->transport_bytes = bytes_in(c) - c->bytes_before;
        int err = report_take_ledger(p, c->ledger);
        if (err)
                return err;
        gapstat_finish(c->gaps);
        report_take_gaps(p, c->gaps);
        report_take_order(p, c->order, c->config->subscribers);
        if (c == first)
                return 0;
        struct compare_setup setup = { .seed = c->config->seed, .resamples = RESAMPLES, .block = block_of(c->config) };
        return report_take_versus(p, first->ledger, c->ledger, &setup);
}
