/* Log lines. See logger.h. */
#include "logger.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CUT_MARK "..."

/* ---- the threshold -------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int least; /* of enum log_level that passes; below all: none */
} thresholds[] = {
    {"FATAL", LOG_LEVEL_ERROR - 1},
    {"ERROR", LOG_LEVEL_ERROR    },
    {"WARN",  LOG_LEVEL_WARN     },
    {"INFO",  LOG_LEVEL_INFO     },
    {"DEBUG", LOG_LEVEL_DEBUG    },
    {"TRACE", LOG_LEVEL_DEBUG    },
};

#define THRESHOLD_AT_START 3

static atomic_int threshold = THRESHOLD_AT_START; /* index of thresholds */

const char *log_threshold(void)
{
    return thresholds[atomic_load_explicit(&threshold, memory_order_relaxed)].name;
}

static int threshold_find(const char *name, size_t size)
{
    for (int i = 0; i < (int)COUNT_OF(thresholds); i++) {
        if (strlen(thresholds[i].name) == size && memcmp(thresholds[i].name, name, size) == 0) {
            return i;
        }
    }
    return -1;
}

bool log_threshold_known(const char *name, size_t size)
{
    return threshold_find(name, size) >= 0;
}

void log_set_threshold(const char *name, size_t size)
{
    int found = threshold_find(name, size);
    ASSERT(found >= 0);
    atomic_store_explicit(&threshold, found, memory_order_relaxed);
}

/* ---- lines ---------------------------------------------------------------------------------------------------------- */

/* Bytes of the UTF-8 sequence at `text` that may stand in a line as they are; 0: the first byte has to be escaped. */
static size_t plain_bytes(const unsigned char *text)
{
    unsigned char first = text[0];
    if (first < 0x80) {
        return first >= 0x20 && first != 0x7f ? 1 : 0;
    }
    size_t size = first >= 0xc2 && first <= 0xdf   ? 2
                  : first >= 0xe0 && first <= 0xef ? 3
                  : first >= 0xf0 && first <= 0xf4 ? 4
                                                   : 0;
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool c1_control = first == 0xc2 && text[1] < 0xa0;
    bool overlong = (first == 0xe0 && text[1] < 0xa0) || (first == 0xf0 && text[1] < 0x90);
    bool surrogate = first == 0xed && text[1] >= 0xa0;
    bool too_high = first == 0xf4 && text[1] >= 0x90;
    return c1_control || overlong || surrogate || too_high ? 0 : size;
}

/* Append `text` to the line, escaped; false when it was cut. */
static bool append_escaped(char line[LOG_LINE_MAX], size_t *used, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    while (*at != '\0') {
        size_t plain = plain_bytes(at);
        size_t needed = plain > 0 ? plain : strlen("\\x00");
        if (*used + needed + strlen(CUT_MARK "\n") >= LOG_LINE_MAX) {
            *used += (size_t)snprintf(line + *used, LOG_LINE_MAX - *used, CUT_MARK);
            return false;
        }
        if (plain > 0) {
            memcpy(line + *used, at, plain);
        } else {
            snprintf(line + *used, needed + 1, "\\x%02x", *at);
        }
        *used += needed;
        at += plain > 0 ? plain : 1;
    }
    return true;
}

size_t log_format(char line[LOG_LINE_MAX], int64_t wall_ms, enum log_level level, const char *sentence,
                  const char *format, va_list arguments)
{
    static const char *const names[] = {"ERROR", "WARN ", "INFO ", "DEBUG"};
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm time;
    gmtime_r(&seconds, &time);
    size_t used = strftime(line, LOG_LINE_MAX, "%Y-%m-%dT%H:%M:%S", &time);
    used += (size_t)snprintf(line + used, LOG_LINE_MAX - used, ".%03dZ %s ", (int)(wall_ms % 1000), names[level]);

    bool whole = append_escaped(line, &used, sentence);
    if (whole && format != NULL) {
        char details[LOG_LINE_MAX];
        vsnprintf(details, sizeof details, format, arguments);
        whole = append_escaped(line, &used, " ") && append_escaped(line, &used, details);
    }
    memcpy(line + used, "\n", sizeof "\n");
    return used + 1;
}

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void write_line(enum log_level level, const char *sentence, const char *format, va_list arguments)
{
    int before = errno;
    char line[LOG_LINE_MAX];
    size_t size = log_format(line, clock_ms(CLOCK_REALTIME), level, sentence, format, arguments);
    ssize_t written;
    do {
        written = write(STDERR_FILENO, line, size);
    } while (written < 0 && errno == EINTR); /* any other failure leaves nobody to tell */
    errno = before;
}

void log_line(enum log_level level, const char *sentence, const char *format, ...)
{
    if ((int)level > thresholds[atomic_load_explicit(&threshold, memory_order_relaxed)].least) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    write_line(level, sentence, format, arguments);
    va_end(arguments);
}

bool log_limit_pass(struct log_limit *limit, int64_t mono_ms, int64_t *suppressed)
{
    int64_t second = mono_ms / 1000;
    if (second != limit->second) {
        limit->second = second;
        limit->passed = 0;
    }
    if (limit->passed >= LOG_PEER_LINES_PER_SECOND) {
        limit->suppressed++;
        return false;
    }
    limit->passed++;
    *suppressed = limit->suppressed;
    limit->suppressed = 0;
    return true;
}

void log_line_limited(struct log_limit *limit, enum log_level level, const char *sentence, const char *format, ...)
{
    int64_t suppressed;
    if (!log_limit_pass(limit, clock_ms(CLOCK_MONOTONIC), &suppressed)) {
        return;
    }
    char details[LOG_LINE_MAX] = "";
    va_list arguments;
    va_start(arguments, format);
    if (format != NULL) {
        vsnprintf(details, sizeof details, format, arguments);
    }
    va_end(arguments);
    if (suppressed > 0) {
        log_line(level, sentence, "suppressed=%" PRId64 " %s", suppressed, details);
    } else {
        log_line(level, sentence, "%s", details);
    }
}
