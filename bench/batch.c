#include "bench/batch.h"

#include "core/base/err.h"

int batch_add(struct batch *b, struct bytes entry)
{
        if (b->n == BATCH_ENTRIES_MAX)
                return ERR_FULL;
        int err = buf_put(&b->bytes, entry.at, entry.n);
        if (!err)
                b->end[b->n++] = b->bytes.n;
        return err;
}

uint32_t batch_bundle(const struct batch *b, size_t bytes_max, struct bytes runs[BATCH_ENTRIES_MAX])
{
        uint32_t n = 0;
        for (uint32_t i = 0; i < b->n; i++) {
                size_t start = i > 0 ? b->end[i - 1] : 0;
                size_t bytes = b->end[i] - start;
                if (n > 0 && runs[n - 1].n + bytes <= bytes_max)
                        runs[n - 1].n += bytes;
                else
                        runs[n++] = bytes_of(b->bytes.at + start, bytes);
        }
        return n;
}

void batch_free(struct batch *b)
{
        buf_free(&b->bytes);
        *b = (struct batch){ 0 };
}
