/* Log lines on standard error: one line per event, a short sentence and key=value pairs.
 *
 *     2026-11-23T02:41:21.123Z INFO  Rolled segment topic=orders partition=3 base_offset=1200
 *
 *     LOG_INFO("Rolled segment", "topic=%s partition=%d base_offset=%" PRId64, topic, partition, base_offset);
 *     LOG_INFO("Stopped", NULL);
 *
 * ERROR: a person should act. WARN: odd but handled. INFO: a day fits on a screen. DEBUG: what only a developer asks.
 * Secrets and record contents never.
 *
 * A line is one write() on descriptor 2, so lines of several threads do not mix; it shows the system's clock, also in
 * tests where the broker's clock is another. There is no sink or buffer to set up, and no state but the threshold and
 * the counters of LOG_PEER_WARN. What a peer sent may stand in a line: control characters and bytes that are not UTF-8
 * are escaped, and a line is cut at LOG_LINE_MAX. */
#ifndef DOHLE_BROKER_LOGGER_H
#define DOHLE_BROKER_LOGGER_H

#include "../protocol/base.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

#define LOG_LINE_MAX 2048 /* with the line's end; below PIPE_BUF, so that a line through a pipe stays whole */

#define LOG_ERROR(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define LOG_WARN(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define LOG_INFO(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define LOG_DEBUG(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* What is written: nothing below the threshold, under the names of Kafka's loggers: FATAL (nothing at all), ERROR,
 * WARN, INFO (at the start), DEBUG and TRACE (all). It is the process's, not a broker's, and changes nothing but what
 * is logged, which is why it may be static. Any thread may ask. */
const char *log_threshold(void);
bool log_threshold_known(const char *name, size_t size);
/* `name` is known. */
void log_set_threshold(const char *name, size_t size);

/* Write one line, if the threshold lets it pass. `format` may be NULL: the sentence alone. Keeps errno. */
void log_line(enum log_level level, const char *sentence, const char *format, ...) PRINTF_LIKE(3, 4);

/* The line that log_line() writes, ending in a newline and a zero byte, with the given wall clock. Returns its length.
 */
size_t log_format(char line[LOG_LINE_MAX], int64_t wall_ms, enum log_level level, const char *sentence,
                  const char *format, va_list arguments);

/* What a peer can cause at will: at most LOG_PEER_LINES_PER_SECOND lines a second from one place of the code (and
 * thread); the next line that is written tells how many were not, as suppressed=N. The counter lives at the place that
 * logs: it changes nothing but what is logged, which is why it may be static. */
#define LOG_PEER_LINES_PER_SECOND 5
#define LOG_PEER_WARN(...)                                                                                             \
    do {                                                                                                               \
        static _Thread_local struct log_limit log_limit_here;                                                          \
        log_line_limited(&log_limit_here, LOG_LEVEL_WARN, __VA_ARGS__);                                                \
    } while (0)

#define LOG_PEER_INFO(...)                                                                                             \
    do {                                                                                                               \
        static _Thread_local struct log_limit log_limit_here;                                                          \
        log_line_limited(&log_limit_here, LOG_LEVEL_INFO, __VA_ARGS__);                                                \
    } while (0)

struct log_limit {
    int64_t second;     /* of the monotonic clock, the one that `passed` counts in */
    int64_t suppressed; /* lines since the last one that passed */
    int32_t passed;
};
void log_line_limited(struct log_limit *limit, enum log_level level, const char *sentence, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* May a line pass at `mono_ms`? Then *suppressed is how many did not since the last that did. Zeroed is ready. */
bool log_limit_pass(struct log_limit *limit, int64_t mono_ms, int64_t *suppressed);

#endif
