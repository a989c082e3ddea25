/* Questions from the application: whom they reach, what is told, and what is bounded. The sessions'
 * side of them is in test_tcp_session. */
#include "tests/unit/harness.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/chat/ask.h"
#include "core/event/json.h"
#include "core/event/pack.h"

enum { SOCKETS = 4, TOLD_MAX = 256 };

static struct rig {
        struct hub *hub;
        struct app *app;
        struct app_socket *socket[SOCKETS];
        uint64_t id[SOCKETS]; /* of the last question to each */
        int questions[SOCKETS];
        int line_err;
        char told[TOLD_MAX];
} rig;

static const struct app_handlers none = { .name = "none" };
static const struct mono start = { 1000 };

static void ignore_news(void *owner)
{
        (void)owner;
}

static int line_ask(void *owner, struct app_socket *s, struct mono now, uint64_t id, struct bytes event)
{
        int i = (int)((struct app_socket **)owner - rig.socket);
        (void)now;
        (void)s;
        assert_true(event.n > 0);
        if (rig.line_err)
                return rig.line_err;
        rig.id[i] = id;
        rig.questions[i]++;
        return 0;
}

static int encode_nothing(void *ctx, const struct hub_entry *entry, struct buf *out)
{
        (void)ctx, (void)entry;
        return buf_text(out, ".");
}

/* 0 and 1 are in tea, 1 and 2 in milk, 3 cannot be asked. */
static int begin(void **state)
{
        (void)state;
        static const struct hub_sink sink = { ignore_news, NULL };
        rig = (struct rig){ .hub = hub_create(&(struct hub_config){ .epoch = 1 }) };
        int dots = hub_encoding_add(rig.hub, &(struct hub_encoding){ .name = "dots", .encode = encode_nothing });
        rig.app = app_create(rig.hub, &none);
        for (int i = 0; i < SOCKETS; i++) {
                struct app_line line = { i < 3 ? line_ask : NULL, &rig.socket[i] };
                rig.socket[i] = app_connect(rig.app, start, bytes_text(""), dots, &sink, line);
        }
        for (int i = 0; i < 2; i++) {
                assert_int_equal(app_socket_join(rig.socket[i], start, bytes_text("tea")), 0);
                assert_int_equal(app_socket_join(rig.socket[i + 1], start, bytes_text("milk")), 0);
        }
        return 0;
}

static int end(void **state)
{
        (void)state;
        for (int i = 0; i < SOCKETS; i++)
                if (rig.socket[i])
                        app_leave(rig.socket[i], start, "over");
        assert_true(mono_is_never(ask_deadline(rig.app)));
        app_destroy(rig.app);
        hub_destroy(rig.hub);
        return 0;
}

/* Notes "answered/asked answers". */
static void on_told(struct app *a, struct mono now, void *ctx, const struct ask_result *result)
{
        struct bytes rest = result->answers, item;
        struct buf text = { 0 };
        (void)now;
        assert_ptr_equal(a, rig.app);
        assert_ptr_equal(ctx, &rig);
        while (pack_next(&rest, &item))
                json_from_pack(item, &text, NULL);
        snprintf(rig.told + strlen(rig.told), TOLD_MAX - strlen(rig.told), "%u/%u%.*s;", result->answered,
                 result->asked, (int)text.n, text.n ? (const char *)text.at : "");
        buf_free(&text);
}

static void expect_told(const char *told)
{
        assert_string_equal(rig.told, told);
        rig.told[0] = 0;
}

static struct buf packed(const char *json)
{
        struct buf out = { 0 };
        assert_int_equal(json_to_pack(bytes_text(json), &out, NULL), 0);
        return out;
}

static int all(const struct app_target *target, int64_t within_ns)
{
        struct buf event = packed("[\"q\"]");
        int err = ask_all(rig.app, start, target, buf_bytes(&event), within_ns, on_told, &rig);
        buf_free(&event);
        return err;
}

static int one(int i, const char *json)
{
        struct buf event = packed(json);
        int err = ask_socket(rig.socket[i], start, buf_bytes(&event), NS_PER_S, on_told, &rig);
        buf_free(&event);
        return err;
}

static void answer(int i, const char *json)
{
        struct buf args = packed(json);
        ask_answer(rig.socket[i], start, rig.id[i], buf_bytes(&args));
        buf_free(&args);
}

static void everyone_who_can_be_asked_is(void **state)
{
        (void)state;
        assert_int_equal(all(NULL, NS_PER_S), 0);
        answer(2, "[2]");
        answer(0, "[0]");
        expect_told("");
        answer(1, "[]");
        expect_told("3/3[2][0][];");
}

static void rooms_are_united_each_socket_is_asked_once_and_exceptions_are_not(void **state)
{
        (void)state;
        struct bytes rooms[] = { bytes_text("tea"), bytes_text("milk") }, except = app_socket_id(rig.socket[2]);
        assert_int_equal(all(&(struct app_target){ .to = rooms, .to_n = 2 }, NS_PER_S), 0);
        for (int i = 0; i < 3; i++)
                assert_int_equal(rig.questions[i], 1);
        assert_int_equal(
                all(&(struct app_target){ .to = rooms, .to_n = 2, .except = &except, .except_n = 1 }, NS_PER_S), 0);
        assert_int_equal(rig.questions[1], 2);
        assert_int_equal(rig.questions[2], 1);
        ask_expire(rig.app, mono_add(start, NS_PER_S));
        expect_told("0/3;0/2;");
}

static void nobody_to_ask_is_told_at_once(void **state)
{
        (void)state;
        struct bytes room = bytes_text("nowhere");
        assert_int_equal(all(&(struct app_target){ .to = &room, .to_n = 1 }, NS_PER_S), 0);
        expect_told("0/0;");
}

static void the_soonest_is_due_first(void **state)
{
        (void)state;
        assert_int_equal(all(NULL, 3 * NS_PER_S), 0);
        assert_int_equal(one(0, "[\"q\"]"), 0);
        assert_int_equal(all(NULL, 2 * NS_PER_S), 0);
        for (int s = 1; s <= 3; s++) {
                struct mono due = ask_deadline(rig.app);
                assert_int_equal(mono_since(due, start), s * NS_PER_S);
                ask_expire(rig.app, mono_add(due, -1));
                expect_told("");
                ask_expire(rig.app, due);
                expect_told(s == 1 ? "0/1;" : "0/3;");
        }
}

static void one_that_is_gone_or_taken_over_is_not_waited_for(void **state)
{
        (void)state;
        static const struct hub_sink sink = { ignore_news, NULL };
        assert_int_equal(all(NULL, NS_PER_S), 0);
        app_away(rig.socket[0], start, "lost");
        app_take_over(rig.socket[1], start, 0, &sink);
        expect_told("");
        app_leave(rig.socket[2], start, "left");
        rig.socket[2] = NULL;
        expect_told("0/3;");
        assert_int_equal(one(0, "[\"q\"]"), ERR_CLOSED);
}

static void what_cannot_be_asked(void **state)
{
        (void)state;
        assert_int_equal(one(3, "[\"q\"]"), ERR_CLOSED);
        assert_int_equal(one(0, "{}"), ERR_MALFORMED);
        rig.line_err = ERR_FULL;
        assert_int_equal(one(0, "[\"q\"]"), ERR_FULL);
        assert_int_equal(all(NULL, NS_PER_S), 0); /* all are meant, none is waited for */
        expect_told("0/3;");
        assert_true(mono_is_never(ask_deadline(rig.app)));
}

static void so_many_may_wait(void **state)
{
        (void)state;
        for (int i = 0; i < ASK_WAITING_MAX; i++)
                assert_int_equal(one(0, "[\"q\"]"), 0);
        assert_int_equal(one(1, "[\"q\"]"), ERR_FULL);
        answer(0, "[]");
        expect_told("1/1[];");
        assert_int_equal(one(1, "[\"q\"]"), 0);
        answer(1, "[]");
        expect_told("1/1[];");
}

static void answers_over_the_limit_count_as_none(void **state)
{
        (void)state;
        struct buf large = { 0 };
        uint8_t *zeros = calloc(1, ASK_ANSWERS_MAX);
        pack_put_array(&large, 1);
        pack_put_bin(&large, bytes_of(zeros, ASK_ANSWERS_MAX));
        assert_int_equal(all(NULL, NS_PER_S), 0);
        answer(0, "[0]");
        ask_answer(rig.socket[1], start, rig.id[1], buf_bytes(&large));
        answer(2, "[2]");
        expect_told("2/3[0][2];");
        free(zeros);
        buf_free(&large);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(everyone_who_can_be_asked_is, begin, end),
                cmocka_unit_test_setup_teardown(rooms_are_united_each_socket_is_asked_once_and_exceptions_are_not,
                                                begin, end),
                cmocka_unit_test_setup_teardown(nobody_to_ask_is_told_at_once, begin, end),
                cmocka_unit_test_setup_teardown(the_soonest_is_due_first, begin, end),
                cmocka_unit_test_setup_teardown(one_that_is_gone_or_taken_over_is_not_waited_for, begin, end),
                cmocka_unit_test_setup_teardown(what_cannot_be_asked, begin, end),
                cmocka_unit_test_setup_teardown(so_many_may_wait, begin, end),
                cmocka_unit_test_setup_teardown(answers_over_the_limit_count_as_none, begin, end),
        };
        return cmocka_run_group_tests_name("ask", tests, NULL, NULL);
}
