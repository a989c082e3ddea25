#include "tests/unit/harness.h"

#include <ctype.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/chat/app.h"

/* What the application was told, one letter each: Connect, Event, Disconnecting,
 * disconnect (X, or x with rooms still set), Recovered, Forget. */
static char told[32];

static void note(char letter)
{
        size_t n = strlen(told);
        assert_true(n + 1 < sizeof told);
        told[n] = letter;
        told[n + 1] = '\0';
}

static void on_connect(struct app *a, struct app_socket *s, struct mono now, struct bytes auth)
{
        (void)now;
        assert_ptr_equal(app_socket_app(s), a);
        assert_true(member_attached(app_socket_member(s)));
        *app_socket_data(s) = malloc(1);
        note(auth.n ? 'C' : 'c');
}

static void on_event(struct app *a, struct app_socket *s, struct mono now, const struct event *e,
                     struct app_reply *reply)
{
        (void)a, (void)s, (void)now, (void)e;
        buf_put(app_reply_arg(reply), "\x2a", 1);
        note('E');
}

static void on_disconnecting(struct app *a, struct app_socket *s, struct mono now, const char *reason)
{
        (void)a, (void)now;
        assert_true(member_is_in(app_socket_member(s), bytes_text("tea"))); /* rooms are still set */
        assert_string_equal(reason, "transport close");
        note('D');
}

static void on_disconnect(struct app *a, struct app_socket *s, struct mono now, const char *reason)
{
        (void)a, (void)now;
        assert_string_equal(reason, "transport close");
        note(member_is_in(app_socket_member(s), bytes_text("tea")) ? 'x' : 'X');
}

static void on_recovered(struct app *a, struct app_socket *s, struct mono now)
{
        (void)a, (void)now;
        assert_true(member_attached(app_socket_member(s)));
        note('R');
}

static void on_forget(struct app *a, struct app_socket *s)
{
        (void)a;
        assert_int_equal(app_socket_id(s).n, APP_ID_CHARS);
        free(*app_socket_data(s));
        note('F');
}

static const struct app_handlers all = {
        .name = "all",
        .connect = on_connect,
        .event = on_event,
        .disconnecting = on_disconnecting,
        .disconnect = on_disconnect,
        .recovered = on_recovered,
        .forget = on_forget,
};
static const struct app_handlers none = { .name = "none" };

static void ignore_news(void *owner)
{
        (void)owner;
}

static const struct hub_sink sink = { ignore_news, NULL };

/* acts: Away, Return, Take over, Event, and the end: Leave or Forget. */
static const struct row {
        const char *name, *acts;
        const struct app_handlers *handlers;
        const char *told;
} rows[] = {
        { "connect and leave", "L", &all, "CDXF" },
        { "events come through", "EEL", &all, "CEEDXF" },
        { "away, and nobody brings it back", "AF", &all, "CDxF" },
        { "away, back, and gone", "ARL", &all, "CDxRDXF" },
        { "away twice", "ARARAF", &all, "CDxRDxRDxF" },
        { "a take-over is no word to the application", "TEL", &all, "CEDXF" },
        { "an application without handlers is told nothing", "EARTL", &none, "" },
};

static void act(struct app *a, struct app_socket *s, char letter, int encoding)
{
        struct mono now = { 5 };
        struct event e = { 0 };
        struct app_reply reply = { 0 };
        switch (letter) {
        case 'E':
                app_event(a, s, now, &e, &reply);
                assert_int_equal(reply.args_n, app_handlers(a)->event ? 1 : 0);
                assert_int_equal(reply.args.n, reply.args_n);
                assert_int_equal(reply.silent, !app_handlers(a)->event);
                buf_free(&reply.args);
                break;
        case 'A':
                app_away(s, now, "transport close");
                assert_false(member_attached(app_socket_member(s)));
                break;
        case 'R':
                app_return(s, now, encoding, &sink);
                break;
        case 'T':
                app_take_over(s, now, encoding, &sink);
                assert_true(member_attached(app_socket_member(s)));
                break;
        case 'L':
                app_leave(s, now, "transport close");
                break;
        default:
                app_forget(s);
        }
}

static int encode_nothing(void *ctx, const struct hub_entry *entry, struct buf *out)
{
        (void)ctx, (void)entry;
        return buf_text(out, ".");
}

static void run_row(void **state)
{
        const struct row *row = *state;
        told[0] = '\0';
        struct hub *hub = hub_create(&(struct hub_config){ .epoch = 1 });
        int encoding = hub_encoding_add(hub, &(struct hub_encoding){ .name = "dots", .encode = encode_nothing });
        struct app *a = app_create(hub, row->handlers);
        assert_ptr_equal(app_hub(a), hub);
        struct app_socket *s =
                app_connect(a, (struct mono){ 1 }, bytes_text("\x80"), encoding, &sink, (struct app_line){ 0 });
        assert_ptr_equal(member_user(app_socket_member(s)), s);
        assert_int_equal(hub_join(app_socket_member(s), (struct mono){ 2 }, bytes_text("tea")), 0);
        for (const char *letter = row->acts; *letter; letter++)
                act(a, s, *letter, encoding);
        assert_string_equal(told, row->told);
        assert_int_equal(hub_stats(hub).members, 0);
        app_destroy(a);
        hub_destroy(hub);
}

/* Ids are rooms' names and secrets of a kind: right alphabet, no two alike. */
static void test_ids(void **state)
{
        (void)state;
        enum { N = 64 };
        struct hub *hub = hub_create(&(struct hub_config){ .epoch = 1 });
        int encoding = hub_encoding_add(hub, &(struct hub_encoding){ .name = "dots", .encode = encode_nothing });
        struct app *a = app_create(hub, &none);
        struct app_socket *s[N];
        for (int i = 0; i < N; i++) {
                s[i] = app_connect(a, (struct mono){ 1 }, bytes_text(""), encoding, &sink, (struct app_line){ 0 });
                struct bytes id = app_socket_id(s[i]);
                assert_int_equal(id.n, APP_ID_CHARS);
                for (size_t k = 0; k < id.n; k++)
                        assert_true(isalnum(id.at[k]) || id.at[k] == '-' || id.at[k] == '_');
                for (int j = 0; j < i; j++)
                        assert_false(bytes_equal(id, app_socket_id(s[j])));
        }
        for (int i = 0; i < N; i++)
                app_leave(s[i], (struct mono){ 2 }, "transport close");
        app_destroy(a);
        hub_destroy(hub);
}

/* ---- emitting --------------------------------------------------------------------------------- */

/* Who of 0, 1 and 2 has something new; it is taken. */
static const char *heard(struct app_socket *const s[3])
{
        static char text[4];
        size_t n = 0;
        for (int i = 0; i < 3; i++) {
                struct piece v[8];
                int pieces = member_walk(app_socket_member(s[i]), UINT64_MAX, v, 8);
                for (int k = 0; k < pieces; k++)
                        member_advance(app_socket_member(s[i]), &v[k], v[k].n);
                if (pieces > 0)
                        text[n++] = (char)('0' + i);
        }
        text[n] = 0;
        return text;
}

/* 0 and 1 are in tea, 1 and 2 in milk. */
static void who_hears_what_is_emitted(void **state)
{
        (void)state;
        const struct mono now = { 1 };
        struct hub *hub = hub_create(&(struct hub_config){ .epoch = 1 });
        int encoding = hub_encoding_add(hub, &(struct hub_encoding){ .name = "dots", .encode = encode_nothing });
        struct app *a = app_create(hub, &none);
        struct app_socket *s[3];
        for (int i = 0; i < 3; i++)
                s[i] = app_connect(a, now, bytes_text(""), encoding, &sink, (struct app_line){ 0 });
        struct bytes tea = bytes_text("tea"), both[] = { tea, bytes_text("milk") }, x = bytes_text("\x91\xa1x");
        for (int i = 0; i < 2; i++) {
                assert_int_equal(app_socket_join(s[i], now, both[0]), 0);
                assert_int_equal(app_socket_join(s[i + 1], now, both[1]), 0);
        }
        const struct app_target to_tea = { .to = &tea, .to_n = 1 }, to_both = { .to = both, .to_n = 2 };
        const struct app_target but_tea = { .except = &tea, .except_n = 1 };
        const struct app_target milk_but_tea = { .to = &both[1], .to_n = 1, .except = &tea, .except_n = 1 };
        const struct {
                struct app_socket *from;
                const struct app_target *target;
                const char *heard;
        } words[] = {
                { NULL, NULL, "012" },   { NULL, &to_tea, "01" },      { NULL, &to_both, "012" },
                { NULL, &but_tea, "2" }, { NULL, &milk_but_tea, "2" }, { s[0], NULL, "12" },
                { s[0], &to_tea, "1" },  { s[1], &to_both, "02" },     { s[2], &but_tea, "" },
        };
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
                int err = words[i].from ? app_socket_cast(words[i].from, now, words[i].target, x)
                                        : app_emit(a, now, words[i].target, x);
                assert_int_equal(err, 0);
                assert_string_equal(heard(s), words[i].heard);
        }
        assert_int_equal(app_socket_emit(s[1], now, x), 0);
        assert_string_equal(heard(s), "1");
        assert_int_equal(app_socket_quit(s[0], now, tea), 0);
        assert_int_equal(app_socket_quit(s[0], now, tea), ERR_NOT_MEMBER);
        assert_int_equal(app_emit(a, now, &to_tea, x), 0);
        assert_string_equal(heard(s), "1");
        for (int i = 0; i < 3; i++)
                app_leave(s[i], now, "transport close");
        app_destroy(a);
        hub_destroy(hub);
}

static void namespaces_are_found_by_their_whole_name(void **state)
{
        (void)state;
        static const struct app_handlers news = { .name = "news", .nsp = "/news" },
                                         new = { .name = "new", .nsp = "/new" };
        struct hub *hub = hub_create(&(struct hub_config){ .epoch = 1 });
        struct app *a[] = { app_create(hub, &none), app_create(hub, &news), app_create(hub, &new) };
        app_chain(a[0], a[1]);
        app_chain(a[0], a[2]);
        assert_ptr_equal(app_next(a[1]), a[2]);
        assert_ptr_equal(app_find(a[0], bytes_text("/")), a[0]);
        assert_ptr_equal(app_find(a[0], bytes_text("/news")), a[1]);
        assert_ptr_equal(app_find(a[0], bytes_text("/new")), a[2]);
        assert_null(app_find(a[0], bytes_text("/ne")));
        assert_null(app_find(a[0], bytes_text("")));
        for (int i = 0; i < 3; i++)
                app_destroy(a[i]);
        hub_destroy(hub);
}

static const char *words; /* of who refuses; NULL: none */

static bool only_pages_of_ours(struct app *a, struct mono now, const struct app_visitor *visitor,
                               struct app_refusal *refusal)
{
        (void)a, (void)now;
        if (words)
                refusal->message = words;
        return bytes_equal(visitor->origin, bytes_text("http://ours"));
}

static void a_visitor_may_be_refused_in_words(void **state)
{
        (void)state;
        static const struct app_handlers wary = { .name = "wary", .allow = only_pages_of_ours };
        static const struct app_handlers *const handlers[] = { &none, &wary, &wary, &wary };
        static const char *const origins[] = { "http://theirs", "http://ours", "http://theirs", "http://theirs" };
        static const char *const messages[] = { NULL, NULL, NULL, "not you" };
        for (size_t i = 0; i < 4; i++) {
                struct app *a = app_create(NULL, handlers[i]);
                struct app_visitor visitor = { .origin = bytes_text(origins[i]) };
                struct app_refusal refusal = { 0 };
                words = messages[i];
                assert_int_equal(app_allow(a, (struct mono){ 5 }, &visitor, &refusal), i < 2);
                assert_string_equal(refusal.message, words ? words : "Forbidden");
                app_destroy(a);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ids),
                cmocka_unit_test(who_hears_what_is_emitted),
                cmocka_unit_test(namespaces_are_found_by_their_whole_name),
                cmocka_unit_test(a_visitor_may_be_refused_in_words),
        };
        int failed = RUN_ROWS("app", rows, run_row);
        return failed + cmocka_run_group_tests_name("app ids", tests, NULL, NULL);
}
