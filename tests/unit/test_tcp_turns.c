/* Two namespaces with a backlog share one slow connection: neither waits for all of the other's. */
#include "tests/unit/tcp_session_rig.h"

#include "tcp_server/tcp_session_inside.h"

enum { EVENTS = 300 };

struct heard {
        size_t events[2], bytes[2]; /* of "/" and of "/news" */
};

static struct heard count(const struct peer *p)
{
        struct heard h = { 0 };
        for (const char *at = p->told; at; at = strchr(at, '|')) {
                at += *at == '|';
                int news = strncmp(at, "42/news,[\"x\"", 12) == 0;
                if (!news && strncmp(at, "42[\"x\"", 6) != 0)
                        continue;
                h.events[news]++;
                h.bytes[news] += strcspn(at, "|");
        }
        return h;
}

/* The transport takes so many bytes each time that it takes any. */
static const struct turns_row {
        const char *name;
        size_t bytes_taken;
} rows[] = {
        { "a transport that takes half an entry", 10 },
        { "a transport that takes a few entries and a half", 100 },
        { "a transport that takes many", 1000 },
};

static void backlogs_share(void **state)
{
        const struct turns_row *row = *state;
        struct rig *r = calloc(1, sizeof *r);
        struct peer *a = &r->peer[0];
        rig_begin(r, "two");
        run_step(r, "a open");
        run_step(r, "a > 40");
        run_step(r, "a > 40/news,");
        drain(r, a, SIZE_MAX);
        for (int i = 0; i < EVENTS; i++) {
                run_step(r, "say [\"x\"]");
                run_step(r, "say/ [\"x\"]");
        }
        struct heard h = { 0 };
        while (h.events[0] < EVENTS && h.events[1] < EVENTS) {
                drain(r, a, row->bytes_taken);
                h = count(a);
                size_t less = h.bytes[0] < h.bytes[1] ? h.bytes[0] : h.bytes[1];
                assert_true(10 * (less + 2 * row->bytes_taken) >= 4 * (h.bytes[0] + h.bytes[1]));
        }
        drain(r, a, SIZE_MAX);
        h = count(a);
        assert_true(h.events[0] == EVENTS && h.events[1] == EVENTS);
        rig_end(r);
        free(r);
}

/* What is nobody's, a ping, goes at the next entry's end, whose turn it may be. */
static void a_ping_waits_for_one_entry_alone(void **state)
{
        (void)state;
        struct rig *r = calloc(1, sizeof *r);
        struct peer *a = &r->peer[0];
        rig_begin(r, "two");
        run_step(r, "a open");
        run_step(r, "a > 40");
        run_step(r, "a > 40/news,");
        drain(r, a, SIZE_MAX);
        a->told[0] = 0;
        for (int i = 0; i < 20; i++) {
                run_step(r, "say [\"x\"]");
                run_step(r, "say/ [\"x\"]");
        }
        drain(r, a, 10);
        run_step(r, "+ 25s");
        drain(r, a, SIZE_MAX);
        const char *second = strchr(a->told, '|');
        assert_memory_equal(second, "|2|", 3);
        struct heard h = count(a);
        assert_int_equal(h.events[0] + h.events[1], 40);
        rig_end(r);
        free(r);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(a_ping_waits_for_one_entry_alone),
        };
        return RUN_ROWS("tcp turns", rows, backlogs_share) +
               cmocka_run_group_tests_name("tcp turns stories", stories, NULL, NULL);
}
