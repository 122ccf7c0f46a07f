/* Messages as text: a printer and a parser over the same schemas as the codec, so every message has both for nothing.
 *
 *     struct  = '{' [name ':' value {',' name ':' value}] '}'        array = '[' [value {',' value}] ']'
 *     value   = struct | array | integer | float | 'true' | 'false' | string | bytes | 'null'
 *     string  = '"' characters '"', with \" \\ \n \r \t \xHH         bytes = 'x"' pairs of hexadecimal digits '"'
 *
 * A uuid is a string in Kafka's text form; records are bytes. What the printer writes the parser reads, except for
 * bytes that were left out because of bytes_max. The printer keeps valid UTF-8 and escapes every other byte, so a line
 * of a log stays a line. The parser is for text of our own tests and tools: it checks types and ranges and says where.
 */
#include "codec_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

#define NUMBER_TEXT_MAX 40 /* an int64 or a double with 17 digits, as text */

/* ---- print --------------------------------------------------------------------------------------------------------- */

void kp_text_init(struct kp_text *text, char *data, size_t capacity, size_t bytes_max)
{
    ASSERT(capacity > 0);
    *text = (struct kp_text){.data = data, .capacity = capacity, .bytes_max = bytes_max};
    data[0] = '\0';
}

static void append(struct kp_text *text, const char *bytes, size_t size)
{
    size_t room = text->size < text->capacity ? text->capacity - 1 - text->size : 0;
    size_t written = size < room ? size : room;
    if (written > 0) {
        memcpy(text->data + text->size, bytes, written);
        text->data[text->size + written] = '\0';
    }
    text->size += size;
}

static void append_text(struct kp_text *text, const char *words)
{
    append(text, words, strlen(words));
}

static void PRINTF_LIKE(2, 3) append_format(struct kp_text *text, const char *format, ...)
{
    char number[NUMBER_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(number, sizeof number, format, arguments);
    va_end(arguments);
    append_text(text, number);
}

/* Bytes of the UTF-8 character at the front, or 0 when there is none (RFC 3629). */
static size_t utf8_character_size(const uint8_t *bytes, size_t left)
{
    static const struct {
        uint8_t first_min, first_max, second_min, second_max, size;
    } forms[] = {
        {0x00, 0x7f, 0x00, 0x00, 1},
        {0xc2, 0xdf, 0x80, 0xbf, 2},
        {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3},
        {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4},
        {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        if (bytes[0] < forms[i].first_min || bytes[0] > forms[i].first_max)
            continue;
        if (forms[i].size > left)
            return 0;
        if (forms[i].size > 1 && (bytes[1] < forms[i].second_min || bytes[1] > forms[i].second_max))
            return 0;
        for (size_t k = 2; k < forms[i].size; k++)
            if ((bytes[k] & 0xc0) != 0x80)
                return 0;
        return forms[i].size;
    }
    return 0;
}

static void print_string(struct kp_text *text, const char *data, size_t size)
{
    const uint8_t *bytes = (const uint8_t *)data;
    append_text(text, "\"");
    for (size_t i = 0; i < size;) {
        size_t character = utf8_character_size(bytes + i, size - i);
        if (bytes[i] == '"' || bytes[i] == '\\')
            append_format(text, "\\%c", data[i]);
        else if (bytes[i] == '\n')
            append_text(text, "\\n");
        else if (bytes[i] == '\r')
            append_text(text, "\\r");
        else if (bytes[i] == '\t')
            append_text(text, "\\t");
        else if (character == 0 || bytes[i] < 0x20 || bytes[i] == 0x7f)
            append_format(text, "\\x%02x", bytes[i]);
        else
            append(text, data + i, character);
        i += character > 0 ? character : 1;
    }
    append_text(text, "\"");
}

static void print_bytes(struct kp_text *text, const uint8_t *data, int32_t size)
{
    if (size < 0) {
        append_text(text, "null");
    } else if ((size_t)size > text->bytes_max || data == NULL) {
        append_format(text, "<%" PRId32 " bytes>", size);
    } else {
        append_text(text, "x\"");
        for (int32_t i = 0; i < size; i++)
            append_format(text, "%02x", data[i]);
        append_text(text, "\"");
    }
}

static void print_value(const struct kp_field *field, const char *from, int16_t version, struct kp_text *text)
{
    switch ((enum kp_type)field->type) {
    case KP_BOOL: {
        bool value;
        memcpy(&value, from, sizeof value);
        append_text(text, value ? "true" : "false");
        break;
    }
    case KP_INT8: {
        int8_t value;
        memcpy(&value, from, sizeof value);
        append_format(text, "%d", value);
        break;
    }
    case KP_INT16: {
        int16_t value;
        memcpy(&value, from, sizeof value);
        append_format(text, "%d", value);
        break;
    }
    case KP_UINT16: {
        uint16_t value;
        memcpy(&value, from, sizeof value);
        append_format(text, "%d", value);
        break;
    }
    case KP_INT32: {
        int32_t value;
        memcpy(&value, from, sizeof value);
        append_format(text, "%" PRId32, value);
        break;
    }
    case KP_UINT32: {
        uint32_t value;
        memcpy(&value, from, sizeof value);
        append_format(text, "%" PRIu32, value);
        break;
    }
    case KP_INT64: {
        int64_t value;
        memcpy(&value, from, sizeof value);
        append_format(text, "%" PRId64, value);
        break;
    }
    case KP_FLOAT64: {
        double value;
        memcpy(&value, from, sizeof value);
        append_format(text, "%.17g", value);
        break;
    }
    case KP_UUID: {
        struct kp_uuid value;
        char uuid[KP_UUID_TEXT_SIZE];
        memcpy(&value, from, sizeof value);
        kp_uuid_text(value, uuid);
        append_format(text, "\"%s\"", uuid);
        break;
    }
    case KP_STRING: {
        struct kp_string value;
        memcpy(&value, from, sizeof value);
        if (value.size < 0)
            append_text(text, "null");
        else
            print_string(text, value.data, (size_t)value.size);
        break;
    }
    case KP_BYTES: {
        struct kp_bytes value;
        memcpy(&value, from, sizeof value);
        print_bytes(text, value.data, value.size);
        break;
    }
    case KP_RECORDS: {
        struct kp_records value;
        memcpy(&value, from, sizeof value);
        print_bytes(text, value.slice == NULL ? value.data : NULL, value.size);
        break;
    }
    case KP_STRUCT:
        kp_print(field->schema, from, version, text);
        break;
    }
}

void kp_print_field(const struct kp_field *field, const void *message, int16_t version, struct kp_text *text)
{
    const char *from = message;
    if (!field->array && !field->pointer) {
        print_value(field, from + field->offset, version, text);
        return;
    }
    const char *items = kp_field_pointer(field, message);
    int32_t count = field->array ? kp_array_count(field, message) : 1;
    if (count < 0 || (field->pointer && items == NULL)) {
        append_text(text, "null");
    } else if (field->pointer) {
        print_value(field, items, version, text);
    } else {
        append_text(text, "[");
        for (int32_t i = 0; i < count; i++) {
            append_text(text, i > 0 ? ", " : "");
            print_value(field, items + (size_t)i * field->value_size, version, text);
        }
        append_text(text, "]");
    }
}

void kp_print(const struct kp_schema *schema, const void *message, int16_t version, struct kp_text *text)
{
    const char *separator = "";
    append_text(text, "{");
    for (int i = 0; i < schema->fields_count; i++) {
        const struct kp_field *field = &schema->fields[i];
        if (version != KP_ALL_VERSIONS && !kp_versions_has(field->versions, version))
            continue;
        append_text(text, separator);
        append_text(text, field->name);
        append_text(text, ": ");
        kp_print_field(field, message, version, text);
        separator = ", ";
    }
    append_text(text, "}");
}

/* ---- parse --------------------------------------------------------------------------------------------------------- */

struct parser {
    const char *start, *at, *end;
    struct arena *arena;
    struct kp_parse_error *error;
};

static bool PRINTF_LIKE(2, 3) parse_failed(struct parser *parser, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(parser->error->message, sizeof parser->error->message, format, arguments);
    va_end(arguments);
    parser->error->position = (size_t)(parser->at - parser->start);
    return false;
}

static void skip_space(struct parser *parser)
{
    for (; parser->at < parser->end; parser->at++) {
        if (*parser->at == '#')
            while (parser->at + 1 < parser->end && *parser->at != '\n')
                parser->at++;
        else if (*parser->at != ' ' && *parser->at != '\n' && *parser->at != '\t' && *parser->at != '\r')
            return;
    }
}

/* Take `character`, after white space, if it is next. */
static bool take(struct parser *parser, char character)
{
    skip_space(parser);
    if (parser->at == parser->end || *parser->at != character)
        return false;
    parser->at++;
    return true;
}

static bool is_word_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '+' || c == '.';
}

/* A name, number or keyword; size 0 when none is next. */
static struct kp_string peek_word(struct parser *parser)
{
    skip_space(parser);
    const char *end = parser->at;
    while (end < parser->end && is_word_character(*end))
        end++;
    return (struct kp_string){parser->at, (int32_t)(end - parser->at)};
}

static bool take_word(struct parser *parser, const char *text)
{
    if (!kp_string_is(peek_word(parser), text))
        return false;
    parser->at += strlen(text);
    return true;
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* Two hexadecimal digits at the front, or -1. */
static int take_hex(struct parser *parser)
{
    int value = -1;
    if (parser->end - parser->at >= 2 && hex_value(parser->at[0]) >= 0 && hex_value(parser->at[1]) >= 0) {
        value = hex_value(parser->at[0]) * 16 + hex_value(parser->at[1]);
        parser->at += 2;
    }
    return value;
}

/* The character behind a backslash, or -1. */
static int take_escape(struct parser *parser)
{
    static const char names[] = "\"\\nrt", values[] = "\"\\\n\r\t";
    if (parser->at == parser->end)
        return -1;
    char name = *parser->at++;
    if (name == 'x')
        return take_hex(parser);
    const char *found = name != '\0' ? strchr(names, name) : NULL;
    return found != NULL ? values[found - names] : -1;
}

/* The part between quotes, the first of which was taken: text with escapes, or hexadecimal digits. */
static bool parse_quoted(struct parser *parser, bool hex, uint8_t **bytes, int32_t *size)
{
    size_t left = (size_t)(parser->end - parser->at), count = 0;
    const char *quote = memchr(parser->at, '"', left);
    while (!hex && quote != NULL && quote > parser->at &&
           quote[-1] == '\\') /* \" may end nothing: an upper bound will do */
        quote = memchr(quote + 1, '"', (size_t)(parser->end - quote - 1));
    size_t room = quote != NULL ? (size_t)(quote - parser->at) : left;
    if (room > INT32_MAX)
        return parse_failed(parser, "longer than 2 GiB");
    uint8_t *to = arena_alloc(parser->arena, room + 1);
    if (to == NULL)
        return parse_failed(parser, "out of memory");
    while (parser->at < parser->end && *parser->at != '"') {
        int value = hex ? take_hex(parser) : (uint8_t)*parser->at++;
        if (!hex && value == '\\')
            value = take_escape(parser);
        if (value < 0)
            return parse_failed(parser, hex ? "hexadecimal digits in pairs are expected" : "no such escape");
        ASSERT(count < room + 1);
        to[count++] = (uint8_t)value;
    }
    if (parser->at == parser->end)
        return parse_failed(parser, "the closing quote is missing");
    parser->at++;
    *bytes = to;
    *size = (int32_t)count;
    return true;
}

static bool parse_integer(struct parser *parser, const struct kp_field *field, char *to)
{
    static const struct {
        int64_t min, max;
    } ranges[] = {
        [KP_INT8] = {INT8_MIN,  INT8_MAX  },
          [KP_INT16] = {INT16_MIN, INT16_MAX },
          [KP_UINT16] = {0,         UINT16_MAX},
        [KP_INT32] = {INT32_MIN, INT32_MAX },
          [KP_UINT32] = {0,         UINT32_MAX},
          [KP_INT64] = {INT64_MIN, INT64_MAX },
    };
    struct kp_string word = peek_word(parser);
    char text[NUMBER_TEXT_MAX], *end;
    if (word.size == 0 || word.size >= NUMBER_TEXT_MAX)
        return parse_failed(parser, "%s is a number", field->name);
    memcpy(text, word.data, (size_t)word.size);
    text[word.size] = '\0';
    errno = 0;
    bool hexadecimal = strncmp(text, "0x", 2) == 0;
    int64_t value = strtoll(text, &end, hexadecimal ? 16 : 10);
    if (*end != '\0' || errno != 0 || value < ranges[field->type].min || value > ranges[field->type].max)
        return parse_failed(parser, "%s is a number from %" PRId64 " to %" PRId64, field->name, ranges[field->type].min,
                            ranges[field->type].max);
    parser->at += word.size;
    if (field->type == KP_INT8)
        memcpy(to, &(int8_t){(int8_t)value}, sizeof(int8_t));
    else if (field->type == KP_INT16 || field->type == KP_UINT16)
        memcpy(to, &(uint16_t){(uint16_t)value}, sizeof(uint16_t));
    else if (field->type == KP_INT32 || field->type == KP_UINT32)
        memcpy(to, &(uint32_t){(uint32_t)value}, sizeof(uint32_t));
    else
        memcpy(to, &value, sizeof value);
    return true;
}

static bool parse_float(struct parser *parser, const struct kp_field *field, char *to)
{
    struct kp_string word = peek_word(parser);
    char text[NUMBER_TEXT_MAX], *end;
    if (word.size == 0 || word.size >= NUMBER_TEXT_MAX)
        return parse_failed(parser, "%s is a number", field->name);
    memcpy(text, word.data, (size_t)word.size);
    text[word.size] = '\0';
    double value = strtod(text, &end);
    if (*end != '\0')
        return parse_failed(parser, "%s is a number", field->name);
    parser->at += word.size;
    memcpy(to, &value, sizeof value);
    return true;
}

static bool parse_struct(struct parser *parser, const struct kp_schema *schema, char *to);

static bool parse_value(struct parser *parser, const struct kp_field *field, char *to)
{
    uint8_t *bytes;
    int32_t size;
    switch ((enum kp_type)field->type) {
    case KP_BOOL: {
        bool value = take_word(parser, "true");
        if (!value && !take_word(parser, "false"))
            return parse_failed(parser, "%s is true or false", field->name);
        memcpy(to, &value, sizeof value);
        return true;
    }
    case KP_FLOAT64:
        return parse_float(parser, field, to);
    case KP_UUID: {
        struct kp_uuid uuid;
        if (!take(parser, '"'))
            return parse_failed(parser, "%s is a uuid in quotes", field->name);
        if (!parse_quoted(parser, false, &bytes, &size))
            return false;
        if (!kp_uuid_parse((struct kp_string){(char *)bytes, size}, &uuid))
            return parse_failed(parser, "%s is a uuid: 22 characters of base64", field->name);
        memcpy(to, &uuid, sizeof uuid);
        return true;
    }
    case KP_STRING: {
        if (!take(parser, '"'))
            return parse_failed(parser, "%s is a string in quotes", field->name);
        if (!parse_quoted(parser, false, &bytes, &size))
            return false;
        struct kp_string value = {(char *)bytes, size};
        memcpy(to, &value, sizeof value);
        return true;
    }
    case KP_BYTES:
    case KP_RECORDS: {
        skip_space(parser);
        if (parser->end - parser->at < 2 || memcmp(parser->at, "x\"", 2) != 0)
            return parse_failed(parser, "%s is x\"...\" with hexadecimal digits", field->name);
        parser->at += 2;
        if (!parse_quoted(parser, true, &bytes, &size))
            return false;
        struct kp_bytes value = {bytes, size};
        struct kp_records records = {bytes, size, NULL};
        if (field->type == KP_BYTES)
            memcpy(to, &value, sizeof value);
        else
            memcpy(to, &records, sizeof records);
        return true;
    }
    case KP_STRUCT:
        return parse_struct(parser, field->schema, to);
    default:
        return parse_integer(parser, field, to);
    }
}

static bool parse_array(struct parser *parser, const struct kp_field *field, char *message)
{
    size_t item_size = field->value_size, capacity = 0;
    int32_t count = 0;
    char *items = NULL;

    if (!take(parser, '['))
        return parse_failed(parser, "%s is an array", field->name);
    while (!take(parser, ']')) {
        if ((size_t)count == capacity) {
            capacity = capacity == 0 ? 4 : 2 * capacity;
            char *larger = arena_calloc(parser->arena, capacity, item_size);
            if (larger == NULL)
                return parse_failed(parser, "out of memory");
            if (count > 0)
                memcpy(larger, items, (size_t)count * item_size);
            items = larger;
        }
        if (!parse_value(parser, field, items + (size_t)count * item_size))
            return false;
        count++;
        if (!take(parser, ',')) {
            if (!take(parser, ']'))
                return parse_failed(parser, "a comma or ] is expected");
            break;
        }
    }
    memcpy(message + field->offset, &items, sizeof items);
    memcpy(message + field->count_offset, &count, sizeof count);
    return true;
}

static void set_null(const struct kp_field *field, char *message)
{
    char *value = message + field->offset;
    if (field->array)
        memcpy(message + field->count_offset, &(int32_t){-1}, sizeof(int32_t));
    if (field->array || field->pointer)
        memcpy(value, &(void *){NULL}, sizeof(void *));
    else if (field->type == KP_STRING)
        memcpy(value, &KP_NULL_STRING, sizeof(struct kp_string));
    else if (field->type == KP_BYTES)
        memcpy(value, &(struct kp_bytes){NULL, -1}, sizeof(struct kp_bytes));
    else
        memcpy(value, &(struct kp_records){NULL, -1, NULL}, sizeof(struct kp_records));
}

static bool parse_field(struct parser *parser, const struct kp_field *field, char *message)
{
    if (kp_string_is(peek_word(parser), "null")) {
        if (field->nullable.first > field->nullable.last)
            return parse_failed(parser, "%s is never null", field->name);
        parser->at += strlen("null");
        set_null(field, message);
        return true;
    }
    if (field->array)
        return parse_array(parser, field, message);
    if (!field->pointer)
        return parse_value(parser, field, message + field->offset);
    char *value = arena_alloc(parser->arena, field->schema->size);
    if (value == NULL)
        return parse_failed(parser, "out of memory");
    memcpy(message + field->offset, &value, sizeof value);
    return parse_struct(parser, field->schema, value);
}

static bool parse_struct(struct parser *parser, const struct kp_schema *schema, char *to)
{
    uint64_t seen = 0; /* a bit for each field: KP_FIELDS_MAX */

    memcpy(to, schema->defaults, schema->size);
    if (!take(parser, '{'))
        return parse_failed(parser, "a struct begins with {");
    while (!take(parser, '}')) {
        bool quoted = take(parser, '"');
        struct kp_string name = peek_word(parser);
        const struct kp_field *field = kp_schema_field(schema, name);
        if (field == NULL)
            return parse_failed(parser, "%s has no field %.*s", schema->name, (int)name.size, name.data);
        uint64_t bit = UINT64_C(1) << (field - schema->fields);
        if ((seen & bit) != 0)
            return parse_failed(parser, "%s a second time", field->name);
        seen |= bit;
        parser->at += name.size;
        if ((quoted && !take(parser, '"')) || !take(parser, ':'))
            return parse_failed(parser, ": is expected behind %s", field->name);
        if (!parse_field(parser, field, to))
            return false;
        if (!take(parser, ',')) {
            if (!take(parser, '}'))
                return parse_failed(parser, "a comma or } is expected behind %s", field->name);
            break;
        }
    }
    return true;
}

bool kp_parse(const struct kp_schema *schema, void *message, const char *text, size_t size, struct arena *arena,
              struct kp_parse_error *error)
{
    struct parser parser = {.start = text, .at = text, .end = text + size, .arena = arena, .error = error};
    if (!parse_struct(&parser, schema, message))
        return false;
    skip_space(&parser);
    return parser.at == parser.end || parse_failed(&parser, "something follows the struct");
}
