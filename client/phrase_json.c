#include "client/phrase.h"

#include <sodium.h>

#include "core/base/err.h"
#include "core/event/json.h"
#include "core/event/pack.h"

static int put_pair_text(struct buf *out, const char *key, struct bytes text)
{
        int err = pack_put_word(out, key);
        return err ? err : pack_put_text(out, text);
}

static int put_pair_word(struct buf *out, const char *key, const char *word)
{
        return put_pair_text(out, key, bytes_text(word ? word : ""));
}

static int put_pair_bool(struct buf *out, const char *key, bool v)
{
        int err = pack_put_word(out, key);
        return err ? err : pack_put_bool(out, v);
}

static int put_pair_u64(struct buf *out, const char *key, uint64_t v)
{
        int err = pack_put_word(out, key);
        return err ? err : pack_put_u64(out, v);
}

static int pack_up(struct buf *out, const struct client_event *ev)
{
        int err = pack_put_map(out, 3);
        err = err ? err : put_pair_word(out, "type", "up");
        err = err ? err : put_pair_text(out, "id", ev->id);
        return err ? err : put_pair_bool(out, "recovered", ev->recovered);
}

static int pack_down(struct buf *out, const struct client_event *ev)
{
        int err = pack_put_map(out, 3);
        err = err ? err : put_pair_word(out, "type", "down");
        err = err ? err : put_pair_word(out, "reason", ev->reason);
        return err ? err : put_pair_bool(out, "final", ev->final);
}

static int pack_joined(struct buf *out, const struct client_event *ev)
{
        int err = pack_put_map(out, 2);
        err = err ? err : put_pair_word(out, "type", "joined");
        return err ? err : put_pair_text(out, "room", ev->room);
}

static int pack_event(struct buf *out, const struct client_event *ev)
{
        int err = pack_put_map(out, 7);
        err = err ? err : put_pair_word(out, "type", "event");
        err = err ? err : pack_put_word(out, "event");
        err = err ? err : pack_put_raw(out, ev->event);
        err = err ? err : put_pair_text(out, "room", ev->room);
        err = err ? err : put_pair_u64(out, "eid", ev->eid);
        err = err ? err : put_pair_u64(out, "seq", ev->seq);
        err = err ? err : put_pair_u64(out, "epoch", ev->epoch);
        return err ? err : put_pair_bool(out, "recovered", ev->recovered);
}

static int pack_gap(struct buf *out, const struct client_event *ev)
{
        int err = pack_put_map(out, 6);
        err = err ? err : put_pair_word(out, "type", "gap");
        err = err ? err : put_pair_text(out, "room", ev->room);
        err = err ? err : put_pair_word(out, "unit", ev->unit == CLIENT_UNIT_SEQ ? "seq" : "eid");
        err = err ? err : put_pair_u64(out, "from", ev->from);
        err = err ? err : pack_put_word(out, "to");
        err = err ? err : ev->to == UINT64_MAX ? pack_put_nil(out) : pack_put_u64(out, ev->to);
        return err ? err : put_pair_word(out, "reason", ev->reason);
}

static int pack_answer(struct buf *out, const struct client_event *ev)
{
        static const char *const words[] = {
                [CLIENT_OK] = "ok", [CLIENT_REFUSED] = "refused", [CLIENT_UNKNOWN] = "unknown"
        };
        struct bytes rest = ev->answer, item;
        uint32_t n = 0;
        while (pack_next(&rest, &item))
                n++;
        int err = pack_put_map(out, 4);
        err = err ? err : put_pair_word(out, "type", "answer");
        err = err ? err : put_pair_u64(out, "call", ev->call);
        err = err ? err : put_pair_word(out, "status", words[ev->status]);
        err = err ? err : pack_put_word(out, "answer");
        err = err ? err : pack_put_array(out, n);
        return err ? err : pack_put_raw(out, ev->answer);
}

static int pack_advice(struct buf *out, const struct client_event *ev)
{
        int err = pack_put_map(out, 2);
        err = err ? err : put_pair_word(out, "type", "advice");
        return err ? err : put_pair_word(out, "reason", ev->reason);
}

static int pack_out(struct buf *out, const struct client_event *ev)
{
        int err = pack_put_map(out, 3);
        err = err ? err : put_pair_word(out, "type", "out");
        err = err ? err : put_pair_text(out, "room", ev->room);
        return err ? err : put_pair_word(out, "reason", ev->reason);
}

static int pack_any(struct buf *out, const struct client_event *ev)
{
        switch (ev->kind) {
        case CLIENT_UP:
                return pack_up(out, ev);
        case CLIENT_DOWN:
                return pack_down(out, ev);
        case CLIENT_EVENT:
                return pack_event(out, ev);
        case CLIENT_GAP:
                return pack_gap(out, ev);
        case CLIENT_ANSWER:
                return pack_answer(out, ev);
        case CLIENT_JOINED:
                return pack_joined(out, ev);
        case CLIENT_OUT:
                return pack_out(out, ev);
        case CLIENT_ADVICE:
                return pack_advice(out, ev);
        }
        return ERR_UNSUPPORTED;
}

static int put_base64(struct buf *out, struct bytes bin)
{
        size_t n = sodium_base64_encoded_len(bin.n, sodium_base64_VARIANT_ORIGINAL); /* its final zero too */
        char *at = (char *)buf_room(out, n);
        if (!at)
                return ERR_NO_MEMORY;
        sodium_bin2base64(at, n, bin.at, bin.n, sodium_base64_VARIANT_ORIGINAL);
        out->n += n - 1;
        return 0;
}

/* Into the object that out ends with. */
static int put_attachments(struct buf *out, const struct json_bins *bins)
{
        out->n--;
        int err = buf_text(out, ",\"attachments\":[");
        for (uint32_t i = 0; i < bins->n && !err; i++) {
                err = buf_text(out, i ? ",\"" : "\"");
                err = err ? err : put_base64(out, bins->bin[i]);
                err = err ? err : buf_text(out, "\"");
        }
        return err ? err : buf_text(out, "]}");
}

int phrase_json(struct buf *out, const struct client_event *ev)
{
        struct buf packed = { 0 };
        struct json_bins bins = { 0 };
        int err = pack_any(&packed, ev);
        err = err ? err : json_from_pack(buf_bytes(&packed), out, &bins);
        if (!err && bins.n)
                err = put_attachments(out, &bins);
        buf_free(&packed);
        return err;
}

int phrase_json_error(struct buf *out, const char *words)
{
        struct buf packed = { 0 };
        int err = pack_put_map(&packed, 2);
        err = err ? err : put_pair_word(&packed, "type", "error");
        err = err ? err : put_pair_word(&packed, "error", words);
        err = err ? err : json_from_pack(buf_bytes(&packed), out, NULL);
        buf_free(&packed);
        return err;
}
