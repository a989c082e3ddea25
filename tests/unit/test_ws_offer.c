#include "tests/unit/harness.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/wire/ws_offer.h"

struct offer_row {
        const char *name, *offers;
        const char *answer; /* behind "permessage-deflate; server_no_context_takeover"; NULL: nothing is agreed on */
        bool silent;        /* and this client is sent nothing compressed */
        uint8_t window_bits;
        bool context;
};

#define PMD  "permessage-deflate"
#define NONE "; client_no_context_takeover"

static const struct offer_row rows[] = {
        { "the plain offer", .offers = PMD, .answer = NONE },
        { "what browsers offer", .offers = PMD "; client_max_window_bits", .answer = NONE },
        { "all four",
          .offers = PMD "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12;"
                        " client_max_window_bits=11",
          .answer = NONE "; server_max_window_bits=12; client_max_window_bits=11", .silent = true },
        { "clients may keep their context", .offers = PMD, .answer = "", .context = true },
        { "one that will not is held to it", .offers = PMD "; client_no_context_takeover", .answer = NONE,
          .context = true },
        { "a window as large as ours", .offers = PMD "; server_max_window_bits=15",
          .answer = "; server_max_window_bits=15", .context = true },
        { "a window smaller than ours", .offers = PMD "; server_max_window_bits=14",
          .answer = "; server_max_window_bits=14", .silent = true, .context = true },
        { "the smallest window", .offers = PMD "; server_max_window_bits=8", .answer = "; server_max_window_bits=8",
          .silent = true, .context = true },
        { "our smaller window", .offers = PMD "; server_max_window_bits=14; client_max_window_bits",
          .answer = "; server_max_window_bits=10; client_max_window_bits=10", .window_bits = 10, .context = true },
        { "our smaller window, unasked", .offers = PMD, .answer = NONE "; server_max_window_bits=10",
          .window_bits = 10 },
        { "a context that we could not bound", .offers = PMD, .answer = NONE "; server_max_window_bits=10",
          .window_bits = 10, .context = true },
        { "a client's window below ours", .offers = PMD "; client_max_window_bits=9",
          .answer = "; server_max_window_bits=10; client_max_window_bits=9", .window_bits = 10, .context = true },
        { "a client's window of eight bits", .offers = PMD "; client_max_window_bits=8",
          .answer = "; client_max_window_bits=8", .context = true },
        { "a quoted value", .offers = PMD "; server_max_window_bits=\"15\"",
          .answer = NONE "; server_max_window_bits=15" },
        { "a quoted value with an escape", .offers = PMD "; server_max_window_bits=\"1\\5\"",
          .answer = NONE "; server_max_window_bits=15" },
        { "spaces and tabs", .offers = " \t" PMD "\t ; \t client_max_window_bits = 15 \t",
          .answer = NONE "; client_max_window_bits=15" },
        { "no spaces", .offers = PMD ";client_max_window_bits=15", .answer = NONE "; client_max_window_bits=15" },
        { "empty members of the list", .offers = ", ," PMD ",,", .answer = NONE },
        { "the second offer", .offers = PMD "; server_max_window_bits=7, " PMD "; server_max_window_bits=15",
          .answer = NONE "; server_max_window_bits=15" },
        { "the first of two that are good", .offers = PMD "; client_max_window_bits=15, " PMD,
          .answer = NONE "; client_max_window_bits=15" },
        { "behind an extension we do not know",
          .offers = "x-webkit-deflate-frame, mux; max-channels=4; a=\"b c\", " PMD },
        { "behind one that parses", .offers = "x-webkit-deflate-frame; no_context_takeover, mux; channels=4, " PMD,
          .answer = NONE },

        { "nothing", .offers = "" },
        { "another extension", .offers = "x-webkit-deflate-frame" },
        { "another's name in other letters", .offers = "Permessage-Deflate" },
        { "a longer name", .offers = "permessage-deflate2" },
        { "an unknown parameter", .offers = PMD "; windows" },
        { "a parameter's name in other letters", .offers = PMD "; Client_Max_Window_Bits" },
        { "a value for one that has none", .offers = PMD "; server_no_context_takeover=1" },
        { "and for the other", .offers = PMD "; client_no_context_takeover=\"true\"" },
        { "a parameter twice", .offers = PMD "; server_no_context_takeover; server_no_context_takeover" },
        { "a client's parameter twice", .offers = PMD "; client_no_context_takeover; client_no_context_takeover" },
        { "a window twice", .offers = PMD "; server_max_window_bits=10; server_max_window_bits=10" },
        { "a client's window twice", .offers = PMD "; client_max_window_bits; client_max_window_bits=10" },
        { "a server's window without a value", .offers = PMD "; server_max_window_bits" },
        { "7 bits", .offers = PMD "; server_max_window_bits=7" },
        { "16 bits", .offers = PMD "; server_max_window_bits=16" },
        { "0 bits", .offers = PMD "; client_max_window_bits=0" },
        { "7 bits of the client's", .offers = PMD "; client_max_window_bits=7" },
        { "20 bits of the client's", .offers = PMD "; client_max_window_bits=20" },
        { "a leading zero", .offers = PMD "; client_max_window_bits=08" },
        { "a sign", .offers = PMD "; client_max_window_bits=+9" },
        { "a number that begins well", .offers = PMD "; client_max_window_bits=10000000000000000000" },
        { "words for a number", .offers = PMD "; client_max_window_bits=ten" },
        { "a semicolon at the end", .offers = PMD ";" },
        { "an equals sign at the end", .offers = PMD "; client_max_window_bits=" },
        { "no name", .offers = "; client_max_window_bits" },
        { "no name of a parameter", .offers = PMD "; =10" },
        { "two words", .offers = PMD " x" },
        { "two values", .offers = PMD "; client_max_window_bits=10 11" },
        { "a quote that is not closed", .offers = PMD "; client_max_window_bits=\"10" },
        { "an escape at the end", .offers = PMD "; client_max_window_bits=\"10\\" },
        { "an empty quoted value", .offers = PMD "; client_max_window_bits=\"\"" },
        { "a quoted space", .offers = PMD "; client_max_window_bits=\" 10\"" },
        { "a good offer before nonsense", .offers = PMD ", {}" },
        { "a byte above ASCII", .offers = PMD "; \xc3\xa4" },
        { "a slash", .offers = "permessage/deflate" },
};

static void run_row(void **state)
{
        const struct offer_row *row = *state;
        struct ws_deflate_rules rules = { .window_bits = row->window_bits ? row->window_bits : WS_WINDOW_BITS_MAX,
                                          .client_context = row->context };
        struct ws_terms terms = { 0 };
        struct buf out = { 0 };
        char *exact = strndup(row->offers, strlen(row->offers)); /* the sanitizer sees any step outside */
        bool agreed = ws_offer_accept(bytes_of(exact, strlen(row->offers)), &rules, &terms);
        assert_int_equal(agreed, row->answer != NULL);
        if (agreed) {
                char expected[256];
                snprintf(expected, sizeof expected, PMD "; server_no_context_takeover%s", row->answer);
                assert_int_equal(ws_offer_answer(&terms, &out), 0);
                assert_true(bytes_equal(buf_bytes(&out), bytes_text(expected)));
                assert_int_equal(terms.sends, !row->silent);
                assert_int_equal(terms.client_context, !strstr(row->answer, NONE));
        }
        buf_free(&out);
        free(exact);
}

static void no_zero_byte_is_a_word(void **state)
{
        (void)state;
        static const char offers[] = PMD "\0";
        struct ws_deflate_rules rules = { .window_bits = WS_WINDOW_BITS_MAX };
        struct ws_terms terms;
        assert_true(ws_offer_accept(bytes_of(offers, sizeof offers - 2), &rules, &terms));
        assert_false(ws_offer_accept(bytes_of(offers, sizeof offers - 1), &rules, &terms));
}

int main(void)
{
        const struct CMUnitTest stories[] = { cmocka_unit_test(no_zero_byte_is_a_word) };
        return RUN_ROWS("ws_offer", rows, run_row) +
               cmocka_run_group_tests_name("ws_offer stories", stories, NULL, NULL);
}
