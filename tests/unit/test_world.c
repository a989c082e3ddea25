#include "tests/unit/harness.h"

#include <math.h>

#include "lab/world.h"

enum { PACKETS = 20000 };

struct weather_row {
        const char *name;
        struct world_path path;
        double arrive; /* copies for each packet that is sent */
        bool overtake;
};

static const struct weather_row rows[] = {
        { "nothing happens", { .delay_ns = 5 * NS_PER_MS }, 1, false },
        { "a tenth is lost", { .loss = 0.1 }, 0.9, false },
        { "a twentieth comes twice", { .doubles = 0.05 }, 1.05, false },
        { "jitter lets packets overtake", { .delay_ns = NS_PER_MS, .jitter_ns = 50 * NS_PER_MS }, 1, true },
        { "darkness", { .dark = true }, 0, false },
};

/* One packet a millisecond to node 1; what arrives, and when. */
static void run_row(void **state)
{
        const struct weather_row *row = *state;
        struct world *w = world_create(7, 2);
        struct world_packet p;
        uint32_t arrived = 0, newest = 0;
        bool overtook = false;
        *world_path(w, 1) = row->path;
        for (uint32_t i = 1; i <= PACKETS + 1000; i++) {
                struct mono sent = world_now(w);
                if (i <= PACKETS)
                        assert_int_equal(world_send(w, 0, 1, i, bytes_of(&i, sizeof i)), 0);
                world_pass(w, mono_add(sent, NS_PER_MS));
                while (world_pop(w, &p)) {
                        assert_int_equal(p.bytes.n, sizeof i);
                        assert_memory_equal(p.bytes.at, &p.mark, sizeof i);
                        assert_int_equal(p.to, 1);
                        overtook |= p.mark < newest;
                        newest = p.mark > newest ? p.mark : newest;
                        arrived++;
                }
        }
        assert_true(mono_is_never(world_deadline(w)));
        assert_true(fabs((double)arrived / PACKETS - row->arrive) < 0.01);
        assert_int_equal(overtook, row->overtake);
        world_destroy(w);
}

static void delay_is_exact_and_time_stands(void **state)
{
        (void)state;
        struct world *w = world_create(1, 2);
        struct world_packet p;
        world_path(w, 1)->delay_ns = 25 * NS_PER_MS;
        struct mono sent = world_now(w);
        world_send(w, 1, 0, 3, bytes_text("up"));
        assert_int_equal(mono_since(world_deadline(w), sent), 25 * NS_PER_MS);
        assert_false(world_pop(w, &p));
        world_pass(w, mono_add(sent, 25 * NS_PER_MS - 1));
        assert_false(world_pop(w, &p));
        world_pass(w, mono_add(sent, 25 * NS_PER_MS));
        assert_true(world_pop(w, &p));
        assert_int_equal(p.from, 1);
        world_pass(w, sent); /* never back */
        assert_int_equal(mono_since(world_now(w), sent), 25 * NS_PER_MS);
        world_destroy(w);
}

/* The same seed and the same packets: the same fates; another seed: others. */
static void a_seed_is_a_run(void **state)
{
        (void)state;
        uint64_t fate[3] = { 0 };
        for (int run = 0; run < 3; run++) {
                struct world *w = world_create(run < 2 ? 5 : 6, 2);
                struct world_packet p;
                *world_path(w, 1) = (struct world_path){ .jitter_ns = NS_PER_S, .loss = 0.5, .doubles = 0.2 };
                for (uint32_t i = 0; i < 100; i++)
                        world_send(w, 0, 1, i, bytes_of(NULL, 0));
                world_pass(w, mono_add(world_now(w), 10 * NS_PER_S));
                while (world_pop(w, &p))
                        fate[run] = fate[run] * 31 + p.mark;
                world_destroy(w);
        }
        assert_true(fate[0] == fate[1]);
        assert_true(fate[0] != fate[2]);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(delay_is_exact_and_time_stands),
                                            cmocka_unit_test(a_seed_is_a_run) };
        return RUN_ROWS("world", rows, run_row) + cmocka_run_group_tests_name("world", tests, NULL, NULL);
}
