#include "tests/unit/harness.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/admission.h"

enum { STEPS = 12, PLACES = 10 };

/* `+A ip` is granted as connection A, `f ip` refused for there being too many in all, `a ip` for too many
 * of the address, `=A ip` is granted as one that replaces another, `>A ip` moves connection A, `!A ip` may
 * not, `-A` ends it. Two of an address, five in all. */
static const struct story {
        const char *name;
        bool loopback;
        const char *steps[STEPS];
        uint32_t addresses; /* in the table at the end */
} rows[] = {
        { "two of an address", false, { "+A ::ffff:10.0.0.1", "+B ::ffff:10.0.0.1", "a ::ffff:10.0.0.1" }, 1 },
        { "one that goes makes room",
          false,
          { "+A ::ffff:10.0.0.1", "+B ::ffff:10.0.0.1", "-A", "+C ::ffff:10.0.0.1", "a ::ffff:10.0.0.1" },
          1 },
        { "another address", false, { "+A ::ffff:10.0.0.1", "+B ::ffff:10.0.0.1", "+C ::ffff:10.0.0.2" }, 2 },
        { "of IPv6 a /64 is one",
          false,
          { "+A 2001:db8::1", "+B 2001:db8::2:3:4", "a 2001:db8::5", "+C 2001:db8:0:1::1" },
          2 },
        { "five in all",
          false,
          { "+A ::ffff:10.0.0.1", "+B ::ffff:10.0.0.2", "+C ::ffff:10.0.0.3", "+D ::ffff:10.0.0.4", "+E 2001:db8::1",
            "f ::ffff:10.0.0.5", "-C", "+F ::ffff:10.0.0.5", "f ::ffff:127.0.0.1" },
          5 },
        { "the loopback may have any number of those",
          false,
          { "+A ::ffff:127.0.0.1", "+B ::ffff:127.0.0.1", "+C ::ffff:127.9.9.9", "+D ::1", "+E ::1", "f ::1", "-E",
            "+F ::ffff:127.0.0.1" },
          0 },
        { "unless it is counted, too",
          true,
          { "+A ::ffff:127.0.0.1", "+B ::ffff:127.0.0.1", "a ::ffff:127.0.0.1", "+C ::1", "+D ::1", "a ::1" },
          2 },
        { "::1 counts for itself, not for all addresses without a prefix", true, { "+A ::1", "+B ::ffff:1.2.3.4" }, 2 },
        { "an address whose connections have gone costs nothing",
          false,
          { "+A ::ffff:10.0.0.1", "+B 2001:db8::1", "+C ::ffff:10.0.0.1", "-A", "-B", "-C" },
          0 },
        { "one that takes another's place",
          false,
          { "+A ::ffff:10.0.0.1", "+B ::ffff:10.0.0.1", "=C ::ffff:10.0.0.1", "-A", "a ::ffff:10.0.0.1",
            "+D 2001:db8::1", "+E 2001:db8::1", "+F ::1", "=G ::1" },
          2 },
        { "one that moves counts where it is",
          false,
          { "+A ::ffff:10.0.0.1", "+B ::ffff:10.0.0.1", ">A ::ffff:10.0.0.2", "+C ::ffff:10.0.0.1", "a ::ffff:10.0.0.1",
            "+D ::ffff:10.0.0.2", "a ::ffff:10.0.0.2" },
          2 },
        { "and where it was, if it may not be there",
          false,
          { "+A ::ffff:10.0.0.1", "+B ::ffff:10.0.0.2", "+C ::ffff:10.0.0.2", "!A ::ffff:10.0.0.2",
            "+D ::ffff:10.0.0.1", "a ::ffff:10.0.0.1" },
          2 },
        { "within its address it may always move",
          false,
          { "+A 2001:db8::1", "+B 2001:db8::2", ">A 2001:db8::9", ">B 2001:db8::1", "a 2001:db8::3" },
          1 },
        { "to and from the loopback, and with five in all",
          false,
          { "+A ::1", "+B ::1", "+C ::1", "+D ::1", "+E ::ffff:10.0.0.1", ">A ::ffff:10.0.0.1", "!B ::ffff:10.0.0.1",
            ">E ::ffff:127.0.0.1", ">B ::ffff:10.0.0.1", "f ::1" },
          1 },
        { "who is refused costs nothing",
          false,
          { "+A ::1", "+B ::1", "+C ::1", "+D ::1", "+E ::1", "f ::ffff:10.0.0.1", "f 2001:db8::1" },
          0 },
};

static void run_row(void **state)
{
        const struct story *row = *state;
        struct admission *a = admission_create(
                &(struct admission_config){ .all_max = 5, .per_address_max = 2, .loopback = row->loopback });
        struct admission_source *held[PLACES] = { NULL };
        bool open[PLACES] = { false };
        uint32_t n = 0;
        for (int i = 0; i < STEPS && row->steps[i]; i++) {
                const char *step = row->steps[i];
                struct admission_source *out;
                uint8_t ip[16];
                if (*step == '-') {
                        admission_end(a, held[step[1] - 'A']);
                        open[step[1] - 'A'] = false;
                        n--;
                        continue;
                }
                assert_int_equal(inet_pton(AF_INET6, strchr(step, ' ') + 1, ip), 1);
                if (strchr(">!", *step)) {
                        assert_int_equal(admission_move(a, ip, &held[step[1] - 'A']),
                                         *step == '>' ? ADMISSION_GRANTED : ADMISSION_ADDRESS);
                        assert_int_equal(admission_present(a), n);
                        continue;
                }
                enum admission_verdict verdict = admission_ask(a, ip, *step == '=', &out);
                assert_int_equal(verdict, strchr("+=", *step) ? ADMISSION_GRANTED
                                          : *step == 'f'      ? ADMISSION_FULL
                                                              : ADMISSION_ADDRESS);
                if (verdict == ADMISSION_GRANTED) {
                        held[step[1] - 'A'] = out;
                        open[step[1] - 'A'] = true;
                        n++;
                }
                assert_int_equal(admission_present(a), n);
        }
        assert_int_equal(admission_addresses(a), row->addresses);
        for (int i = 0; i < PLACES; i++)
                if (open[i])
                        admission_end(a, held[i]);
        assert_int_equal(admission_present(a) + admission_addresses(a), 0);
        admission_destroy(a);
}

/* However many strangers come and go. */
static void a_hundred_thousand_strangers(void **state)
{
        struct admission *a = admission_create(&(struct admission_config){ .all_max = 64, .per_address_max = 2 });
        struct admission_source *held[64] = { NULL };
        (void)state;
        for (uint32_t i = 0; i < 100000; i++) {
                uint8_t ip[16] = { 0x20, 1, [2] = (uint8_t)(i >> 16), [3] = (uint8_t)(i >> 8), [4] = (uint8_t)i };
                if (i >= 64)
                        admission_end(a, held[i % 64]);
                assert_int_equal(admission_ask(a, ip, false, &held[i % 64]), ADMISSION_GRANTED);
                assert_true(admission_addresses(a) <= 64);
        }
        for (int i = 0; i < 64; i++)
                admission_end(a, held[i]);
        assert_int_equal(admission_addresses(a), 0);
        admission_destroy(a);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(a_hundred_thousand_strangers),
        };
        return RUN_ROWS("admission", rows, run_row) +
               cmocka_run_group_tests_name("admission stories", stories, NULL, NULL);
}
