#include "tests/unit/harness.h"

#include <stdlib.h>

#include "client/event_queue.h"
#include "core/base/err.h"
#include "tests/unit/no_memory.h"

static void told_in_order_and_copied(void **state)
{
        (void)state;
        struct event_queue q;
        struct client_event ev;
        event_queue_init(&q);
        assert_false(event_queue_next(&q, &ev));
        for (uint8_t i = 1; i <= 3; i++) {
                uint8_t *bytes = malloc(4); /* gone before it is told */
                memset(bytes, i, 4);
                ev = (struct client_event){ .kind = CLIENT_EVENT,
                                            .id = bytes_of(bytes, 1),
                                            .room = bytes_of(bytes, 2),
                                            .event = bytes_of(bytes, 3),
                                            .answer = bytes_of(bytes, 4),
                                            .seq = i };
                assert_int_equal(event_queue_push(&q, &ev), 0);
                free(bytes);
        }
        assert_int_equal(q.n, 3);
        for (uint8_t i = 1; i <= 3; i++) {
                assert_true(event_queue_next(&q, &ev));
                assert_int_equal(ev.seq, i);
                assert_int_equal(ev.id.n, 1);
                assert_int_equal(ev.room.n, 2);
                assert_int_equal(ev.event.n, 3);
                assert_int_equal(ev.answer.n, 4);
                assert_int_equal(ev.answer.at[3], i);
                assert_int_equal(ev.id.at[0], i);
        }
        assert_false(event_queue_next(&q, &ev));
        event_queue_free(&q);
}

static void what_was_pulled_outlives_a_push(void **state)
{
        (void)state;
        struct event_queue q;
        struct client_event ev, more = { .room = bytes_text("milk") };
        event_queue_init(&q);
        event_queue_push(&q, &(struct client_event){ .room = bytes_text("tea") });
        assert_true(event_queue_next(&q, &ev));
        event_queue_push(&q, &more);
        assert_true(bytes_equal(ev.room, bytes_text("tea")));
        event_queue_free(&q); /* with one pulled and one waiting */
        assert_false(event_queue_next(&q, &ev));
}

static void nothing_is_told_past_what_could_not_be_kept(void **state)
{
        (void)state;
        struct event_queue q;
        struct client_event ev, tea = { .kind = CLIENT_JOINED, .room = bytes_text("tea") };
        event_queue_init(&q);
        assert_int_equal(event_queue_push(&q, &tea), 0);
        no_memory = true;
        assert_int_equal(event_queue_push(&q, &tea), ERR_NO_MEMORY);
        no_memory = false;
        assert_int_equal(event_queue_push(&q, &tea), ERR_NO_MEMORY);
        assert_true(event_queue_next(&q, &ev));
        assert_int_equal(ev.kind, CLIENT_JOINED);
        assert_true(event_queue_next(&q, &ev));
        assert_int_equal(ev.kind, CLIENT_DOWN);
        assert_string_equal(ev.reason, "out of memory");
        assert_true(ev.final);
        assert_false(event_queue_next(&q, &ev)); /* said once */
        assert_int_equal(event_queue_push(&q, &tea), ERR_NO_MEMORY);
        assert_false(event_queue_next(&q, &ev));
        event_queue_free(&q);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(told_in_order_and_copied),
                                            cmocka_unit_test(what_was_pulled_outlives_a_push),
                                            cmocka_unit_test(nothing_is_told_past_what_could_not_be_kept) };
        return cmocka_run_group_tests_name("event_queue", tests, NULL, NULL);
}
