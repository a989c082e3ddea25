/* The names that people read: of types, codes and verdicts. Contract in dgram.h. */
#include "core/wire/dgram.h"

const char *dgram_type_text(uint8_t type)
{
        switch (type) {
#define NAME_CASE(name, code, level, broadcast) \
        case code:                              \
                return #name;
                DGRAM_TYPES(NAME_CASE)
#undef NAME_CASE
        default:
                return NULL;
        }
}

const char *dgram_code_text(uint16_t code)
{
        static const char *const words[] = {
                "ok",
                "duplicate",
                "bad cookie",
                "bad version",
                "not authorised",
                "no channel",
                "not a member",
                "too big",
                "malformed",
                "rate limited",
                "full",
                "publish too old",
                "new epoch",
                "evicted",
                "limit reached",
                "shutting down",
                "bad path",
                "receiver too slow",
                "log unreachable",
                "fragments missing",
                "an older one first",
                "kept until its turn",
        };
        static const char *const own[] = { "timeout", "outcome unknown", "not repaired" };
        if (code < sizeof words / sizeof *words)
                return words[code];
        if (code >= DGRAM_CODE_TIMEOUT && code <= DGRAM_CODE_NOT_REPAIRED)
                return own[code - DGRAM_CODE_TIMEOUT];
        return "unknown code";
}
