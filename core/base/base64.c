#include "core/base/base64.h"

#include <sodium.h>

#include "core/base/err.h"

int base64_read(struct bytes text, uint8_t *out, size_t out_max, size_t *out_n)
{
        uint8_t bits = 0;
        for (size_t i = 0; i < text.n; i++)
                bits |= text.at[i];
        if (bits > 0x7f)
                return ERR_MALFORMED;
        return sodium_base642bin(out, out_max, (const char *)text.at, text.n, NULL, out_n, NULL,
                                 sodium_base64_VARIANT_ORIGINAL) == 0
                       ? 0
                       : ERR_MALFORMED;
}
