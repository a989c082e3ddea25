#include "tests/unit/harness.h"

#include "core/base/err.h"
#include "core/wire/sio_offset.h"

struct offset_row {
        const char *name;
        const char *text;
        int err;
        uint32_t epoch;
        uint64_t eid;
};

static const struct offset_row rows[] = {
        { "ours", "7-12", 0, 7, 12 },
        { "eid 0", "7-0", 0, 7, 0 },
        { "the largest", "4294967295-18446744073709551615", 0, UINT32_MAX, UINT64_MAX },
        { "epoch over 32 bits", "4294967296-1", ERR_MALFORMED, 0, 0 },
        { "eid over 64 bits", "1-18446744073709551616", ERR_MALFORMED, 0, 0 },
        { "no eid", "7-", ERR_MALFORMED, 0, 0 },
        { "no epoch", "-7", ERR_MALFORMED, 0, 0 },
        { "no hyphen", "77", ERR_MALFORMED, 0, 0 },
        { "leading zero", "07-1", ERR_MALFORMED, 0, 0 },
        { "text behind", "7-1 ", ERR_MALFORMED, 0, 0 },
        { "the reference's", "PaZ1k3f.1", ERR_MALFORMED, 0, 0 },
        { "nothing", "", ERR_MALFORMED, 0, 0 },
};

static void run_row(void **state)
{
        const struct offset_row *row = *state;
        struct sio_offset at;
        assert_int_equal(sio_offset_parse(bytes_text(row->text), &at), row->err);
        if (row->err == 0) {
                char text[SIO_OFFSET_TEXT_MAX];
                assert_true(at.epoch == row->epoch && at.eid == row->eid);
                sio_offset_text(at, text);
                assert_string_equal(text, row->text);
        }
}

int main(void)
{
        return RUN_ROWS("sio_offset", rows, run_row);
}
