#include "tcp_server/probe.h"

enum { MESSAGE_BYTES_MAX = 16 };

void probe_init(struct probe *p)
{
        p->answered = false;
        ws_init(&p->ws, WS_SERVER, MESSAGE_BYTES_MAX);
}

void probe_free(struct probe *p)
{
        ws_free(&p->ws);
}

static enum probe_verdict refuse(struct buf *out, uint16_t code)
{
        (void)ws_put_close(out, code, "", NULL); /* without it the connection is closed all the same */
        return PROBE_BAD;
}

static enum probe_verdict on_message(struct probe *p, const struct ws_event *ev, struct buf *out)
{
        bool text = ev->opcode == WS_TEXT;
        if (text && bytes_equal(ev->payload, bytes_text("2probe"))) {
                p->answered = true;
                return ws_put(out, WS_TEXT, bytes_text("3probe"), NULL) == 0 ? PROBE_MORE : PROBE_BAD;
        }
        bool upgrade = text && p->answered && bytes_equal(ev->payload, bytes_text("5"));
        return upgrade ? PROBE_UPGRADE : refuse(out, WS_NO_CODE);
}

static enum probe_verdict on_frame(struct probe *p, const struct ws_event *ev, struct buf *out)
{
        switch (ev->got) {
        case WS_GOT_MESSAGE:
                return on_message(p, ev, out);
        case WS_GOT_PING:
                return ws_put(out, WS_PONG, ev->payload, NULL) == 0 ? PROBE_MORE : PROBE_BAD;
        case WS_GOT_NOTHING:
        case WS_GOT_PONG:
                return PROBE_MORE;
        case WS_GOT_CLOSE:
                return refuse(out, ev->code);
        case WS_GOT_FAULT:
                return refuse(out, ws_fault_code(ev->fault));
        }
        return PROBE_BAD;
}

enum probe_verdict probe_recv(struct probe *p, uint8_t *in, size_t n, size_t *taken, struct buf *out)
{
        enum probe_verdict verdict = PROBE_MORE;
        *taken = 0;
        while (*taken < n && verdict == PROBE_MORE) {
                struct ws_event ev;
                *taken += ws_recv(&p->ws, in + *taken, n - *taken, &ev);
                verdict = on_frame(p, &ev, out);
        }
        return verdict;
}
