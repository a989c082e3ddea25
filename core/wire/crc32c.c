#include "core/wire/crc32c.h"

enum { POLYNOMIAL_REFLECTED = 0x82F63B78 };

/* One row of the table by shifting, so that no 256 magic numbers need to be believed. */
static uint32_t row(uint32_t byte)
{
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
                crc = crc >> 1 ^ (crc & 1 ? (uint32_t)POLYNOMIAL_REFLECTED : 0);
        return crc;
}

uint32_t crc32c_table(struct bytes in)
{
        static uint32_t table[256];
        if (table[1] == 0)
                for (uint32_t byte = 0; byte < 256; byte++)
                        table[byte] = row(byte);
        uint32_t crc = ~UINT32_C(0);
        for (size_t i = 0; i < in.n; i++)
                crc = crc >> 8 ^ table[(crc ^ in.at[i]) & 0xFF];
        return ~crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(struct bytes in)
{
        uint64_t crc = ~UINT32_C(0);
        size_t i = 0;
        for (; in.n - i >= 8; i += 8) {
                uint64_t word;
                memcpy(&word, in.at + i, sizeof word);
                crc = __builtin_ia32_crc32di(crc, word);
        }
        for (; i < in.n; i++)
                crc = __builtin_ia32_crc32qi((uint32_t)crc, in.at[i]);
        return ~(uint32_t)crc;
}
#endif

uint32_t crc32c(struct bytes in)
{
#ifdef __x86_64__
        if (__builtin_cpu_supports("sse4.2"))
                return crc32c_sse42(in);
#endif
        return crc32c_table(in);
}
