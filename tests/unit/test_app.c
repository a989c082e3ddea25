#include "tests/unit/harness.h"

#include <ctype.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/chat/app.h"

/* What the application was told, one letter each: Connect, Event, Disconnecting, Recovered, Forget. */
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
        { "connect and leave", "L", &all, "CDF" },
        { "events come through", "EEL", &all, "CEEDF" },
        { "away, and nobody brings it back", "AF", &all, "CDF" },
        { "away, back, and gone", "ARL", &all, "CDRDF" },
        { "away twice", "ARARAF", &all, "CDRDRDF" },
        { "a take-over is no word to the application", "TEL", &all, "CEDF" },
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

int main(void)
{
        static const struct CMUnitTest tests[] = { cmocka_unit_test(test_ids) };
        int failed = RUN_ROWS("app", rows, run_row);
        return failed + cmocka_run_group_tests_name("app ids", tests, NULL, NULL);
}
