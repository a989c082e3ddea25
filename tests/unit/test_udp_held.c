/* Publishes that come before their turn: kept at the server, within bounds. Each row is a story told in words:
 *
 *   5<2=h5   PUB 5 comes, which is in order behind 2 below it (3); 5<0: behind none; u5: in no order
 *   =        what is answered, in this order, and nothing more: d done, a done already, h kept,
 *            o an older one first, r over the rate, t too old
 *   +40      40 ms pass
 *   move     the client goes on at another address
 *   burst2   two events may be said at once, and ten a second; else as many as it likes
 *   back     it comes back with another session; new: after a CLOSE, as a stranger
 */
#include "tests/unit/udp_rig.h"

#include <stdio.h>

#include "core/event/event.h"

#define NOTHING bytes_text("\x91\xa1x")

struct held_row {
        const char *name;
        const char *story;
};

static const struct held_row rows[] = {
        { "in order nothing is kept", "1<0=d1 2<1=d2 3<1=d3" },
        { "one is overtaken", "1<0=d1 3<1=h3 2<1=d2d3" },
        { "all are turned round", "4<1=h4 3<1=h3 2<1=h2 1<0=d1d2d3d4" },
        { "behind one hole and behind two", "5<1=h5 3<1=h3 1<0=d1 2<1=d2d3 4<1=d4d5" },
        { "one comes again while it is kept, and after", "2<1=h2 2<1=h2 1<0=d1d2 2<1=a2" },
        { "those between are answered or given up", "5<1=h5 5<3=h5 2<0=d2d5" },
        { "an older copy of it changes nothing", "5<3=h5 5<1=h5 2<0=d2d5" },
        { "all before it are given up", "3<1=h3 3<0=d3 2<1=t2 4<1=d4" },
        { "it is given up itself", "3<1=h3 4<0=d4 3<1=t3 2<1=t2" },
        { "what is behind it is done with it", "4<1=h4 3<1=h3 3<0=d3d4" },
        { "not quite too long", "2<1=h2 +1999 1<0=d1d2" },
        { "its turn never comes", "2<1=h2 +2000 1<0=d1 2<1=d2" },
        { "copies keep it no longer", "2<1=h2 +1500 2<1=h2 +500 1<0=d1" },
        { "as far behind as there are places", "100<64=h100 36<0=d36d100" },
        { "further, its turn could not come", "100<65=o100 35<0=d35" },
        { "behind what is done, but not in order", "u7=d7 8<1=o8 7<0=a7" },
        { "behind none that there could be", "3<3=d3 5<7=d5" },
        { "it goes along to another address", "2<1=h2 move 1<0=d1d2" },
        { "another session of the client knows nothing of it", "2<1=h2 back 1<0=d1 2<1=d2" },
        { "nor a stranger's", "2<1=h2 new 1<0=d1 2<1=d2" },
        { "it is paid for once, as it comes", "burst2 2<1=h2 2<1=h2 1<0=d1d2 3<1=r3" },
        { "and is not when it comes again in its turn", "burst1 3<1=h3 3<0=d3 4<1=r4" },
        { "with nothing to pay it is not kept", "burst1 3<1=h3 2<1=o2 +100 1<0=d1 +100 2<1=d2d3" },
        { "over the rate the older goes first", "burst1 2<1=h2 1<0=r1 +100 3<1=o3 1<0=d1d2 +100 3<1=d3" },
};

static void come(struct rig *r, struct rig_peer *p, uint64_t id, uint16_t back, uint16_t flags, struct bytes event)
{
        struct dgram_pub m = { id, 0, 0, 1, (uint16_t)event.n, back, flags, event };
        rig_say(r, p, (struct dgram_msg){ .type = DGRAM_PUB, .pub = m });
}

static char letter(uint16_t status)
{
        switch (status) {
        case DGRAM_CODE_OK:
                return 'd';
        case DGRAM_CODE_DUPLICATE:
                return 'a';
        case DGRAM_CODE_HELD:
                return 'h';
        case DGRAM_CODE_ORDER:
                return 'o';
        case DGRAM_CODE_RATE:
                return 'r';
        case DGRAM_CODE_PUB_TOO_OLD:
                return 't';
        }
        return '?';
}

/* What is answered, as in the stories; what is done is in the log in that order. */
static const char *answers(struct rig *r, const struct rig_peer *p)
{
        static char words[RIG_SAID_MAX * 8];
        size_t at = 0;
        uint64_t eid = 0;
        const struct dgram_msg *m;
        words[0] = 0;
        rig_hear(r, p);
        for (int i = 0; (m = rig_said(r, DGRAM_PUB_ACK, i)); i++) {
                const struct dgram_ack *a = &m->pub_ack.ack[0];
                assert_int_equal(m->pub_ack.n, 1);
                at += (size_t)sprintf(words + at, "%c%u", letter(a->status), (unsigned)a->pub_id);
                if (a->status == DGRAM_CODE_HELD || a->status == DGRAM_CODE_ORDER) {
                        assert_int_equal(a->eid, p->pktno);
                } else if (a->status == DGRAM_CODE_OK) {
                        assert_true(a->eid > eid);
                        eid = a->eid;
                }
        }
        return words;
}

static void move(struct rig *r, struct rig_peer *p)
{
        struct dgram_msg m = { .type = DGRAM_PING, .ping = { 1 } };
        p->addr = rig_addr(1, 2);
        rig_say(r, p, m);
        assert_int_equal(dgram_parse(bytes_of(r->bytes[0], DGRAM_SESSION_HEADER + 8), &m), 0);
        assert_int_equal(m.type, DGRAM_CHALLENGE);
        rig_say(r, p, (struct dgram_msg){ .type = DGRAM_RESPONSE, .response = m.challenge });
        assert_int_equal(RIG_COUNT(r, moved), 1);
}

static void connect(struct rig *r, struct rig_peer *p, bool known)
{
        p->nonce++;
        rig_connect(r, p);
        assert_int_equal(p->flags & DGRAM_RECOVERED, known ? DGRAM_RECOVERED : 0);
}

static void tell(struct rig *r, struct rig_peer *p, const char *word)
{
        unsigned long long id;
        unsigned back = 0, n;
        char expected[64] = "";
        if (strcmp(word, "move") == 0) {
                move(r, p);
        } else if (strcmp(word, "back") == 0) {
                connect(r, p, true);
        } else if (strcmp(word, "new") == 0) {
                rig_say(r, p, (struct dgram_msg){ .type = DGRAM_CLOSE });
                connect(r, p, false);
        } else if (sscanf(word, "+%u", &n) == 1) {
                rig_pass(r, n);
        } else if (sscanf(word, "burst%u", &n) == 1) {
                app_limits(r->app)->events = bucket_rule(10, n);
        } else if (sscanf(word, "u%llu=%63s", &id, expected) == 2) {
                come(r, p, id, 0, 0, NOTHING);
        } else if (sscanf(word, "%llu<%u=%63s", &id, &back, expected) == 3) {
                come(r, p, id, (uint16_t)back, DGRAM_PUB_IN_ORDER, NOTHING);
        } else {
                fail_msg("no such word: %s", word);
        }
        const char *got = answers(r, p);
        if (strcmp(got, expected) != 0)
                fail_msg("at `%s`: %s", word, got);
}

static void run_row(void **state)
{
        const struct held_row *row = *state;
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(1);
        char story[128], *rest = story;
        snprintf(story, sizeof story, "%s", row->story);
        rig_connect(r, &p);
        for (char *word; (word = strsep(&rest, " "));)
                tell(r, &p, word);
        rig_stop(r);
}

/* ---- whoever means ill --------------------------------------------------------------------- */

enum { PLACES_N = 64, FLOOD = 300 };

/* Early ones without end: the nearest are kept, whichever way they come, and done when it is their turn. */
static void no_more_are_kept_than_there_are_places(void **state)
{
        (void)state;
        for (int down = 0; down <= 1; down++) {
                struct rig *r = rig_start();
                struct rig_peer p = rig_peer(1);
                rig_connect(r, &p);
                app_limits(r->app)->events = bucket_rule(1000, 1000);
                for (uint64_t i = 2; i <= FLOOD; i++) {
                        come(r, &p, down ? FLOOD + 2 - i : i, 1, DGRAM_PUB_IN_ORDER, NOTHING);
                        rig_hear(r, &p);
                }
                assert_int_equal(RIG_COUNT(r, pub_held) - RIG_COUNT(r, pub_parts_dropped), PLACES_N);
                come(r, &p, 1, 0, DGRAM_PUB_IN_ORDER, NOTHING);
                rig_hear(r, &p);
                assert_int_equal(rig_count_said(r, DGRAM_PUB_ACK), 1 + PLACES_N);
                assert_int_equal(RIG_COUNT(r, published), 1 + PLACES_N);
                rig_stop(r);
        }
}

/* What sessions keep and what they put together is bounded in all. What finds no place is refused, and done in its turn
 * like all else; after two seconds there is place again. */
static void the_bytes_of_all_are_bounded(void **state)
{
        (void)state;
        enum { CLIENTS = 140, EACH = 4, EARLY = 8 };
        static const uint8_t filler[DGRAM_FRAGMENT_BYTES];
        struct rig *r = rig_start();
        struct rig_peer p = rig_peer(0);
        struct buf event = { 0 };
        event_begin(&event, "x", 1);
        pack_put_bin(&event, bytes_of(filler, 1000));
        for (uint8_t host = 1; host <= CLIENTS; host++) {
                struct rig_peer other = rig_peer(host);
                struct dgram_pub m = { .frag_cnt = dgram_fragments(65000), .event_bytes = 65000 };
                m.event = bytes_of(filler, sizeof filler);
                rig_connect(r, &other);
                while (m.pub_id++ < EACH)
                        rig_say(r, &other, (struct dgram_msg){ .type = DGRAM_PUB, .pub = m });
        }
        rig_connect(r, &p);
        for (uint64_t id = 2; id < 2 + EARLY; id++)
                come(r, &p, id, 1, DGRAM_PUB_IN_ORDER, buf_bytes(&event));
        uint64_t held = RIG_COUNT(r, pub_held);
        assert_in_range(held, 0, EARLY / 2 + 1);
        assert_int_equal(RIG_COUNT(r, pub_early), EARLY - held);
        for (uint64_t id = 1; id < 2 + EARLY; id++)
                come(r, &p, id, id > 1, DGRAM_PUB_IN_ORDER, buf_bytes(&event));
        assert_int_equal(RIG_COUNT(r, published), 1 + EARLY);
        rig_pass(r, 2000);
        for (uint64_t id = 3 + EARLY; id < 3 + 2 * EARLY; id++)
                come(r, &p, id, 1, DGRAM_PUB_IN_ORDER, buf_bytes(&event));
        assert_int_equal(RIG_COUNT(r, pub_held), held + EARLY);
        buf_free(&event);
        rig_stop(r);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(no_more_are_kept_than_there_are_places),
                cmocka_unit_test(the_bytes_of_all_are_bounded),
        };
        return RUN_ROWS("udp_server held publishes", rows, run_row) +
               cmocka_run_group_tests_name("udp_server held publishes: bounds", stories, NULL, NULL);
}
