#include "lab/loss.h"

#include "core/base/err.h"
#include "core/base/rng.h"
#include "core/base/units.h"

#include <stddef.h>
#include <string.h>

struct loss_model {
        const char *name;
        int (*parse)(const char *text, struct loss *out);
        bool (*hits)(const struct loss *l, uint64_t draw);
        double (*expected)(const struct loss *l);
};

static int bernoulli_parse(const char *text, struct loss *out)
{
        return units_share(text, &out->share);
}

static bool bernoulli_hits(const struct loss *l, uint64_t draw)
{
        return rng_to_unit(draw) < l->share;
}

static double bernoulli_expected(const struct loss *l)
{
        return l->share;
}

/* The first model is the one meant when no name is given. */
static const struct loss_model models[] = {
        { "bernoulli", bernoulli_parse, bernoulli_hits, bernoulli_expected },
};

struct loss loss_bernoulli(double share)
{
        return (struct loss){ &models[0], share };
}

int loss_parse(const char *text, struct loss *out)
{
        const struct loss_model *model = &models[0];
        const char *colon = strchr(text, ':');
        if (colon) {
                size_t name_bytes = (size_t)(colon - text);
                model = NULL;
                for (size_t i = 0; i < sizeof models / sizeof models[0]; i++)
                        if (strlen(models[i].name) == name_bytes && memcmp(models[i].name, text, name_bytes) == 0)
                                model = &models[i];
                if (!model)
                        return ERR_NOT_FOUND;
                text = colon + 1;
        }
        struct loss parsed = { .model = model };
        int err = model->parse(text, &parsed);
        if (err == 0)
                *out = parsed;
        return err;
}

const char *loss_name(const struct loss *l)
{
        return l->model ? l->model->name : "none";
}

bool loss_hits(const struct loss *l, uint64_t draw)
{
        return l->model && l->model->hits(l, draw);
}

double loss_expected(const struct loss *l)
{
        return l->model ? l->model->expected(l) : 0;
}
