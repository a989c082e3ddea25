#include "core/wire/sio_offset.h"

#include "core/base/err.h"

/* Writes v's digits so that they end before `end`; returns where they begin. */
static char *digits_before(char *end, uint64_t v)
{
        do
                *--end = (char)('0' + v % 10);
        while (v /= 10);
        return end;
}

/* Once for every event and encoding: printf would be a tenth of what an event costs. */
void sio_offset_text(struct sio_offset at, char text[SIO_OFFSET_TEXT_MAX])
{
        char backwards[SIO_OFFSET_TEXT_MAX], *end = backwards + sizeof backwards, *from = end;
        *--from = '\0';
        from = digits_before(from, at.eid);
        *--from = '-';
        from = digits_before(from, at.epoch);
        memcpy(text, from, (size_t)(end - from));
}

/* Decimal digits without a leading zero, as we write them. */
static bool take_number(struct reader *r, uint64_t *v)
{
        const uint8_t *first = r->at;
        *v = 0;
        while (reader_left(r) > 0 && *r->at >= '0' && *r->at <= '9') {
                uint8_t digit = (uint8_t)(reader_u8(r) - '0');
                if (__builtin_mul_overflow(*v, 10, v) || __builtin_add_overflow(*v, digit, v))
                        return false;
        }
        return r->at > first && (*first != '0' || r->at == first + 1);
}

int sio_offset_parse(struct bytes text, struct sio_offset *at)
{
        struct reader r = reader_of(text.at, text.n);
        uint64_t epoch, eid;
        if (!take_number(&r, &epoch) || epoch > UINT32_MAX || reader_u8(&r) != '-' || !take_number(&r, &eid) ||
            reader_left(&r) > 0)
                return ERR_MALFORMED;
        *at = (struct sio_offset){ (uint32_t)epoch, eid };
        return 0;
}
