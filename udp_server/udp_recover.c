#include "udp_server/udp_recover.h"

#include <stdlib.h>
#include <sys/queue.h>

#include "core/base/err.h"
#include "udp_server/udp_hash.h"

enum { PUBS_FIRST = 16 };

struct udp_instance {
        UT_hash_handle hh;
        TAILQ_ENTRY(udp_instance) away; /* oldest first */
        uint8_t id[DGRAM_TOKEN];
        struct udp_instances *all;
        struct app_socket *socket;
        struct udp_session *session; /* NULL: away */
        enum pace_breaker breaker;
        struct mono away_at;
        struct dgram_ack *pub; /* pub_id lies at pub_id % pubs_cap; pub_id 0: empty */
        uint32_t pubs_cap;
        uint64_t pub_highest;
        uint64_t pub_done; /* the newest of those that are done in order */
};

struct udp_instances {
        struct udp_instance *by_id;
        TAILQ_HEAD(, udp_instance) away;
        uint32_t away_n, away_max;
        int64_t away_ns;
        struct reassembly_total parts;
};

uint8_t udp_hash_key[16];

struct udp_instances *udp_instances_create(uint32_t away_max, int64_t away_ns)
{
        struct udp_instances *t = calloc(1, sizeof *t);
        if (!t)
                return NULL;
        TAILQ_INIT(&t->away);
        t->away_max = away_max;
        t->away_ns = away_ns;
        t->parts.bytes_max = UDP_PARTS_BYTES_TOTAL;
        udp_hash_key_init();
        return t;
}

static void instance_free(struct udp_instance *i)
{
        struct udp_instances *t = i->all;
        if (!i->session) {
                TAILQ_REMOVE(&t->away, i, away);
                t->away_n--;
        }
        HASH_DEL(t->by_id, i);
        free(i->pub);
        free(i);
}

static void forget(struct udp_instance *i)
{
        app_forget(i->socket);
        instance_free(i);
}

void udp_instances_destroy(struct udp_instances *t)
{
        if (!t)
                return;
        while (!TAILQ_EMPTY(&t->away))
                forget(TAILQ_FIRST(&t->away));
        free(t);
}

struct udp_instance *udp_instance_find(const struct udp_instances *t, const uint8_t id[DGRAM_TOKEN])
{
        struct udp_instance *i;
        HASH_FIND(hh, t->by_id, id, DGRAM_TOKEN, i);
        return i;
}

struct udp_instance *udp_instance_add(struct udp_instances *t, const uint8_t id[DGRAM_TOKEN], struct app_socket *socket,
                                      struct udp_session *session)
{
        struct udp_instance *i = calloc(1, sizeof *i);
        if (!i)
                return NULL;
        memcpy(i->id, id, sizeof i->id);
        i->all = t;
        i->socket = socket;
        i->session = session;
        HASH_ADD(hh, t->by_id, id, sizeof i->id, i);
        if (!i->hh.tbl) { /* uthash found no memory and left it out */
                free(i);
                return NULL;
        }
        return i;
}

bool udp_instance_fits(const struct udp_instances *t, const uint8_t id[DGRAM_TOKEN], const struct app *a)
{
        const struct udp_instance *known = udp_instance_find(t, id);
        return a && (!known || app_socket_app(known->socket) == a);
}

struct app_socket *udp_instance_socket(const struct udp_instance *i)
{
        return i->socket;
}

struct udp_session *udp_instance_session(const struct udp_instance *i)
{
        return i->session;
}

enum pace_breaker udp_instance_breaker(const struct udp_instance *i)
{
        return i->breaker;
}

void udp_instance_keep_breaker(struct udp_instance *i, enum pace_breaker breaker)
{
        i->breaker = breaker;
}

void udp_instance_here(struct udp_instance *i, struct udp_session *session)
{
        if (!i->session) {
                TAILQ_REMOVE(&i->all->away, i, away);
                i->all->away_n--;
        }
        i->session = session;
}

void udp_instance_away(struct udp_instance *i, struct mono now, const char *reason)
{
        struct udp_instances *t = i->all;
        app_away(i->socket, now, reason);
        i->session = NULL;
        i->away_at = now;
        TAILQ_INSERT_TAIL(&t->away, i, away);
        if (++t->away_n > t->away_max)
                forget(TAILQ_FIRST(&t->away));
}

void udp_instance_leave(struct udp_instance *i, struct mono now, const char *reason)
{
        app_leave(i->socket, now, reason);
        instance_free(i);
}

void udp_instances_expire(struct udp_instances *t, struct mono now)
{
        struct udp_instance *i;
        while ((i = TAILQ_FIRST(&t->away)) && mono_since(now, i->away_at) >= t->away_ns)
                forget(i);
}

struct mono udp_instances_deadline(const struct udp_instances *t)
{
        const struct udp_instance *i = TAILQ_FIRST(&t->away);
        return i ? mono_add(i->away_at, t->away_ns) : MONO_NEVER;
}

/* ---- publishes ---------------------------------------------------------------------------- */

enum udp_pub_verdict udp_pub_look(const struct udp_instance *i, uint64_t pub_id, struct dgram_ack *ack)
{
        const struct dgram_ack *known = i->pubs_cap > 0 ? &i->pub[pub_id % i->pubs_cap] : NULL;
        if (known && pub_id != 0 && known->pub_id == pub_id) {
                *ack = *known;
                return UDP_PUB_KNOWN;
        }
        bool old = pub_id == 0 || (i->pub_highest >= UDP_PUBS_KEPT && pub_id <= i->pub_highest - UDP_PUBS_KEPT);
        return old ? UDP_PUB_TOO_OLD : UDP_PUB_NEW;
}

enum udp_pub_verdict udp_pub_turn(const struct udp_instance *i, const struct dgram_pub *pub, uint64_t *done)
{
        if (!(pub->flags & DGRAM_PUB_IN_ORDER))
                return UDP_PUB_NEW;
        *done = i->pub_done;
        if (pub->pub_id <= i->pub_done)
                return UDP_PUB_TOO_OLD;
        bool behind = pub->back > 0 && pub->back < pub->pub_id;
        return behind && pub->pub_id - pub->back > i->pub_done ? UDP_PUB_EARLY : UDP_PUB_NEW;
}

void udp_pub_done(struct udp_instance *i, const struct dgram_pub *pub)
{
        if (pub->flags & DGRAM_PUB_IN_ORDER)
                i->pub_done = pub->pub_id;
}

static int widen(struct udp_instance *i)
{
        uint32_t cap = i->pubs_cap ? i->pubs_cap * 2 : PUBS_FIRST;
        struct dgram_ack *pub = calloc(cap, sizeof *pub);
        if (!pub)
                return ERR_NO_MEMORY;
        for (uint32_t k = 0; k < i->pubs_cap; k++)
                if (i->pub[k].pub_id != 0)
                        pub[i->pub[k].pub_id % cap] = i->pub[k];
        free(i->pub);
        i->pub = pub;
        i->pubs_cap = cap;
        return 0;
}

struct reassembly_total *udp_instances_parts(struct udp_instances *t)
{
        return &t->parts;
}

int udp_pub_record(struct udp_instance *i, const struct dgram_ack *ack)
{
        /* A place taken by another id is given up only at the full width, where that id is 1,024 away. */
        while (i->pubs_cap == 0 || (i->pubs_cap < UDP_PUBS_KEPT && i->pub[ack->pub_id % i->pubs_cap].pub_id != 0))
                if (widen(i) != 0)
                        return ERR_NO_MEMORY;
        i->pub[ack->pub_id % i->pubs_cap] = *ack;
        if (ack->pub_id > i->pub_highest)
                i->pub_highest = ack->pub_id;
        return 0;
}
