/* results.json: each place in it that its readers look at. */
#include "tests/unit/harness.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "tests/unit/report_sample.h"

static json_t *written(const struct report *r)
{
        char *text = NULL;
        size_t n;
        FILE *out = open_memstream(&text, &n);
        assert_int_equal(report_write_json(r, out), 0);
        fclose(out);
        json_t *read = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(read);
        free(text);
        return read;
}

/* Follows a path such as "paths/1/outcomes/missing". */
static json_t *follow(json_t *at, const char *where)
{
        char part[64];
        while (at && *where) {
                size_t n = strcspn(where, "/");
                snprintf(part, sizeof part, "%.*s", (int)n, where);
                at = json_is_array(at) ? json_array_get(at, strtoul(part, NULL, 10)) : json_object_get(at, part);
                where += n + (where[n] == '/');
        }
        return at;
}

static const struct json_row {
        const char *name; /* the place */
        const char *text; /* as JSON */
} json_rows[] = {
        { "schema", "\"twincast-results-1\"" },
        { "seed", "\"18446744073709551615\"" },
        { "verdict/exit_code", "0" },
        { "verdict/valid", "true" },
        { "load/rate_per_s", "200" },
        { "load/plan_hash", "\"feedfacecafebeef\"" },
        { "load/plan_file", "null" },
        { "conditions/scenario", "\"rtt 50ms, loss 2%\"" },
        { "conditions/network", "\"link\"" },
        { "conditions/udp_congestion_controlled", "false" },
        { "validity/emulator/late/p99_ns", "93000" },
        { "validity/emulator/p99_ns_max", "2000000" },
        { "validity/device_drops", "0" },
        { "paths/0/congestion_control", "\"cubic\"" },
        { "paths/1/congestion_control", "null" },
        { "paths/1/outcomes/missing", "0" },
        { "paths/1/outcomes/lost", "398" },
        { "paths/1/outcomes/reasons", "{\"not repaired\": 398}" },
        { "paths/1/loss/raw_share", "0.0199" },
        { "paths/0/loss/raw_share", "null" },
        { "paths/0/loss/queue_packets", "12" },
        { "paths/3/loss/queue_packets", "345" },
        { "paths/0/loss/blackout_packets", "0" },
        { "paths/2/latency/p999_ns", "97500000" },
        { "paths/2/recovery/gap/count", "390" },
        { "paths/0/recovery/gap", "null" },
        { "paths/3/order/reordered", "398" },
        { "paths/0/cost/wire_bytes", "null" },
        { "paths/1/versus/path", "\"tcp\"" },
        { "paths/1/versus/median/low_ns", "-8010000" },
        { "paths/0/versus", "null" },
};

static void json_place(void **state)
{
        const struct json_row *row = *state;
        struct report *r = sample();
        report_judge(r);
        json_t *read = written(r), *found = follow(read, row->name);
        assert_non_null(found);
        char *text = json_dumps(found, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
        double number = strtod(row->text, NULL);
        if (json_is_real(found))
                assert_true(fabs(json_real_value(found) - number) <= 1e-6 * fabs(number));
        else
                assert_string_equal(text, row->text);
        free(text);
        json_decref(read);
        free(r);
}

int main(void)
{
        return RUN_ROWS("results.json", json_rows, json_place);
}
