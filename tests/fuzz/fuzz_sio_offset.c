/* An offset from a stranger: what is read is what we would have written, to the letter, and what is refused
 * leaves no trace. And every offset, the first twelve bytes as its two numbers, is written so that it is read. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/wire/sio_offset.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

static void need(bool good)
{
        if (!good)
                abort();
}

static bool same(struct sio_offset a, struct sio_offset b)
{
        return a.epoch == b.epoch && a.eid == b.eid;
}

static void as_text(struct bytes in)
{
        static const struct sio_offset before = { 4711, 13 };
        struct sio_offset at = before;
        char text[SIO_OFFSET_TEXT_MAX];
        if (sio_offset_parse(in, &at) != 0) {
                need(same(at, before));
                return;
        }
        sio_offset_text(at, text);
        need(bytes_equal(bytes_text(text), in));
}

static void as_numbers(struct bytes in)
{
        struct reader r = reader_of(in.at, in.n);
        struct sio_offset at = { .epoch = reader_u32(&r), .eid = reader_u64(&r) }, again;
        char text[SIO_OFFSET_TEXT_MAX], plain[SIO_OFFSET_TEXT_MAX];
        if (r.failed)
                return;
        sio_offset_text(at, text);
        snprintf(plain, sizeof plain, "%" PRIu32 "-%" PRIu64, at.epoch, at.eid);
        need(strcmp(text, plain) == 0);
        need(sio_offset_parse(bytes_text(text), &again) == 0 && same(again, at));
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
        as_text(bytes_of(in, n));
        as_numbers(bytes_of(in, n));
        return 0;
}
