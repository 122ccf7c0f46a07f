/* Reading golden data: one line at a time, split at the first blank. */
#include "golden.h"

#include "protocol/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

void golden_open(struct golden *golden, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "tests/golden/%s", name);
    *golden = (struct golden){.file = fopen(path, "r")};
    if (golden->file == NULL)
        fail_msg("%s is not there: run the tests in the top folder", path);
}

bool golden_next(struct golden *golden)
{
    ssize_t size;
    do {
        size = getline(&golden->line, &golden->line_capacity, golden->file);
    } while (size > 0 && golden->line[0] == '#');
    if (size <= 0)
        return false;
    golden->line[strcspn(golden->line, "\n")] = '\0';
    char *blank = strchr(golden->line, ' ');
    golden->word = golden->line;
    golden->rest = blank == NULL ? "" : blank + 1;
    if (blank != NULL)
        *blank = '\0';
    return true;
}

void golden_close(struct golden *golden)
{
    fclose(golden->file);
    free(golden->line);
}

static uint8_t digit(char character)
{
    const char *digits = "0123456789abcdef", *at = strchr(digits, character);
    if (at == NULL || character == '\0')
        fail_msg("no hexadecimal digit: '%c'", character);
    return (uint8_t)(at - digits);
}

uint8_t *golden_bytes(const char *text, size_t *size)
{
    *size = strcmp(text, "-") == 0 ? 0 : strlen(text) / 2;
    uint8_t *bytes = xmalloc(*size + 1);
    for (size_t i = 0; i < *size; i++)
        bytes[i] = (uint8_t)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
    return bytes;
}
