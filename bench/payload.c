#include "bench/payload.h"

#include <assert.h>

enum { HEX_DIGITS = 8, LETTERS = 26 };

static void put_hex(uint32_t v, char *out)
{
        for (int i = HEX_DIGITS; i > 0; v >>= 4)
                out[--i] = "0123456789abcdef"[v & 15];
}

static bool get_hex(const uint8_t *at, uint32_t *v)
{
        *v = 0;
        for (int i = 0; i < HEX_DIGITS; i++) {
                bool digit = at[i] >= '0' && at[i] <= '9', letter = at[i] >= 'a' && at[i] <= 'f';
                if (!digit && !letter)
                        return false;
                *v = *v << 4 | (uint32_t)(digit ? at[i] - '0' : at[i] - 'a' + 10);
        }
        return true;
}

static char letter(uint32_t index, size_t place)
{
        return (char)('a' + (index % LETTERS + place) % LETTERS);
}

void payload_write(uint32_t run, uint32_t index, char *out, size_t n)
{
        assert(n >= PAYLOAD_BYTES_MIN);
        put_hex(run, out);
        put_hex(index, out + HEX_DIGITS);
        for (size_t i = PAYLOAD_BYTES_MIN; i < n; i++)
                out[i] = letter(index, i - PAYLOAD_BYTES_MIN);
}

bool payload_read(uint32_t run, struct bytes text, uint32_t *index)
{
        uint32_t tag, found;
        if (text.n < PAYLOAD_BYTES_MIN || !get_hex(text.at, &tag) || tag != run)
                return false;
        if (!get_hex(text.at + HEX_DIGITS, &found))
                return false;
        for (size_t i = PAYLOAD_BYTES_MIN; i < text.n; i++) {
                if (text.at[i] != (uint8_t)letter(found, i - PAYLOAD_BYTES_MIN))
                        return false;
        }
        *index = found;
        return true;
}
