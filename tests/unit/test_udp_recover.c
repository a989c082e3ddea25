#include "tests/unit/harness.h"

#include <stdio.h>

#include "core/chat/chat.h"
#include "udp_server/udp_encoding.h"
#include "udp_server/udp_recover.h"

struct town {
        struct hub *hub;
        struct app *app;
        struct udp_instances *all;
        int encoding;
};

static void nobody(void *owner)
{
        (void)owner;
}

static const struct hub_sink sink = { nobody, NULL };
static struct udp_session *const here = (struct udp_session *)&(int){ 0 }; /* never looked into */

static struct mono at_s(int64_t s)
{
        return (struct mono){ s * NS_PER_S };
}

static struct town begin(uint32_t away_max)
{
        struct town t = { .hub = hub_create(&(struct hub_config){ .epoch = 1 }) };
        t.app = app_create(t.hub, &chat_handlers);
        t.encoding = udp_encoding_add(t.hub);
        t.all = udp_instances_create(away_max, UDP_AWAY_NS);
        return t;
}

static void end(struct town *t)
{
        udp_instances_destroy(t->all);
        app_destroy(t->app);
        hub_destroy(t->hub);
}

static const uint8_t *id_of(uint32_t n)
{
        static uint8_t id[DGRAM_TOKEN];
        memcpy(id, &n, sizeof n);
        return id;
}

static struct udp_instance *arrive(struct town *t, uint32_t n)
{
        struct app_socket *s =
                app_connect(t->app, at_s(0), bytes_of(NULL, 0), t->encoding, &sink, (struct app_line){ 0 });
        return udp_instance_add(t->all, id_of(n), s, here);
}

static void away_and_back(void **state)
{
        (void)state;
        struct town t = begin(10);
        struct udp_instance *i = arrive(&t, 1);
        assert_ptr_equal(udp_instance_find(t.all, id_of(1)), i);
        assert_null(udp_instance_find(t.all, id_of(2)));
        assert_true(mono_is_never(udp_instances_deadline(t.all)));
        udp_instance_away(i, at_s(5), "transport close");
        assert_null(udp_instance_session(i));
        assert_int_equal(udp_instances_deadline(t.all).ns, at_s(125).ns);
        udp_instance_here(i, here);
        assert_true(mono_is_never(udp_instances_deadline(t.all)));
        udp_instances_expire(t.all, at_s(1000));
        assert_ptr_equal(udp_instance_find(t.all, id_of(1)), i);
        udp_instance_leave(i, at_s(1000), "client namespace disconnect");
        assert_null(udp_instance_find(t.all, id_of(1)));
        end(&t);
}

static void away_too_long(void **state)
{
        (void)state;
        struct town t = begin(10);
        udp_instance_away(arrive(&t, 1), at_s(5), "");
        udp_instance_away(arrive(&t, 2), at_s(6), "");
        udp_instances_expire(t.all, at_s(124));
        assert_non_null(udp_instance_find(t.all, id_of(1)));
        udp_instances_expire(t.all, at_s(125));
        assert_null(udp_instance_find(t.all, id_of(1)));
        assert_non_null(udp_instance_find(t.all, id_of(2)));
        end(&t);
}

static void too_many_away(void **state)
{
        (void)state;
        struct town t = begin(3);
        for (uint32_t n = 1; n <= 5; n++)
                udp_instance_away(arrive(&t, n), at_s(n), "");
        for (uint32_t n = 1; n <= 5; n++)
                assert_int_equal(udp_instance_find(t.all, id_of(n)) != NULL, n > 2);
        end(&t);
}

/* The answers to the last 1,024 publishes are known, whatever the ids' order and gaps. */
static void publishes_are_known(void **state)
{
        (void)state;
        struct town t = begin(3);
        struct udp_instance *i = arrive(&t, 1);
        struct dgram_ack ack;
        assert_int_equal(udp_pub_look(i, 0, &ack), UDP_PUB_TOO_OLD);
        for (uint64_t id = 1; id <= 3000; id++) {
                assert_int_equal(udp_pub_look(i, id, &ack), UDP_PUB_NEW);
                assert_int_equal(udp_pub_record(i, &(struct dgram_ack){ .pub_id = id, .eid = id + 7 }), 0);
                for (uint64_t back = 0; back < id && back < UDP_PUBS_KEPT; back += 1 + back / 8) {
                        assert_int_equal(udp_pub_look(i, id - back, &ack), UDP_PUB_KNOWN);
                        assert_int_equal(ack.eid, id - back + 7);
                }
                if (id > UDP_PUBS_KEPT)
                        assert_int_equal(udp_pub_look(i, id - UDP_PUBS_KEPT, &ack), UDP_PUB_TOO_OLD);
        }
        udp_instance_leave(i, at_s(0), "");
        i = arrive(&t, 2);
        for (uint64_t id = 64; id >= 1; id--) { /* backwards */
                assert_int_equal(udp_pub_look(i, id, &ack), UDP_PUB_NEW);
                udp_pub_record(i, &(struct dgram_ack){ .pub_id = id });
        }
        for (uint64_t id = 1; id <= 64; id++)
                assert_int_equal(udp_pub_look(i, id, &ack), UDP_PUB_KNOWN);
        udp_instance_leave(i, at_s(0), "");
        end(&t);
}

struct turn_row {
        const char *name;
        uint64_t done; /* in order, so far; 0: none */
        uint64_t pub_id;
        uint16_t back;
        uint16_t flags;
        enum udp_pub_verdict verdict;
};

static const struct turn_row turns[] = {
        { "the first, with none before it", 0, 1, 0, DGRAM_PUB_IN_ORDER, UDP_PUB_NEW },
        { "the one before it is done", 6, 9, 3, DGRAM_PUB_IN_ORDER, UDP_PUB_NEW },
        { "the one before it is not", 5, 9, 3, DGRAM_PUB_IN_ORDER, UDP_PUB_EARLY },
        { "nothing is done at all", 0, 9, 3, DGRAM_PUB_IN_ORDER, UDP_PUB_EARLY },
        { "one that the client gave up is passed over", 2, 9, 0, DGRAM_PUB_IN_ORDER, UDP_PUB_NEW },
        { "a newer one is done", 9, 8, 0, DGRAM_PUB_IN_ORDER, UDP_PUB_TOO_OLD },
        { "a newer one is done, but it asks for no order", 9, 8, 0, DGRAM_PUB_OWN, UDP_PUB_NEW },
        { "so far back that there was none", 0, 3, 3, DGRAM_PUB_IN_ORDER, UDP_PUB_NEW },
        { "further back than that", 0, 3, 65535, DGRAM_PUB_IN_ORDER, UDP_PUB_NEW },
};

static void run_turn(void **state)
{
        const struct turn_row *row = *state;
        struct town t = begin(3);
        struct udp_instance *i = arrive(&t, 1);
        struct dgram_pub pub = { .pub_id = row->pub_id, .back = row->back, .flags = row->flags };
        uint64_t done = 99;
        if (row->done)
                udp_pub_done(i, &(struct dgram_pub){ .pub_id = row->done, .flags = DGRAM_PUB_IN_ORDER });
        assert_int_equal(udp_pub_turn(i, &pub, &done), row->verdict);
        if (row->verdict == UDP_PUB_EARLY)
                assert_int_equal(done, row->done);
        udp_pub_done(i, &(struct dgram_pub){ .pub_id = 1000 }); /* asks for none: moves nothing */
        assert_int_equal(udp_pub_turn(i, &pub, &done), row->verdict);
        udp_instance_leave(i, at_s(0), "");
        end(&t);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(away_and_back),
                cmocka_unit_test(away_too_long),
                cmocka_unit_test(too_many_away),
                cmocka_unit_test(publishes_are_known),
        };
        return RUN_ROWS("udp_recover: whose turn is it?", turns, run_turn) +
               cmocka_run_group_tests_name("udp_recover", tests, NULL, NULL);
}
