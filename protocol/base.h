/* What every file of the project may use: assertions, attributes, small helpers. Knows nothing of Kafka.
 *
 * ASSERT() stays on in release builds. It is for our own mistakes, never for bytes that came from a socket or a disk.
 */
#ifndef DOHLE_PROTOCOL_BASE_H
#define DOHLE_PROTOCOL_BASE_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define WARN_UNUSED                         __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a)                   __attribute__((format(printf, f, a)))
#define COUNT_OF(array)                     (sizeof(array) / sizeof((array)[0]))
#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#define ASSERT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "dohle: assertion failed: %s (%s:%d)\n", #condition, __FILE__, __LINE__);                  \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* Memory whose size the program itself decides. Never NULL: when memory is out, the process ends with one clear line,
 * and the next start recovers as after a crash. What a peer sizes goes through an arena with a limit instead. */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *memory, size_t size);
char *xstrdup(const char *text);

#endif
