/* The UDP path in simulated time: hub, gate and clients over a network that loses (also in bursts),
 * doubles, delays, overtakes, corrupts and goes dark; with a transport that blocks, logs that evict,
 * clients that come back, read late, sleep and change their address, clocks that jump, strangers, and
 * a server that is started anew. Every event that was published has exactly one outcome at every
 * client it was meant for: told once, or covered by one gap; nothing grows beyond its bounds,
 * strangers get little, repairs keep to their budget.
 *
 *     sim_udp                       thousands of seeds (SEEDS=n: that many), each a scenario
 *     SEED=n sim_udp                that one
 *     sim_udp --scenario FILE [CAPTURE.pcap]     one that was printed; as Wireshark sees it at the server
 *     sim_udp --print SEED          as a file for that
 *
 * A seed that fails is printed with its command, and cut down to a short scenario file.
 */
#include "tests/sim/udp_shrink.h"

enum { WORKERS_MAX = 8 };

static void print_failure(const struct verdict *v)
{
        print_error("%s: %s\n", v->where, v->words);
}

/* Where a failing scenario is left: beside the program's own build. */
static void keep_file(const struct scenario *s, const struct verdict *v, char *path, size_t n)
{
        snprintf(path, n, "build/udp-%" PRId64 ".scenario", s->seed);
        FILE *file = fopen(path, "w");
        if (!file) {
                snprintf(path, n, "/tmp/udp-%" PRId64 ".scenario", s->seed);
                file = fopen(path, "w");
        }
        assert_non_null(file);
        fprintf(file, "# %s: %s\n", v->where, v->words);
        scenario_print(file, s);
        fclose(file);
}

static void tell_failure(uint64_t seed)
{
        struct scenario *s = calloc(1, sizeof *s);
        char path[128];
        assert_non_null(s);
        scenario_draw(s, seed);
        struct verdict v = try_scenario(s, false);
        print_error("seed %" PRIu64 " fails; again: SEED=%" PRIu64 " build/release/tests/sim_udp\n", seed, seed);
        print_failure(&v);
        int deeds = s->deeds, tries = scenario_shrink(s);
        keep_file(s, &v, path, sizeof path);
        print_error("cut down from %d deeds to %d in %d tries: build/release/tests/sim_udp --scenario %s\n", deeds,
                    s->deeds, tries, path);
        scenario_print(stderr, s);
        free(s);
}

/* A share of the seeds, one after the other. */
static pid_t start_worker(struct verdict *v, uint64_t first, uint64_t end, uint64_t step)
{
        pid_t child = fork_child(v);
        if (child != 0)
                return child;
        static struct scenario s;
        for (uint64_t seed = first; seed < end; seed += step) {
                alarm(TRY_SECONDS_MAX);
                scenario_draw(&s, seed);
                scenario_run(&s);
        }
        exit(0);
}

static void every_event_has_one_outcome(void **state)
{
        (void)state;
        const char *one = getenv("SEED");
        uint64_t first = one ? strtoull(one, NULL, 10) : 1, n = one ? 1 : harness_seeds(6000);
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        uint64_t workers = cores < 1 ? 1 : cores > WORKERS_MAX ? WORKERS_MAX : (uint64_t)cores;
        struct verdict *v = shared(WORKERS_MAX * sizeof *v), all = { 0 };
        pid_t child[WORKERS_MAX];
        for (uint64_t w = 0; w < workers; w++)
                child[w] = start_worker(&v[w], first + w, first + n, workers);
        for (uint64_t w = 0; w < workers; w++) {
                child_ends(child[w], &v[w]);
                all.runs += v[w].runs;
                all.told += v[w].told;
                all.recovered += v[w].recovered;
                all.mended += v[w].mended;
                all.gaps += v[w].gaps;
        }
        for (uint64_t w = 0; w < workers; w++) {
                if (v[w].where[0]) {
                        tell_failure(v[w].seed);
                        fail_msg("seed %" PRIu64, v[w].seed);
                }
        }
        print_message("%" PRIu64 " seeds: %" PRIu64 " events told, %" PRIu64 " of them recovered, %" PRIu64
                      " made from parity, %" PRIu64 " gaps\n",
                      all.runs, all.told, all.recovered, all.mended, all.gaps);
        assert_true(all.runs == n && (one || (all.told > 0 && all.recovered > 0 && all.mended > 0 && all.gaps > 0)));
        munmap(v, WORKERS_MAX * sizeof *v);
}

/* ---- the simulation's own tests ----------------------------------------------------------------- */

static void read_back(const struct scenario *s, struct scenario *again)
{
        FILE *file = tmpfile();
        assert_non_null(file);
        scenario_print(file, s);
        rewind(file);
        assert_int_equal(scenario_read(file, again), 0);
        fclose(file);
}

static void a_scenario_is_the_same_as_text(void **state)
{
        (void)state;
        static struct scenario s, again;
        for (uint64_t seed = 1; seed <= 50; seed++) {
                scenario_draw(&s, seed);
                read_back(&s, &again);
                for (int i = (int)s.clients; i < CLIENTS_MAX; i++)
                        assert_memory_equal(&again.path[i], &(struct path_knobs){ 0 }, sizeof again.path[i]);
                assert_memory_equal(&s, &again, sizeof s);
        }
}

/* A planted fault: a client does not tell large events once its address has changed. What is left must be
 * one client on a good path, its change of address, one event of 500 bytes, and little else. */
static void a_failure_is_cut_down(void **state)
{
        (void)state;
        static struct scenario s, again;
        struct verdict v = { 0 };
        for (uint64_t seed = 1; seed < 1000 && !v.where[0]; seed++) {
                scenario_draw(&s, seed);
                s.fault = FAULT_DEAF;
                v = try_scenario(&s, true);
        }
        assert_non_null(strstr(v.words, "has no outcome"));
        int deeds = s.deeds, tries = scenario_shrink(&s), rebinds = 0;
        int64_t bytes = 0;
        print_message("%d deeds cut down to %d in %d tries\n", deeds, s.deeds, tries);
        for (int i = 0; i < s.deeds; i++) {
                rebinds += s.deed[i].kind == DEED_rebind;
                bytes += s.deed[i].n;
        }
        assert_true(s.clients == 1 && s.deeds <= 3 && rebinds == 1);
        assert_in_range(bytes, 450, 500);
        for (int k = 1; k < PATH_KNOBS_N; k++) /* all but the delay */
                assert_int_equal(*path_knob_of(&s.path[0], &path_knobs[k]), 0);
        read_back(&s, &again);
        assert_string_equal(try_scenario(&again, true).where, v.where);
        s.fault = FAULT_NONE;
        assert_string_equal(try_scenario(&s, true).where, "");
}

/* ---- all of them --------------------------------------------------------------------------- */

static int replay(const char *path)
{
        static struct scenario s;
        FILE *file = fopen(path, "r");
        if (!file) {
                perror(path);
                return 2;
        }
        int line = scenario_read(file, &s);
        fclose(file);
        if (line != 0) {
                fprintf(stderr, "%s: cannot make sense of line %d\n", path, line);
                return 2;
        }
        struct verdict v = try_scenario(&s, false);
        if (!v.where[0]) {
                printf("%" PRIu64 " events told, %" PRIu64 " of them recovered, %" PRIu64 " gaps: all is well\n",
                       v.told, v.recovered, v.gaps);
                return 0;
        }
        printf("%s: %s\n", v.where, v.words);
        return 1;
}

int main(int argc, char **argv)
{
        signals_note();
        randombytes_set_implementation(&seeded);
        if (argc == 4)
                capture_begin(argv[3]);
        if (argc >= 3 && strcmp(argv[1], "--scenario") == 0)
                return replay(argv[2]);
        if (argc == 3 && strcmp(argv[1], "--print") == 0) {
                static struct scenario s;
                scenario_draw(&s, strtoull(argv[2], NULL, 10));
                scenario_print(stdout, &s);
                return 0;
        }
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_scenario_is_the_same_as_text),
                cmocka_unit_test(a_failure_is_cut_down),
                cmocka_unit_test(every_event_has_one_outcome),
        };
        return cmocka_run_group_tests_name("udp in simulated time", tests, NULL, NULL);
}
