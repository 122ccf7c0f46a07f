/* Golden data as text: lines of `WORD rest`, blank lines between cases, # for comments. See golden.c. */
#ifndef DOHLE_TESTS_GOLDEN_H
#define DOHLE_TESTS_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct golden {
    FILE *file;
    char *line;
    size_t line_capacity;
    const char *word, *rest; /* of the line at hand; valid until the next call */
};

/* Open tests/golden/NAME below the working directory; the test fails when it is not there. */
void golden_open(struct golden *golden, const char *name);
/* The next line that is no comment. False at the end of the file. A blank line has an empty word. */
bool golden_next(struct golden *golden);
void golden_close(struct golden *golden);

/* The bytes of hexadecimal text, from malloc ("-" stands for none). The test fails when it is none. */
uint8_t *golden_bytes(const char *text, size_t *size);

#endif
