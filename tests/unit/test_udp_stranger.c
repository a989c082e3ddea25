/* How often an address may begin: what it shares with others by chance of the table costs it nothing, and gains it
 * nothing. */
#include "tests/unit/harness.h"

#include <stdlib.h>
#include <string.h>

#include "udp_server/udp_hash.h"
#include "udp_server/udp_stranger.h"

enum { PER_ADDRESS = 4, AT_ONCE = UDP_STRANGER_BURST * PER_ADDRESS, TEN_S = 10000, DAY_S = 24 * 3600 };

struct table {
        struct udp_strangers strangers;
        struct udp_stats stats;
        struct mono now;
};

static struct udp_addr addr(uint32_t n)
{
        return (struct udp_addr){
                .ip = { [10] = 0xFF, [11] = 0xFF, 10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n }
        };
}

static struct table *start(void)
{
        static const uint8_t reset_key[UDP_KEY_BYTES];
        struct table *t = calloc(1, sizeof *t);
        memset(udp_hash_key, 7, sizeof udp_hash_key);
        t->now = (struct mono){ 1000 * NS_PER_S };
        udp_strangers_init(&t->strangers, t->now, &t->stats, reset_key, 1000, PER_ADDRESS);
        return t;
}

/* The places that one begin spends, the smaller first. */
static void places_of(uint32_t n, size_t place[2])
{
        struct table *t = start();
        struct udp_addr from = addr(n);
        size_t found = 0;
        assert_true(udp_stranger_begins(&t->strangers, t->now, &from));
        for (size_t i = 0; i < UDP_STRANGER_BEGUN; i++)
                if (t->strangers.begun[i].full_at.ns != 0) {
                        assert_true(found < 2);
                        place[found++] = i;
                }
        assert_in_range(found, 1, 2);
        if (found == 1) /* both by chance the same */
                place[1] = place[0];
        free(t);
}

/* The next address behind `after` to which that place belongs, too. */
static uint32_t find_sharer(size_t place, uint32_t after)
{
        size_t its[2];
        uint32_t n = after;
        do
                places_of(++n, its);
        while (its[0] != place && its[1] != place);
        return n;
}

/* One that has the same place twice. */
static uint32_t find_doubled(void)
{
        size_t its[2];
        uint32_t n = 0;
        do
                places_of(++n, its);
        while (its[0] != its[1]);
        return n;
}

static bool begins(struct table *t, uint32_t n)
{
        struct udp_addr from = addr(n);
        return udp_stranger_begins(&t->strangers, t->now, &from);
}

/* Each tries every 5 ms. Returns how often the last began. */
static int flood(struct table *t, const uint32_t *who, int who_n, int64_t ms)
{
        int begun = 0;
        for (; ms > 0; ms -= 5) {
                for (int i = 0; i < who_n; i++)
                        begun += begins(t, who[i]) && i == who_n - 1;
                t->now = mono_add(t->now, 5 * NS_PER_MS);
        }
        return begun;
}

static void alone_it_begins_what_the_rule_says(void **state)
{
        (void)state;
        uint32_t doubled[] = { find_doubled() }, one[] = { 1 };
        struct table *t = start();
        for (uint32_t *who = one; who; who = who == one ? doubled : NULL) {
                assert_int_equal(flood(t, who, 1, 500), AT_ONCE);
                assert_int_equal(flood(t, who, 1, TEN_S), PER_ADDRESS);
                assert_int_equal(flood(t, who, 1, TEN_S), PER_ADDRESS);
                t->now = mono_add(t->now, DAY_S * NS_PER_S); /* nothing is saved up beyond the burst */
                assert_int_equal(flood(t, who, 1, 500), AT_ONCE);
        }
        free(t);
}

static void who_shares_a_place_with_a_flood_begins(void **state)
{
        (void)state;
        size_t its[2];
        places_of(1, its);
        for (int i = 0; i < 2; i++) {
                const uint32_t foe[] = { find_sharer(its[i], 1) };
                struct table *t = start();
                flood(t, foe, 1, TEN_S + 500);
                assert_false(begins(t, foe[0]));
                for (int k = 0; k < AT_ONCE; k++)
                        assert_true(begins(t, 1));
                assert_false(begins(t, 1));
                free(t);
        }
}

/* Where others flood both of its places, two ways do not help. But however many they were, it begins as soon as one
 * session's time has passed. */
static void a_flood_is_forgotten_when_it_ends(void **state)
{
        (void)state;
        size_t its[2];
        uint32_t foes[6];
        places_of(1, its);
        for (int i = 0; i < 6; i++)
                foes[i] = find_sharer(its[i % 2], i < 2 ? 1 : foes[i - 2]);
        struct table *t = start();
        assert_in_range(flood(t, foes, 6, 10 * TEN_S + 500), 10 * PER_ADDRESS, AT_ONCE + 10 * PER_ADDRESS);
        assert_false(begins(t, 1));
        t->now = mono_add(t->now, TEN_S / PER_ADDRESS * NS_PER_MS);
        assert_true(begins(t, 1));
        assert_false(begins(t, 1));
        free(t);
}

/* Two places are not twice as many: beside others that come and go at each of them it has no more than alone. */
static void who_shares_gains_nothing(void **state)
{
        (void)state;
        static const uint32_t one[] = { 1 };
        size_t its[2];
        places_of(1, its);
        uint32_t other[] = { find_sharer(its[0], 1), find_sharer(its[1], 1) };
        struct table *t = start();
        int begun = 0, beside = 0;
        for (int i = 0; i < 200; i++) {
                beside += i % 7 == 0 && begins(t, other[i % 2]);
                begun += flood(t, one, 1, 500);
        }
        assert_in_range(beside, 20, 200 / 7 + 1);
        assert_in_range(begun, AT_ONCE + 8 * PER_ADDRESS, AT_ONCE + 10 * PER_ADDRESS);
        free(t);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(alone_it_begins_what_the_rule_says),
                cmocka_unit_test(who_shares_a_place_with_a_flood_begins),
                cmocka_unit_test(a_flood_is_forgotten_when_it_ends),
                cmocka_unit_test(who_shares_gains_nothing),
        };
        return cmocka_run_group_tests_name("udp_stranger", tests, NULL, NULL);
}
