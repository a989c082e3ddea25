/* udp_shrink: a scenario that fails, made as small as it still fails in the same way.
 *
 * Each try is a process of its own, so that a crash, a hang or a broken assert is a failure like
 * another. Deeds are taken out in ever smaller runs (delta debugging), then every number is tried at
 * its least and at half, over and over until nothing can be taken away.
 *
 * Source: A. Zeller, R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (2002).
 */
#ifndef TESTS_SIM_UDP_SHRINK_H
#define TESTS_SIM_UDP_SHRINK_H
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/sim/udp_deeds.h"

enum { TRY_SECONDS_MAX = 20, TRIES_MAX = 3000 };

/* Memory that processes share. */
static void *shared(size_t n)
{
        void *at = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert_true(at != MAP_FAILED);
        return at;
}

/* cmocka catches signals in the parent; a child is to die of them. */
static const int deadly[] = { SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS };
static struct sigaction before_cmocka[sizeof deadly / sizeof *deadly];

static void signals_note(void)
{
        for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
                sigaction(deadly[i], NULL, &before_cmocka[i]);
}

static pid_t fork_child(struct verdict *v)
{
        fflush(NULL);
        pid_t child = fork();
        if (child != 0)
                return child;
        for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
                sigaction(deadly[i], &before_cmocka[i], NULL);
        verdict = v;
        alarm(TRY_SECONDS_MAX);
        return 0;
}

/* Waits for a child, and says in its verdict how it died if it could not say it itself. */
static void child_ends(pid_t child, struct verdict *v)
{
        int status;
        waitpid(child, &status, 0);
        if (v->where[0])
                return;
        if (WIFSIGNALED(status))
                snprintf(v->where, sizeof v->where, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
        else if (WEXITSTATUS(status) != 0)
                snprintf(v->where, sizeof v->where, "exit %d", WEXITSTATUS(status));
}

/* Runs it in a process of its own. An empty `where`: all is well. quiet: whatever it writes is thrown away. */
static struct verdict try_scenario(const struct scenario *s, bool quiet)
{
        struct verdict *v = shared(sizeof *v), out;
        pid_t child = fork_child(v);
        if (child == 0) {
                if (quiet && !freopen("/dev/null", "w", stderr))
                        _exit(2);
                scenario_run(s);
                _exit(0);
        }
        child_ends(child, v);
        out = *v;
        munmap(v, sizeof *v);
        return out;
}

struct shrink {
        struct scenario best, trial;
        char where[64]; /* how it fails */
        int tries;
};

/* Keeps the trial if it fails as the first did. */
static bool keep(struct shrink *k)
{
        if (memcmp(&k->trial, &k->best, sizeof k->best) == 0 || k->tries++ >= TRIES_MAX)
                return false;
        if (!scenario_sound(&k->trial) || strcmp(try_scenario(&k->trial, true).where, k->where) != 0)
                return false;
        k->best = k->trial;
        return true;
}

static void without_deeds(struct scenario *s, int from, int n)
{
        memmove(&s->deed[from], &s->deed[from + n], (size_t)(s->deeds - from - n) * sizeof *s->deed);
        s->deeds -= n;
        memset(&s->deed[s->deeds], 0, (size_t)n * sizeof *s->deed);
}

static bool fewer_deeds(struct shrink *k)
{
        bool any = false;
        for (int n = k->best.deeds; n >= 1; n /= 2)
                for (int from = 0; from < k->best.deeds;) {
                        int some = n < k->best.deeds - from ? n : k->best.deeds - from;
                        k->trial = k->best;
                        without_deeds(&k->trial, from, some);
                        if (keep(k))
                                any = true;
                        else
                                from += some;
                }
        return any;
}

/* One client less; what it did goes with it. */
static bool fewer_clients(struct shrink *k)
{
        bool any = false;
        for (int gone = (int)k->best.clients - 1; gone >= 0; gone--) {
                struct scenario *t = &k->trial;
                *t = k->best;
                for (int i = t->deeds - 1; i >= 0; i--) {
                        bool anyone = t->deed[i].kind == DEED_publish;
                        if (t->deed[i].who == gone && !anyone)
                                without_deeds(t, i, 1);
                        else if (t->deed[i].who >= gone && t->deed[i].who > 0)
                                t->deed[i].who--;
                }
                memmove(&t->path[gone], &t->path[gone + 1], (size_t)(CLIENTS_MAX - gone - 1) * sizeof *t->path);
                memset(&t->path[--t->clients], 0, sizeof *t->path);
                any |= keep(k);
        }
        return any;
}

/* A number in best, as small as it goes. */
static void less(struct shrink *k, int64_t *number, int64_t least)
{
        size_t at = (size_t)((char *)number - (char *)&k->best);
        for (int64_t step = *number - least; step >= 1;) {
                int64_t trial = *number - step;
                k->trial = k->best;
                memcpy((char *)&k->trial + at, &trial, sizeof trial);
                if (trial < least || !keep(k))
                        step /= 2;
        }
}

/* The deeds' times: as if no time passed between two of them, or half of it. */
static bool sooner(struct shrink *k)
{
        bool any = false;
        for (int i = 0; i < k->best.deeds; i++)
                for (int part = 0; part < 2; part++) {
                        int64_t gap = k->best.deed[i].at_us - (i ? k->best.deed[i - 1].at_us : 0);
                        k->trial = k->best;
                        for (int j = i; j < k->best.deeds; j++)
                                k->trial.deed[j].at_us -= part ? gap / 2 : gap;
                        any |= keep(k);
                }
        return any;
}

static void less_of_all(struct shrink *k)
{
        for (int i = 0; i < KNOBS_N; i++)
                if (knobs[i].least != INT64_MIN && strcmp(knobs[i].name, "clients") != 0)
                        less(k, knob_of(&k->best, &knobs[i]), knobs[i].least);
        for (int c = 0; c < k->best.clients; c++)
                for (int i = 0; i < PATH_KNOBS_N; i++)
                        less(k, path_knob_of(&k->best.path[c], &path_knobs[i]), path_knobs[i].least);
        for (int i = 0; i < k->best.deeds; i++) {
                struct deed *d = &k->best.deed[i];
                less(k, &d->who, d->who < 0 ? d->who : 0);
                less(k, &d->n, 0);
                less(k, &d->ms, 0);
                less(k, &d->rooms, 0);
                less(k, &d->except, 0);
        }
}

/* s fails: it is made smaller in place. Returns how many tries that took. */
static int scenario_shrink(struct scenario *s)
{
        struct shrink *k = calloc(1, sizeof *k);
        assert_non_null(k);
        k->best = *s;
        memcpy(k->where, try_scenario(s, true).where, sizeof k->where);
        for (bool more = k->where[0]; more && k->tries < TRIES_MAX;) {
                more = fewer_deeds(k) | fewer_clients(k);
                less_of_all(k);
                more |= sooner(k);
        }
        *s = k->best;
        int tries = k->tries;
        free(k);
        return tries;
}

#endif
