/* log: short lines on standard error for the person who runs the program.
 *
 * One line a call, with the level's word in front. Not for the hot path, and never the place
 * where an error is handled: a counter or a return value says the same to the program.
 */
#ifndef CORE_BASE_LOG_H
#define CORE_BASE_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO };

/* Lines above this level are dropped. LOG_WARN until set; programs set it from --verbose. */
void log_level_set(enum log_level level);

/* The name in front of every line, usually the program's; borrowed for ever. */
void log_name_set(const char *name);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
