#include "lab/link.h"

#include "core/base/rng.h"
#include "lab/bottleneck.h"
#include "lab/decision.h"
#include "lab/ipv4.h"
#include "lab/queue.h"
#include "lab/seen.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>

enum { PACKET_BYTES_MAX = 1500 };
enum purpose { PURPOSE_FLOW, PURPOSE_SEEN, PURPOSE_LOSS }; /* what a keyed number is drawn for */

/* A rule with what belongs to it; the last one, without ports, is "other". */
struct rule {
        struct link_flow_rule flow;
        struct rng rng;
        size_t flow_first; /* place of its first port's flow in link.flows */
};

struct link {
        struct link_config config;
        struct rule *rules; /* config.rules_n, and one for "other" */
        struct link_flow *flows;
        size_t flows_n;
        struct seen *seen;
        struct bottleneck line;
        struct queue *queue;
        struct mono t0;
        uint64_t early_overflow;
};

/* Whose packet is it, and which of theirs? */
struct identity {
        const struct rule *rule;
        uint32_t number;
        enum link_class class;
        uint64_t key;
};

static const char other_name[] = "other";

static const struct rule *rule_of_port(const struct link *l, uint16_t port)
{
        size_t i = 0;
        while (i < l->config.rules_n && (port < l->rules[i].flow.port_first || port > l->rules[i].flow.port_last))
                i++;
        return &l->rules[i];
}

static uint32_t hash_of_other(const struct rule *other, const struct ipv4_packet *p)
{
        const uint64_t ends[] = { PURPOSE_FLOW, p->src, p->dst, p->protocol, p->src_port, p->dst_port };
        return (uint32_t)rng_keyed(&other->rng, ends, sizeof ends / sizeof ends[0]);
}

static enum link_class class_of(const struct link *l, const struct ipv4_packet *p, uint64_t *key)
{
        if (p->fragment_bytes > 0) {
                *key = (uint64_t)p->ip_id << 16 | p->fragment_bytes;
                return LINK_FRAGMENT;
        }
        if (p->protocol == IPV4_TCP)
                return LINK_TCP;
        if (p->protocol != IPV4_UDP)
                return LINK_OTHER;
        bool data = l->config.classify && l->config.classify(p->udp_payload.at, p->udp_payload.n, key);
        return data ? LINK_DATA : LINK_UDP;
}

static struct identity identify(const struct link *l, struct bytes packet)
{
        const struct rule *other = &l->rules[l->config.rules_n];
        struct identity who = { .rule = other, .class = LINK_OTHER };
        struct ipv4_packet p;
        if (!ipv4_parse(packet.at, packet.n, &p))
                return who;
        uint16_t port = l->config.direction == LINK_DOWN ? p.dst_port : p.src_port;
        who.rule = port != 0 ? rule_of_port(l, port) : other;
        who.number = who.rule == other ? hash_of_other(other, &p) : (uint32_t)(port - who.rule->flow.port_first);
        who.class = class_of(l, &p, &who.key);
        return who;
}

static uint64_t draw(const struct link *l, const struct identity *who, enum purpose purpose, uint64_t nth)
{
        const uint64_t values[] = { purpose, l->config.direction, who->number, who->class, who->key, nth };
        return rng_keyed(&who->rule->rng, values, sizeof values / sizeof values[0]);
}

static bool is_dark(const struct link *l, int64_t t_ns)
{
        return t_ns >= l->config.blackout_at_ns && t_ns - l->config.blackout_at_ns < l->config.blackout_for_ns;
}

static enum link_verdict hold(struct link *l, struct mono now, struct bytes packet)
{
        int err = queue_put(l->queue, mono_add(now, l->config.delay_ns), packet);
        return err == 0 ? LINK_PASSED : LINK_OVERFLOW;
}

static enum link_verdict decide(struct link *l, struct mono now, struct bytes packet, const struct identity *who,
                                uint64_t nth)
{
        if (is_dark(l, mono_since(now, l->t0)))
                return LINK_BLACKOUT;
        if (loss_hits(&l->config.loss, draw(l, who, PURPOSE_LOSS, nth)))
                return LINK_LOST;
        struct mono left;
        return bottleneck_take(&l->line, now, packet.n, &left) ? hold(l, left, packet) : LINK_QUEUE;
}

static void account(struct link *l, struct mono now, struct bytes packet, const struct identity *who, uint64_t nth,
                    enum link_verdict verdict)
{
        bool other = who->rule == &l->rules[l->config.rules_n];
        struct link_flow *flow = &l->flows[who->rule->flow_first + (other ? 0 : who->number)];
        flow->count[who->class][verdict].packets++;
        flow->count[who->class][verdict].bytes += packet.n;
        flow->first_data[verdict] += who->class == LINK_DATA && nth == 1;
        if (!l->config.log)
                return;
        decision_add(l->config.log, &(struct decision){ .t_ns = mono_since(now, l->t0),
                                                        .flow = flow->name,
                                                        .number = who->number,
                                                        .bytes = (uint32_t)packet.n,
                                                        .key = who->key,
                                                        .nth = nth,
                                                        .direction = l->config.direction,
                                                        .class = who->class,
                                                        .verdict = verdict });
}

static bool rule_is_good(const struct link_flow_rule *rule)
{
        size_t n = strnlen(rule->name, sizeof rule->name);
        for (size_t i = 0; i < n; i++)
                if (!isalnum((unsigned char)rule->name[i]) && rule->name[i] != '-' && rule->name[i] != '_')
                        return false;
        return n > 0 && n < sizeof rule->name && rule->port_first <= rule->port_last;
}

/* Copies the rules, adds "other", and counts the flows. */
static int plan_rules(struct link *l)
{
        size_t n = l->config.rules_n;
        l->rules = calloc(n + 1, sizeof *l->rules);
        if (!l->rules)
                return -1;
        for (size_t i = 0; i <= n; i++) {
                struct rule *rule = &l->rules[i];
                if (i < n)
                        rule->flow = l->config.rules[i];
                else
                        memcpy(rule->flow.name, other_name, sizeof other_name);
                if (!rule_is_good(&rule->flow))
                        return -1;
                rule->rng = rng_seeded(l->config.seed, rule->flow.name);
                rule->flow_first = l->flows_n;
                l->flows_n += (size_t)(rule->flow.port_last - rule->flow.port_first) + 1;
        }
        l->config.rules = NULL; /* the caller's; ours are in l->rules */
        return 0;
}

static void name_flows(struct link *l)
{
        for (size_t i = 0; i <= l->config.rules_n; i++) {
                const struct link_flow_rule *rule = &l->rules[i].flow;
                for (uint32_t number = 0; number <= (uint32_t)(rule->port_last - rule->port_first); number++) {
                        struct link_flow *flow = &l->flows[l->rules[i].flow_first + number];
                        flow->name = rule->name;
                        flow->number = number;
                }
        }
}

struct link *link_create(const struct link_config *config)
{
        assert(config->delay_ns >= 0 && config->blackout_for_ns >= 0 && config->rate >= 0);
        struct link *l = calloc(1, sizeof *l);
        if (!l)
                return NULL;
        l->config = *config;
        l->t0 = MONO_NEVER;
        l->line = (struct bottleneck){ .rate = config->rate, .queue_bytes = config->queue_bytes };
        if (plan_rules(l) < 0)
                goto fail;
        l->flows = calloc(l->flows_n, sizeof *l->flows);
        l->seen = seen_create(LINK_SEEN_MAX);
        l->queue = queue_create(config->packets_max ? config->packets_max : LINK_PACKETS_MAX,
                                config->packet_bytes_max ? config->packet_bytes_max : PACKET_BYTES_MAX);
        if (!l->flows || !l->seen || !l->queue)
                goto fail;
        name_flows(l);
        return l;
fail:
        link_destroy(l);
        return NULL;
}

void link_destroy(struct link *l)
{
        if (!l)
                return;
        queue_destroy(l->queue);
        seen_destroy(l->seen);
        free(l->flows);
        free(l->rules);
        free(l);
}

void link_start(struct link *l, struct mono t0)
{
        l->t0 = t0;
}

enum link_verdict link_push(struct link *l, struct mono now, struct bytes packet)
{
        struct identity who = identify(l, packet);
        if (mono_before(now, l->t0)) {
                enum link_verdict early = who.rule->flow.clean ? LINK_CLEAN : hold(l, now, packet);
                l->early_overflow += early == LINK_OVERFLOW;
                return early;
        }
        uint64_t nth = seen_again(l->seen, draw(l, &who, PURPOSE_SEEN, 0));
        enum link_verdict verdict = who.rule->flow.clean ? LINK_CLEAN : decide(l, now, packet, &who, nth);
        account(l, now, packet, &who, nth, verdict);
        return verdict;
}

bool link_pop(struct link *l, struct mono now, struct bytes *packet, struct mono *due)
{
        return queue_take(l->queue, now, packet, due);
}

struct mono link_deadline(const struct link *l)
{
        return queue_due(l->queue);
}

size_t link_waiting(const struct link *l)
{
        return queue_packets(l->queue);
}

uint64_t link_early_overflow(const struct link *l)
{
        return l->early_overflow;
}

size_t link_flows(const struct link *l)
{
        return l->flows_n;
}

const struct link_flow *link_flow_at(const struct link *l, size_t i)
{
        return &l->flows[i];
}

const char *link_direction_text(enum link_direction d)
{
        static const char *const text[] = { "down", "up" };
        return text[d];
}

const char *link_class_text(enum link_class c)
{
        static const char *const text[] = { "data", "udp", "tcp", "fragment", "other" };
        return text[c];
}

const char *link_verdict_text(enum link_verdict v)
{
        static const char *const text[] = { "passed", "clean", "lost", "blackout", "queue", "overflow" };
        return text[v];
}
