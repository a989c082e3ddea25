#include "tests/unit/harness.h"

#include <stdlib.h>
#include <string.h>

#include "bench/ledger.h"
#include "core/base/err.h"

/* The world of every row: five events 10 ms apart from t0 = 1 s, two subscribers, run tag 9. The
 * log puts event i at eid 100 + 10 i and seq 1 + i of epoch 7. */
enum { EVENTS = 5, SUBSCRIBERS = 2, RUN = 9, EPOCH = 7, STEPS = 24 };

static struct plan_event planned[EVENTS] = {
        { 0, 20 }, { 10 * NS_PER_MS, 21 }, { 20 * NS_PER_MS, 22 }, { 30 * NS_PER_MS, 23 }, { 40 * NS_PER_MS, 24 },
};
static const struct plan plan = { planned, EVENTS, { 0 } };

/* One step of a story, in the order in which it happens. */
enum verb { END, PLACE_ALL, HEAR, HEAR_ALL, RECOVER, GAP_SEQ, GAP_EID, GAP_OLD, PLACE_AGAIN, TEXT, SETTLE };
struct step {
        enum verb verb;
        uint32_t subscriber;
        uint64_t a, b; /* index, or the gap's range */
        int what;      /* verdict expected, or the gap's reason */
        const char *text;
};

/* clang-format off */
#define PLACED                          { .verb = PLACE_ALL }
#define PLACED_AGAIN(index, eid)        { .verb = PLACE_AGAIN, .a = index, .b = eid }
#define HEARS_ALL(who)                  { .verb = HEAR_ALL, .subscriber = who }
#define HEARS(who, index)               { .verb = HEAR, .subscriber = who, .a = index, .what = LEDGER_FIRST }
#define HEARS_AS(who, index, verdict)   { .verb = HEAR, .subscriber = who, .a = index, .what = verdict }
#define HEARS_TEXT(who, verdict, words) { .verb = TEXT, .subscriber = who, .what = verdict, .text = words }
#define RECOVERS(who, index)            { .verb = RECOVER, .subscriber = who, .a = index }
#define LACKS(unit, who, from, to, why) { .verb = GAP_##unit, .subscriber = who, .a = from, .b = to, .what = why }
#define SETTLED(rows_open)              { .verb = SETTLE, .a = rows_open }
/* clang-format on */

static const struct row {
        const char *name;
        struct step steps[STEPS];
        struct ledger_tally want;
        bool balanced;
} rows[] = {
        { "all heard live", { PLACED, HEARS_ALL(0), HEARS_ALL(1) }, { .outcomes[LEDGER_LIVE] = 10 }, true },
        { "a client that swallows one: missing is 1",
          { PLACED, HEARS_ALL(0), HEARS(1, 0), HEARS(1, 1), HEARS(1, 3), HEARS(1, 4) },
          { .outcomes[LEDGER_LIVE] = 9, .outcomes[LEDGER_NONE] = 1 },
          false },
        { "a client that says one twice: a duplicate, and nothing is missing",
          { PLACED, HEARS_ALL(0), HEARS_ALL(1), HEARS_AS(1, 3, LEDGER_DUPLICATE) },
          { .outcomes[LEDGER_LIVE] = 10, .duplicates = 1 },
          false },
        { "a swallowed and a doubled one do not cancel out",
          { PLACED, HEARS_ALL(0), HEARS(1, 0), HEARS(1, 1), HEARS(1, 2), HEARS(1, 3),
            HEARS_AS(1, 3, LEDGER_DUPLICATE) },
          { .outcomes[LEDGER_LIVE] = 9, .outcomes[LEDGER_NONE] = 1, .duplicates = 1 },
          false },
        { "an event outside the plan",
          { PLACED, HEARS_ALL(0), HEARS_ALL(1), HEARS_AS(0, EVENTS, LEDGER_STRANGER) },
          { .outcomes[LEDGER_LIVE] = 10, .strangers = 1 },
          false },
        { "payload: ours, of another run, of another size, of an index too high",
          { PLACED, HEARS_ALL(1), HEARS_TEXT(0, LEDGER_FIRST, "0000000900000000abcd"),
            HEARS_TEXT(0, LEDGER_DUPLICATE, "0000000900000000abcd"),
            HEARS_TEXT(0, LEDGER_STRANGER, "0000000800000001bcdef"),
            HEARS_TEXT(0, LEDGER_STRANGER, "0000000900000001bcde"),
            HEARS_TEXT(0, LEDGER_STRANGER, "0000000900000005fghi") },
          { .outcomes[LEDGER_LIVE] = 6, .outcomes[LEDGER_NONE] = 4, .duplicates = 1, .strangers = 3 },
          false },
        { "recovered is an outcome of its own",
          { PLACED, HEARS_ALL(0), HEARS(1, 4), RECOVERS(1, 0), RECOVERS(1, 1), RECOVERS(1, 2), RECOVERS(1, 3) },
          { .outcomes[LEDGER_LIVE] = 6, .outcomes[LEDGER_RECOVERED] = 4 },
          true },
        { "a gap in seqs",
          { PLACED, HEARS_ALL(0), HEARS(1, 0), HEARS(1, 4), LACKS(SEQ, 1, 2, 4, LEDGER_TIMEOUT) },
          { .outcomes[LEDGER_LIVE] = 7, .outcomes[LEDGER_LOST] = 3, .reasons[LEDGER_TIMEOUT] = 3 },
          true },
        { "a gap in eids, borders included, strangers' eids between ours",
          { PLACED, HEARS_ALL(0), HEARS(1, 0), HEARS(1, 4), LACKS(EID, 1, 110, 130, LEDGER_EVICTED) },
          { .outcomes[LEDGER_LIVE] = 7, .outcomes[LEDGER_LOST] = 3, .reasons[LEDGER_EVICTED] = 3 },
          true },
        { "a gap in eids one short on both sides leaves two missing",
          { PLACED, HEARS_ALL(0), HEARS(1, 0), HEARS(1, 4), LACKS(EID, 1, 111, 129, LEDGER_EVICTED) },
          { .outcomes[LEDGER_LIVE] = 7,
            .outcomes[LEDGER_LOST] = 1,
            .outcomes[LEDGER_NONE] = 2,
            .reasons[LEDGER_EVICTED] = 1 },
          false },
        { "a gap that came before the acks",
          { HEARS_ALL(0), LACKS(SEQ, 1, 1, 5, LEDGER_NOT_REPAIRED), SETTLED(5), PLACED, SETTLED(0) },
          { .outcomes[LEDGER_LIVE] = 5, .outcomes[LEDGER_LOST] = 5, .reasons[LEDGER_NOT_REPAIRED] = 5 },
          true },
        { "a gap of another epoch covers nothing of ours",
          { PLACED, HEARS_ALL(0), LACKS(OLD, 1, 1, 5, LEDGER_EPOCH) },
          { .outcomes[LEDGER_LIVE] = 5, .outcomes[LEDGER_NONE] = 5 },
          false },
        { "excluded events are skipped, not lost",
          { PLACED, HEARS_ALL(0), HEARS(1, 0), LACKS(SEQ, 1, 2, 3, LEDGER_EXCLUDED),
            LACKS(SEQ, 1, 4, 5, LEDGER_YOURS) },
          { .outcomes[LEDGER_LIVE] = 6,
            .outcomes[LEDGER_SKIPPED] = 4,
            .reasons[LEDGER_EXCLUDED] = 2,
            .reasons[LEDGER_YOURS] = 2 },
          true },
        { "the same gap twice: the first reason stays",
          { PLACED, HEARS_ALL(0), LACKS(SEQ, 1, 1, 5, LEDGER_EVICTED), LACKS(SEQ, 1, 3, 9, LEDGER_TIMEOUT) },
          { .outcomes[LEDGER_LIVE] = 5, .outcomes[LEDGER_LOST] = 5, .reasons[LEDGER_EVICTED] = 5 },
          true },
        { "delivered, then reported lost",
          { PLACED, HEARS_ALL(0), HEARS_ALL(1), LACKS(SEQ, 1, 2, 3, LEDGER_TIMEOUT) },
          { .outcomes[LEDGER_LIVE] = 10, .denied = 2 },
          false },
        { "reported lost, then delivered",
          { PLACED, HEARS_ALL(0), HEARS(1, 0), LACKS(SEQ, 1, 2, 5, LEDGER_TIMEOUT), SETTLED(0),
            HEARS_AS(1, 2, LEDGER_DENIED) },
          { .outcomes[LEDGER_LIVE] = 6, .outcomes[LEDGER_LOST] = 4, .reasons[LEDGER_TIMEOUT] = 4, .denied = 1 },
          false },
        { "an open end takes what nobody claimed and denies nothing",
          { PLACED, HEARS_ALL(0), HEARS(1, 0), HEARS(1, 3), LACKS(SEQ, 1, 2, UINT64_MAX, LEDGER_EPOCH) },
          { .outcomes[LEDGER_LIVE] = 7, .outcomes[LEDGER_LOST] = 3, .reasons[LEDGER_EPOCH] = 3 },
          true },
        { "an event placed twice in the log",
          { PLACED, HEARS_ALL(0), HEARS_ALL(1), PLACED_AGAIN(2, 999) },
          { .outcomes[LEDGER_LIVE] = 10, .misplaced = 1 },
          false },
        { "nobody heard anything", { PLACED }, { .outcomes[LEDGER_NONE] = 10 }, false },
};

static struct ledger_place place_of(uint32_t index)
{
        return (struct ledger_place){ EPOCH, 100 + 10 * index, 1 + index };
}

static struct mono heard_at(uint32_t index)
{
        return (struct mono){ NS_PER_S + planned[index < EVENTS ? index : 0].at_ns + 3 * NS_PER_MS };
}

static void report_gap(struct ledger *l, const struct step *s)
{
        uint32_t epoch = s->verb == GAP_OLD ? EPOCH - 1 : EPOCH;
        struct ledger_gap gap = { s->verb == GAP_EID ? LEDGER_EID : LEDGER_SEQ, epoch, s->a, s->b, 0 };
        gap.reason = (enum ledger_reason)s->what;
        assert_int_equal(ledger_gap(l, s->subscriber, &gap), 0);
}

static void take_step(struct ledger *l, const struct step *s)
{
        uint32_t index = (uint32_t)s->a;
        switch (s->verb) {
        case PLACE_ALL:
                for (uint32_t i = 0; i < EVENTS; i++)
                        assert_int_equal(ledger_placed(l, i, place_of(i)), 0);
                break;
        case HEAR:
        case RECOVER:
                assert_int_equal(ledger_received(l, s->subscriber, index, s->verb == RECOVER, heard_at(index)),
                                 s->what);
                break;
        case HEAR_ALL:
                for (uint32_t i = 0; i < EVENTS; i++)
                        assert_int_equal(ledger_received(l, s->subscriber, i, false, heard_at(i)), LEDGER_FIRST);
                break;
        case GAP_SEQ:
        case GAP_EID:
        case GAP_OLD:
                report_gap(l, s);
                break;
        case PLACE_AGAIN:
                assert_int_equal(ledger_placed(l, index, (struct ledger_place){ EPOCH, s->b, 0 }), ERR_EXISTS);
                break;
        case TEXT:
                assert_int_equal(ledger_heard(l, s->subscriber, bytes_text(s->text), false, heard_at(0), NULL),
                                 s->what);
                break;
        case SETTLE:
                assert_int_equal(ledger_settle(l), s->a);
                break;
        case END:
                break;
        }
}

static void story(void **state)
{
        const struct row *row = *state;
        struct ledger *l = ledger_create("udp-nack", RUN, &plan, SUBSCRIBERS);
        ledger_start(l, (struct mono){ NS_PER_S });
        for (int i = 0; i < STEPS; i++)
                take_step(l, &row->steps[i]);
        uint64_t open = ledger_settle(l);
        struct ledger_tally t = ledger_tally(l);
        assert_int_equal(open, row->want.outcomes[LEDGER_NONE]);
        assert_int_equal(t.rows, EVENTS * SUBSCRIBERS);
        assert_memory_equal(t.outcomes, row->want.outcomes, sizeof t.outcomes);
        assert_memory_equal(t.reasons, row->want.reasons, sizeof t.reasons);
        assert_int_equal(t.duplicates, row->want.duplicates);
        assert_int_equal(t.strangers, row->want.strangers);
        assert_int_equal(t.denied, row->want.denied);
        assert_int_equal(t.misplaced, row->want.misplaced);
        assert_int_equal(ledger_balanced(&t), row->balanced);

        /* A ledger that does not balance says what is wrong, and only such a one. */
        char *words = NULL;
        size_t n;
        FILE *out = open_memstream(&words, &n);
        ledger_complain(l, 3, out);
        fclose(out);
        assert_int_equal(n > 0, !row->balanced);
        free(words);
        ledger_destroy(l);
}

/* Two paths with a few rows of every kind. */
static struct ledger *small_world(void)
{
        struct ledger *l = ledger_create("udp-raw", RUN, &plan, SUBSCRIBERS);
        ledger_start(l, (struct mono){ NS_PER_S });
        for (uint32_t i = 0; i < 4; i++) {
                ledger_sent(l, i, mono_add(ledger_intended(l, i), 5000));
                ledger_placed(l, i, place_of(i));
        }
        ledger_received(l, 0, 0, false, (struct mono){ NS_PER_S + 25 * NS_PER_MS });
        ledger_received(l, 1, 0, true, (struct mono){ NS_PER_S + 85 * NS_PER_MS });
        ledger_received(l, 1, 1, false, (struct mono){ NS_PER_S + 36 * NS_PER_MS });
        ledger_gap(l, 0, &(struct ledger_gap){ LEDGER_SEQ, EPOCH, 2, 3, LEDGER_NOT_REPAIRED });
        ledger_gap(l, 1, &(struct ledger_gap){ LEDGER_SEQ, EPOCH, 3, 3, LEDGER_EXCLUDED });
        ledger_settle(l);
        return l;
}

static void csv(void **state)
{
        (void)state;
        struct ledger *l = small_world();
        char *text = NULL;
        size_t n;
        FILE *out = open_memstream(&text, &n);
        assert_int_equal(ledger_write_head(out), 0);
        assert_int_equal(ledger_write(l, out), 0);
        fclose(out);
        assert_string_equal(text, "path,subscriber,index,eid,seq,intended_ns,sent_ns,received_ns,outcome,reason\n"
                                  "udp-raw,0,0,100,1,0,5000,25000000,live,\n"
                                  "udp-raw,1,0,100,1,0,5000,85000000,recovered,\n"
                                  "udp-raw,0,1,110,2,10000000,10005000,,lost,not repaired\n"
                                  "udp-raw,1,1,110,2,10000000,10005000,36000000,live,\n"
                                  "udp-raw,0,2,120,3,20000000,20005000,,lost,not repaired\n"
                                  "udp-raw,1,2,120,3,20000000,20005000,,skipped,excluded\n"
                                  "udp-raw,0,3,130,4,30000000,30005000,,missing,\n"
                                  "udp-raw,1,3,130,4,30000000,30005000,,missing,\n"
                                  "udp-raw,0,4,,,40000000,,,missing,\n"
                                  "udp-raw,1,4,,,40000000,,,missing,\n");
        free(text);
        ledger_destroy(l);
}

static void complaints(void **state)
{
        (void)state;
        struct ledger *l = small_world();
        ledger_received(l, 1, 1, false, heard_at(1));
        ledger_received(l, 1, 77, false, heard_at(1));
        char *text = NULL;
        size_t n;
        FILE *out = open_memstream(&text, &n);
        ledger_complain(l, 3, out);
        fclose(out);
        assert_string_equal(text, "udp-raw: 1 deliveries of events that the plan does not hold\n"
                                  "udp-raw: subscriber 0, event 3 (eid 130, seq 4): missing\n"
                                  "udp-raw: subscriber 0, event 4 (eid 0, seq 0): missing, and never said\n"
                                  "udp-raw: subscriber 1, event 1 (eid 110, seq 2): delivered 2 times\n"
                                  "udp-raw: and 2 more\n");
        free(text);
        ledger_destroy(l);
}

static void delays(void **state)
{
        (void)state;
        struct ledger *l = small_world();
        struct hist *intended = hist_create(), *sent = hist_create(), *late = hist_create();
        ledger_delays(l, intended, sent);
        ledger_lateness(l, late);
        assert_int_equal(hist_count(intended), 3);
        assert_int_equal(hist_min(intended), 25 * NS_PER_MS);
        assert_int_equal(hist_max(intended), 85 * NS_PER_MS);
        assert_int_equal(hist_min(sent), 25 * NS_PER_MS - 5000);
        assert_int_equal(hist_count(late), 4);
        assert_int_equal(hist_max(late), 5000);
        assert_int_equal(ledger_delay_ns(l, 1, 1), 26 * NS_PER_MS);
        assert_true(ledger_delay_ns(l, 0, 1) == LEDGER_NO_DELAY);
        hist_destroy(intended);
        hist_destroy(sent);
        hist_destroy(late);
        ledger_destroy(l);
}

static void pairs(void **state)
{
        (void)state;
        struct ledger *a = small_world(), *b = ledger_create("tcp", RUN, &plan, 3);
        ledger_start(b, (struct mono){ 50 * NS_PER_S }); /* another run's clock: delays pair, instants do not */
        for (uint32_t s = 0; s < 3; s++)
                ledger_received(b, s, 0, false, (struct mono){ 50 * NS_PER_S + 30 * NS_PER_MS + s });
        ledger_received(b, 0, 1, false, (struct mono){ 51 * NS_PER_S });
        int64_t x[8], y[8];
        assert_int_equal(ledger_pairs(a, b, x, y, 8), 2);
        assert_int_equal(x[0], 25 * NS_PER_MS);
        assert_int_equal(y[0], 30 * NS_PER_MS);
        assert_int_equal(x[1], 85 * NS_PER_MS);
        assert_int_equal(y[1], 30 * NS_PER_MS + 1);
        assert_int_equal(ledger_pairs(a, b, x, y, 1), 1);
        ledger_destroy(a);
        ledger_destroy(b);
}

static void one_subscriber(void **state)
{
        (void)state;
        struct ledger *l = small_world();
        ledger_received(l, 1, 1, false, heard_at(1));
        struct ledger_tally t = ledger_tally_of(l, 1);
        assert_int_equal(t.rows, EVENTS);
        assert_int_equal(t.outcomes[LEDGER_LIVE], 1);
        assert_int_equal(t.outcomes[LEDGER_RECOVERED], 1);
        assert_int_equal(t.outcomes[LEDGER_SKIPPED], 1);
        assert_int_equal(t.outcomes[LEDGER_NONE], 2);
        assert_int_equal(t.duplicates, 1);
        assert_int_equal(t.gaps, 1);
        assert_int_equal(t.unsaid, 1);
        assert_int_equal(t.unplaced, 1);
        assert_int_equal(ledger_tally_of(l, 0).duplicates, 0);
        ledger_destroy(l);
}

/* What a client may not do to the ledger. */
static void bounds(void **state)
{
        (void)state;
        struct ledger *l = ledger_create("tcp", RUN, &plan, 1);
        assert_int_equal(ledger_gap(l, 1, &(struct ledger_gap){ LEDGER_EID, EPOCH, 1, 2, LEDGER_OTHER }), ERR_RANGE);
        assert_int_equal(ledger_gap(l, 0, &(struct ledger_gap){ LEDGER_EID, EPOCH, 2, 1, LEDGER_OTHER }), ERR_RANGE);
        assert_int_equal(ledger_placed(l, EVENTS, place_of(0)), ERR_RANGE);
        assert_int_equal(ledger_received(l, 1, 0, false, heard_at(0)), LEDGER_STRANGER);
        for (int i = 0; i < LEDGER_GAPS_MAX; i++)
                assert_int_equal(ledger_gap(l, 0, &(struct ledger_gap){ LEDGER_EID, EPOCH, 1, 2, LEDGER_OTHER }), 0);
        assert_int_equal(ledger_gap(l, 0, &(struct ledger_gap){ LEDGER_EID, EPOCH, 1, 2, LEDGER_OTHER }), ERR_FULL);
        assert_int_equal(ledger_tally(l).gaps_refused, 1);
        ledger_destroy(l);
        ledger_destroy(NULL);
}

static void reasons(void **state)
{
        (void)state;
        assert_int_equal(ledger_reason_named(bytes_text("evicted")), LEDGER_EVICTED);
        assert_int_equal(ledger_reason_named(bytes_text("TOO_BIG")), LEDGER_TOO_BIG);
        assert_int_equal(ledger_reason_named(bytes_text("not-repaired")), LEDGER_NOT_REPAIRED);
        assert_int_equal(ledger_reason_named(bytes_text("evict")), LEDGER_OTHER);
        assert_int_equal(ledger_reason_named(bytes_text("")), LEDGER_OTHER);
        assert_string_equal(ledger_reason_text(LEDGER_TIMEOUT), "timeout");
        assert_string_equal(ledger_reason_text(LEDGER_NO_REASON), "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(csv),     cmocka_unit_test(complaints),     cmocka_unit_test(delays),
                cmocka_unit_test(pairs),   cmocka_unit_test(one_subscriber), cmocka_unit_test(bounds),
                cmocka_unit_test(reasons),
        };
        int failed = RUN_ROWS("ledger", rows, story);
        return failed + cmocka_run_group_tests_name("ledger reading", tests, NULL, NULL);
}
