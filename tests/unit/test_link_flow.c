/* Which flow and class the link takes a packet for, and which rules it accepts. */
#include "tests/unit/harness.h"
#include "tests/unit/lab_packets.h"

#include "lab/classify.h"
#include "lab/decision.h"
#include "lab/link.h"

static const struct link_flow_rule rules[] = {
        { 20000, 20004, "udp-raw", false },
        { 20100, 20104, "tcp", false },
};

struct class_row {
        const char *name;
        struct made_packet (*make)(void);
        enum link_class class;
        const char *flow;
};

static struct made_packet an_event(void)
{
        return make_data(4, 9);
}
static struct made_packet a_control_message(void)
{
        return make_udp(3001, 20004, bytes_text("not an event"));
}
static struct made_packet a_segment(void)
{
        return make_tcp(3000, 20104, 1);
}
static struct made_packet past_the_range(void)
{
        return make_udp(3001, 20005, bytes_text("x"));
}
static struct made_packet a_later_fragment(void)
{
        return make_ip(17, 10, 3, bytes_of("\x4e\x20\x4e\x20....", 8)); /* would read as ports 20,000 */
}
static struct made_packet an_icmp(void)
{
        return make_ip(1, 0, 3, bytes_text("\x08ping"));
}
static struct made_packet ipv6(void)
{
        struct made_packet p = make_data(0, 1);
        p.at[0] = 0x60;
        return p;
}
static struct made_packet nothing(void)
{
        return (struct made_packet){ .n = 0 };
}

static const struct class_row classes[] = {
        { "an event's datagram", an_event, LINK_DATA, "udp-raw" },
        { "a control message", a_control_message, LINK_UDP, "udp-raw" },
        { "a TCP segment", a_segment, LINK_TCP, "tcp" },
        { "a port past the range", past_the_range, LINK_UDP, "other" },
        { "a later fragment", a_later_fragment, LINK_FRAGMENT, "other" },
        { "ICMP", an_icmp, LINK_OTHER, "other" },
        { "IPv6", ipv6, LINK_OTHER, "other" },
        { "nothing at all", nothing, LINK_OTHER, "other" },
};

static void classified(void **state)
{
        const struct class_row *row = *state;
        struct decision_log *log = decision_log_create(1);
        struct link_config config = { .rules = rules, .rules_n = 2, .classify = classify_dgram, .log = log };
        struct link *l = link_create(&config);
        link_start(l, (struct mono){ 0 });
        struct made_packet p = row->make();
        assert_int_equal(link_push(l, (struct mono){ NS_PER_MS }, bytes_of(p.at, p.n)), LINK_PASSED);
        const struct decision *d = decision_at(log, 0);
        assert_int_equal(d->class, row->class);
        assert_string_equal(d->flow, row->flow);
        assert_int_equal(d->t_ns, NS_PER_MS);
        assert_int_equal(d->nth, 1);
        if (d->class == LINK_DATA)
                assert_int_equal(d->key, 9);
        link_destroy(l);
        decision_log_destroy(log);
}

struct rule_row {
        const char *name;
        struct link_flow_rule rule;
        int ok;
};

static const struct rule_row made_rules[] = {
        { "one port", { 1, 1, "a-b_C9", false }, 1 },
        { "all ports", { 0, 65535, "all", false }, 1 },
        { "backwards", { 2, 1, "a", false }, 0 },
        { "no name", { 1, 2, "", false }, 0 },
        { "a comma would break the log", { 1, 2, "a,b", false }, 0 },
        { "a name without its end", { 1, 2, "abcdefghijklmnopqrstuvwxyz012345", false }, 0 },
};

static void rule_is_checked(void **state)
{
        const struct rule_row *row = *state;
        struct link_config config = { .rules = &row->rule, .rules_n = 1 };
        struct link *l = link_create(&config);
        assert_int_equal(l != NULL, row->ok);
        link_destroy(l);
}

int main(void)
{
        return RUN_ROWS("link: class", classes, classified) + RUN_ROWS("link: rule", made_rules, rule_is_checked);
}
