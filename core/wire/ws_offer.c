#include "core/wire/ws_offer.h"

/* One parameter of an extension; value is empty where none is given. */
struct param {
        struct bytes name;
        bool has_value;
        char value[8]; /* without its quotes; what is longer is no value of ours, and is cut */
        size_t value_n;
};

/* One offer as it stands. */
struct offer {
        bool good; /* permessage-deflate, with nothing that is not allowed */
        bool server_none, client_none;
        bool client_named;                /* client_max_window_bits, perhaps without a value */
        uint8_t server_bits, client_bits; /* 0: not given */
};

/* ---- the header's grammar ----------------------------------------------------------------------- */

static bool is_token(uint8_t c)
{
        return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
               (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static void skip_spaces(struct bytes *in)
{
        while (in->n > 0 && (*in->at == ' ' || *in->at == '\t')) {
                in->at++;
                in->n--;
        }
}

/* Takes that character, and the spaces around it. */
static bool take(struct bytes *in, char c)
{
        skip_spaces(in);
        if (in->n == 0 || *in->at != (uint8_t)c)
                return false;
        in->at++;
        in->n--;
        skip_spaces(in);
        return true;
}

static struct bytes take_token(struct bytes *in)
{
        struct bytes token = bytes_of(in->at, 0);
        while (in->n > 0 && is_token(*in->at)) {
                in->at++;
                in->n--;
                token.n++;
        }
        return token;
}

static void add(struct param *p, uint8_t c)
{
        if (p->value_n < sizeof p->value)
                p->value[p->value_n++] = (char)c;
}

/* A quoted value must be a token once its quotes are off. */
static bool take_quoted(struct bytes *in, struct param *p)
{
        for (in->at++, in->n--; in->n > 0; in->at++, in->n--) {
                if (*in->at == '"')
                        return take(in, '"') && p->value_n > 0;
                if (*in->at == '\\' && in->n > 1) {
                        in->at++;
                        in->n--;
                }
                if (!is_token(*in->at))
                        return false;
                add(p, *in->at);
        }
        return false;
}

static bool take_value(struct bytes *in, struct param *p)
{
        p->has_value = true;
        if (in->n > 0 && *in->at == '"')
                return take_quoted(in, p);
        struct bytes token = take_token(in);
        for (size_t i = 0; i < token.n; i++)
                add(p, token.at[i]);
        return token.n > 0;
}

static bool take_param(struct bytes *in, struct param *p)
{
        *p = (struct param){ .name = take_token(in) };
        return p->name.n > 0 && (!take(in, '=') || take_value(in, p));
}

/* ---- the extension's parameters ----------------------------------------------------------------- */

static bool is(struct bytes name, const char *word)
{
        return bytes_equal(name, bytes_text(word));
}

/* 8 to 15, without leading zeros; 0: anything else. */
static uint8_t read_bits(const struct param *p)
{
        if (p->value_n == 1 && p->value[0] >= '8' && p->value[0] <= '9')
                return (uint8_t)(p->value[0] - '0');
        if (p->value_n == 2 && p->value[0] == '1' && p->value[1] >= '0' && p->value[1] <= '5')
                return (uint8_t)(10 + p->value[1] - '0');
        return 0;
}

/* False: unknown, doubled, or with a value that it must not have. */
static bool take_in(struct offer *o, const struct param *p)
{
        uint8_t bits = read_bits(p);
        if (is(p->name, "server_no_context_takeover") && !o->server_none)
                return o->server_none = !p->has_value;
        if (is(p->name, "client_no_context_takeover") && !o->client_none)
                return o->client_none = !p->has_value;
        if (is(p->name, "server_max_window_bits") && !o->server_bits)
                return (o->server_bits = bits) != 0;
        if (is(p->name, "client_max_window_bits") && !o->client_named) {
                o->client_named = true;
                o->client_bits = bits;
                return bits != 0 || !p->has_value;
        }
        return false;
}

/* Takes one extension of the list. False: the list cannot be parsed. */
static bool take_extension(struct bytes *in, struct offer *o)
{
        struct param p;
        struct bytes name = take_token(in);
        *o = (struct offer){ .good = is(name, "permessage-deflate") };
        while (take(in, ';')) {
                if (!take_param(in, &p))
                        return false;
                o->good = o->good && take_in(o, &p);
        }
        return name.n > 0;
}

/* ---- agreeing ----------------------------------------------------------------------------------- */

static uint8_t lower(uint8_t a, uint8_t b)
{
        return a && a < b ? a : b;
}

/* The server may name its window unasked, the client's only when the offer does. A client that does not let
 * us bound its window, where ours is to be smaller, may not keep one. */
static struct ws_terms terms_of(const struct offer *o, const struct ws_deflate_rules *rules)
{
        uint8_t ours = rules->window_bits;
        bool bounded = o->client_named || ours == WS_WINDOW_BITS_MAX;
        return (struct ws_terms){
                .sends = !o->server_bits || o->server_bits >= ours,
                .client_context = rules->client_context && !o->client_none && bounded,
                .server_bits = o->server_bits || ours < WS_WINDOW_BITS_MAX ? lower(o->server_bits, ours) : 0,
                .client_bits = o->client_bits || (o->client_named && ours < WS_WINDOW_BITS_MAX)
                                       ? lower(o->client_bits, ours)
                                       : 0,
        };
}

bool ws_offer_accept(struct bytes offers, const struct ws_deflate_rules *rules, struct ws_terms *terms)
{
        bool found = false;
        skip_spaces(&offers);
        while (offers.n > 0) {
                struct offer o;
                if (take(&offers, ','))
                        continue;
                if (!take_extension(&offers, &o))
                        return false;
                if (offers.n > 0 && *offers.at != ',')
                        return false;
                if (o.good && !found) {
                        *terms = terms_of(&o, rules);
                        found = true;
                }
        }
        return found;
}

int ws_offer_answer(const struct ws_terms *terms, struct buf *out)
{
        int err = buf_text(out, "permessage-deflate; server_no_context_takeover");
        if (!err && !terms->client_context)
                err = buf_text(out, "; client_no_context_takeover");
        if (!err && terms->server_bits)
                err = buf_printf(out, "; server_max_window_bits=%u", terms->server_bits);
        if (!err && terms->client_bits)
                err = buf_printf(out, "; client_max_window_bits=%u", terms->client_bits);
        return err;
}
