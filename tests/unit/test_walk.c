/* The hub's rules on walking, eviction, half-given entries and recovery, each with the sequence that
 * goes wrong without it. */
#include "tests/unit/hub_story.h"

/* ---- eviction --------------------------------------------------------------------------------- */

static void exact_gap(struct world *w)
{
        say_many(w, "", 5); /* a log of three */
        assert_string_equal(given(w, w->bob), "< 1-2 evicted> x@3 x@4 x@5");
        assert_string_equal(given(w, w->bob), "");
}

static void gap_of_seqs(struct world *w)
{
        say(w, NULL, "ann", "makes eids and seqs differ");
        join(w, w->bob, "a");
        say_many(w, "", 2), say_many(w, "a", 4);
        assert_string_equal(given(w, w->bob), "<a 2-2 evicted> x#1 x#2 x#3 x#4 x#5");
}

static void gaps_first_honest_place(struct world *w)
{
        join(w, w->bob, "a");
        say(w, NULL, "", "early");
        say_many(w, "a", 4);
        struct piece v[4];
        assert_int_equal(member_walk(w->bob, UINT64_MAX, v, 4), 3);
        assert_true(v[0].kind == PIECE_EVICTED && v[0].eid_last == 2);
        member_advance(w->bob, &v[0], 0);
        assert_int_equal(member_place(w->bob), 0); /* not 2: he has not been given `early` */
        assert_false(back(w, w->bob, STREAM, member_place(w->bob)));
        assert_string_equal(given(w, w->bob), "<a 1-2 evicted> early@1 x@3 x@4 x@5");
}

static void gap_around_shared(struct world *w)
{
        join(w, w->bob, "a"), join(w, w->bob, "b");
        say(w, NULL, "a", "1"), say(w, NULL, "a b", "2");
        say_many(w, "a", 4);
        assert_string_equal(given(w, w->bob), "<a 1-1 evicted> <a 3-3 evicted> 2@2 x@4 x@5 x@6");
        assert_int_equal(member_place(w->bob), 6);
}

static void half_is_finished(struct world *w)
{
        say(w, NULL, "", "first words");
        assert_string_equal(given_bytes(w, w->bob, 6), "first ");
        assert_true(member_half(w->bob) && member_place(w->bob) == 0);
        for (int i = 0; i < 60; i++) /* its segment is full, and another one begun */
                say(w, NULL, "", "some more words"), given(w, w->ann);
        assert_int_equal(hub_stats(w->hub).copied_bytes, sizeof "words@1 " - 1);
        assert_string_equal(given_bytes(w, w->bob, 2), "wo");
        assert_string_equal(given(w, w->bob),
                            "rds@1 < 2-58 evicted> some more words@59 some more words@60 some more words@61");
        assert_int_equal(hub_stats(w->hub).copied_bytes, sizeof "words@1 " - 1);
}

static void half_is_given_up(struct world *w)
{
        say(w, NULL, "", "first words");
        assert_string_equal(given_bytes(w, w->bob, 6), "first ");
        assert_int_equal(member_cursor(w->bob, room_of(w->bob, "")), 1);
        assert_int_equal(member_given(w->bob, room_of(w->bob, "")), 2);
        assert_string_equal(repaired(w, w->bob, "", 1, 9), "first words#1");
        for (int i = 0; i < 60; i++)
                say(w, NULL, "", "some more words"), given(w, w->ann);
        assert_false(member_half(w->bob));
        assert_string_equal(repaired(w, w->bob, "", 1, 9), "");
        assert_string_equal(given(w, w->bob),
                            "< 1-58 evicted> some more words#59 some more words#60 some more words#61");
        assert_int_equal(hub_stats(w->hub).copied_bytes, 0);
}

static void half_is_begun_again(struct world *w)
{
        say(w, NULL, "", "first words");
        assert_string_equal(given_bytes(w, w->bob, 6), "first ");
        assert_int_equal(member_resume_room(w->bob, room_of(w->bob, ""), 0), 0);
        assert_false(member_half(w->bob));
        assert_string_equal(given(w, w->bob), "first words#1");
}

static void cut_between(struct world *w)
{
        say(w, NULL, "", "one"), say(w, NULL, "", "two"), say(w, NULL, "", "three");
        assert_string_equal(given_bytes(w, w->bob, 6), "one@1 ");
        assert_true(!member_half(w->bob) && member_place(w->bob) == 1);
        assert_string_equal(given_bytes(w, w->bob, 8), "two@2 th");
        assert_true(member_half(w->bob) && member_place(w->bob) == 2);
        assert_true(back(w, w->bob, OTHER_STREAM, 1)); /* both ends forget the half */
        assert_string_equal(given(w, w->bob), "two at 2 three at 3");
}

static void age(struct world *w)
{
        say(w, NULL, "", "old");
        w->now.ns += 30 * NS_PER_S;
        say(w, NULL, "", "younger");
        assert_int_equal(hub_deadline(w->hub).ns, (120 - 30) * NS_PER_S + w->now.ns);
        w->now.ns += 90 * NS_PER_S - 1;
        hub_expire(w->hub, w->now);
        assert_int_equal(room_tail_seq(room_of(w->bob, "")), 1);
        w->now.ns += 1;
        hub_expire(w->hub, w->now);
        assert_int_equal(room_tail_seq(room_of(w->bob, "")), 2);
        assert_string_equal(given(w, w->bob), "< 1-1 evicted> younger@2");
}

static void oldest_of_all(struct world *w)
{
        join(w, w->bob, "a");
        say(w, NULL, "a", "the oldest, in a quiet room");
        while (hub_stats(w->hub).evicted_events == 0)
                say(w, NULL, "", "x");
        assert_int_equal(room_tail_seq(room_of(w->bob, "a")), 2);
        assert_int_equal(room_tail_seq(room_of(w->bob, "")), 1);
        assert_true(hub_stats(w->hub).log_bytes + hub_stats(w->hub).stream_bytes <= 4000);
}

/* Somebody joins and leaves a thousand rooms: what is said there keeps each a while. */
static void many_small_rooms(struct world *w)
{
        char name[16];
        for (int i = 0; i < 1000; i++) {
                snprintf(name, sizeof name, "r%d", i);
                join(w, w->bob, name);
                say(w, NULL, name, "x");
                leave(w, w->bob, name);
                given(w, w->bob);
        }
        assert_true(hub_stats(w->hub).log_bytes > 40000 && hub_stats(w->hub).rooms < 100);
}

/* ---- dispensable and too big ------------------------------------------------------------------ */

static void dispensable_when_blocked(struct world *w)
{
        say(w, NULL, "volatile", "fresh");
        assert_string_equal(given(w, w->bob), "fresh@1");
        say(w, NULL, "", "long words");
        given_bytes(w, w->bob, 4);
        say(w, NULL, "volatile", "stale");
        say(w, NULL, "", "kept");
        member_unblocked(w->bob);
        assert_string_equal(given(w, w->bob), " words@2 kept@4");
        say(w, NULL, "volatile", "fresh");
        assert_string_equal(given(w, w->bob), "fresh@5");
}

static void dispensable_on_resume(struct world *w)
{
        say(w, NULL, "volatile", "seen?"), say(w, NULL, "", "kept");
        given(w, w->bob);
        assert_true(back(w, w->bob, STREAM, 0));
        say(w, NULL, "volatile", "fresh");
        assert_string_equal(given(w, w->bob), "kept@2 fresh@3");
}

static void dispensable_is_told(struct world *w)
{
        say(w, NULL, "volatile", "stale"), say(w, NULL, "", "kept");
        member_unblocked(w->bob);
        assert_string_equal(given(w, w->bob), "< 1-1 expired> kept#2");
}

static void say_too_big(struct world *w)
{
        char big[120];
        memset(big, 'x', sizeof big - 1);
        big[sizeof big - 1] = 0;
        say(w, NULL, "", big);
}

static void too_big_for_a_stream(struct world *w)
{
        say(w, NULL, "", "1"), say_too_big(w), say(w, NULL, "", "3"), say_too_big(w);
        assert_string_equal(given(w, w->bob), "1@1 < 2-2 too big> 3@3 < 4-4 too big>");
        assert_true(member_place(w->bob) == 4 && !member_behind(w->bob, 4));
}

static void too_big_is_told(struct world *w)
{
        say(w, NULL, "", "1"), say_too_big(w), say(w, NULL, "", "3");
        assert_string_equal(given(w, w->bob), "1#1 < 2-2 too big> 3#3");
        assert_string_equal(repaired(w, w->bob, "", 2, 3), "< 2-2 too big> 3#3");
}

/* ---- recovery --------------------------------------------------------------------------------- */

static void head_is_whole(struct world *w)
{
        say_many(w, "", 3);
        given(w, w->bob);
        member_detach(w->bob);
        w->now.ns += 3600 * NS_PER_S;
        hub_expire(w->hub, w->now);
        assert_int_equal(hub_stats(w->hub).log_bytes, 0);
        assert_true(back(w, w->bob, STREAM, 3));
        assert_string_equal(given(w, w->bob), "");
        assert_false(back(w, w->bob, STREAM, 2));
        assert_string_equal(given(w, w->bob), "< 3-3 evicted>");
}

static void away_keeps_the_room(struct world *w)
{
        join(w, w->bob, "a");
        uint64_t tag = room_tag(room_of(w->bob, "a"));
        member_detach(w->bob);
        w->now.ns += 3600 * NS_PER_S;
        hub_expire(w->hub, w->now);
        say(w, NULL, "a", "hello");
        assert_int_equal(room_tag(room_of(w->bob, "a")), tag);
        assert_true(back(w, w->bob, STREAM, 0));
        assert_string_equal(given(w, w->bob), "hello@1");
}

static void before_the_start(struct world *w)
{
        say(w, NULL, "", "before her time");
        struct member *eve = add(w, "eve", STREAM, &w->news_ann);
        say(w, NULL, "", "hello");
        assert_true(member_start(eve) == 1 && back(w, eve, STREAM, 0));
        assert_string_equal(given(w, eve), "hello@2");
        hub_member_remove(eve);
}

static void room_by_room(struct world *w)
{
        join(w, w->ann, "a");
        say_many(w, "a", 2);
        join(w, w->bob, "a");
        say_many(w, "a", 3);
        const struct room *a = room_of(w->bob, "a");
        assert_string_equal(given(w, w->bob), "x#3 x#4 x#5");
        assert_int_equal(member_resume_room(w->bob, a, 4), 0);
        assert_string_equal(given(w, w->bob), "x#5");
        assert_int_equal(member_resume_room(w->bob, a, 0), 0); /* clamped to where he came in */
        assert_int_equal(member_cursor(w->bob, a), 3);
        assert_string_equal(given(w, w->bob), "x#3 x#4 x#5");
        assert_int_equal(member_resume_room(w->bob, a, 6), ERR_RANGE);
        assert_int_equal(member_resume_room(w->bob, room_of(w->ann, "ann"), 0), ERR_NOT_MEMBER);
}

static void repair(struct world *w)
{
        join(w, w->ann, "a");
        say(w, NULL, "a", "not his");
        join(w, w->bob, "a");
        say(w, NULL, "a", "his");
        leave(w, w->bob, "a");
        say(w, NULL, "a", "not his");
        join(w, w->bob, "a");
        say(w, NULL, "a -bob", "excluded"), say(w, NULL, "a", "his again");
        given(w, w->bob);
        say(w, NULL, "a", "to come");
        assert_string_equal(repaired(w, w->bob, "a", 1, 9),
                            "<a 1-1 excluded> his#2 <a 3-3 excluded> <a 4-4 excluded> his again#5");
        assert_string_equal(repaired(w, w->bob, "a", 2, 2), "his#2");
        assert_string_equal(repaired(w, w->bob, "a", 6, 9), "");
        assert_string_equal(given(w, w->bob), "to come#6"); /* the cursor did not move */
}

static void repair_of_evicted(struct world *w)
{
        say_many(w, "", 3);
        given(w, w->bob);
        say_many(w, "", 2);
        assert_string_equal(repaired(w, w->bob, "", 1, 3), "< 1-2 evicted> x#3");
}

/* ---- which rooms are looked at ------------------------------------------------------------------ */

static const char *given_announced(struct world *w)
{
        hub_announce(w->hub);
        return given(w, w->bob);
}

static void news_before_the_announce(struct world *w)
{
        join(w, w->bob, "a"), join(w, w->bob, "b");
        say(w, NULL, "a", "1");
        hub_announce(w->hub);
        assert_int_equal(member_place(w->bob), 0);
        given(w, w->bob);
        say(w, NULL, "b", "2");
        assert_true(member_place(w->bob) == 1 && member_behind(w->bob, 2)); /* or an offset passes over it */
        hub_announce(w->hub);
        say(w, NULL, "a", "3"), say(w, NULL, "b", "4"), say(w, NULL, "", "5");
        assert_string_equal(given(w, w->bob), "2@2 3@3 4@4 5@5");
        assert_string_equal(given_announced(w), "");
        assert_int_equal(member_place(w->bob), 5);
}

static void left_before_the_announce(struct world *w)
{
        join(w, w->bob, "a");
        assert_string_equal(given_announced(w), "");
        say(w, NULL, "a", "his last");
        leave(w, w->bob, "a");
        say(w, NULL, "a", "not his");
        assert_string_equal(given_announced(w), "his last@1");
        assert_true(back(w, w->bob, STREAM, 0));
        assert_string_equal(given(w, w->bob), "his last@1");
}

static void put_back_in_a_quiet_room(struct world *w)
{
        join(w, w->bob, "a");
        say_many(w, "a", 3);
        assert_string_equal(given_announced(w), "x#1 x#2 x#3");
        assert_string_equal(given_announced(w), "");
        assert_int_equal(member_resume_room(w->bob, room_of(w->bob, "a"), 1), 0);
        assert_string_equal(given_announced(w), "x#2 x#3");
}

static void half_given_in_a_quiet_room(struct world *w)
{
        say(w, NULL, "", "first words");
        hub_announce(w->hub);
        given_bytes(w, w->bob, 6);
        assert_true(member_behind(w->bob, UINT64_MAX));
        member_place(w->bob);
        w->now.ns += 3600 * NS_PER_S;
        hub_expire(w->hub, w->now);
        assert_string_equal(given_announced(w), "< 1-1 evicted>");
}

static void news_while_away(struct world *w)
{
        join(w, w->bob, "a");
        assert_string_equal(given_announced(w), "");
        member_detach(w->bob);
        say_many(w, "a", 4);
        hub_announce(w->hub);
        hub_announce(w->hub);
        struct hub_sink sink = { count, &w->news_bob };
        member_attach(w->bob, STREAM, &sink);
        assert_true(member_behind(w->bob, UINT64_MAX));
        assert_string_equal(given(w, w->bob), "<a 1-1 evicted> x@2 x@3 x@4");
        say(w, NULL, "a", "5");
        leave(w, w->bob, "a");
        member_detach(w->bob);
        w->now.ns += 3600 * NS_PER_S;
        hub_expire(w->hub, w->now); /* what he left behind goes, with what was still for him */
        member_attach(w->bob, STREAM, &sink);
        assert_string_equal(given_announced(w), "");
}

#define THREE                        \
        {                            \
                .room_events_max = 3 \
        }

static const struct story stories[] = {
        { "a slow reader gets an exact gap", .tell = exact_gap, .config = THREE },
        { "a message member's gap counts seqs of its room", .tell = gap_of_seqs, .config = THREE, .bob = MESSAGE },
        { "gaps come first, and the place stays honest", .tell = gaps_first_honest_place, .config = THREE },
        { "a gap is told around what another room still gives", .tell = gap_around_shared, .config = THREE },
        { "a half-given entry is finished after its eviction", .tell = half_is_finished, .config = THREE },
        { "a message half given is given up with its eviction", .tell = half_is_given_up, .config = THREE,
          .bob = MESSAGE },
        { "a message half given begins again with a resume", .tell = half_is_begun_again, .bob = MESSAGE },
        { "a cut between entries leaves none half given", .tell = cut_between },
        { "an event of 120 s is too old", .tell = age },
        { "in want of memory the oldest of all rooms goes", .tell = oldest_of_all,
          .config = { .bytes_total_max = 4000 } },
        { "rooms with a log count in the bound, too", .tell = many_small_rooms,
          .config = { .stays_max = 4, .bytes_total_max = 50000 } },
        { "dispensable events are skipped by who was blocked", .tell = dispensable_when_blocked },
        { "dispensable events are skipped by a resume", .tell = dispensable_on_resume },
        { "a message member is told of dispensable events it missed", .tell = dispensable_is_told, .bob = MESSAGE },
        { "what does not fit a stream is told", .tell = too_big_for_a_stream },
        { "a message too big for the path is told", .tell = too_big_is_told, .bob = MESSAGE },
        { "an offset at the head is whole at any age", .tell = head_is_whole },
        { "the room of somebody away stands", .tell = away_keeps_the_room },
        { "nothing from before its start", .tell = before_the_start },
        { "messages resume room by room", .tell = room_by_room, .bob = MESSAGE },
        { "a repair shows only what was its own", .tell = repair, .bob = MESSAGE },
        { "news counts before it is announced", .tell = news_before_the_announce },
        { "news of a room that is left before it is announced", .tell = left_before_the_announce },
        { "a member is put back in a room without news", .tell = put_back_in_a_quiet_room, .bob = MESSAGE },
        { "what is half given is given up in a room without news", .tell = half_given_in_a_quiet_room, .bob = MESSAGE },
        { "news of rooms comes while a member is away", .tell = news_while_away, .config = THREE },
        { "a repair of evicted seqs says so", .tell = repair_of_evicted, .config = THREE, .bob = MESSAGE },
};

int main(void)
{
        if (sodium_init() < 0)
                return 1;
        return RUN_ROWS("walk", stories, tell);
}
