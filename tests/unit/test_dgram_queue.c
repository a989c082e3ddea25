#include "tests/unit/harness.h"

#include "core/base/err.h"
#include "core/wire/dgram_queue.h"

static void messages_are_addressed_and_numbered(void **state)
{
        (void)state;
        struct dgram_queue q = { .tag = 7, .epoch = 8 };
        for (int i = 0; i < 3; i++)
                assert_int_equal(dgram_queue_put(&q, &(struct dgram_msg){ .type = DGRAM_PING }), 0);
        struct dgram_msg beat = { .type = DGRAM_BEAT, .tag = 99 }; /* a broadcast message keeps its own tag */
        assert_int_equal(dgram_queue_put(&q, &beat), 0);
        struct bytes rest = buf_bytes(&q.ready), message;
        assert_int_equal(dgram_check(rest), DGRAM_GOOD);
        for (uint32_t i = 1; i <= 4; i++) {
                struct dgram_msg m;
                assert_true(dgram_next(&rest, &message));
                assert_int_equal(dgram_parse(message, &m), 0);
                assert_int_equal(m.tag, i < 4 ? 7 : 99);
                assert_int_equal(m.epoch, i < 4 ? 8 : 0);
                assert_int_equal(m.pktno, i < 4 ? i : 0);
        }
        dgram_queue_free(&q);
}

static void the_front_is_whole_messages(void **state)
{
        (void)state;
        struct dgram_queue q = { .tag = 7 };
        assert_int_equal(dgram_queue_front(&q, DGRAM_BYTES_MAX), 0);
        for (int i = 0; i < 3; i++)
                dgram_queue_put(&q, &(struct dgram_msg){ .type = DGRAM_PING });
        assert_int_equal(dgram_queue_front(&q, DGRAM_PING_BYTES - 1), 0);
        assert_int_equal(dgram_queue_front(&q, DGRAM_PING_BYTES), DGRAM_PING_BYTES);
        assert_int_equal(dgram_queue_front(&q, 3 * DGRAM_PING_BYTES - 1), 2 * DGRAM_PING_BYTES);
        assert_int_equal(dgram_queue_front(&q, DGRAM_BYTES_MAX), 3 * DGRAM_PING_BYTES);
        dgram_queue_free(&q);
}

static void it_is_bounded(void **state)
{
        (void)state;
        struct dgram_queue q = { .tag = 7 };
        int n = 0;
        while (dgram_queue_put(&q, &(struct dgram_msg){ .type = DGRAM_PING }) == 0)
                n++;
        assert_int_equal(n, DGRAM_QUEUE_BYTES_MAX / DGRAM_PING_BYTES);
        assert_int_equal(dgram_queue_put(&q, &(struct dgram_msg){ .type = DGRAM_PING }), ERR_FULL);
        assert_int_equal(q.ready.n, n * DGRAM_PING_BYTES);
        buf_drop(&q.ready, DGRAM_PING_BYTES);
        assert_int_equal(dgram_queue_put(&q, &(struct dgram_msg){ .type = DGRAM_PING }), 0);
        dgram_queue_free(&q);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(messages_are_addressed_and_numbered),
                                            cmocka_unit_test(the_front_is_whole_messages),
                                            cmocka_unit_test(it_is_bounded) };
        return cmocka_run_group_tests_name("dgram_queue", tests, NULL, NULL);
}
