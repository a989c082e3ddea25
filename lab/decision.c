#include "lab/decision.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { PIECE = 4096 }; /* decisions in one piece of memory */

struct decision_log {
        struct decision **pieces;
        size_t n, max;
        uint64_t dropped;
};

const char decision_csv_header[] = "t_ns,direction,flow,number,class,key,nth,verdict,bytes\n";

struct decision_log *decision_log_create(size_t decisions_max)
{
        struct decision_log *log = calloc(1, sizeof *log);
        if (!log)
                return NULL;
        log->max = decisions_max;
        log->pieces = calloc(decisions_max / PIECE + 1, sizeof *log->pieces);
        if (log->pieces)
                return log;
        free(log);
        return NULL;
}

void decision_log_destroy(struct decision_log *log)
{
        if (!log)
                return;
        for (size_t i = 0; i * PIECE < log->n; i++)
                free(log->pieces[i]);
        free(log->pieces);
        free(log);
}

void decision_add(struct decision_log *log, const struct decision *d)
{
        struct decision **piece = &log->pieces[log->n / PIECE];
        if (log->n < log->max && !*piece)
                *piece = malloc(PIECE * sizeof **piece);
        if (log->n == log->max || !*piece) {
                log->dropped++;
                return;
        }
        (*piece)[log->n++ % PIECE] = *d;
}

size_t decision_count(const struct decision_log *log)
{
        return log->n;
}

uint64_t decision_dropped(const struct decision_log *log)
{
        return log->dropped;
}

const struct decision *decision_at(const struct decision_log *log, size_t i)
{
        return &log->pieces[i / PIECE][i % PIECE];
}

size_t decision_csv(const struct decision *d, char line[DECISION_LINE_MAX])
{
        int n = snprintf(line, DECISION_LINE_MAX,
                         "%" PRId64 ",%s,%s,%" PRIu32 ",%s,%" PRIu64 ",%" PRIu64 ",%s,%" PRIu32 "\n", d->t_ns,
                         link_direction_text(d->direction), d->flow, d->number, link_class_text(d->class), d->key,
                         d->nth, link_verdict_text(d->verdict), d->bytes);
        return (size_t)n;
}
