#include "lab/link_figures.h"

#include <string.h>

static uint64_t bytes_of_total(const struct link_total *total)
{
        uint64_t bytes = 0;
        for (int c = 0; c < LINK_CLASSES; c++)
                for (int v = 0; v < LINK_VERDICTS; v++)
                        bytes += total->count[c][v].bytes;
        return bytes;
}

static uint64_t packets_of_total(const struct link_total *total, enum link_verdict verdict)
{
        uint64_t packets = 0;
        for (int c = 0; c < LINK_CLASSES; c++)
                packets += total->count[c][verdict].packets;
        return packets;
}

static void fill_path(const struct link_way *down, struct report_path *p)
{
        for (size_t i = 0; i < down->totals_n; i++) {
                const struct link_total *total = &down->totals[i];
                if (strcmp(total->name, p->name) != 0)
                        continue;
                p->wire_bytes = bytes_of_total(total);
                p->queue_packets = packets_of_total(total, LINK_QUEUE);
                p->blackout_packets = packets_of_total(total, LINK_BLACKOUT);
        }
        link_report_loss(down, p->name, &p->raw_sent, &p->raw_lost);
        p->raw_known = p->raw_sent > 0;
}

/* Lost, but not by a decision: no path may be blamed for these. */
static uint64_t vanished(const struct link_way *way)
{
        uint64_t packets = way->device_dropped + way->write_failed + way->early_overflow;
        for (size_t i = 0; i < way->totals_n; i++)
                packets += packets_of_total(&way->totals[i], LINK_OVERFLOW);
        return packets;
}

void link_figures(const struct link_summary *s, struct report *r)
{
        for (uint32_t i = 0; i < r->paths_n; i++)
                fill_path(&s->way[LINK_DOWN], &r->paths[i]);
        r->validity.emulator = (struct report_lateness){ true, s->late, REPORT_LATE_P99_NS_MAX };
        r->validity.device = (struct report_drops){ true, vanished(&s->way[LINK_DOWN]) + vanished(&s->way[LINK_UP]) };
}
