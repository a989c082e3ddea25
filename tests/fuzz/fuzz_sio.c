/* Engine.IO and Socket.IO text from a stranger: what is accepted is written again, and that text is
 * read as the same packet. Compared as text, and from the second writing on: beside a number that only
 * a double holds, JSON's whole numbers are doubles too, and above 2^53 that is another number. */
#include <stdlib.h>

#include "core/event/event.h"
#include "core/wire/eio.h"
#include "core/wire/sio.h"
#include "core/wire/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

static void same_head(const struct sio_packet *a, const struct sio_packet *b)
{
        if (a->type != b->type || a->id != b->id || !bytes_equal(a->nsp, b->nsp))
                abort();
}

/* Writes p into text and reads that; `again` borrows from it and from scratch. */
static void write_and_read(const struct sio_packet *p, struct buf *text, struct buf *scratch, struct sio_packet *again)
{
        struct json_bins bins;
        if (sio_put(text, p, &bins) != 0 || sio_parse(buf_bytes(text), scratch, again) != 0)
                abort();
        same_head(p, again);
}

static void check(const struct sio_packet *first)
{
        struct buf text[3] = { 0 }, scratch[3] = { 0 };
        struct sio_packet p[3];
        for (int i = 0; i < 3; i++)
                write_and_read(i ? &p[i - 1] : first, &text[i], &scratch[i], &p[i]);
        if (!bytes_equal(buf_bytes(&text[1]), buf_bytes(&text[2])))
                abort();
        for (int i = 0; i < 3; i++) {
                buf_free(&text[i]);
                buf_free(&scratch[i]);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
        struct buf base64 = { 0 }, data = { 0 };
        struct eio_packet packet;
        struct sio_packet p;
        struct event e;
        if (utf8_valid(bytes_of(in, n)) && eio_parse(false, bytes_of(in, n), &base64, &packet) == 0 && !packet.binary &&
            sio_parse(packet.body, &data, &p) == 0) {
                check(&p);
                if (p.type == SIO_EVENT)
                        event_parse(p.data, SIZE_MAX, &e);
        }
        buf_free(&base64);
        buf_free(&data);
        return 0;
}
