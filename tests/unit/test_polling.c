/* What polling answers, to whom and when. A story is a script of one session:
 *
 *   GET a              a GET by request a (one letter); `GET a!`: it is refused
 *   POST p TEXT        a POST's head and body; ^ stands for 0x1E. `POST p!`: it is refused
 *   many p TEXT        a POST of thousands of that packet
 *   head p             a POST's head alone;  body p TEXT: the rest
 *   a < TEXT           request a gets exactly this now, 0x1E shown as ^; `ok`; `400`; `dropped`;
 *                      `...`: something
 *   quiet              no other answer is due
 *   gone a             its connection breaks
 *   probe w            a WebSocket asks; `probe w!`: it is refused
 *   probed, upgraded   it was answered; it said `5`
 *   ws TEXT            the WebSocket is given exactly these messages, ^ between them
 *   say TEXT           the server publishes the event to everyone; `drop` before it: volatile
 *   + SPAN             time passes, alarms ring at their instants; `jump`: they ring late
 *   ended WORDS        the session has ended so;  alive
 *   done               and can be forgotten;  stays: it cannot yet
 */
#include "tcp_server/polling.h"
#include "tests/unit/harness.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/base/units.h"
#include "core/chat/chat.h"
#include "core/wire/eio_payload.h"

enum { STEPS = 32, ANSWERS = 8 };

struct script {
        const char *name;
        const char *steps[STEPS];
};

struct world {
        struct hub *hub;
        struct app *app;
        struct tcp_service *service;
        struct polling_table table;
        struct polling p;
        struct mono now;
        char request[128]; /* &request['a'] stands for request a */
        struct {
                char by;
                char text[16384];
        } answer[ANSWERS];
        int answers;
};

static void ignore(void *owner)
{
        (void)owner;
}

static void visible(struct bytes b, char *text, size_t n)
{
        assert_true(b.n < n);
        for (size_t i = 0; i < b.n; i++)
                text[i] = b.at[i] == 0x1e ? '^' : (char)b.at[i];
        text[b.n] = '\0';
}

/* All answers that are due now. */
static void collect(struct world *w)
{
        static const char *const words[] = {
                [POLLING_OK] = "ok", [POLLING_REFUSED] = "400", [POLLING_DROP] = "dropped"
        };
        struct polling_answer a;
        struct buf packets = { 0 };
        while (polling_next(&w->p, w->now, &a, &packets)) {
                assert_true(w->answers < ANSWERS);
                struct bytes text = a.kind == POLLING_PACKETS ? buf_bytes(&packets) : bytes_text(words[a.kind]);
                w->answer[w->answers].by = (char)((char *)a.request - w->request);
                visible(text, w->answer[w->answers++].text, sizeof w->answer[0].text);
        }
        buf_free(&packets);
}

/* The oldest answer, taken out; ids are long and random, so only the beginning of `open` is compared. */
static void expect(struct world *w, char by, const char *text)
{
        collect(w);
        assert_true(w->answers > 0);
        assert_int_equal(w->answer[0].by, by);
        char *got = w->answer[0].text;
        if (strcmp(text, "open") == 0) {
                assert_memory_equal(got, "0{\"sid\":\"", 9);
                assert_memory_equal(got + 9, w->p.sid, EIO_SID_CHARS);
                text = "\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":"
                       "1000}";
                got += 9 + EIO_SID_CHARS;
        } else if (strcmp(text, "up") == 0) {
                assert_memory_equal(got, "40{\"sid\":\"", 10);
                assert_non_null(strstr(got, "\"}^42[\"hello\",{\"id\":\""));
                text = got;
        }
        if (strcmp(text, "...") != 0)
                assert_string_equal(got, text);
        memmove(&w->answer[0], &w->answer[1], sizeof w->answer[0] * (size_t)--w->answers);
}

static struct bytes payload_of(const char *text, uint8_t out[1024])
{
        size_t n = strlen(text);
        assert_true(n < 1024);
        for (size_t i = 0; i < n; i++)
                out[i] = text[i] == '^' ? 0x1e : (uint8_t)text[i];
        return bytes_of(out, n);
}

static void body(struct world *w, const char *text)
{
        uint8_t out[1024];
        polling_packets(&w->p, w->now, payload_of(text, out));
}

static void publish(struct world *w, const char *json, bool dispensable)
{
        struct buf event = { 0 };
        struct published out;
        assert_int_equal(json_to_pack(bytes_text(json), &event, NULL), 0);
        struct publish p = { .event = buf_bytes(&event), .dispensable = dispensable };
        assert_int_equal(hub_publish(w->hub, w->now, &p, &out), 0);
        buf_free(&event);
}

static void pass(struct world *w, const char *text)
{
        int64_t span;
        assert_int_equal(units_span(text, &span), 0);
        struct mono until = mono_add(w->now, span);
        for (struct mono due; due = polling_deadline(&w->p), !mono_before(until, due); collect(w)) {
                w->now = due;
                polling_expire(&w->p, w->now);
        }
        w->now = until;
}

static void jump(struct world *w, const char *text)
{
        int64_t span;
        assert_int_equal(units_span(text, &span), 0);
        w->now = mono_add(w->now, span);
}

/* What the WebSocket would be sent, as the payload of the same packets. */
static void expect_websocket(struct world *w, const char *text)
{
        struct iovec v[TCP_SLICES_MAX];
        struct buf all = { 0 };
        char got[4096];
        for (int n; (n = tcp_session_slices(w->p.session, w->now, v, TCP_SLICES_MAX)) > 0;) {
                size_t bytes = 0;
                for (int i = 0; i < n; bytes += v[i++].iov_len)
                        assert_int_equal(eio_payload_put(&all, bytes_of(v[i].iov_base, v[i].iov_len)), 0);
                tcp_session_sent(w->p.session, bytes);
        }
        visible(buf_bytes(&all), got, sizeof got);
        assert_string_equal(got, text);
        buf_free(&all);
}

static bool begins(const char **step, const char *word)
{
        size_t n = strlen(word);
        if (strncmp(*step, word, n) != 0)
                return false;
        *step += n;
        return true;
}

static void request_step(struct world *w, const char *step)
{
        bool get = begins(&step, "GET "), whole = !get && begins(&step, "POST ");
        if (!get && !whole)
                begins(&step, "head ");
        void *request = &w->request[(int)step[0]];
        bool served = get ? polling_get(&w->p, w->now, request) : polling_post(&w->p, w->now, request);
        assert_int_equal(served, step[1] != '!');
        if (whole && served)
                body(w, step + 2);
}

static void post_many(struct world *w, const char *step)
{
        struct buf all = { 0 };
        for (int i = 0; i < 8000; i++) {
                buf_text(&all, i ? "\x1e" : "");
                buf_text(&all, step + 2);
        }
        assert_true(polling_post(&w->p, w->now, &w->request[(int)step[0]]));
        polling_packets(&w->p, w->now, buf_bytes(&all));
        buf_free(&all);
}

static void session_step(struct world *w, const char *step)
{
        if (begins(&step, "ended "))
                assert_string_equal(tcp_end_text(tcp_session_end(w->p.session)), step);
        else if (begins(&step, "alive"))
                assert_int_equal(tcp_session_end(w->p.session), TCP_END_NONE);
        else
                assert_int_equal(polling_done(&w->p), strcmp(step, "done") == 0);
}

static void run_step(struct world *w, const char *step)
{
        if (strncmp(step, "GET ", 4) == 0 || strncmp(step, "POST ", 5) == 0 || strncmp(step, "head ", 5) == 0)
                request_step(w, step);
        else if (begins(&step, "many "))
                post_many(w, step);
        else if (begins(&step, "body "))
                body(w, step + 2);
        else if (begins(&step, "gone "))
                polling_gone(&w->p, w->now, &w->request[(int)step[0]]);
        else if (begins(&step, "probe "))
                assert_int_equal(polling_probe(&w->p, w->now, &w->request[(int)step[0]]), step[1] != '!');
        else if (begins(&step, "probed"))
                polling_probed(&w->p, w->now);
        else if (begins(&step, "upgraded"))
                polling_upgrade(&w->p);
        else if (begins(&step, "ws "))
                expect_websocket(w, step);
        else if (begins(&step, "say "))
                publish(w, step, false);
        else if (begins(&step, "drop "))
                publish(w, step, true);
        else if (begins(&step, "+ "))
                pass(w, step);
        else if (begins(&step, "jump "))
                jump(w, step);
        else if (begins(&step, "stop"))
                tcp_session_close(w->p.session, w->now, TCP_END_SHUTDOWN);
        else if (strcmp(step, "quiet") == 0)
                collect(w), assert_int_equal(w->answers, 0);
        else if (strncmp(step + 1, " < ", 3) == 0)
                expect(w, step[0], step + 4);
        else
                session_step(w, step);
}

#define OPEN "GET a", "a < open"
#define UP   OPEN, "POST p 40", "p < ok", "GET b", "b < up"

static const struct script scripts[] = {
        { "the first GET is answered by the open packet", { OPEN, "quiet", "stays" } },
        { "CONNECT by POST, its reply by GET", { UP, "quiet", "alive" } },
        { "a GET waits until there is something", { UP, "GET c", "quiet", "say [\"x\"]", "c < 42[\"x\",\"7-1\"]" } },
        { "several packets in one answer",
          { UP, "say [\"x\"]", "say [\"y\"]", "GET c", "c < 42[\"x\",\"7-1\"]^42[\"y\",\"7-2\"]" } },
        { "packets of one POST come back together, after the POST",
          { UP, "GET c", "POST p 42[\"x\"]^42[\"y\"]^421[\"who\",\"z\"]", "p < ok",
            "c < 42[\"x\",\"7-1\"]^42[\"y\",\"7-2\"]^431[[],0]", "quiet" } },
        { "binary comes and goes as base64",
          { UP, "POST p 451-[\"x\",{\"_placeholder\":true,\"num\":0}]^bAQIDBA==", "p < ok", "GET c",
            "c < 451-[\"x\",{\"_placeholder\":true,\"num\":0},\"7-1\"]^bAQIDBA==" } },
        { "noop, open and upgrade outside an upgrade mean nothing",
          { UP, "POST p 6^0^5", "p < ok", "quiet", "alive" } },

        /* ends */
        { "an unknown packet", { OPEN, "POST p abc", "p < 400", "ended bad packet", "done" } },
        { "an empty body", { OPEN, "POST p ", "p < 400", "ended bad packet", "done" } },
        { "bad base64", { OPEN, "POST p b*", "p < 400", "ended bad packet", "done" } },
        { "not UTF-8", { OPEN, "POST p 4\xff", "p < 400", "ended bad packet", "done" } },
        { "a ping by the client", { OPEN, "POST p 2", "p < 400", "ended ping from the client", "done" } },
        { "a bad packet while a GET waits", { OPEN, "GET b", "POST p abc", "p < 400", "b < 1", "done" } },
        { "what stands behind a bad packet is not taken",
          { UP, "GET b", "POST p abc^42[\"x\"]", "p < 400", "b < 1", "done" } },
        { "the client closes, no GET waits", { OPEN, "POST p 1", "p < ok", "ended closed by the client", "done" } },
        { "the client closes, a GET waits", { OPEN, "GET b", "POST p 1", "p < ok", "b < 6", "quiet", "done" } },
        { "a second GET ends it", { OPEN, "GET b", "GET c!", "b < 1", "ended connection lost", "done" } },
        { "a second POST ends it", { OPEN, "head p", "head q!", "p < 400", "ended connection lost", "done" } },
        { "a GET whose client is gone", { OPEN, "GET b", "gone b", "ended connection lost", "quiet", "done" } },
        { "a POST whose client is gone", { OPEN, "head p", "gone p", "ended connection lost", "quiet", "done" } },
        { "no CONNECT in time is told to the next GET",
          { OPEN, "+ 25s", "GET b", "b < 2", "POST p 3", "p < ok", "+ 20s", "ended no CONNECT in time", "stays",
            "GET c", "c < 1", "done" } },
        { "and forgotten when none comes",
          { OPEN, "+ 25s", "POST p 3", "p < ok", "+ 20s", "ended no CONNECT in time", "+ 1999ms", "stays", "+ 1ms",
            "done" } },
        { "the server stops, a GET waits", { UP, "GET c", "stop", "c < 1", "done" } },
        { "the server stops, none waits", { UP, "stop", "quiet", "done" } },

        /* heartbeats */
        { "a ping is exactly 2", { UP, "GET c", "+ 24999ms", "quiet", "+ 1ms", "c < 2", "alive" } },
        { "and waits for a GET", { UP, "+ 26s", "quiet", "GET c", "c < 2" } },
        { "the next ping counts from the pong",
          { UP, "GET c", "+ 25s", "c < 2", "+ 300ms", "POST p 3", "p < ok", "GET d", "+ 24999ms", "quiet", "+ 1ms",
            "d < 2" } },
        { "silence ends it, to the millisecond, with no GET pending",
          { UP, "+ 44999ms", "alive", "+ 1ms", "ended no pong in time", "done" } },
        { "silence, with a GET waiting", { UP, "GET c", "+ 25s", "c < 2", "GET d", "+ 20s", "d < 400", "done" } },
        { "a GET at the very instant is too late", { UP, "+ 25s", "jump 20s", "GET c!", "done" } },
        { "a packet puts the pong off once",
          { UP, "+ 25s", "+ 19s", "POST p 6", "p < ok", "+ 19s", "POST p 6", "p < ok", "+ 999ms", "alive", "+ 1ms",
            "ended no pong in time" } },

        { "who polls while its POST is held back is not silent",
          { UP, "many p 421[\"who\",\"a\"]", "quiet", "GET c", "c < ...", "+ 25s", "GET d", "d < ...", "+ 19s", "GET e",
            "e < ...", "+ 19s", "alive", "GET f", "f < ..." } },

        /* who cannot be given anything */
        { "a volatile event finds no GET",
          { UP, "drop [\"v\"]", "quiet", "say [\"x\"]", "GET c", "c < 42[\"x\",\"7-2\"]" } },
        { "a volatile event finds a GET", { UP, "GET c", "quiet", "drop [\"v\"]", "c < 42[\"v\",\"7-1\"]" } },

        /* the upgrade */
        { "a waiting GET is let go, then the WebSocket carries on",
          { UP, "GET c", "probe w", "quiet", "probed", "quiet", "+ 10ms", "c < 6", "upgraded", "say [\"x\"]", "quiet",
            "ws 42[\"x\",\"7-1\"]", "stays" } },
        { "a GET after the probe is let go too",
          { UP, "probe w", "probed", "+ 1s", "GET c", "quiet", "+ 10ms", "c < 6", "upgraded", "quiet" } },
        { "events in between go to the waiting GET",
          { UP, "GET c", "probe w", "probed", "say [\"x\"]", "c < 42[\"x\",\"7-1\"]", "say [\"y\"]", "quiet",
            "upgraded", "ws 42[\"y\",\"7-2\"]" } },
        { "a GET that comes just behind the 5 is refused",
          { UP, "probe w", "probed", "GET c", "quiet", "upgraded", "c < 400", "alive", "ws " } },
        { "after it neither GET nor POST is served",
          { UP, "probe w", "probed", "upgraded", "GET c!", "POST p!", "probe x!", "alive" } },
        { "one probe at a time", { UP, "probe w", "probe x!", "alive", "gone w", "probe x" } },
        { "a probe that breaks changes nothing",
          { UP, "probe w", "probed", "gone w", "GET c", "+ 1s", "quiet", "say [\"x\"]", "c < 42[\"x\",\"7-1\"]" } },
        { "a probe has ten seconds",
          { UP, "probe w", "+ 9999ms", "quiet", "+ 1ms", "w < dropped", "quiet", "alive", "probe x" } },
        { "a session that ends drops its probe", { UP, "probe w", "POST p abc", "p < 400", "w < dropped", "done" } },
        { "a pong may still come by POST during the probe",
          { UP, "+ 25s", "probe w", "probed", "POST p 3", "p < ok", "upgraded", "alive" } },
};

static struct world *begin(void)
{
        struct world *w = calloc(1, sizeof *w);
        struct hub_config hub = { .epoch = 7 };
        struct tcp_config config = tcp_config_defaults();
        config.payload_bytes_max = 1000;
        w->now = (struct mono){ 1000 };
        w->hub = hub_create(&hub);
        w->app = app_create(w->hub, &chat_handlers);
        assert_int_equal(tcp_service_create(w->app, &config, &w->service), 0);
        assert_int_equal(polling_init(&w->p, &w->table, w->service, w->now, &(struct hub_sink){ ignore, w }), 0);
        assert_ptr_equal(polling_find(&w->table, bytes_text(w->p.sid)), &w->p);
        return w;
}

static void end(struct world *w)
{
        char sid[EIO_SID_CHARS + 1];
        memcpy(sid, w->p.sid, sizeof sid);
        polling_free(&w->p, w->now);
        assert_null(polling_find(&w->table, bytes_text(sid)));
        tcp_service_destroy(w->service);
        app_destroy(w->app);
        hub_destroy(w->hub);
        free(w);
}

static void run_script(void **state)
{
        const struct script *script = *state;
        struct world *w = begin();
        for (int i = 0; i < STEPS && script->steps[i]; i++)
                run_step(w, script->steps[i]);
        end(w);
}

/* Somebody begins sessions without end and joins nothing: of these the oldest go, and nobody else. */
static void of_too_many_newcomers_the_oldest_go(void **state)
{
        (void)state;
        struct world *w = begin(); /* its session is the first of all, and joins */
        struct polling *p = calloc(POLLING_NEWCOMERS_MAX + 2, sizeof *p);
        assert_true(polling_post(&w->p, w->now, w->request));
        body(w, "40");
        collect(w);
        for (int i = 0; i < POLLING_NEWCOMERS_MAX + 2; i++)
                assert_int_equal(polling_init(&p[i], &w->table, w->service, w->now, &(struct hub_sink){ ignore, w }),
                                 0);
        assert_int_equal(tcp_session_end(w->p.session), TCP_END_NONE);
        for (int i = 0; i < POLLING_NEWCOMERS_MAX + 2; i++) {
                assert_int_equal(tcp_session_end(p[i].session), i < 2 ? TCP_END_IDLE : TCP_END_NONE);
                assert_int_equal(polling_done(&p[i]), i < 2);
                polling_free(&p[i], w->now);
        }
        assert_int_equal(w->table.newcomers_n, 0);
        free(p);
        end(w);
}

static void sessions_are_bounded_in_all(void **state)
{
        (void)state;
        struct world *w = begin();
        struct polling p;
        assert_int_equal(w->table.sessions, 1);
        w->table.sessions = POLLING_SESSIONS_MAX;
        assert_int_equal(polling_init(&p, &w->table, w->service, w->now, &(struct hub_sink){ ignore, w }), ERR_FULL);
        w->table.sessions--;
        assert_int_equal(polling_init(&p, &w->table, w->service, w->now, &(struct hub_sink){ ignore, w }), 0);
        polling_free(&p, w->now);
        end(w);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(of_too_many_newcomers_the_oldest_go),
                cmocka_unit_test(sessions_are_bounded_in_all),
        };
        return RUN_ROWS("polling", scripts, run_script) +
               cmocka_run_group_tests_name("polling stories", stories, NULL, NULL);
}
