#include "core/base/err.h"

const char *err_text(int err)
{
        switch (err) {
        case 0:
                return "ok";
#define ERR_CASE(name, number, words) \
        case name:                    \
                return words;
                ERR_LIST(ERR_CASE)
#undef ERR_CASE
        default:
                return "unknown error";
        }
}
