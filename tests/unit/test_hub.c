/* The hub's rules on rooms, members, publishing and news, each with the sequence that goes wrong
 * without it. The random histories of tests/sim/sim_hub.c hold all of them together. */
#include "core/chat/hub_inside.h"
#include "tests/unit/hub_story.h"

/* ---- who gets what ---------------------------------------------------------------------------- */

static void union_once(struct world *w)
{
        join(w, w->bob, "a"), join(w, w->bob, "b");
        say(w, w->ann, "a b a", "hi");
        say(w, w->ann, "b", "ho");
        assert_string_equal(given(w, w->bob), "hi@1 ho@2");
        assert_string_equal(given(w, w->ann), "");
}

static void copy_for_each_room(struct world *w)
{
        join(w, w->bob, "a"), join(w, w->bob, "b");
        say(w, w->ann, "a b", "hi");
        assert_int_equal(w->last.seq, 0);
        assert_string_equal(given(w, w->bob), "hi#1 hi#1");
}

static void sender(struct world *w)
{
        say(w, w->ann, "", "mine");
        say(w, w->ann, "own", "ours");
        say(w, w->bob, "", "his");
        assert_string_equal(given(w, w->ann), "ours@2 his@3");
        assert_string_equal(given(w, w->bob), "mine#1 ours#2 his#3"); /* the receiver hides his own */
}

static void except_at_its_eid(struct world *w)
{
        join(w, w->bob, "c");
        say(w, NULL, "-c", "without c");
        leave(w, w->bob, "c");
        say(w, NULL, "-c", "bob has left c");
        join(w, w->bob, "c");
        say(w, NULL, "-nobody", "except strangers");
        assert_string_equal(given(w, w->bob), "bob has left c@2 except strangers@3");
}

static void excluded_is_told(struct world *w)
{
        join(w, w->bob, "c");
        say(w, NULL, "-c", "without c");
        say(w, NULL, "", "all");
        assert_string_equal(given(w, w->bob), "< 1-1 excluded> all#2");
}

static void leave_then_event(struct world *w)
{
        join(w, w->bob, "a");
        say(w, NULL, "a", "before");
        leave(w, w->bob, "a");
        say(w, NULL, "a", "after");
        assert_string_equal(given(w, w->bob), "before@1");
}

static void two_intervals(struct world *w)
{
        join(w, w->ann, "a"), join(w, w->bob, "a");
        say(w, NULL, "a", "one");
        leave(w, w->bob, "a");
        say(w, NULL, "a", "two");
        join(w, w->bob, "a");
        say(w, NULL, "a", "three");
        assert_string_equal(given(w, w->bob), "one@1 three@3");
        assert_true(back(w, w->bob, STREAM, 0));
        assert_string_equal(given(w, w->bob), "one@1 three@3");
}

static void order_across_rooms(struct world *w)
{
        join(w, w->bob, "a"), join(w, w->bob, "b");
        say(w, NULL, "a", "1"), say(w, NULL, "b", "2"), say(w, NULL, "", "3"), say(w, NULL, "a", "4"),
                say(w, NULL, "bob", "5");
        assert_string_equal(given_upto(w, w->bob, 3), "1@1 2@2 3@3");
        assert_string_equal(given(w, w->bob), "4@4 5@5");
}

static void rooms_nobody_knows(struct world *w)
{
        uint64_t rooms = hub_stats(w->hub).rooms;
        say(w, w->ann, "nowhere", "hello?");
        assert_true(w->last.eid == 1 && w->last.seq == 0);
        assert_true(hub_stats(w->hub).rooms == rooms && hub_stats(w->hub).log_bytes == 0);
        join(w, w->bob, "nowhere");
        say(w, w->ann, "nowhere", "hello");
        assert_true(w->last.eid == 2 && w->last.seq == 2);
        assert_string_equal(given(w, w->bob), "hello@2");
}

/* It takes memory only once somebody means it, and nobody can tell. */
static void own_room(struct world *w)
{
        uint64_t rooms = hub_stats(w->hub).rooms;
        struct bytes bob = bytes_text("bob");
        assert_true(member_is_in(w->bob, bob) && !member_is_in(w->ann, bob));
        assert_true(hub_room_members(w->hub, bob) == 1 && hub_room_member_at(w->hub, bob, 0) == w->bob);
        assert_null(hub_room_member_at(w->hub, bob, 1));
        assert_int_equal(hub_join(w->bob, w->now, bob), ERR_EXISTS);
        assert_true(hub_stats(w->hub).rooms == rooms); /* none was made */
        say(w, NULL, "", "1"), say(w, NULL, "-ann", "2"), say(w, NULL, "ann", "3");
        assert_true(w->last.seq == 1);                     /* the first that was ever said there, from ann's start on */
        assert_true(hub_stats(w->hub).rooms == rooms + 1); /* ann's */
        assert_string_equal(given(w, w->bob), "1@1 2@2");
        assert_string_equal(given(w, w->ann), "1@1 3@3");
        assert_true(member_resume(w->ann, 0));
        assert_string_equal(given(w, w->ann), "1@1 3@3");
        join(w, w->bob, "ann");
        assert_int_equal(hub_room_members(w->hub, bytes_text("ann")), 2);
        assert_int_equal(hub_leave(w->ann, w->now, bytes_text("ann")), ERR_NOT_MEMBER);
        assert_int_equal(hub_leave(w->bob, w->now, bob), ERR_NOT_MEMBER);
}

static void refusals(struct world *w)
{
        static const uint8_t long_name[HUB_ROOM_NAME_MAX + 1] = "x";
        struct bytes rooms[HUB_TARGETS_MAX + 1] = { 0 };
        struct publish big = { .event = bytes_of(long_name, 51) };
        struct publish many = { .event = bytes_text("x"), .rooms = rooms, .rooms_n = HUB_TARGETS_MAX + 1 };
        assert_int_equal(hub_publish(w->hub, w->now, &big, &w->last), ERR_TOO_BIG);
        assert_int_equal(hub_publish(w->hub, w->now, &many, &w->last), ERR_RANGE);
        assert_int_equal(hub_join(w->bob, w->now, bytes_text("")), ERR_RANGE);
        assert_int_equal(hub_join(w->bob, w->now, bytes_of(long_name, sizeof long_name)), ERR_RANGE);
        assert_int_equal(hub_leave(w->bob, w->now, bytes_text("a")), ERR_NOT_MEMBER);
        join(w, w->bob, "a");
        assert_int_equal(hub_join(w->bob, w->now, bytes_text("a")), ERR_EXISTS);
        assert_null(hub_member_add(w->hub, bytes_text(""), STREAM, &(struct hub_sink){ count, w }, w));
        assert_true(hub_head(w->hub) == 0);
}

/* ---- news ------------------------------------------------------------------------------------- */

static void news_once_a_turn(struct world *w)
{
        join(w, w->bob, "a");
        say(w, NULL, "", "1"), say(w, NULL, "a", "2"), say(w, NULL, "bob", "3");
        assert_int_equal(w->wakes, 1);
        assert_int_equal(w->news_bob, 0);
        hub_announce(w->hub);
        assert_int_equal(w->news_bob, 1);
        hub_announce(w->hub);
        assert_int_equal(w->news_bob, 1);
        say(w, NULL, "ann", "4");
        assert_int_equal(w->wakes, 2);
        hub_announce(w->hub);
        assert_true(w->news_bob == 1 && w->news_ann == 2);
}

/* A log of eight events, or of a hundred bytes: a quarter is as much as one turn should bring. */
static void crowded(struct world *w)
{
        say(w, NULL, "", "1");
        assert_false(hub_crowded(w->hub));
        say(w, NULL, "ann", "2"), say(w, NULL, "bob", "3"); /* of other rooms */
        assert_false(hub_crowded(w->hub));
        say(w, NULL, "", "4");
        assert_true(hub_crowded(w->hub));
        hub_announce(w->hub);
        assert_false(hub_crowded(w->hub));
        say(w, NULL, "", "25 bytes 25 bytes 25 bytes");
        assert_true(hub_crowded(w->hub));
        hub_announce(w->hub);
        say(w, NULL, "", "5");
        assert_false(hub_crowded(w->hub));
}

/* A log's bytes are set by its events when these are large: four of 8 MiB stay, a fifth evicts the first. */
static void four_of_the_largest(struct world *w)
{
        size_t n = 8 << 20;
        struct publish p = { .event = bytes_of(calloc(1, n), n) };
        for (int i = 0; i < 4; i++)
                assert_int_equal(hub_publish(w->hub, w->now, &p, &w->last), 0);
        assert_int_equal(hub_stats(w->hub).evicted_events, 0);
        assert_int_equal(hub_publish(w->hub, w->now, &p, &w->last), 0);
        assert_int_equal(hub_stats(w->hub).evicted_events, 1);
        free((void *)(uintptr_t)p.event.at);
}

static void leave_in_the_turn(struct world *w)
{
        join(w, w->bob, "a");
        hub_announce(w->hub);
        w->news_bob = 0;
        say(w, NULL, "a", "last words");
        leave(w, w->bob, "a");
        hub_announce(w->hub);
        assert_true(w->news_bob > 0);
        assert_string_equal(given(w, w->bob), "last words@1");
}

static void recoded(struct world *w)
{
        join(w, w->bob, "a");
        say(w, NULL, "a", "1");
        assert_string_equal(given(w, w->bob), "1@1");
        say(w, NULL, "a", "2");
        assert_true(member_behind(w->bob, UINT64_MAX));
        member_recode(w->bob, OTHER_STREAM);
        assert_string_equal(given(w, w->bob), "2 at 2");
        member_recode(w->bob, STREAM);
        say(w, NULL, "a", "3"), say(w, NULL, "", "4");
        assert_string_equal(given(w, w->bob), "3@3 4@4");
        uint64_t before = hub_stats(w->hub).stream_bytes;
        member_recode(w->bob, OTHER_STREAM); /* nobody else used the room's stream */
        assert_true(hub_stats(w->hub).stream_bytes < before);
}

static void away_hears_nothing(struct world *w)
{
        join(w, w->bob, "a");
        member_detach(w->bob);
        say(w, NULL, "a", "missed");
        hub_announce(w->hub);
        struct piece v;
        assert_int_equal(w->news_bob, 0);
        assert_int_equal(member_walk(w->bob, UINT64_MAX, &v, 1), 0);
        assert_true(back(w, w->bob, STREAM, 0));
        assert_string_equal(given(w, w->bob), "missed@1");
}

/* ---- rooms and stays -------------------------------------------------------------------------- */

static void stays_limit(struct world *w)
{
        char name[16];
        for (int i = 0; i < 64; i++) {
                snprintf(name, sizeof name, "r%d", i);
                join(w, w->bob, name);
        }
        assert_int_equal(hub_join(w->bob, w->now, bytes_text("one more")), ERR_FULL);
        leave(w, w->bob, "r7");
        join(w, w->bob, "one more");
}

static void forgotten_stays(struct world *w)
{
        for (int i = 0; i < 3; i++) { /* two records may be kept */
                join(w, w->bob, "a");
                say(w, NULL, "a", "x");
                leave(w, w->bob, "a");
                given(w, w->bob);
        }
        assert_false(member_resumable(w->bob, 0));
        assert_true(member_resumable(w->bob, 1)); /* of the first stay nothing is above 1 */
        assert_true(back(w, w->bob, STREAM, 1));
        assert_string_equal(given(w, w->bob), "x@2 x@3");
}

static void exception_outlives_record(struct world *w)
{
        join(w, w->bob, "c");
        say(w, NULL, "-c", "not for bob");
        leave(w, w->bob, "c");
        for (int i = 0; i < 3; i++) {
                join(w, w->bob, "a");
                leave(w, w->bob, "a");
        }
        assert_string_equal(given(w, w->bob), "");
        assert_true(!member_resumable(w->bob, 0) || (back(w, w->bob, STREAM, 0) && *given(w, w->bob) == 0));
}

static void no_seq_twice(struct world *w)
{
        join(w, w->bob, "a");
        say(w, NULL, "a", "1");
        say(w, NULL, "a", "2");
        uint64_t tag = room_tag(room_of(w->bob, "a"));
        given(w, w->bob);
        leave(w, w->bob, "a");
        w->now.ns += 121 * NS_PER_S;
        hub_expire(w->hub, w->now);
        assert_null(room_of(w->bob, "a"));
        say(w, NULL, "", "3");
        join(w, w->bob, "a");
        struct room *r = room_of(w->bob, "a");
        assert_true(room_tag(r) != tag && room_head_seq(r) == 3 && room_tail_seq(r) == 4 && room_evicted_eid(r) == 3);
        say(w, NULL, "a", "4");
        assert_int_equal(w->last.seq, 4);
}

static void new_room_evicts_nothing(struct world *w)
{
        say(w, NULL, "ann", "1"), say(w, NULL, "ann", "2");
        join(w, w->bob, "a"); /* made now: it says it evicted up to 2, which is before he came */
        say(w, NULL, "a", "3");
        assert_true(back(w, w->bob, STREAM, 0));
        assert_string_equal(given(w, w->bob), "3@3");
}

static void second_stay_cursor(struct world *w)
{
        join(w, w->ann, "a"), join(w, w->bob, "a");
        say(w, NULL, "a", "1");
        given(w, w->bob);
        leave(w, w->bob, "a");
        say(w, NULL, "a", "2"), say(w, NULL, "a", "3");
        join(w, w->bob, "a");
        assert_int_equal(member_cursor(w->bob, room_of(w->bob, "a")), 4);
}

/* ---- what it costs ---------------------------------------------------------------------------- */

static void encoded_once(struct world *w)
{
        struct member *m[100];
        char id[16];
        for (int i = 0; i < 100; i++) {
                snprintf(id, sizeof id, "m%d", i);
                m[i] = add(w, id, i % 3, &w->news_ann);
        }
        say_many(w, "", 10);
        for (int i = 0; i < 100; i++)
                given(w, m[i]);
        struct hub_stats s = hub_stats(w->hub);
        assert_true(s.events == 10 && s.encodes == 30 && s.copied_bytes == 0 && s.members == 102);
        for (int i = 0; i < 100; i++)
                hub_member_remove(m[i]);
        given(w, w->ann);
        assert_int_equal(hub_stats(w->hub).encodes, 30); /* her stream stood all the while */
}

static void nothing_stays(struct world *w)
{
        struct hub_stats before = hub_stats(w->hub);
        join(w, w->bob, "a");
        say(w, NULL, "a", "1"), say(w, NULL, "a", "2");
        given(w, w->bob);
        assert_true(hub_stats(w->hub).stream_bytes > 0);
        member_detach(w->bob); /* the last that used it */
        assert_true(hub_stats(w->hub).stream_bytes == 0 && hub_stats(w->hub).log_bytes > 0);
        leave(w, w->bob, "a");
        w->now.ns += 121 * NS_PER_S;
        hub_expire(w->hub, w->now);
        struct hub_stats after = hub_stats(w->hub);
        assert_true(after.log_bytes == 0 && after.rooms == before.rooms);
        assert_true(mono_is_never(hub_deadline(w->hub)));
}

static void numbers_run_out(struct world *w)
{
        w->hub->next_origin = UINT32_MAX;
        struct member *last = add(w, "last", MESSAGE, &w->wakes), *first = add(w, "first", MESSAGE, &w->wakes);
        assert_int_equal(member_origin(last), UINT32_MAX);
        assert_int_equal(member_origin(first), 1); /* 0 is the server */
        say(w, NULL, "", "hi");
        assert_string_equal(given(w, last), "hi#1");
        assert_string_equal(given(w, first), "hi#1");
        hub_member_remove(last);
        hub_member_remove(first);
}

static const struct story stories[] = {
        { "an event to several rooms is given once", .tell = union_once },
        { "messages get a copy for each room", .tell = copy_for_each_room, .bob = MESSAGE },
        { "the sender is left out unless it wants its own", .tell = sender, .bob = MESSAGE },
        { "exceptions are judged at the event's eid", .tell = except_at_its_eid },
        { "an excluded message member is told the seq", .tell = excluded_is_told, .bob = MESSAGE },
        { "an event before a leave is still given, one after it is not", .tell = leave_then_event },
        { "coming back is a second interval", .tell = two_intervals },
        { "rooms are merged in the order of eids", .tell = order_across_rooms },
        { "publishing to rooms nobody knows makes none", .tell = rooms_nobody_knows },
        { "a room of one's own", .tell = own_room },
        { "what is refused changes nothing", .tell = refusals, .config = { .event_bytes_max = 50 } },
        { "each is told once a turn of news", .tell = news_once_a_turn },
        { "crowded: a quarter of a log is new", .tell = crowded,
          .config = { .room_events_max = 8, .room_bytes_max = 100 } },
        { "a log holds four of the largest events", .tell = four_of_the_largest,
          .config = { .event_bytes_max = 8 << 20 } },
        { "leaving in the turn of a publish still delivers it", .tell = leave_in_the_turn },
        { "who is away hears nothing until it is back", .tell = away_hears_nothing },
        { "a member goes on in another encoding", .tell = recoded },
        { "at most 64 rooms", .tell = stays_limit },
        { "forgotten stays cannot be resumed into", .tell = forgotten_stays, .config = { .stays_max = 2 } },
        { "an exception outlives the record of its room", .tell = exception_outlives_record,
          .config = { .stays_max = 2 } },
        { "a room made again repeats no seq", .tell = no_seq_twice },
        { "a new room has evicted nothing from those who join it", .tell = new_room_evicts_nothing },
        { "a second stay has its own cursor", .tell = second_stay_cursor, .bob = MESSAGE },
        { "each event is encoded once for all", .tell = encoded_once },
        { "numbers of publishers run out", .tell = numbers_run_out },
        { "when all have gone nothing stays", .tell = nothing_stays },
};

int main(void)
{
        if (sodium_init() < 0)
                return 1;
        return RUN_ROWS("hub", stories, tell);
}
