#include "tcp_server/tcp_recover.h"

#include <sodium.h>
#include <stdlib.h>

#include "core/base/rng.h"

enum { BUCKET_BITS = 12 };

TAILQ_HEAD(away_list, tcp_kept);
LIST_HEAD(pid_list, tcp_kept);

struct tcp_recover {
        struct pid_list by_pid[1 << BUCKET_BITS];
        struct away_list away; /* oldest first: all stay equally long */
        uint32_t away_n, away_max;
        int64_t away_ns;
};

struct tcp_recover *tcp_recover_create(uint32_t away_max, int64_t away_ns)
{
        struct tcp_recover *r = calloc(1, sizeof *r);
        if (!r)
                return NULL;
        r->away_max = away_max;
        r->away_ns = away_ns;
        TAILQ_INIT(&r->away);
        return r;
}

/* 24 random bits, spread over 32 by the golden ratio (Knuth, volume 3, section 6.4). */
static struct pid_list *bucket(struct tcp_recover *r, const void *pid)
{
        uint32_t head;
        memcpy(&head, pid, sizeof head);
        return &r->by_pid[(head * 2654435769u) >> (32 - BUCKET_BITS)];
}

static void draw_pid(struct tcp_kept *k)
{
        uint8_t raw[TCP_PID_DRAWN * 3 / 4];
        char text[TCP_PID_DRAWN + 1];
        rng_os(raw, sizeof raw);
        sodium_bin2base64(text, sizeof text, raw, sizeof raw, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        memcpy(k->pid, text, TCP_PID_DRAWN);
        tcp_recover_renew(k);
}

void tcp_recover_renew(struct tcp_kept *k)
{
        static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUV";
        k->pid[TCP_PID_DRAWN] = digits[k->renewed / 32 % 32];
        k->pid[TCP_PID_DRAWN + 1] = digits[k->renewed % 32];
        k->renewed++;
}

bool tcp_recover_is_newest(const struct tcp_kept *k, struct bytes pid)
{
        return bytes_equal(bytes_of(k->pid, TCP_PID_CHARS), pid);
}

struct tcp_kept *tcp_recover_add(struct tcp_recover *r, struct app_socket *socket, struct tcp_session *live)
{
        struct tcp_kept *k = calloc(1, sizeof *k);
        if (!k)
                return NULL;
        draw_pid(k);
        k->socket = socket;
        k->live = live;
        LIST_INSERT_HEAD(bucket(r, k->pid), k, pid_link);
        return k;
}

struct tcp_kept *tcp_recover_find(struct tcp_recover *r, struct bytes pid)
{
        struct tcp_kept *k;
        if (pid.n != TCP_PID_CHARS)
                return NULL;
        LIST_FOREACH(k, bucket(r, pid.at), pid_link)
        if (memcmp(k->pid, pid.at, TCP_PID_DRAWN) == 0)
                return k;
        return NULL;
}

static void unlist(struct tcp_recover *r, struct tcp_kept *k)
{
        if (k->live)
                return;
        TAILQ_REMOVE(&r->away, k, away_link);
        r->away_n--;
}

void tcp_recover_drop(struct tcp_recover *r, struct tcp_kept *k)
{
        unlist(r, k);
        LIST_REMOVE(k, pid_link);
        free(k);
}

static void forget(struct tcp_recover *r, struct tcp_kept *k)
{
        app_forget(k->socket);
        tcp_recover_drop(r, k);
}

void tcp_recover_away(struct tcp_recover *r, struct tcp_kept *k, struct mono now)
{
        k->live = NULL;
        k->forget_at = mono_add(now, r->away_ns);
        TAILQ_INSERT_TAIL(&r->away, k, away_link);
        if (++r->away_n > r->away_max)
                forget(r, TAILQ_FIRST(&r->away));
}

void tcp_recover_back(struct tcp_recover *r, struct tcp_kept *k, struct tcp_session *live)
{
        unlist(r, k);
        k->live = live;
}

uint32_t tcp_recover_away_n(const struct tcp_recover *r)
{
        return r->away_n;
}

struct mono tcp_recover_deadline(const struct tcp_recover *r)
{
        const struct tcp_kept *oldest = TAILQ_FIRST(&r->away);
        return oldest ? oldest->forget_at : MONO_NEVER;
}

void tcp_recover_expire(struct tcp_recover *r, struct mono now)
{
        struct tcp_kept *oldest;
        while ((oldest = TAILQ_FIRST(&r->away)) && !mono_before(now, oldest->forget_at))
                forget(r, oldest);
}

void tcp_recover_destroy(struct tcp_recover *r)
{
        if (!r)
                return;
        while (!TAILQ_EMPTY(&r->away))
                forget(r, TAILQ_FIRST(&r->away));
        free(r);
}
