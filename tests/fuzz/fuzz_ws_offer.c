/* Offers from a stranger. The first byte is the rules. What is agreed keeps within them and within what was
 * offered, our answer would be a good offer itself with the same terms, and extensions before or behind that
 * are not ours change nothing. */
#include <stdlib.h>

#include "core/wire/ws_offer.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n);

static void need(bool good)
{
        if (!good)
                abort();
}

static bool same(const struct ws_terms *a, const struct ws_terms *b)
{
        return a->sends == b->sends && a->client_context == b->client_context && a->server_bits == b->server_bits &&
               a->client_bits == b->client_bits;
}

static bool offered(struct bytes offers, const char *word)
{
        return memmem(offers.at, offers.n, word, strlen(word)) != NULL;
}

/* A window that is named is one that exists, and not above ours; the client's only if it spoke of it. */
static void check_terms(struct bytes offers, const struct ws_deflate_rules *rules, const struct ws_terms *t)
{
        need(offered(offers, "permessage-deflate"));
        need(t->server_bits == 0 || (t->server_bits >= 8 && t->server_bits <= rules->window_bits));
        need(t->client_bits == 0 || (t->client_bits >= 8 && t->client_bits <= rules->window_bits));
        need(t->client_bits == 0 || offered(offers, "client_max_window_bits"));
        need(t->sends == (t->server_bits == 0 || t->server_bits == rules->window_bits));
        need(t->sends || offered(offers, "server_max_window_bits"));
        need(!t->client_context || rules->client_context);
        /* a window kept for the client is bounded by ours: named, or the largest there is */
        need(!t->client_context || t->client_bits > 0 || rules->window_bits == WS_WINDOW_BITS_MAX);
}

static void check_answer(const struct ws_deflate_rules *rules, const struct ws_terms *t)
{
        struct buf answer = { 0 };
        struct ws_terms again;
        need(ws_offer_answer(t, &answer) == 0);
        need(ws_offer_accept(buf_bytes(&answer), rules, &again));
        need(same(t, &again));
        buf_free(&answer);
}

/* The same offers among others. */
static void check_among(struct bytes offers, const struct ws_deflate_rules *rules, const struct ws_terms *t)
{
        static const char *const around[][2] = {
                { "", ", permessage-deflate; server_max_window_bits=9" },
                { "x-other; name=\"quoted\", permessage-deflate; unknown,", "" },
                { " \t,, ", " ,\t" },
        };
        for (size_t i = 0; i < sizeof around / sizeof *around; i++) {
                struct buf all = { 0 };
                struct ws_terms again;
                need(buf_text(&all, around[i][0]) == 0 && buf_put(&all, offers.at, offers.n) == 0 &&
                     buf_text(&all, around[i][1]) == 0);
                need(ws_offer_accept(buf_bytes(&all), rules, &again));
                need(same(t, &again));
                buf_free(&all);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
        if (n < 1)
                return 0;
        struct ws_deflate_rules rules = { .window_bits = (uint8_t)(WS_WINDOW_BITS_MIN + in[0] % 7),
                                          .client_context = in[0] & 8 };
        struct bytes offers = bytes_of(in + 1, n - 1);
        struct ws_terms terms;
        if (!ws_offer_accept(offers, &rules, &terms))
                return 0;
        check_terms(offers, &rules, &terms);
        check_answer(&rules, &terms);
        check_among(offers, &rules, &terms);
        return 0;
}
