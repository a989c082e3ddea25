/* Every sequence of two bytes, and longer ones at each border, one byte at a time: refused at the first byte
 * at which RFC 3629's grammar allows none, and not before. */
#include "tests/unit/harness.h"

#include "core/wire/utf8.h"

/* What may come next, as section 4 of the RFC has it. */
struct grammar {
        uint8_t low, high; /* the next byte; 0, 0: a character's first */
        unsigned left;     /* bytes of the character still to come */
};

static bool allowed(struct grammar *g, uint8_t c)
{
        if (g->left > 0) {
                bool good = c >= g->low && c <= g->high;
                *g = (struct grammar){ 0x80, 0xbf, g->left - 1 };
                return good;
        }
        if (c <= 0x7f)
                return true;
        *g = (struct grammar){ .low = 0x80, .high = 0xbf, .left = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3 };
        if (c == 0xe0)
                g->low = 0xa0;
        if (c == 0xed)
                g->high = 0x9f;
        if (c == 0xf0)
                g->low = 0x90;
        if (c == 0xf4)
                g->high = 0x8f;
        return c >= 0xc2 && c <= 0xf4;
}

/* How many bytes are good; *whole: and end at a character's end. */
static unsigned good_by_grammar(const uint8_t *at, unsigned n, bool *whole)
{
        struct grammar g = { 0 };
        unsigned good = 0;
        while (good < n && allowed(&g, at[good]))
                good++;
        *whole = good == n && g.left == 0;
        return good;
}

static void check(const uint8_t *at, unsigned n)
{
        bool whole;
        unsigned good = good_by_grammar(at, n, &whole);
        for (unsigned step = 1; step <= n; step++) {
                struct utf8 u = { 0 };
                unsigned fed = 0;
                while (fed < n) {
                        unsigned part = n - fed < step ? n - fed : step;
                        if (!utf8_feed(&u, bytes_of(at + fed, part)))
                                break;
                        fed += part;
                }
                if (fed != good / step * step && (fed != n || good != n))
                        fail_msg("%02x %02x %02x %02x by %u: %u good, not %u", at[0], at[1], at[2], at[3], step, fed,
                                 good);
                if (fed == n)
                        assert_int_equal(utf8_whole(&u), whole);
        }
        assert_int_equal(utf8_valid(bytes_of(at, n)), whole);
}

static void every_sequence_is_judged_by_the_grammar(void **state)
{
        (void)state;
        static const uint8_t borders[] = { 0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff };
        for (unsigned first = 0; first < 256; first++)
                for (unsigned second = 0; second < 256; second++)
                        for (size_t third = 0; third < sizeof borders; third++)
                                for (size_t fourth = 0; fourth < sizeof borders; fourth++)
                                        check((uint8_t[]){ (uint8_t)first, (uint8_t)second, borders[third],
                                                           borders[fourth] },
                                              4);
}

int main(void)
{
        const struct CMUnitTest stories[] = { cmocka_unit_test(every_sequence_is_judged_by_the_grammar) };
        return cmocka_run_group_tests_name("utf8", stories, NULL, NULL);
}
