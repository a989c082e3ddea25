#include "tests/unit/harness.h"

#include <stdio.h>

#include "tcp_server/tcp_private.h"

/* A client with one namespace. */
struct lanes {
        struct tcp_private p;
        struct tcp_placed l;
};

static void place(struct lanes *p, uint64_t at, const char *frame)
{
        size_t start;
        struct buf *out = tcp_private_begin(&p->l, at, &start);
        assert_non_null(out);
        buf_text(out, frame);
        tcp_private_end(&p->p, &p->l, start);
}

static void done(struct lanes *p)
{
        tcp_private_free(&p->p);
        tcp_private_unplace(&p->p, &p->l);
        assert_int_equal(tcp_private_bytes(&p->p), 0);
}

/* All placed frames as text: "5:abc 7:d". */
static const char *shown(const struct lanes *p)
{
        static char text[256];
        size_t at = 0;
        uint64_t where;
        struct bytes frame;
        text[0] = 0;
        while (tcp_private_next(&p->l, &at, &where, &frame))
                sprintf(text + strlen(text), "%s%d:%.*s", text[0] ? " " : "", (int)where, (int)frame.n, frame.at);
        return text;
}

static void placed_frames_keep_their_order_and_places(void **state)
{
        (void)state;
        struct lanes p = { 0 };
        place(&p, 5, "abc");
        place(&p, 5, "d");
        place(&p, 7, "ef");
        assert_string_equal(shown(&p), "5:abc 5:d 7:ef");
        done(&p);
}

static void any_cut_leaves_the_rest(void **state)
{
        (void)state;
        static const char *const rest[] = {
                "5:abc 5:d 7:ef", "5:bc 5:d 7:ef", "5:c 5:d 7:ef", "5:d 7:ef", "7:ef", "7:f", ""
        };
        for (size_t first = 0; first <= 6; first++)
                for (size_t second = 0; first + second <= 6; second++) {
                        struct lanes p = { 0 };
                        place(&p, 5, "abc");
                        place(&p, 5, "d");
                        place(&p, 7, "ef");
                        tcp_private_placed_sent(&p.p, &p.l, first);
                        assert_string_equal(shown(&p), rest[first]);
                        tcp_private_placed_sent(&p.p, &p.l, second);
                        assert_string_equal(shown(&p), rest[first + second]);
                        size_t sent = first + second;
                        assert_int_equal(tcp_private_half(&p.l), sent == 1 || sent == 2 || sent == 5);
                        done(&p);
                }
}

static void nothing_waiting_holds_no_memory(void **state)
{
        (void)state;
        struct lanes p = { 0 };
        place(&p, 1, "abc");
        buf_text(tcp_private_border(&p.p), "ping");
        assert_true(tcp_private_bytes(&p.p) >= 7);
        tcp_private_border_sent(&p.p, 1);
        assert_true(bytes_equal(tcp_private_border_left(&p.p), bytes_text("ing")));
        tcp_private_border_sent(&p.p, 3);
        tcp_private_placed_sent(&p.p, &p.l, 3);
        assert_null(p.p.border.at);
        assert_null(p.l.records.at);
        assert_int_equal(tcp_private_bytes(&p.p), 0);
}

static void a_long_frame_leaves_in_many_parts(void **state)
{
        (void)state;
        enum { LONG = 10000 };
        struct lanes p = { 0 };
        for (int i = 0; i < LONG; i++)
                buf_put(tcp_private_border(&p.p), &(uint8_t){ (uint8_t)(i % 251) }, 1);
        for (int at = 0; at < LONG; at += 7) {
                struct bytes left = tcp_private_border_left(&p.p);
                assert_int_equal(left.n, LONG - at);
                assert_int_equal(left.at[0], at % 251);
                assert_int_equal(tcp_private_bytes(&p.p), left.n);
                tcp_private_border_sent(&p.p, left.n < 7 ? left.n : 7);
        }
        assert_null(p.p.border.at);
}

static void unplacing_leaves_the_border(void **state)
{
        (void)state;
        struct lanes p = { 0 };
        place(&p, 1, "abc");
        tcp_private_placed_sent(&p.p, &p.l, 1);
        buf_text(tcp_private_border(&p.p), "close");
        tcp_private_unplace(&p.p, &p.l);
        assert_false(tcp_private_half(&p.l));
        assert_string_equal(shown(&p), "");
        assert_int_equal(tcp_private_bytes(&p.p), 5);
        done(&p);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(placed_frames_keep_their_order_and_places),
                cmocka_unit_test(any_cut_leaves_the_rest),
                cmocka_unit_test(nothing_waiting_holds_no_memory),
                cmocka_unit_test(a_long_frame_leaves_in_many_parts),
                cmocka_unit_test(unplacing_leaves_the_border),
        };
        return cmocka_run_group_tests_name("tcp_private", stories, NULL, NULL);
}
