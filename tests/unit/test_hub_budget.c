/* Two hubs that share one budget, as the namespaces of an application do. */
#include "tests/unit/hub_story.h"

enum { BUDGET = 64 << 10, EVENT_BYTES = 1000 };

struct pair {
        struct hub_budget budget;
        struct hub *hub[2];
        struct mono now;
};

static const uint8_t body[EVENT_BYTES];

static void pair_open(struct pair *p, uint64_t bytes_max)
{
        *p = (struct pair){ .budget = { .bytes_max = bytes_max }, .now = { NS_PER_S } };
        for (int i = 0; i < 2; i++) {
                struct hub_config config = { .epoch = 1, .budget = &p->budget, .bytes_total_max = 1 };
                p->hub[i] = hub_create(&config);
                assert_non_null(p->hub[i]);
        }
}

static void pair_close(struct pair *p)
{
        hub_destroy(p->hub[0]);
        hub_destroy(p->hub[1]);
        assert_null(p->budget.hubs);
        assert_int_equal(p->budget.fresh_bytes, 0);
}

/* Each event a millisecond after the one before. */
static void say_events(struct pair *p, int hub, int n)
{
        struct published out;
        for (int i = 0; i < n; i++) {
                p->now = mono_add(p->now, NS_PER_MS);
                struct publish event = { .event = bytes_of(body, sizeof body) };
                assert_int_equal(hub_publish(p->hub[hub], p->now, &event, &out), 0);
        }
}

static uint64_t held(const struct pair *p, int hub)
{
        struct hub_stats s = hub_stats(p->hub[hub]);
        return s.log_bytes + s.stream_bytes;
}

static uint64_t events_in(const struct pair *p, int hub)
{
        struct hub_stats s = hub_stats(p->hub[hub]);
        return s.events - s.evicted_events;
}

static void the_sum_holds(void **state)
{
        struct pair p;
        (void)state;
        pair_open(&p, BUDGET);
        for (int i = 0; i < 300; i++) {
                say_events(&p, i % 3 == 0, 1);
                assert_true(held(&p, 0) + held(&p, 1) <= BUDGET);
        }
        assert_true(held(&p, 0) + held(&p, 1) > BUDGET - 2 * EVENT_BYTES);
        pair_close(&p);
}

static void the_oldest_of_all_goes_first(void **state)
{
        struct pair p;
        (void)state;
        pair_open(&p, BUDGET);
        say_events(&p, 0, 100);
        uint64_t full = events_in(&p, 0);
        assert_true(full > 50 && full < 100);
        say_events(&p, 1, 20); /* newer: the first hub's make room, and none of these is lost */
        assert_int_equal(events_in(&p, 1), 20);
        assert_true(events_in(&p, 0) + 20 <= full);
        say_events(&p, 1, 100); /* until nothing of the first is left */
        assert_int_equal(events_in(&p, 0), 0);
        assert_int_equal(held(&p, 0), 0);
        assert_true(events_in(&p, 1) < 100);
        pair_close(&p);
}

static int encode(void *ctx, const struct hub_entry *e, struct buf *out)
{
        (void)ctx;
        return buf_put(out, e->event.at, e->event.n);
}

/* What one hub has encoded for a reader weighs on the other, too. */
static void streams_count(void **state)
{
        struct pair p;
        struct piece v;
        unsigned news = 0;
        (void)state;
        pair_open(&p, BUDGET);
        assert_int_equal(hub_encoding_add(p.hub[0], &(struct hub_encoding){ .name = "bytes", .encode = encode }), 0);
        struct hub_sink sink = { count, &news };
        struct member *m = hub_member_add(p.hub[0], bytes_text("ann"), 0, &sink, NULL);
        say_events(&p, 0, 20);
        assert_int_equal(member_walk(m, UINT64_MAX, &v, 1), 1);
        assert_true(hub_stats(p.hub[0]).stream_bytes > 0);
        for (int i = 0; i < 100; i++) {
                say_events(&p, 1, 1);
                assert_true(held(&p, 0) + held(&p, 1) <= BUDGET);
        }
        hub_member_remove(m);
        pair_close(&p);
}

/* A sixteenth of the budget is new, of both together: either says so until both are announced. */
static void crowded_by_both(void **state)
{
        struct pair p;
        (void)state;
        pair_open(&p, 16 * 4 * EVENT_BYTES);
        say_events(&p, 0, 2);
        say_events(&p, 1, 1);
        assert_false(hub_crowded(p.hub[0]) || hub_crowded(p.hub[1]));
        say_events(&p, 1, 1);
        assert_true(hub_crowded(p.hub[1]));
        hub_announce(p.hub[0]);
        hub_announce(p.hub[1]);
        assert_false(hub_crowded(p.hub[1]));
        say_events(&p, 0, 3);
        assert_false(hub_crowded(p.hub[0]));
        pair_close(&p);
}

static void without_one_each_has_its_own(void **state)
{
        struct pair p = { .now = { NS_PER_S } };
        (void)state;
        for (int i = 0; i < 2; i++)
                p.hub[i] = hub_create(&(struct hub_config){ .epoch = 1, .bytes_total_max = BUDGET });
        say_events(&p, 0, 100);
        uint64_t before = events_in(&p, 0);
        say_events(&p, 1, 100);
        assert_int_equal(events_in(&p, 0), before);
        assert_int_equal(events_in(&p, 1), before);
        hub_destroy(p.hub[0]);
        hub_destroy(p.hub[1]);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(the_sum_holds),
                cmocka_unit_test(the_oldest_of_all_goes_first),
                cmocka_unit_test(streams_count),
                cmocka_unit_test(crowded_by_both),
                cmocka_unit_test(without_one_each_has_its_own),
        };
        if (sodium_init() < 0)
                return 1;
        return cmocka_run_group_tests_name("hub budget", stories, NULL, NULL);
}
