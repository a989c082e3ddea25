#include "tcp_server/tcp_service.h"

#include <stdlib.h>

#include "core/base/err.h"

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
                .overrun = TCP_OVERRUN_BY_CLIENT,
                .away_max = 10000,
                .away_ns = 120 * NS_PER_S,
        };
}

static int add_encodings(struct tcp_service *v)
{
        struct hub_encoding json = tcp_encoding_hub(&v->json), msgpack = tcp_encoding_hub(&v->msgpack);
        v->json_number = hub_encoding_add(v->hub, &json);
        if (v->json_number < 0)
                return v->json_number;
        v->msgpack_number = hub_encoding_add(v->hub, &msgpack);
        return v->msgpack_number < 0 ? v->msgpack_number : 0;
}

int tcp_service_create(struct app *app, const struct tcp_config *config, struct tcp_service **out)
{
        struct tcp_service *v = calloc(1, sizeof *v);
        if (!v)
                return ERR_NO_MEMORY;
        v->app = app;
        v->hub = app_hub(app);
        v->config = *config;
        v->json = (struct tcp_encoding){ SIO_FORM_JSON, config->recovery };
        v->msgpack = (struct tcp_encoding){ SIO_FORM_MSGPACK, config->recovery };
        if (config->recovery)
                v->recover = tcp_recover_create(config->away_max, config->away_ns);
        int err = config->recovery && !v->recover ? ERR_NO_MEMORY : add_encodings(v);
        if (err) {
                tcp_service_destroy(v);
                return err;
        }
        *out = v;
        return 0;
}

void tcp_service_destroy(struct tcp_service *v)
{
        if (!v)
                return;
        tcp_recover_destroy(v->recover);
        buf_free(&v->base64);
        buf_free(&v->data);
        buf_free(&v->event);
        buf_free(&v->answer);
        free(v);
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
