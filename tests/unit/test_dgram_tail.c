#include "tests/unit/harness.h"

#include <stdlib.h>

#include "core/base/err.h"
#include "core/wire/dgram.h"
#include "core/wire/dgram_tail.h"

struct tail_row {
        const char *name;
        int (*parse)(struct bytes in);
        const char *bytes;
        size_t n;
        int err;
};

static int connect(struct bytes in)
{
        struct dgram_connect_tail t;
        return dgram_connect_tail_parse(in, &t);
}

static int join(struct bytes in)
{
        struct dgram_join t;
        return dgram_join_parse(in, &t);
}

static int join_ok(struct bytes in)
{
        struct dgram_join_ok t;
        return dgram_join_ok_parse(in, &t);
}

#define RAW(text) text, sizeof text - 1

static const struct tail_row rows[] = {
        { "a connect that says nothing", connect, RAW("\x80"), 0 },
        { "a connect with a namespace", connect, RAW("\x81\x01\xa1/"), 0 },
        { "a connect with auth and limits", connect, RAW("\x83\x01\xa1/\x02\x81\xa1t\x07\x03\x80"), 0 },
        { "keys of another version are passed over", connect, RAW("\x81\x09\xc0"), 0 },
        { "a namespace that is no text", connect, RAW("\x81\x01\x07"), ERR_MALFORMED },
        { "a connect that is no map", connect, RAW("\x90"), ERR_MALFORMED },
        { "an empty tail", connect, RAW(""), ERR_TRUNCATED },
        { "bytes behind the map", connect, RAW("\x80\x80"), ERR_MALFORMED },
        { "an array that claims 4 billion", connect, RAW("\x81\x02\xdd\xff\xff\xff\xff"), ERR_TOO_BIG },
        { "a join of one room", join, RAW("\x82\x01\x07\x02\x91\x94\xa1r\x01\x00\x00"), 0 },
        { "a join that resumes", join, RAW("\x82\x01\x07\x02\x91\x94\xa1r\x02\xcd\x01\x00\xcd\x02\x00"), 0 },
        { "a join that says how many resume", join, RAW("\x83\x01\x07\x02\x91\x94\xa1r\x01\x00\x00\x03\x05"), 0 },
        { "a number of rooms of 33 bits", join,
          RAW("\x83\x01\x07\x02\x91\x94\xa1r\x01\x00\x00\x03\xcf\0\0\0\1\0\0\0\0"), ERR_MALFORMED },
        { "a longer row of a later version", join, RAW("\x82\x01\x07\x02\x91\x95\xa1r\x01\x00\x00\xc0"), 0 },
        { "a join without a request number", join, RAW("\x81\x02\x91\x94\xa1r\x01\x00\x00"), ERR_MALFORMED },
        { "a join of no rooms", join, RAW("\x82\x01\x07\x02\x90"), ERR_MALFORMED },
        { "a join of 17 rooms", join,
          RAW("\x82\x01\x07\x02\xdc\x00\x11"
              "\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90\x90"),
          ERR_MALFORMED },
        { "a room in no known mode", join, RAW("\x82\x01\x07\x02\x91\x94\xa1r\x05\x00\x00"), ERR_MALFORMED },
        { "an epoch of 33 bits", join, RAW("\x82\x01\x07\x02\x91\x94\xa1r\x01\xcf\0\0\0\1\0\0\0\0\x00"),
          ERR_MALFORMED },
        { "a row without its last column", join, RAW("\x82\x01\x07\x02\x91\x93\xa1r\x01\x00"), ERR_MALFORMED },
        { "a room's name that is a number", join, RAW("\x82\x01\x07\x02\x91\x94\x05\x01\x00\x00"), ERR_MALFORMED },
        { "a contig below zero", join, RAW("\x82\x01\x07\x02\x91\x94\xa1r\x01\x00\xff"), ERR_MALFORMED },
        { "an answer", join_ok, RAW("\x82\x01\x07\x02\x91\x98\xa1r\x00\x03\x09\x05\x01\x02\x03"), 0 },
        { "an answer with a head of 64 bits", join_ok,
          RAW("\x82\x01\x07\x02\x91\x98\xa1r\x00\x03\x09\x05\x01\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x03"),
          ERR_MALFORMED },
        { "an answer cut short", join_ok, RAW("\x82\x01\x07\x02\x91\x97\xa1r\x00\x03\x09\x05\x01\x02"), ERR_MALFORMED },
};

static void run_row(void **state)
{
        const struct tail_row *row = *state;
        uint8_t *exact = malloc(row->n + 1); /* the sanitizer sees a byte too far */
        memcpy(exact, row->bytes, row->n);
        assert_int_equal(row->parse(bytes_of(exact, row->n)), row->err);
        for (size_t cut = 0; !row->err && cut < row->n; cut++)
                assert_int_not_equal(row->parse(bytes_of(exact, cut)), 0);
        free(exact);
}

static void join_there_and_back(void **state)
{
        (void)state;
        struct dgram_join in = { .req = 7, .rooms_n = 2 }, out;
        in.room[0] = (struct dgram_join_room){ bytes_text("lobby"), DGRAM_MODE_NACK_ORDERED, 0, 0 };
        in.room[1] = (struct dgram_join_room){ bytes_text(""), DGRAM_MODE_RAW, UINT32_MAX, UINT64_MAX };
        struct buf b = { 0 };
        assert_int_equal(dgram_join_put(&b, &in), 0);
        assert_int_equal(dgram_join_parse(buf_bytes(&b), &out), 0);
        assert_int_equal(out.req, 7);
        assert_int_equal(out.rooms_n, 2);
        assert_true(bytes_equal(out.room[0].room, in.room[0].room));
        assert_int_equal(out.room[1].room.n, 0);
        assert_int_equal(out.room[0].mode, DGRAM_MODE_NACK_ORDERED);
        assert_int_equal(out.room[1].epoch, UINT32_MAX);
        assert_true(out.room[1].contig == UINT64_MAX);
        buf_free(&b);
}

static void answer_there_and_back(void **state)
{
        (void)state;
        struct dgram_join_ok in = { .req = 9, .rooms_n = 1 }, out;
        in.room[0] = (struct dgram_joined_room){ bytes_text("lobby"), DGRAM_CODE_FULL, 3, UINT64_MAX, 4, 5, 6, 7 };
        struct buf b = { 0 };
        assert_int_equal(dgram_join_ok_put(&b, &in), 0);
        assert_int_equal(dgram_join_ok_parse(buf_bytes(&b), &out), 0);
        assert_int_equal(out.room[0].status, DGRAM_CODE_FULL);
        assert_int_equal(out.room[0].chan_ref, 3);
        assert_true(out.room[0].tag == UINT64_MAX);
        assert_int_equal(out.room[0].epoch, 4);
        assert_int_equal(out.room[0].tail, 5);
        assert_int_equal(out.room[0].head, 6);
        assert_int_equal(out.room[0].start, 7);
        buf_free(&b);
}

static void connect_there_and_back(void **state)
{
        (void)state;
        struct dgram_connect_tail out, in = { bytes_text("/chat"), bytes_text("\x81\xa1t\x07"), { NULL, 0 } };
        struct buf b = { 0 };
        assert_int_equal(dgram_connect_tail_put(&b, &in), 0);
        assert_int_equal(dgram_connect_tail_parse(buf_bytes(&b), &out), 0);
        assert_true(bytes_equal(out.space, in.space));
        assert_true(bytes_equal(out.auth, in.auth));
        assert_int_equal(out.limits.n, 0);
        buf_free(&b);
}

int main(void)
{
        const struct CMUnitTest more[] = {
                cmocka_unit_test(join_there_and_back),
                cmocka_unit_test(answer_there_and_back),
                cmocka_unit_test(connect_there_and_back),
        };
        return RUN_ROWS("dgram_tail", rows, run_row) + cmocka_run_group_tests_name("tails", more, NULL, NULL);
}
