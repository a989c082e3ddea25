/* The UDP client while its socket takes nothing: its queue fills up, and it sleeps until the socket goes on. */
#include "tests/unit/udp_client_rig.h"

enum { WAKES_MAX = 1000 };

/* Time passes, and nothing is taken. How often did the client want to be woken? */
static int wakes(struct end *e, int64_t ms)
{
        struct mono until = mono_add(e->now, ms * NS_PER_MS), due;
        int n = 0;
        while (due = udp_transport.deadline(e->client), !mono_before(until, due) && n < WAKES_MAX) {
                if (mono_before(e->now, due))
                        e->now = due;
                udp_transport.expire(e->client, e->now);
                n++;
        }
        e->now = until;
        return n;
}

static void give_message(struct end *e, struct dgram_msg m)
{
        uint8_t out[DGRAM_BYTES_MAX];
        struct writer w = writer_of(out, sizeof out);
        assert_true(dgram_put(&w, &m));
        give(e, out, writer_used(&w));
}

static void call_many(struct end *e)
{
        static const uint8_t filler[1000];
        struct buf event = { 0 };
        event_begin(&event, "x", 1);
        pack_put_bin(&event, bytes_of(filler, sizeof filler));
        for (int i = 0; i < CALLS_MAX; i++)
                assert_true(udp_transport.call(e->client, e->now, buf_bytes(&event)) > 0);
        buf_free(&event);
        udp_transport.expire(e->client, e->now);
}

struct blocked_row {
        const char *name;
        bool calls;     /* more than the queue takes */
        uint64_t first; /* DATA come from this seq on; 1: without a hole; 0: none */
};

static const struct blocked_row rows[] = {
        { "it has more to say than there is place for", true, 0 },
        { "that, and a REPORT is due", true, 1 },
        { "that, and a hole is to be asked for", true, 9 },
        { "a hole is asked for until there is no place", false, 9 },
};

static void run_row(void **state)
{
        const struct blocked_row *row = *state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        if (row->calls)
                call_many(&e);
        for (uint64_t seq = row->first; row->first && seq < row->first + 8; seq++)
                give_message(&e, data(TEA_TAG, seq, 100 + seq, 0));
        assert_in_range(wakes(&e, 10000), 0, row->calls ? 2 : WAKES_MAX - 1);
        assert_in_range(e.client->queue.ready.n, 1, DGRAM_QUEUE_BYTES_MAX);
        hear(&e);
        for (int i = 0; row->calls && i < CALLS_MAX; i++)
                assert_int_equal(e.said[e.said_n - 1 - i].type, DGRAM_PUB);
        pass(&e, 0);
        assert_true(mono_before(e.now, udp_transport.deadline(e.client)));
        end(&e);
}

static void one_that_nobody_takes_from_is_lost_in_the_end(void **state)
{
        (void)state;
        struct end e;
        in_tea(&e, CLIENT_MODE_NACK_ORDERED);
        call_many(&e);
        wakes(&e, 29000);
        quiet(&e);
        wakes(&e, 1001);
        assert_string_equal(next(&e, CLIENT_DOWN).reason, "the server fell silent");
        end(&e);
}

int main(void)
{
        const struct CMUnitTest stories[] = { cmocka_unit_test(one_that_nobody_takes_from_is_lost_in_the_end) };
        return RUN_ROWS("udp_client: nothing is taken", rows, run_row) +
               cmocka_run_group_tests_name("udp_client: nothing is taken, for long", stories, NULL, NULL);
}
