#include "core/wire/eio_payload.h"
#include "tests/unit/harness.h"

#include <stdlib.h>

#include "core/base/err.h"
#include "core/wire/ws.h"

/* ---- taking apart: packets shown with `|` between them ------------------------------------------- */

struct split_row {
        const char *name, *payload, *packets;
};

static const struct split_row splits[] = {
        { "one", "4test", "4test" },
        { "three",
          "4test1\x1e"
          "4test2\x1e"
          "4test3",
          "4test1|4test2|4test3" },
        { "binary is base64",
          "4hello\x1e"
          "bAQIDBA==",
          "4hello|bAQIDBA==" },
        { "an empty body is one empty packet", "", "" },
        { "an empty packet at the end", "4a\x1e", "4a|" },
        { "nothing but separators", "\x1e\x1e", "||" },
};

static void show(struct bytes payload, struct buf *out)
{
        struct bytes packet;
        while (eio_payload_next(&payload, &packet)) {
                buf_put(out, packet.at, packet.n);
                buf_text(out, "|");
        }
        out->n--;
}

static void run_split(void **state)
{
        const struct split_row *row = *state;
        size_t n = strlen(row->payload);
        for (size_t cut = 0; cut <= n; cut++) {
                struct buf out = { 0 };
                uint8_t *exact = malloc(cut + 1);
                memcpy(exact, row->payload, cut);
                show(bytes_of(exact, cut), &out);
                assert_true(bytes_equal(buf_bytes(&out), bytes_of(row->packets, cut)));
                buf_free(&out);
                free(exact);
        }
}

/* ---- putting together ---------------------------------------------------------------------------- */

struct join_row {
        const char *name, *before;
        struct {
                enum ws_opcode opcode;
                const char *payload;
        } frames[4];
        const char *body; /* NULL: malformed, and as before */
};

static const struct join_row joins[] = {
        { "one", "", { { WS_TEXT, "4test" } }, "4test" },
        { "three",
          "",
          { { WS_TEXT, "4a" }, { WS_TEXT, "2" }, { WS_TEXT, "4b" } },
          "4a\x1e"
          "2\x1e"
          "4b" },
        { "binary becomes base64",
          "",
          { { WS_TEXT, "4hello" }, { WS_BINARY, "\1\2\3\4" } },
          "4hello\x1e"
          "bAQIDBA==" },
        { "binary of one byte", "", { { WS_BINARY, "M" } }, "bTQ==" },
        { "behind what is there",
          "4a",
          { { WS_TEXT, "4b" } },
          "4a\x1e"
          "4b" },
        { "a close frame is the close packet",
          "",
          { { WS_TEXT, "4a" }, { WS_CLOSE, "" } },
          "4a\x1e"
          "1" },
        { "pongs are not for polling", "", { { WS_PONG, "x" }, { WS_TEXT, "4a" } }, "4a" },
        { "a message of no bytes, first",
          "",
          { { WS_TEXT, "4" }, { WS_TEXT, "4a" } },
          "4\x1e"
          "4a" },
        { "binary of no bytes, first",
          "",
          { { WS_BINARY, "" }, { WS_TEXT, "4a" } },
          "b\x1e"
          "4a" },
        { "a text of no bytes is no packet", "4a", { { WS_TEXT, "" } }, NULL },
        { "a text of no bytes, first", "", { { WS_TEXT, "" }, { WS_TEXT, "4a" } }, NULL },
        { "a text of no bytes, last", "4a", { { WS_TEXT, "4b" }, { WS_TEXT, "" } }, NULL },
};

static struct buf frames_of(const struct join_row *row)
{
        struct buf frames = { 0 };
        for (int i = 0; i < 4 && row->frames[i].payload; i++)
                ws_put(&frames, row->frames[i].opcode, bytes_text(row->frames[i].payload), NULL);
        return frames;
}

static void run_join(void **state)
{
        const struct join_row *row = *state;
        struct buf frames = frames_of(row), body = { 0 };
        buf_text(&body, row->before);
        assert_int_equal(eio_payload_put(&body, buf_bytes(&frames)), row->body ? 0 : ERR_MALFORMED);
        assert_true(bytes_equal(buf_bytes(&body), bytes_text(row->body ? row->body : row->before)));
        buf_free(&frames);
        buf_free(&body);
}

/* Lengths in each of the three forms. */
static void lengths_of_every_form(void **state)
{
        (void)state;
        static const size_t sizes[] = { 1, 125, 126, 127, 65535, 65536, 100000 };
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                struct buf text = { 0 }, frame = { 0 }, body = { 0 };
                memset(buf_room(&text, sizes[i] + 1), 'x', sizes[i]);
                text.n = sizes[i];
                ws_put(&frame, WS_TEXT, buf_bytes(&text), NULL);
                assert_int_equal(eio_payload_put(&body, buf_bytes(&frame)), 0);
                assert_true(bytes_equal(buf_bytes(&body), buf_bytes(&text)));
                buf_free(&text);
                buf_free(&frame);
                buf_free(&body);
        }
}

static void a_frame_that_is_not_whole_adds_nothing(void **state)
{
        (void)state;
        struct buf frame = { 0 }, body = { 0 };
        buf_text(&body, "4a");
        ws_put(&frame, WS_TEXT, bytes_text("4hello"), NULL);
        for (size_t cut = 1; cut < frame.n; cut++) {
                uint8_t *exact = malloc(cut);
                memcpy(exact, frame.at, cut);
                assert_int_equal(eio_payload_put(&body, bytes_of(exact, cut)), ERR_MALFORMED);
                assert_true(bytes_equal(buf_bytes(&body), bytes_text("4a")));
                free(exact);
        }
        buf_free(&frame);
        buf_free(&body);
}

int main(void)
{
        static const struct CMUnitTest others[] = {
                cmocka_unit_test(lengths_of_every_form),
                cmocka_unit_test(a_frame_that_is_not_whole_adds_nothing),
        };
        int failed = RUN_ROWS("eio_payload split", splits, run_split);
        failed += RUN_ROWS("eio_payload join", joins, run_join);
        return failed + cmocka_run_group_tests_name("eio_payload others", others, NULL, NULL);
}
