/* A script of 20 events, half to everyone and half to a room, runs once for every byte at which the
 * connection may break; the client comes back by itself. The expectation is naive: the list of what
 * was published. Every event arrives exactly once and in order, or is named by exactly one gap.
 */
#include "tests/sim/tcp_world.h"

/* ---- the script --------------------------------------------------------------------------------- */

static struct buf tick(uint32_t i)
{
        struct buf event = { 0 };
        event_begin(&event, "tick", 2);
        pack_put_u64(&event, i);
        pack_put_bin(&event, bytes_of("\0\1\2", i % 4 == 0 ? 3 : 0));
        return event;
}

static void publish(struct world *w, uint32_t i)
{
        struct bytes tea = bytes_text("tea");
        struct buf event = tick(i);
        struct publish p = { .event = buf_bytes(&event), .rooms = &tea, .rooms_n = i % 2 };
        struct published out;
        assert_int_equal(hub_publish(w->hub, w->now, &p, &out), 0);
        w->eid[i] = out.eid;
        w->published = i + 1;
        buf_free(&event);
}

/* The client says it: to itself too, so that it is both the answer and the event that can be lost. */
static void say(struct world *w, uint32_t i)
{
        struct buf event = { 0 };
        event_begin(&event, "tick", 1);
        pack_put_u64(&event, i);
        assert_int_equal(t->call(w->client, w->now, buf_bytes(&event)), i + 2);
        w->published = i + 1;
        buf_free(&event);
}

static void begin(struct world *w, const struct rules *rules, uint64_t cut_at, uint64_t seed)
{
        struct client_config config = {
                .host = "sim", .path = "/socket.io/", .name = "una", .seed = seed, .reconnect = true
        };
        *w = (struct world){ .rules = rules,
                             .now = { NS_PER_S },
                             .ripe_at = MONO_NEVER,
                             .rng = rng_seeded(seed, "pipe"),
                             .cut_at = cut_at };
        server_begin(w);
        w->client = t->create(&config, w->now);
        assert_int_equal(t->join(w->client, w->now, bytes_text("tea")), 1);
        w->armed = cut_at > 0 && rules->client_says;
        pass(w, NS_PER_MS);
        if (rules->client_says)
                return;
        if (rules->forgotten)
                pass(w, 4 * SLOW_MS * NS_PER_MS);
        assert_true(w->joined);
        w->link[0].carried = 0; /* what stands is cut after so many bytes more */
        w->armed = cut_at > 0;
}

static void run_script(struct world *w)
{
        for (uint32_t i = 0; i < EVENTS; i++) {
                if (w->rules->restart_at && i == w->rules->restart_at) {
                        server_end(w);
                        server_begin(w);
                }
                if (w->rules->client_says)
                        say(w, i);
                else
                        publish(w, i);
                pass(w, TICK_MS * NS_PER_MS);
        }
        w->armed = false;
        w->script_bytes = w->link[0].carried;
        pass(w, 60 * NS_PER_S);
}

static void end(struct world *w)
{
        t->destroy(w->client);
        server_end(w);
        for (uint32_t i = 0; i < w->links; i++) {
                buf_free(&w->link[i].to_server);
                buf_free(&w->link[i].to_client);
        }
}

/* ---- what must hold ----------------------------------------------------------------------------- */

static void complain(struct world *w, const char *words, uint64_t i)
{
        if (!w->failed)
                fprintf(stderr, "cut %llu: event %llu %s\n", (unsigned long long)w->cut_at, (unsigned long long)i,
                        words);
        w->failed = true;
}

static void check_events(struct world *w)
{
        uint32_t times[EVENTS] = { 0 };
        for (uint32_t i = 0; i < w->heard_n; i++) {
                times[w->heard[i].number]++;
                if (i > 0 && w->heard[i].number <= w->heard[i - 1].number)
                        complain(w, "out of order", w->heard[i].number);
                if (!w->rules->client_says && w->heard[i].eid != w->eid[w->heard[i].number])
                        complain(w, "with another's eid", w->heard[i].number);
        }
        for (uint32_t i = 0; i < EVENTS; i++) {
                uint32_t told = times[i] + w->gap_covers[i];
                if (times[i] > 1)
                        complain(w, "twice", i);
                else if (told == 0 && !w->rules->client_says)
                        complain(w, "silently lost", i);
                else if (times[i] && w->gap_covers[i])
                        complain(w, "given and told as lost", i);
                else if (w->gap_covers[i] && w->rules->log_events == 0 && !w->rules->restart_at && !w->rules->forgotten)
                        complain(w, "told as lost, though the log has it", i);
        }
}

static void check_answers(struct world *w)
{
        for (uint32_t i = 0; i < EVENTS; i++)
                if (w->rules->client_says && w->answered[i + 2] != 1)
                        complain(w, "not answered exactly once", i);
}

static uint64_t run(const struct rules *rules, uint64_t cut_at, uint64_t seed, uint64_t *recovered)
{
        struct world *w = calloc(1, sizeof *w);
        begin(w, rules, cut_at, seed);
        run_script(w);
        check_events(w);
        check_answers(w);
        if (t->wish(w->client) != CLIENT_HOLD || w->ups == 0 || w->ups != w->downs + 1)
                complain(w, "after which the client did not come back", 0);
        uint64_t carried = w->script_bytes;
        *recovered += w->recovered;
        bool failed = w->failed;
        end(w);
        free(w);
        assert_false(failed);
        return carried;
}

static void cut_at_every_byte(void **state)
{
        const struct rules *rules = *state;
        uint64_t recovered = 0;
        uint64_t bytes = run(rules, 0, 1, &recovered);
        assert_true(bytes > EVENTS * 20);
        for (uint64_t at = rules->every_link ? 400 : 1; at < bytes; at++)
                run(rules, at, at, &recovered);
        if (!rules->restart_at && rules->log_events == 0 && !rules->forgotten)
                assert_true(recovered > bytes / 2);
}

static const struct rules rules[] = {
        { "cut at every byte", 0, false, false, 0, false, false },
        { "cut at every byte, and the server does not notice", 0, true, false, 0, false, false },
        { "cut at every byte, a log of two events", 2, false, false, 0, false, false },
        { "cut at every byte, a log of two events, unnoticed", 2, true, false, 0, false, false },
        { "every connection cut", 0, false, true, 0, false, false },
        { "the client says them", 0, false, false, 0, true, false },
        { "the client says them, and the server does not notice", 0, true, false, 0, true, false },
        { "the server restarts", 0, false, false, 10, false, false },
        { "the server forgets", 0, false, false, 0, false, true },
};

int main(void)
{
        return RUN_ROWS("tcp sim", rules, cut_at_every_byte);
}
