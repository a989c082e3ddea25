#include "lab/likeness.h"

#include "core/base/err.h"
#include "core/base/options.h"
#include "lab/decision.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* The columns of a line: time, then what names the datagram, then its fate. */
enum { COLUMN_CLASS = 4, COLUMN_VERDICT = 7, COLUMNS = 9 };

struct sighting {
        struct bytes name; /* direction to nth, as they stand in the line */
        struct bytes verdict;
};

struct sightings {
        struct sighting *at;
        size_t n, cap;
};

/* Splits the next line off, without its end; false when there is none, or only a part of one. */
static bool next_line(struct bytes *text, struct bytes *line)
{
        const uint8_t *end = text->n > 0 ? memchr(text->at, '\n', text->n) : NULL;
        if (!end)
                return false;
        *line = bytes_of(text->at, (size_t)(end - text->at));
        *text = bytes_of(end + 1, text->n - line->n - 1);
        return true;
}

static bool split(struct bytes line, struct bytes column[COLUMNS])
{
        for (int i = 0; i < COLUMNS; i++) {
                const uint8_t *comma = line.n > 0 ? memchr(line.at, ',', line.n) : NULL;
                if ((comma == NULL) != (i == COLUMNS - 1))
                        return false;
                column[i] = comma ? bytes_of(line.at, (size_t)(comma - line.at)) : line;
                if (comma)
                        line = bytes_of(comma + 1, line.n - column[i].n - 1);
        }
        return true;
}

static int add(struct sightings *s, struct sighting one)
{
        if (s->n == s->cap) {
                size_t cap = s->cap ? 2 * s->cap : 1024;
                struct sighting *more = realloc(s->at, cap * sizeof *more);
                if (!more)
                        return ERR_NO_MEMORY;
                s->at = more;
                s->cap = cap;
        }
        s->at[s->n++] = one;
        return 0;
}

static int by_name(const void *a, const void *b)
{
        const struct bytes *x = &((const struct sighting *)a)->name, *y = &((const struct sighting *)b)->name;
        int order = memcmp(x->at, y->at, x->n < y->n ? x->n : y->n);
        return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

/* All datagrams with events in a log, by name. */
static int collect(struct bytes csv, struct sightings *s)
{
        struct bytes line, column[COLUMNS];
        size_t header = strlen(decision_csv_header);
        if (csv.n < header || memcmp(csv.at, decision_csv_header, header) != 0)
                return ERR_MALFORMED;
        csv = bytes_of(csv.at + header, csv.n - header);
        while (next_line(&csv, &line)) {
                if (!split(line, column))
                        return ERR_MALFORMED;
                if (!bytes_equal(column[COLUMN_CLASS], bytes_text(link_class_text(LINK_DATA))))
                        continue;
                const uint8_t *end = column[COLUMN_VERDICT].at - 1;
                int err = add(s, (struct sighting){ bytes_of(column[1].at, (size_t)(end - column[1].at)),
                                                    column[COLUMN_VERDICT] });
                if (err < 0)
                        return err;
        }
        if (s->n > 0)
                qsort(s->at, s->n, sizeof *s->at, by_name);
        return csv.n == 0 ? 0 : ERR_MALFORMED;
}

static bool by_seed(struct bytes verdict)
{
        return bytes_equal(verdict, bytes_text(link_verdict_text(LINK_PASSED))) ||
               bytes_equal(verdict, bytes_text(link_verdict_text(LINK_LOST)));
}

static struct likeness compare(const struct sightings *a, const struct sightings *b)
{
        struct likeness l = { .first = a->n, .second = b->n };
        for (size_t i = 0, j = 0; i < a->n && j < b->n;) {
                int order = by_name(&a->at[i], &b->at[j]);
                if (order == 0) {
                        l.common++;
                        if (!bytes_equal(a->at[i].verdict, b->at[j].verdict)) {
                                bool chance = by_seed(a->at[i].verdict) && by_seed(b->at[j].verdict);
                                l.differing += chance;
                                l.timed += !chance;
                        }
                }
                i += order <= 0;
                j += order >= 0;
        }
        return l;
}

int likeness_of(struct bytes first_csv, struct bytes second_csv, struct likeness *out)
{
        struct sightings a = { 0 }, b = { 0 };
        *out = (struct likeness){ 0 };
        int err = collect(first_csv, &a);
        if (err == 0)
                err = collect(second_csv, &b);
        if (err == 0)
                *out = compare(&a, &b);
        free(a.at);
        free(b.at);
        return err;
}

bool likeness_holds(const struct likeness *l)
{
        return l->differing == 0 && l->common * 100 >= l->first * 99 && l->common * 100 >= l->second * 99;
}

static int read_file(const char *path, struct buf *out)
{
        FILE *f = fopen(path, "re");
        if (!f)
                return ERR_SYSTEM;
        int err = 0;
        char piece[65536];
        size_t n;
        while (err == 0 && (n = fread(piece, 1, sizeof piece, f)) > 0)
                err = buf_put(out, piece, n);
        if (ferror(f))
                err = ERR_SYSTEM;
        fclose(f);
        return err;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
        switch (key) {
        case ARGP_KEY_ARG:
                if (state->arg_num == 2)
                        options_fail("%s: two decision logs are enough", arg);
                return 0;
        case ARGP_KEY_END:
                if (state->arg_num < 2)
                        options_fail("two decision logs are wanted, as in FIRST.csv SECOND.csv");
                return 0;
        default:
                return ARGP_ERR_UNKNOWN;
        }
}

int likeness_main(int argc, char **argv)
{
        static const struct argp argp = { NULL,
                                          parse_option,
                                          "FIRST.csv SECOND.csv",
                                          "Says whether two runs' datagrams met the same fate, as one seed promises.",
                                          NULL,
                                          NULL,
                                          NULL };
        options_parse(&argp, argc, argv, NULL);
        struct buf text[2] = { 0 };
        struct likeness l = { 0 };
        int err = 0, code = EXIT_MACHINE;
        for (int i = 0; i < 2 && err == 0; i++)
                if ((err = read_file(argv[argc - 2 + i], &text[i])) < 0)
                        fprintf(stderr, "same: cannot read %s: %s\n", argv[argc - 2 + i], strerror(errno));
        if (err == 0 && (err = likeness_of(buf_bytes(&text[0]), buf_bytes(&text[1]), &l)) < 0)
                fprintf(stderr, "same: not two decision logs: %s\n", err_text(err));
        if (err == 0) {
                code = likeness_holds(&l) ? 0 : EXIT_EXPECTATION;
                printf("%s: %" PRIu64 " and %" PRIu64 " datagrams with events, %" PRIu64 " common, %" PRIu64
                       " with another fate, %" PRIu64 " differ by time\n",
                       code == 0 ? "same" : "not the same", l.first, l.second, l.common, l.differing, l.timed);
        }
        buf_free(&text[0]);
        buf_free(&text[1]);
        return code;
}
