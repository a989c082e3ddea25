/* Engine.IO and Socket.IO text from a stranger: what is accepted is written again, and that text
 * is read as the same packet. (Compared as text: beside a number that only a double holds, JSON's
 * whole numbers are doubles too, and equal ones.) */
#include <stdlib.h>

#include "core/event/event.h"
#include "core/wire/eio.h"
#include "core/wire/sio.h"
#include "core/wire/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

static void write_and_read(const struct sio_packet *p)
{
        struct buf text = { 0 }, text2 = { 0 }, scratch = { 0 };
        struct sio_packet again;
        struct json_bins bins;
        if (sio_put(&text, p, &bins) != 0 || sio_parse(buf_bytes(&text), &scratch, &again) != 0)
                abort();
        if (again.type != p->type || again.id != p->id || !bytes_equal(again.nsp, p->nsp) ||
            sio_put(&text2, &again, &bins) != 0 || !bytes_equal(buf_bytes(&text), buf_bytes(&text2)))
                abort();
        buf_free(&text);
        buf_free(&text2);
        buf_free(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
        struct buf base64 = { 0 }, data = { 0 };
        struct eio_packet packet;
        struct sio_packet p;
        struct event e;
        if (utf8_valid(bytes_of(in, n)) && eio_parse(false, bytes_of(in, n), &base64, &packet) == 0 && !packet.binary &&
            sio_parse(packet.body, &data, &p) == 0) {
                write_and_read(&p);
                if (p.type == SIO_EVENT)
                        event_parse(p.data, SIZE_MAX, &e);
        }
        buf_free(&base64);
        buf_free(&data);
        return 0;
}
