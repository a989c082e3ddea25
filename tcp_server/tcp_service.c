#include "tcp_server/tcp_service.h"

#include <stdlib.h>

#include "core/base/err.h"

enum { SCRATCH_KEPT = 64 << 10 };

static const struct {
        const char *reason, *words;
        uint16_t code;
        bool kept;
} ends[TCP_ENDS] = {
#define TCP_END_ROW(name, reason, code, kept, words) { reason, words, code, kept },
        TCP_END_LIST(TCP_END_ROW)
#undef TCP_END_ROW
};

const char *tcp_end_reason(enum tcp_end end)
{
        return ends[end].reason;
}

const char *tcp_end_text(enum tcp_end end)
{
        return ends[end].words;
}

uint16_t tcp_end_code(enum tcp_end end)
{
        return ends[end].code;
}

bool tcp_end_kept(enum tcp_end end)
{
        return ends[end].kept;
}

struct tcp_config tcp_config_defaults(void)
{
        return (struct tcp_config){
                .ping_interval_ns = 25 * NS_PER_S,
                .ping_timeout_ns = 20 * NS_PER_S,
                .connect_timeout_ns = 45 * NS_PER_S,
                .payload_bytes_max = 1000000,
                .recovery = true,
                .deflate_rules = { .window_bits = WS_WINDOW_BITS_MAX, .threshold_bytes = 1024 },
                .overrun = TCP_OVERRUN_BY_CLIENT,
                .away_max = 10000,
                .away_ns = 120 * NS_PER_S,
        };
}

static int add_encodings(struct tcp_space *space, bool recovery, struct ws_deflate *deflate)
{
        int packed = deflate != NULL;
        space->json[packed] = (struct tcp_encoding){ SIO_FORM_JSON, recovery, space->nsp, deflate };
        space->msgpack[packed] = (struct tcp_encoding){ SIO_FORM_MSGPACK, recovery, space->nsp, deflate };
        struct hub_encoding json = tcp_encoding_hub(&space->json[packed]);
        struct hub_encoding msgpack = tcp_encoding_hub(&space->msgpack[packed]);
        space->json_number[packed] = hub_encoding_add(space->hub, &json);
        if (space->json_number[packed] < 0)
                return space->json_number[packed];
        space->msgpack_number[packed] = hub_encoding_add(space->hub, &msgpack);
        return space->msgpack_number[packed] < 0 ? space->msgpack_number[packed] : 0;
}

static int space_open(struct tcp_space *space, struct app *app, const struct tcp_service *v)
{
        *space = (struct tcp_space){ .nsp = app_nsp(app), .app = app, .hub = app_hub(app) };
        int err = add_encodings(space, v->config.recovery, NULL);
        return err || !v->deflate ? err : add_encodings(space, v->config.recovery, v->deflate);
}

static int open_spaces(struct tcp_service *v, struct app *first)
{
        uint32_t n = 0;
        for (struct app *a = first; a; a = app_next(a))
                n++;
        v->spaces = calloc(n, sizeof *v->spaces);
        int err = v->spaces ? 0 : ERR_NO_MEMORY;
        for (struct app *a = first; !err && a; a = app_next(a))
                err = space_open(&v->spaces[v->spaces_n++], a, v);
        return err;
}

int tcp_service_create(struct app *app, const struct tcp_config *config, struct tcp_service **out)
{
        struct tcp_service *v = calloc(1, sizeof *v);
        if (!v)
                return ERR_NO_MEMORY;
        v->config = *config;
        v->config.recovery = config->recovery && !app_handlers(app)->exact;
        if (v->config.recovery)
                v->recover = tcp_recover_create(config->away_max, config->away_ns);
        if (v->config.deflate)
                v->deflate = ws_deflate_create(&config->deflate_rules);
        bool whole = (v->recover || !v->config.recovery) && (v->deflate || !v->config.deflate);
        int err = whole ? open_spaces(v, app) : ERR_NO_MEMORY;
        if (err) {
                tcp_service_destroy(v);
                return err;
        }
        *out = v;
        return 0;
}

static void shrink(struct buf *scratch)
{
        if (scratch->cap > SCRATCH_KEPT)
                buf_free(scratch);
}

void tcp_service_rest(struct tcp_service *v)
{
        shrink(&v->base64);
        shrink(&v->data);
        shrink(&v->event);
        shrink(&v->answer);
}

void tcp_service_destroy(struct tcp_service *v)
{
        if (!v)
                return;
        tcp_recover_destroy(v->recover);
        ws_deflate_destroy(v->deflate);
        buf_free(&v->base64);
        buf_free(&v->data);
        buf_free(&v->event);
        buf_free(&v->answer);
        free(v->spaces);
        free(v);
}

struct tcp_space *tcp_service_space(const struct tcp_service *v, struct bytes nsp)
{
        for (uint32_t i = 0; i < v->spaces_n; i++)
                if (bytes_equal(v->spaces[i].nsp, nsp))
                        return &v->spaces[i];
        return NULL;
}

bool tcp_service_crowded(const struct tcp_service *v)
{
        for (uint32_t i = 0; i < v->spaces_n; i++)
                if (hub_crowded(v->spaces[i].hub))
                        return true;
        return false;
}

struct mono tcp_service_deadline(const struct tcp_service *v)
{
        return v->recover ? tcp_recover_deadline(v->recover) : MONO_NEVER;
}

void tcp_service_expire(struct tcp_service *v, struct mono now)
{
        if (v->recover)
                tcp_recover_expire(v->recover, now);
}
