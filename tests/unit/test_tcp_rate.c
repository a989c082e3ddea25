/* A client that says more than its limit is not read from for a while, and loses nothing by it. */
#include "tests/unit/tcp_session_rig.h"

#include "tcp_server/tcp_session_inside.h"

static const uint8_t mask[4] = { 0 };

static struct rig *begin(double per_s, uint32_t burst)
{
        struct rig *r = calloc(1, sizeof *r);
        rig_begin(r, "two");
        for (int i = 0; i < 2; i++)
                app_limits(r->app[i])->events = bucket_rule(per_s, burst);
        run_step(r, "a open");
        return r;
}

/* One that has been quiet, so that its bucket is full. */
static struct rig *begin_full(double per_s, uint32_t burst)
{
        struct rig *r = begin(per_s, burst);
        pass(r, "20s");
        return r;
}

static void end(struct rig *r)
{
        rig_end(r);
        free(r);
}

static uint64_t met(const struct rig *r)
{
        return app_limits(r->app[0])->met[LIMIT_EVENTS];
}

/* Gives the session what it takes of these frames, and drops that from them. */
static void give(struct rig *r, struct buf *frames)
{
        buf_drop(frames, tcp_session_recv(r->peer[0].session, r->now, frames->at, frames->n));
}

static void held_back_until_there_is_a_token(void **state)
{
        struct rig *r = begin_full(10, 3);
        struct tcp_session *s = r->peer[0].session;
        struct buf frames = { 0 };
        (void)state;
        ws_put(&frames, WS_TEXT, bytes_text("40"), mask); /* counts as well */
        for (int i = 0; i < 5; i++)
                ws_put(&frames, WS_TEXT, bytes_text("42[\"x\"]"), mask);
        give(r, &frames);
        assert_int_equal(r->service->counts.events_in, 2);
        assert_true(tcp_session_held_back(s));
        assert_int_equal(met(r), 1);
        assert_int_equal(mono_since(tcp_session_deadline(s), r->now), 100 * NS_PER_MS);
        give(r, &frames); /* asking again changes nothing */
        assert_int_equal(r->service->counts.events_in, 2);
        assert_int_equal(met(r), 1);
        pass(r, "100ms");
        assert_false(tcp_session_held_back(s));
        give(r, &frames);
        assert_int_equal(r->service->counts.events_in, 3);
        assert_int_equal(met(r), 2);
        pass(r, "1s");
        give(r, &frames);
        assert_int_equal(frames.n, 0);
        assert_int_equal(r->service->counts.events_in, 5);
        assert_false(tcp_session_held_back(s));
        buf_free(&frames);
        end(r);
}

static void one_limit_for_all_namespaces(void **state)
{
        struct rig *r = begin_full(10, 4);
        struct buf frames = { 0 };
        (void)state;
        ws_put(&frames, WS_TEXT, bytes_text("40"), mask);
        ws_put(&frames, WS_TEXT, bytes_text("40/news,"), mask);
        for (int i = 0; i < 3; i++)
                ws_put(&frames, WS_TEXT, bytes_text(i % 2 ? "42[\"x\"]" : "42/news,[\"x\"]"), mask);
        give(r, &frames);
        assert_int_equal(r->service->counts.events_in, 2);
        assert_true(frames.n > 0);
        buf_free(&frames);
        end(r);
}

static void who_comes_and_goes_without_end_is_held_back_too(void **state)
{
        struct rig *r = begin_full(10, 10);
        struct buf frames = { 0 };
        (void)state;
        for (int i = 0; i < 100; i++) {
                ws_put(&frames, WS_TEXT, bytes_text("40"), mask);
                ws_put(&frames, WS_TEXT, bytes_text("41"), mask);
        }
        give(r, &frames);
        assert_int_equal(r->service->counts.connects, 5);
        buf_free(&frames);
        end(r);
}

struct newcomer_row {
        const char *name;
        uint32_t burst, begins; /* events at once: of who was quiet, of a newcomer */
};

static const struct newcomer_row newcomers[] = {
        { "a newcomer has sixteen events of a large burst", 10000, 16 },
        { "a newcomer has sixteen events of thirty-two", 32, 16 },
        { "a newcomer has half of a burst of thirty-one", 31, 16 },
        { "a newcomer has half of a burst of twenty", 20, 10 },
        { "a newcomer has two of three", 3, 2 },
        { "a newcomer has the one that there is", 1, 1 },
};

/* Who says all he has, goes and comes anew wins no more than that each time. */
static void run_newcomer(void **state)
{
        const struct newcomer_row *row = *state;
        struct rig *r = begin(10, row->burst);
        for (uint32_t times = 1; times <= 3; times++) {
                struct buf frames = { 0 };
                ws_put(&frames, WS_TEXT, bytes_text("40"), mask); /* is one of them */
                for (int i = 0; i < 100; i++)
                        ws_put(&frames, WS_TEXT, bytes_text("42[\"x\"]"), mask);
                give(r, &frames);
                assert_int_equal(r->service->counts.events_in, times * (row->begins - 1));
                assert_true(tcp_session_held_back(r->peer[0].session));
                buf_free(&frames);
                run_step(r, "a lost");
                run_step(r, "a open");
        }
        end(r);
}

/* What is not read may be the pong: who is held back is not silent. Who then really is, ends. */
static void a_pong_that_is_held_back_is_not_missed(void **state)
{
        struct rig *r = begin(1.0 / 60, 1); /* a bucket of one is full from the start */
        struct buf frames = { 0 };
        (void)state;
        ws_put(&frames, WS_TEXT, bytes_text("40"), mask);
        ws_put(&frames, WS_TEXT, bytes_text("42[\"x\"]"), mask);
        ws_put(&frames, WS_TEXT, bytes_text("3"), mask);
        give(r, &frames);
        pass(r, "59s"); /* the ping was at 25 s */
        run_step(r, "a alive");
        pass(r, "1s");
        give(r, &frames);
        assert_int_equal(frames.n > 0, true); /* the event, not yet the pong */
        pass(r, "60s");
        give(r, &frames);
        assert_int_equal(frames.n, 0);
        pass(r, "44s");
        run_step(r, "a alive");
        pass(r, "2s");
        run_step(r, "a ended no pong in time");
        buf_free(&frames);
        end(r);
}

static void packets_of_polling_wait_as_well(void **state)
{
        struct rig *r = begin_full(10, 2);
        struct tcp_session *s = r->peer[0].session;
        (void)state;
        tcp_session_packet(s, r->now, bytes_text("40"));
        assert_true(tcp_session_takes(s, r->now));
        tcp_session_packet(s, r->now, bytes_text("42[\"x\"]"));
        assert_false(tcp_session_takes(s, r->now));
        assert_int_equal(mono_since(tcp_session_deadline(s), r->now), 100 * NS_PER_MS);
        pass(r, "100ms");
        assert_true(tcp_session_takes(s, r->now));
        end(r);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(held_back_until_there_is_a_token),
                cmocka_unit_test(one_limit_for_all_namespaces),
                cmocka_unit_test(who_comes_and_goes_without_end_is_held_back_too),
                cmocka_unit_test(a_pong_that_is_held_back_is_not_missed),
                cmocka_unit_test(packets_of_polling_wait_as_well),
        };
        int failed = RUN_ROWS("tcp rate, newcomers", newcomers, run_newcomer);
        return failed + cmocka_run_group_tests_name("tcp rate", stories, NULL, NULL);
}
