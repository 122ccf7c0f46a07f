/* Values from and to text. See value.h for how it looks. */
#ifndef DOHLE_TESTS_LIB_VALUE_TEXT_H
#define DOHLE_TESTS_LIB_VALUE_TEXT_H

#include "value.h"

/* ---- text -------------------------------------------------------------------------------------------------------- */

/* Reads text that is kept by the caller. Scenario files use it too, so that there is one set of tokens. */
struct value_reader {
    const char *at, *end;
    int32_t line;
    char error[200]; /* the first error with what was expected; empty: none */
};

void value_reader_init(struct value_reader *reader, const char *text, size_t size);
/* Skip blanks, ends of lines and comments; false at the end of the text. */
bool value_skip_blanks(struct value_reader *reader);
/* Note an error, unless there is one. Returns NULL for the caller to return. */
void *value_fail(struct value_reader *reader, const char *format, ...) PRINTF_LIKE(2, 3);
/* The word (letters, digits, - _ .) that comes next, without taking it; NULL when something else comes. */
const char *value_peek_word(struct value_reader *reader, struct arena *arena);
/* Take the word that comes next; an error when something else comes. */
const char *value_read_word(struct value_reader *reader, struct arena *arena);
/* Take a path such as topics[0].name. */
const char *value_read_path(struct value_reader *reader, struct arena *arena);
/* Take `word` if it comes next. */
bool value_accept_word(struct value_reader *reader, const char *word);
/* Take `character` if it comes next. */
bool value_accept(struct value_reader *reader, char character);
/* Take one value; NULL on an error. */
struct value *value_read(struct value_reader *reader, struct arena *arena);
/* The one value that a text begins with; NULL on an error. */
struct value *value_parse(const char *text, struct arena *arena);

/* The value as text. Lines are filled up to `width` columns, 0: one line. `column`: where the first one begins. */
char *value_print(struct arena *arena, const struct value *value, int32_t column, int32_t width);

#endif
