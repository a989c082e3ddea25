/* Each row is a story in words: @12 it is 12 ms; w3-5 seqs 3..5 of channel 1 are wanted (W: of channel
 * 2; ! finds no place); s3-4 they are sent; =3-5,9 just this is wanted now of channel 1; =- nothing;
 * h2 of the last want two seqs were held off; f1 channel 1 is gone. The hold-off is 10 ms; m30
 * makes it 30 for what is not shown to be there; p8 what was sent by 8 ms is. l4-5 these are to be wanted 7 ms
 * from now; r they are, if it is time. */
#include "tests/unit/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "udp_server/udp_repair.h"

struct repair_row {
        const char *name;
        const char *story;
};

static const struct repair_row rows[] = {
        { "wanted and sent", "w3-5 =3-5 s3-5 =-" },
        { "sent in parts, from the front", "w3-9 s3-4 =5-9 s5-9 =-" },
        { "the same again is one", "w3-5 w3-5 =3-5" },
        { "what touches is one", "w3-5 w6-8 w1-2 =1-8" },
        { "what overlaps is one", "w3-9 w1-4 w8-12 =1-12" },
        { "one that joins two", "w1-2 w5-6 w3-4 =1-6" },
        { "channels are apart", "w3-5 W3-5 =3-5 s3-5 =- W6-6 =-" },
        { "sent a moment ago, held off", "w3-5 s3-5 @9 w3-5 h3 =-" },
        { "held off no longer", "w3-5 s3-5 @10 w3-5 h0 =3-5" },
        { "only the middle is held off", "w4-5 s4-5 w1-9 h2 =1-3,6-9" },
        { "two runs are held off", "w2-3 s2-3 w6-6 s6-6 w1-8 h3 =1-1,4-5,7-8" },
        { "held off until it can be there", "m30 @2 w3-5 s3-5 @20 w3-5 h3 =- p1 w3-5 h3 =- p2 w3-5 h0 =3-5" },
        { "but not for ever, if no answer comes", "m30 @1 w3-5 s3-5 @31 w3-5 h0 =3-5" },
        { "later", "l3-5 r =- @6 r =- @7 r =3-5" },
        { "later, though it was sent just now", "w3-5 l3-5 s3-5 @7 r =3-5" },
        { "later, and wanted already", "l3-5 @6 w4-9 @7 r =3-9" },
        { "one after the other", "l3-3 @2 l7-7 @7 r =3-3 @9 r =3-3,7-7" },
        { "a channel that is gone wants nothing later", "l3-3 f1 @7 r =-" },
        { "a channel that is gone wants nothing", "w3-5 W7-7 f1 =-" },
};

static const char *range(const char *text, uint64_t *from, uint64_t *to)
{
        char *end;
        *from = *to = strtoull(text, &end, 10);
        if (*end == '-')
                *to = strtoull(end + 1, &end, 10);
        return end;
}

static void expect(const struct udp_repair *r, const char *text)
{
        uint32_t n = 0;
        for (uint32_t i = 0; i < r->want_n; i++)
                n += r->want[i].chan_ref == 1;
        while (*text != '-' && *text != '\0') {
                uint64_t from, to;
                bool found = false;
                text = range(text, &from, &to);
                for (uint32_t i = 0; i < r->want_n; i++)
                        found |= r->want[i].chan_ref == 1 && r->want[i].from == from && r->want[i].to == to;
                if (!found)
                        fail_msg("%d-%d is not wanted", (int)from, (int)to);
                n--;
                text += *text == ',';
        }
        assert_int_equal(n, 0);
}

static void run_row(void **state)
{
        const struct repair_row *row = *state;
        struct udp_repair r;
        struct mono now = { 0 };
        uint64_t a, b, held = 0;
        char story[256], *save = NULL;
        udp_repair_init(&r, now, UDP_REPAIR_RATE);
        snprintf(story, sizeof story, "%s", row->story);
        for (char *word = strtok_r(story, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
                range(word + 1, &a, &b);
                if (*word == '@')
                        now.ns = (int64_t)a * NS_PER_MS;
                else if (*word == 'w' || *word == 'W')
                        assert_true(udp_repair_want(&r, now, 10 * NS_PER_MS, *word == 'w' ? 1 : 2, a, b, &held));
                else if (*word == 's')
                        udp_repair_done(&r, now, 1, a, b);
                else if (*word == 'l')
                        udp_repair_later(&r, mono_add(now, 7 * NS_PER_MS), 1, a, b);
                else if (*word == 'r')
                        udp_repair_ripen(&r, now);
                else if (*word == 'f')
                        udp_repair_forget(&r, (uint32_t)a);
                else if (*word == 'm')
                        r.hold_off_ns_max = (int64_t)a * NS_PER_MS;
                else if (*word == 'p')
                        r.shown.ns = (int64_t)a * NS_PER_MS;
                else if (*word == 'h')
                        assert_int_equal(held, a);
                else
                        expect(&r, word + 1);
        }
}

static void not_for_ever_more_ranges(void **state)
{
        (void)state;
        struct udp_repair r;
        uint64_t held;
        udp_repair_init(&r, (struct mono){ 0 }, UDP_REPAIR_RATE);
        for (uint64_t i = 0; i < UDP_REPAIR_RANGES_MAX; i++)
                assert_true(udp_repair_want(&r, (struct mono){ 0 }, 0, 1, 1 + 10 * i, 1 + 10 * i, &held));
        assert_false(udp_repair_want(&r, (struct mono){ 0 }, 0, 1, 5, 5, &held));
        assert_true(udp_repair_want(&r, (struct mono){ 0 }, 0, 1, 2, 2, &held)); /* it touches one */
        assert_int_equal(r.want_n, UDP_REPAIR_RANGES_MAX);
}

static void a_budget_of_bytes(void **state)
{
        (void)state;
        struct udp_repair r;
        uint64_t held;
        struct mono now = { 0 };
        udp_repair_init(&r, now, 1000000); /* a byte a microsecond */
        assert_true(mono_is_never(udp_repair_deadline(&r)));
        udp_repair_want(&r, now, 0, 1, 1, 1, &held);
        assert_true(udp_repair_may(&r, now));
        udp_repair_spend(&r, UDP_REPAIR_BURST_BYTES + 5000);
        assert_false(udp_repair_may(&r, now));
        struct mono due = udp_repair_deadline(&r);
        assert_in_range(due.ns, 5 * NS_PER_MS, 6 * NS_PER_MS);
        assert_false(udp_repair_may(&r, (struct mono){ 4 * NS_PER_MS }));
        assert_true(udp_repair_may(&r, due));
        /* A long rest fills it to the brim and no further. */
        udp_repair_may(&r, (struct mono){ 1000 * NS_PER_S });
        assert_int_equal(r.tokens, UDP_REPAIR_BURST_BYTES);
}

int main(void)
{
        const struct CMUnitTest more[] = { cmocka_unit_test(not_for_ever_more_ranges),
                                           cmocka_unit_test(a_budget_of_bytes) };
        return RUN_ROWS("udp_repair", rows, run_row) + cmocka_run_group_tests_name("udp_repair", more, NULL, NULL);
}
