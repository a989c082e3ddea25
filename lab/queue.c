#include "lab/queue.h"

#include "core/base/err.h"

#include <assert.h>
#include <stdlib.h>

struct slot {
        struct mono due;
        size_t n;
};

struct queue {
        struct slot *slots;
        uint8_t *bytes; /* slot i's packet starts at i * packet_bytes_max */
        size_t packets_max, packet_bytes_max;
        size_t first, n;
};

struct queue *queue_create(size_t packets_max, size_t packet_bytes_max)
{
        assert(packets_max > 0 && packet_bytes_max > 0);
        struct queue *q = calloc(1, sizeof *q);
        if (!q)
                return NULL;
        q->packets_max = packets_max;
        q->packet_bytes_max = packet_bytes_max;
        q->slots = calloc(packets_max, sizeof *q->slots);
        q->bytes = calloc(packets_max, packet_bytes_max);
        if (q->slots && q->bytes)
                return q;
        queue_destroy(q);
        return NULL;
}

void queue_destroy(struct queue *q)
{
        if (!q)
                return;
        free(q->slots);
        free(q->bytes);
        free(q);
}

int queue_put(struct queue *q, struct mono due, struct bytes packet)
{
        if (packet.n > q->packet_bytes_max)
                return ERR_TOO_BIG;
        if (q->n == q->packets_max)
                return ERR_FULL;
        size_t at = (q->first + q->n) % q->packets_max;
        q->slots[at] = (struct slot){ due, packet.n };
        if (packet.n > 0)
                memcpy(q->bytes + at * q->packet_bytes_max, packet.at, packet.n);
        q->n++;
        return 0;
}

bool queue_take(struct queue *q, struct mono now, struct bytes *packet, struct mono *due)
{
        if (q->n == 0 || mono_before(now, q->slots[q->first].due))
                return false;
        *packet = bytes_of(q->bytes + q->first * q->packet_bytes_max, q->slots[q->first].n);
        *due = q->slots[q->first].due;
        q->first = (q->first + 1) % q->packets_max;
        q->n--;
        return true;
}

struct mono queue_due(const struct queue *q)
{
        return q->n > 0 ? q->slots[q->first].due : MONO_NEVER;
}

size_t queue_packets(const struct queue *q)
{
        return q->n;
}
