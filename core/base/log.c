#include "core/base/log.h"

#include <stdarg.h>
#include <stdio.h>

static enum log_level level_max = LOG_WARN;
static const char *program = "twincast";

void log_level_set(enum log_level level)
{
        level_max = level;
}

void log_name_set(const char *name)
{
        program = name;
}

static void say(enum log_level level, const char *format, va_list args)
{
        static const char *const words[] = { "error: ", "warning: ", "" };
        if (level > level_max)
                return;
        char line[1024];
        vsnprintf(line, sizeof line, format, args);
        fprintf(stderr, "%s: %s%s\n", program, words[level], line);
}

#define LOG_FUNCTION(name, level)          \
        void name(const char *format, ...) \
        {                                  \
                va_list args;              \
                va_start(args, format);    \
                say(level, format, args);  \
                va_end(args);              \
        }

LOG_FUNCTION(log_error, LOG_ERROR)
LOG_FUNCTION(log_warn, LOG_WARN)
LOG_FUNCTION(log_info, LOG_INFO)
