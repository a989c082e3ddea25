/* A room's log read for nobody in particular: by one place that serves many members. */
#include "tests/unit/hub_story.h"

static const char *read_room(struct world *w, const char *room, uint64_t from, uint64_t to)
{
        struct piece v[8];
        const struct room *r = room_of(w->bob, room);
        w->line[0] = 0;
        int n = room_read(r, MESSAGE, from, to, v, 8);
        for (int i = 0; i < n; i++)
                write_piece(w, w->bob, &v[i], v[i].n);
        n = (int)strlen(w->line);
        if (n > 0)
                w->line[n - 1] = 0;
        return w->line;
}

static void whoever_said_it(struct world *w)
{
        join(w, w->bob, "a");
        say(w, w->bob, "a", "his"), say(w, w->ann, "a", "hers"), say(w, NULL, "a b", "both");
        assert_string_equal(read_room(w, "a", 1, 9), "his#1 hers#2 both#3");
        assert_string_equal(read_room(w, "a", 2, 2), "hers#2");
        assert_string_equal(read_room(w, "a", 4, 9), "");
        assert_string_equal(given(w, w->bob), "his#1 hers#2 both#3"); /* his own place did not move */
}

static void exceptions_are_hidden(struct world *w)
{
        join(w, w->bob, "a"), join(w, w->ann, "b");
        say(w, NULL, "a", "1"), say(w, NULL, "a -b", "2"), say(w, NULL, "a volatile", "3"), say(w, NULL, "a -b", "4");
        say(w, NULL, "a", "5");
        const struct room *r = room_of(w->bob, "a");
        assert_string_equal(read_room(w, "a", 1, 9), "1#1 <a 2-2 excluded> 3#3 <a 4-4 excluded> 5#5");
        assert_int_equal(room_exception(r, 1, 9), 2);
        assert_int_equal(room_exception(r, 2, 9), 2);
        assert_int_equal(room_exception(r, 3, 9), 4);
        assert_int_equal(room_exception(r, 3, 3), 4);
        assert_int_equal(room_exception(r, 5, 9), 10);
        assert_int_equal(room_exception(room_of(w->bob, ""), 1, 9), 10);
}

static void evicted_and_too_big(struct world *w)
{
        char big[150];
        memset(big, 'x', sizeof big - 1);
        big[sizeof big - 1] = 0;
        say_many(w, "", 3), say(w, NULL, "", big), say(w, NULL, "", "y");
        assert_string_equal(read_room(w, "", 1, 9), "< 1-2 evicted> x#3 < 4-4 too big> y#5");
        assert_string_equal(read_room(w, "", 1, 1), "< 1-1 evicted>");
}

static void nobody_there(struct world *w)
{
        struct hub_sink sink = { count, &w->news_bob };
        join(w, w->bob, "a");
        const struct room *r = room_of(w->bob, "a");
        say(w, NULL, "a", "1");
        struct piece v[8];
        member_detach(w->bob);
        assert_int_equal(room_read(r, MESSAGE, 1, 9, v, 8), 0);
        member_attach(w->bob, MESSAGE, &sink);
        assert_int_equal(room_read(r, STREAM, 1, 9, v, 8), 0);
        assert_int_equal(room_read(r, MESSAGE, 1, 9, v, 8), 1);
        assert_int_equal(room_read(r, MESSAGE, 1, 9, v, 0), 0);
}

static const struct story stories[] = {
        { "an event is for its origin, too", .tell = whoever_said_it, .bob = MESSAGE },
        { "an event that leaves somebody out is not for all", .tell = exceptions_are_hidden, .bob = MESSAGE },
        { "what is gone, and what does not fit", .tell = evicted_and_too_big, .bob = MESSAGE,
          .config = { .room_events_max = 3 } },
        { "a room is read while somebody reads it", .tell = nobody_there, .bob = MESSAGE },
};

int main(void)
{
        if (sodium_init() < 0)
                return 1;
        return RUN_ROWS("reading", stories, tell);
}
