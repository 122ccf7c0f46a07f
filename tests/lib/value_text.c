/* The text form of values: see value.h for how it looks.
 *
 * The reader goes from left to right and keeps the first error, in words; its line is counted for the caller. The
 * printer fills lines as text is filled, so that recorded answers are readable and a change of one value changes few
 * lines. What the printer writes the reader reads back; a uuid comes back as its text, which compares equal. */
#include "value_text.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#define VALUE_DEPTH_MAX 64 /* lists and objects in each other: deeper than any message, shallower than the stack */

/* ---- reading ---------------------------------------------------------------------------------------------------- */

void value_reader_init(struct value_reader *reader, const char *text, size_t size)
{
    *reader = (struct value_reader){.at = text, .end = text + size, .line = 1};
}

bool value_skip_blanks(struct value_reader *reader)
{
    while (reader->at < reader->end) {
        if (*reader->at == '#') {
            while (reader->at < reader->end && *reader->at != '\n')
                reader->at++;
        } else if (isspace((unsigned char)*reader->at)) {
            reader->line += *reader->at++ == '\n';
        } else {
            return true;
        }
    }
    return false;
}

void *value_fail(struct value_reader *reader, const char *format, ...)
{
    if (!reader->error[0]) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(reader->error, sizeof reader->error, format, arguments);
        va_end(arguments);
    }
    return NULL;
}

static bool value_is_word(char character)
{
    return isalnum((unsigned char)character) || (character && strchr("-_.", character));
}

static size_t value_word_size(struct value_reader *reader)
{
    if (!value_skip_blanks(reader))
        return 0;
    size_t size = 0;
    while (reader->at + size < reader->end && value_is_word(reader->at[size]))
        size++;
    return size;
}

const char *value_peek_word(struct value_reader *reader, struct arena *arena)
{
    size_t size = value_word_size(reader);
    return size ? value_printf(arena, "%.*s", (int)size, reader->at) : NULL;
}

const char *value_read_word(struct value_reader *reader, struct arena *arena)
{
    const char *word = value_peek_word(reader, arena);
    if (!word)
        return value_fail(reader, "a word was expected");
    reader->at += strlen(word);
    return word;
}

const char *value_read_path(struct value_reader *reader, struct arena *arena)
{
    value_skip_blanks(reader);
    const char *start = reader->at;
    while (reader->at < reader->end && (value_is_word(*reader->at) || *reader->at == '[' || *reader->at == ']'))
        reader->at++;
    if (reader->at == start)
        return value_fail(reader, "a path was expected");
    return value_printf(arena, "%.*s", (int)(reader->at - start), start);
}

bool value_accept_word(struct value_reader *reader, const char *word)
{
    size_t size = value_word_size(reader);
    if (size != strlen(word) || strncmp(reader->at, word, size) != 0)
        return false;
    reader->at += size;
    return true;
}

bool value_accept(struct value_reader *reader, char character)
{
    if (!value_skip_blanks(reader) || *reader->at != character)
        return false;
    reader->at++;
    return true;
}

/* Two hexadecimal digits, or -1. */
static int value_hex_byte(const char *text)
{
    int byte = 0;
    for (int i = 0; i < 2; i++) {
        if (!isxdigit((unsigned char)text[i]))
            return -1;
        int digit = isdigit((unsigned char)text[i]) ? text[i] - '0' : tolower((unsigned char)text[i]) - 'a' + 10;
        byte = byte << 4 | digit;
    }
    return byte;
}

static struct value *value_read_string(struct value_reader *reader, struct arena *arena)
{
    const char *start = ++reader->at;
    while (reader->at < reader->end && *reader->at != '"' && *reader->at != '\n')
        reader->at += *reader->at == '\\' && reader->at + 1 < reader->end ? 2 : 1;
    if (reader->at >= reader->end || *reader->at != '"')
        return value_fail(reader, "a string has no end on its line");
    const char *end = reader->at++;
    char *text = value_alloc(arena, (size_t)(end - start) + 1);
    int32_t size = 0;
    for (const char *from = start; from < end; from++) {
        if (*from != '\\') {
            text[size++] = *from;
            continue;
        }
        from++;
        if (*from == '"' || *from == '\\') {
            text[size++] = *from;
        } else if (*from == 'x' && end - from > 2 && value_hex_byte(from + 1) >= 0) {
            text[size++] = (char)value_hex_byte(from + 1);
            from += 2;
        } else {
            return value_fail(reader, "a string knows \\\", \\\\ and \\x with two hexadecimal digits");
        }
    }
    return value_string(arena, (struct kp_string){text, size});
}

/* x"0a 0b": blanks may stand between bytes. */
static struct value *value_read_bytes(struct value_reader *reader, struct arena *arena)
{
    reader->at++;
    struct value *value = value_read_string(reader, arena);
    if (!value)
        return NULL;
    value->type = VALUE_BYTES;
    char *bytes = value_alloc(arena, (size_t)value->text.size + 1);
    int32_t size = 0;
    for (int32_t i = 0; i < value->text.size; i++) {
        if (value->text.data[i] == ' ')
            continue;
        int byte = i + 1 < value->text.size ? value_hex_byte(value->text.data + i++) : -1;
        if (byte < 0)
            return value_fail(reader, "pairs of hexadecimal digits were expected");
        bytes[size++] = (char)byte;
    }
    value->text = (struct kp_string){bytes, size};
    return value;
}

static struct value *value_read_number(struct value_reader *reader, struct arena *arena)
{
    char text[64];
    size_t size = 0;
    while (reader->at + size < reader->end && size < sizeof text - 1 &&
           (isalnum((unsigned char)reader->at[size]) || strchr("+-.", reader->at[size])))
        size++;
    memcpy(text, reader->at, size);
    text[size] = '\0';
    reader->at += size;
    char *end;
    struct value *value = value_int(arena, 0);
    value->number = strtoll(text, &end, 10);
    if (*end) {
        value->type = VALUE_FLOAT;
        value->number = 0;
        value->real = strtod(text, &end);
    }
    return *end ? value_fail(reader, "'%s' is no number", text) : value;
}

static struct value *value_read_name(struct value_reader *reader, struct arena *arena)
{
    const char *start = ++reader->at;
    while (reader->at < reader->end && (isalnum((unsigned char)*reader->at) || *reader->at == '_'))
        reader->at++;
    if (reader->at == start)
        return value_fail(reader, "a name was expected after '$'");
    const char *name = value_printf(arena, "%.*s", (int)(reader->at - start), start);
    int64_t delta = 0;
    if (reader->at < reader->end && (*reader->at == '+' || *reader->at == '-')) {
        struct value *number = value_read_number(reader, arena);
        if (!number || number->type != VALUE_INT)
            return value_fail(reader, "a whole number was expected behind '$%s'", name);
        delta = number->number;
    }
    return value_name(arena, name, delta);
}

static struct value *value_read_at(struct value_reader *reader, struct arena *arena, int32_t depth);

static struct value *value_read_items(struct value_reader *reader, struct arena *arena, int32_t depth)
{
    bool object = *reader->at++ == '{';
    struct value *list = value_new(arena, object ? VALUE_OBJECT : VALUE_LIST);
    while (!value_accept(reader, object ? '}' : ']')) {
        if (list->first && !value_accept(reader, ','))
            return value_fail(reader, "',' or '%c' was expected", object ? '}' : ']');
        const char *key = NULL;
        if (object) {
            key = value_read_word(reader, arena);
            if (!key)
                return NULL;
            if (!value_accept(reader, ':'))
                return value_fail(reader, "':' was expected behind '%s'", key);
            if (value_get(list, key))
                return value_fail(reader, "'%s' stands twice", key);
        }
        struct value *item = value_read_at(reader, arena, depth + 1);
        if (!item)
            return NULL;
        item->key = key;
        value_append(list, item);
    }
    return list;
}

static struct value *value_read_at(struct value_reader *reader, struct arena *arena, int32_t depth)
{
    if (depth > VALUE_DEPTH_MAX)
        return value_fail(reader, "nested deeper than %d", VALUE_DEPTH_MAX);
    if (!value_skip_blanks(reader))
        return value_fail(reader, "a value was expected");
    char next = *reader->at;
    if (next == '{' || next == '[')
        return value_read_items(reader, arena, depth);
    if (next == '"')
        return value_read_string(reader, arena);
    if (next == 'x' && reader->end - reader->at > 1 && reader->at[1] == '"')
        return value_read_bytes(reader, arena);
    if (next == '$')
        return value_read_name(reader, arena);
    if (isdigit((unsigned char)next) || next == '-')
        return value_read_number(reader, arena);
    if (value_accept_word(reader, "null"))
        return value_new(arena, VALUE_NULL);
    bool is_true = value_accept_word(reader, "true");
    if (is_true || value_accept_word(reader, "false")) {
        struct value *value = value_new(arena, VALUE_BOOL);
        value->number = is_true;
        return value;
    }
    if (!isupper((unsigned char)next))
        return value_fail(reader, "a value was expected, not '%c'", next);
    struct value *word = value_text(arena, value_read_word(reader, arena));
    word->type = VALUE_WORD;
    return word;
}

struct value *value_read(struct value_reader *reader, struct arena *arena)
{
    return value_read_at(reader, arena, 0);
}

struct value *value_parse(const char *text, struct arena *arena)
{
    struct value_reader reader;
    value_reader_init(&reader, text, strlen(text));
    return value_read(&reader, arena);
}

/* ---- printing --------------------------------------------------------------------------------------------------- */

/* Text that grows, in an arena: the old copies stay behind until the arena is released. */
struct value_writer {
    struct arena *arena;
    char *text;
    size_t size, capacity;
};

static void value_put(struct value_writer *writer, const char *text, size_t size)
{
    if (writer->capacity - writer->size <= size) {
        size_t capacity = 2 * (writer->size + size) + 64;
        char *grown = value_alloc(writer->arena, capacity);
        if (writer->size)
            memcpy(grown, writer->text, writer->size);
        writer->text = grown;
        writer->capacity = capacity;
    }
    memcpy(writer->text + writer->size, text, size);
    writer->size += size;
    writer->text[writer->size] = '\0';
}

static void value_put_text(struct value_writer *writer, const char *text)
{
    value_put(writer, text, strlen(text));
}

static void value_put_string(struct value_writer *writer, struct kp_string text)
{
    value_put(writer, "\"", 1);
    for (int32_t i = 0; i < text.size; i++) {
        unsigned char character = (unsigned char)text.data[i];
        char escaped[8];
        if (character == '"' || character == '\\')
            snprintf(escaped, sizeof escaped, "\\%c", character);
        else if (character < 0x20 || character >= 0x7f)
            snprintf(escaped, sizeof escaped, "\\x%02x", character);
        else
            snprintf(escaped, sizeof escaped, "%c", character);
        value_put_text(writer, escaped);
    }
    value_put(writer, "\"", 1);
}

static void value_put_line(struct value_writer *writer, const struct value *value)
{
    char number[64];
    switch (value->type) {
    case VALUE_NULL:
        value_put_text(writer, "null");
        break;
    case VALUE_BOOL:
        value_put_text(writer, value->number ? "true" : "false");
        break;
    case VALUE_INT:
        snprintf(number, sizeof number, "%" PRId64, value->number);
        value_put_text(writer, number);
        break;
    case VALUE_FLOAT:
        snprintf(number, sizeof number, isfinite(value->real) && value->real == floor(value->real) ? "%.1f" : "%.17g",
                 value->real);
        value_put_text(writer, number);
        break;
    case VALUE_STRING:
    case VALUE_UUID:
        value_put_string(writer, value->text);
        break;
    case VALUE_BYTES:
        value_put_text(writer, "x\"");
        for (int32_t i = 0; i < value->text.size; i++) {
            snprintf(number, sizeof number, "%02x", (unsigned char)value->text.data[i]);
            value_put(writer, number, 2);
        }
        value_put_text(writer, "\"");
        break;
    case VALUE_WORD:
        value_put(writer, value->text.data, (size_t)value->text.size);
        break;
    case VALUE_NAME:
        value_put_text(writer, "$");
        value_put(writer, value->text.data, (size_t)value->text.size);
        snprintf(number, sizeof number, "%+" PRId64, value->number);
        if (value->number)
            value_put_text(writer, number);
        break;
    case VALUE_LIST:
    case VALUE_OBJECT:
        value_put_text(writer, value->type == VALUE_LIST ? "[" : "{");
        for (const struct value *item = value->first; item; item = item->next) {
            if (item->key) {
                value_put_text(writer, item->key);
                value_put_text(writer, ": ");
            }
            value_put_line(writer, item);
            if (item->next)
                value_put_text(writer, ", ");
        }
        value_put_text(writer, value->type == VALUE_LIST ? "]" : "}");
        break;
    }
}

static size_t value_column(const struct value_writer *writer, size_t line_start)
{
    return writer->size - line_start;
}

static void value_new_line(struct value_writer *writer, size_t *line_start, int32_t indent)
{
    value_put_text(writer, "\n");
    *line_start = writer->size;
    for (int32_t i = 0; i < indent; i++)
        value_put_text(writer, " ");
}

/* Fill lines as text is filled: an item that does not fit on the line begins a new one, and is broken itself only when
 * it does not fit there either. `line_start`: where in the text the line at hand begins; `tail`: characters that must
 * still fit behind the value on its last line. */
static void value_put_filled(struct value_writer *writer, const struct value *value, size_t *line_start, int32_t indent,
                             size_t width, size_t tail)
{
    size_t mark = writer->size;
    value_put_line(writer, value);
    bool nested = value->type == VALUE_LIST || value->type == VALUE_OBJECT;
    if (!nested || !value->first || value_column(writer, *line_start) + tail <= width)
        return;
    writer->size = mark;
    value_put_text(writer, value->type == VALUE_LIST ? "[" : "{");
    int32_t inside = (int32_t)value_column(writer, *line_start);
    if (inside > indent + 2)
        inside = indent + 2;
    for (const struct value *item = value->first; item; item = item->next) {
        size_t before = writer->size;
        if (item != value->first)
            value_put_text(writer, " ");
        if (item->key)
            value_put_text(writer, item->key), value_put_text(writer, ": ");
        value_put_line(writer, item);
        bool fits = value_column(writer, *line_start) + 1 + (item->next ? 0 : tail) <= width;
        writer->size = before;
        if (!fits && item != value->first)
            value_new_line(writer, line_start, inside);
        else if (item != value->first)
            value_put_text(writer, " ");
        if (item->key)
            value_put_text(writer, item->key), value_put_text(writer, ": ");
        value_put_filled(writer, item, line_start, inside, width, item->next ? 1 : tail + 1);
        if (item->next)
            value_put_text(writer, ",");
    }
    value_put_text(writer, value->type == VALUE_LIST ? "]" : "}");
}

char *value_print(struct arena *arena, const struct value *value, int32_t column, int32_t width)
{
    struct value_writer writer = {.arena = arena};
    for (int32_t i = 0; i < column; i++)
        value_put_text(&writer, " ");
    size_t line_start = 0;
    if (width)
        value_put_filled(&writer, value, &line_start, 0, (size_t)width, 0);
    else
        value_put_line(&writer, value);
    return writer.text + column;
}
