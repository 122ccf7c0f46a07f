/* Allocation that ends the process when memory is out. See base.h. */
#include "base.h"

#include <string.h>

static void *checked(void *memory, size_t size)
{
    if (memory == NULL && size > 0) {
        fprintf(stderr, "dohle: out of memory: %zu bytes were asked for\n", size);
        _Exit(EXIT_FAILURE);
    }
    return memory;
}

void *xmalloc(size_t size)
{
    return checked(malloc(size), size);
}

void *xcalloc(size_t count, size_t size)
{
    return checked(calloc(count, size), size > 0 ? count : 0);
}

void *xrealloc(void *memory, size_t size)
{
    return checked(realloc(memory, size), size);
}

char *xstrdup(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(xmalloc(size), text, size);
}
