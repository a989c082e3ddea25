/* The msgpack parser's packets from a stranger: what is accepted is canonical, and reads back the
 * same once written. */
#include <stdlib.h>

#include "core/event/pack.h"
#include "core/wire/sio_msgpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
        struct buf data = { 0 }, data2 = { 0 }, out = { 0 };
        struct sio_packet p, again;
        if (sio_msgpack_parse(bytes_of(in, n), 100000, &data, &p) == 0) {
                struct pack_limits limits = pack_limits_event;
                limits.items_max += 16;
                limits.bytes_max = SIZE_MAX;
                if (p.data.n > 0 && pack_scan(p.data, &limits) != 0)
                        abort();
                if (sio_msgpack_put(&out, &p) != 0 || sio_msgpack_parse(buf_bytes(&out), SIZE_MAX, &data2, &again) != 0)
                        abort();
                if (again.type != p.type || again.id != p.id || !bytes_equal(again.data, p.data))
                        abort();
        }
        buf_free(&data);
        buf_free(&data2);
        buf_free(&out);
        return 0;
}
