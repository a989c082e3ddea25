#include "tests/unit/harness.h"

#include "tcp_server/tcp_recover.h"

enum { AWAY_MAX = 3 };

/* An application whose sockets are counted when they are forgotten. */
struct rig {
        struct hub *hub;
        struct app *app;
        struct tcp_recover *recover;
};

static int forgotten;

static void on_forget(struct app *a, struct app_socket *s)
{
        (void)a;
        (void)s;
        forgotten++;
}

static const struct app_handlers handlers = { .name = "counting", .forget = on_forget };
static const struct mono start = { 1000 };
static struct tcp_session *const some_session = (struct tcp_session *)(uintptr_t)16; /* only told apart, never used */

static int encode_nothing(void *ctx, const struct hub_entry *entry, struct buf *out)
{
        (void)ctx;
        (void)entry;
        return buf_text(out, "x");
}

static void no_news(void *owner)
{
        (void)owner;
}

static struct rig begin(void)
{
        struct rig r;
        forgotten = 0;
        r.hub = hub_create(&(struct hub_config){ .epoch = 1 });
        r.app = app_create(r.hub, &handlers);
        hub_encoding_add(r.hub, &(struct hub_encoding){ .name = "nothing", .encode = encode_nothing });
        r.recover = tcp_recover_create(AWAY_MAX, 10);
        return r;
}

static void end(struct rig *r)
{
        tcp_recover_destroy(r->recover);
        app_destroy(r->app); /* asserts that every socket is gone */
        hub_destroy(r->hub);
}

static struct tcp_kept *connect_one(struct rig *r)
{
        struct app_socket *s = app_connect(r->app, start, bytes_text(""), 0, &(struct hub_sink){ no_news, NULL },
                                           (struct app_line){ 0 });
        return tcp_recover_add(r->recover, s, some_session);
}

static void lose(struct rig *r, struct tcp_kept *k, struct mono now)
{
        app_away(k->socket, now, "transport close");
        tcp_recover_away(r->recover, k, now);
}

static struct tcp_kept *find(struct rig *r, const char pid[TCP_PID_CHARS])
{
        return tcp_recover_find(r->recover, bytes_of(pid, TCP_PID_CHARS));
}

static void a_private_id_finds_its_own(void **state)
{
        (void)state;
        struct rig r = begin();
        struct tcp_kept *a = connect_one(&r), *b = connect_one(&r);
        assert_memory_not_equal(a->pid, b->pid, TCP_PID_CHARS);
        assert_ptr_equal(find(&r, a->pid), a);
        assert_ptr_equal(find(&r, b->pid), b);
        assert_null(tcp_recover_find(r.recover, bytes_text("")));
        assert_null(tcp_recover_find(r.recover, bytes_of(a->pid, TCP_PID_CHARS - 1)));
        assert_null(find(&r, "0123456789012345678901"));
        lose(&r, a, start);
        lose(&r, b, start);
        end(&r);
        assert_int_equal(forgotten, 2);
}

static void away_for_so_long_and_no_longer(void **state)
{
        (void)state;
        struct rig r = begin();
        struct tcp_kept *a = connect_one(&r), *b = connect_one(&r);
        assert_true(mono_is_never(tcp_recover_deadline(r.recover)));
        lose(&r, a, start);
        lose(&r, b, mono_add(start, 5));
        assert_int_equal(tcp_recover_deadline(r.recover).ns, start.ns + 10);
        tcp_recover_expire(r.recover, mono_add(start, 9));
        assert_int_equal(tcp_recover_away_n(r.recover), 2);
        tcp_recover_expire(r.recover, mono_add(start, 10));
        assert_int_equal(tcp_recover_away_n(r.recover), 1);
        assert_int_equal(tcp_recover_deadline(r.recover).ns, start.ns + 15);
        assert_int_equal(forgotten, 1);
        end(&r);
}

static void who_is_back_is_not_forgotten(void **state)
{
        (void)state;
        struct rig r = begin();
        struct tcp_kept *a = connect_one(&r);
        lose(&r, a, start);
        tcp_recover_back(r.recover, a, some_session);
        tcp_recover_expire(r.recover, mono_add(start, 1000));
        assert_int_equal(forgotten, 0);
        assert_ptr_equal(find(&r, a->pid), a);
        lose(&r, a, mono_add(start, 1000));
        assert_int_equal(tcp_recover_deadline(r.recover).ns, start.ns + 1010);
        end(&r);
}

static void the_oldest_of_too_many_goes(void **state)
{
        (void)state;
        struct rig r = begin();
        char first[TCP_PID_CHARS];
        for (int i = 0; i < AWAY_MAX + 1; i++) {
                struct tcp_kept *k = connect_one(&r);
                if (i == 0)
                        memcpy(first, k->pid, sizeof first);
                lose(&r, k, mono_add(start, i));
        }
        assert_int_equal(forgotten, 1);
        assert_int_equal(tcp_recover_away_n(r.recover), AWAY_MAX);
        assert_null(find(&r, first));
        end(&r);
        assert_int_equal(forgotten, AWAY_MAX + 1);
}

static void a_renewed_one_is_found_by_all_its_ids(void **state)
{
        (void)state;
        struct rig r = begin();
        struct tcp_kept *a = connect_one(&r);
        char former[40][TCP_PID_CHARS];
        for (int i = 0; i < 40; i++) {
                memcpy(former[i], a->pid, TCP_PID_CHARS);
                assert_true(tcp_recover_is_newest(a, bytes_of(former[i], TCP_PID_CHARS)));
                tcp_recover_renew(a);
                for (int j = 0; j <= i; j++) {
                        assert_ptr_equal(find(&r, former[j]), a);
                        assert_false(tcp_recover_is_newest(a, bytes_of(former[j], TCP_PID_CHARS)));
                }
        }
        lose(&r, a, start);
        end(&r);
}

static void dropping_leaves_the_socket(void **state)
{
        (void)state;
        struct rig r = begin();
        struct tcp_kept *a = connect_one(&r);
        struct app_socket *socket = a->socket;
        char pid[TCP_PID_CHARS];
        memcpy(pid, a->pid, sizeof pid);
        tcp_recover_drop(r.recover, a);
        assert_null(find(&r, pid));
        assert_int_equal(forgotten, 0);
        app_leave(socket, start, "client namespace disconnect");
        end(&r);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                cmocka_unit_test(a_private_id_finds_its_own),   cmocka_unit_test(away_for_so_long_and_no_longer),
                cmocka_unit_test(who_is_back_is_not_forgotten), cmocka_unit_test(the_oldest_of_too_many_goes),
                cmocka_unit_test(dropping_leaves_the_socket),   cmocka_unit_test(a_renewed_one_is_found_by_all_its_ids),
        };
        return cmocka_run_group_tests_name("tcp_recover", stories, NULL, NULL);
}
