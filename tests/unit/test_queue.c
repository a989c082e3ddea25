/* The delay line: order, dues and bounds. */
#include "tests/unit/harness.h"

#include "core/base/err.h"
#include "lab/queue.h"

#include <stdio.h>

static struct mono at_ms(int64_t ms)
{
        return (struct mono){ ms * NS_PER_MS };
}

static void first_in_first_out_when_due(void **state)
{
        (void)state;
        struct queue *q = queue_create(4, 8);
        struct bytes packet;
        struct mono due;
        assert_true(mono_is_never(queue_due(q)));
        assert_false(queue_take(q, at_ms(1000), &packet, &due));
        assert_int_equal(queue_put(q, at_ms(10), bytes_text("one")), 0);
        assert_int_equal(queue_put(q, at_ms(10), bytes_text("two")), 0);
        assert_int_equal(queue_put(q, at_ms(20), bytes_text("")), 0);
        assert_int_equal(queue_due(q).ns, at_ms(10).ns);
        assert_false(queue_take(q, (struct mono){ at_ms(10).ns - 1 }, &packet, &due));
        assert_true(queue_take(q, at_ms(10), &packet, &due));
        assert_true(bytes_equal(packet, bytes_text("one")));
        assert_true(queue_take(q, at_ms(11), &packet, &due));
        assert_true(bytes_equal(packet, bytes_text("two")));
        assert_int_equal(due.ns, at_ms(10).ns);
        assert_false(queue_take(q, at_ms(11), &packet, &due));
        assert_true(queue_take(q, at_ms(20), &packet, &due));
        assert_int_equal(packet.n, 0);
        queue_destroy(q);
}

static void full_and_too_big_are_refused(void **state)
{
        (void)state;
        struct queue *q = queue_create(2, 4);
        assert_int_equal(queue_put(q, at_ms(1), bytes_text("fours")), ERR_TOO_BIG);
        assert_int_equal(queue_put(q, at_ms(1), bytes_text("four")), 0);
        assert_int_equal(queue_put(q, at_ms(2), bytes_text("b")), 0);
        assert_int_equal(queue_put(q, at_ms(3), bytes_text("c")), ERR_FULL);
        assert_int_equal(queue_packets(q), 2);
        struct bytes packet;
        struct mono due;
        assert_true(queue_take(q, at_ms(9), &packet, &due));
        assert_int_equal(queue_put(q, at_ms(3), bytes_text("d")), 0);
        assert_true(queue_take(q, at_ms(9), &packet, &due));
        assert_true(queue_take(q, at_ms(9), &packet, &due));
        assert_true(bytes_equal(packet, bytes_text("d")));
        queue_destroy(q);
}

static void runs_round_its_ring(void **state)
{
        (void)state;
        struct queue *q = queue_create(3, 16);
        char text[16];
        struct bytes packet;
        struct mono due;
        for (int in = 0, out = 0; out < 100; in++) {
                snprintf(text, sizeof text, "%d", in);
                assert_int_equal(queue_put(q, at_ms(in), bytes_text(text)), 0);
                if (in < 2)
                        continue;
                assert_true(queue_take(q, at_ms(in), &packet, &due));
                snprintf(text, sizeof text, "%d", out);
                assert_true(bytes_equal(packet, bytes_text(text)));
                assert_int_equal(due.ns, at_ms(out++).ns);
        }
        queue_destroy(q);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(first_in_first_out_when_due),
                cmocka_unit_test(full_and_too_big_are_refused),
                cmocka_unit_test(runs_round_its_ring),
        };
        return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
