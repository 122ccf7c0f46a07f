/* Messages from and to values. Both ways go through the codec's text: a value is brought into the form that the text
 * has, by walking it along the schema, and printed; text that the codec printed is read, and walked likewise. */
#include "message_value.h"

#include "../../protocol/codec_text.h"
#include "../../protocol/errors.h"
#include "batch_value.h"
#include "messages.h"
#include "value_text.h"

#include <string.h>

/* Kafka's error codes lie in this range, with room for those to come. */
#define ERROR_CODE_MIN (-1)
#define ERROR_CODE_MAX 200

struct conversion {
    struct arena *arena;
    int16_t version;
    int64_t timestamp_ms;
    const char *error;
};

/* What the bytes of a member of a classic consumer group hold, behind an int16 with its version. */
static const struct kp_schema *member_bytes_schema(const struct kp_field *field)
{
    static const struct {
        const char *field;
        const struct kp_schema *schema;
    } rows[] = {
        {"metadata",          &kp_consumer_protocol_subscription_schema},
        {"member_metadata",   &kp_consumer_protocol_subscription_schema},
        {"subscription",      &kp_consumer_protocol_subscription_schema},
        {"assignment",        &kp_consumer_protocol_assignment_schema  },
        {"member_assignment", &kp_consumer_protocol_assignment_schema  },
    };
    for (size_t i = 0; field->type == KP_BYTES && i < COUNT_OF(rows); i++)
        if (strcmp(rows[i].field, field->name) == 0)
            return rows[i].schema;
    return NULL;
}

static bool is_error_code(const struct kp_field *field)
{
    return field->type == KP_INT16 && (strcmp(field->name, "error_code") == 0 || strstr(field->name, "_error_code"));
}

/* ---- to the codec's text ---------------------------------------------------------------------------------------- */

static struct value *encodable_struct(struct conversion *conversion, const struct kp_schema *schema,
                                      const struct value *value);

bool error_code_of(struct kp_string name, int16_t *code)
{
    for (*code = ERROR_CODE_MIN; *code <= ERROR_CODE_MAX; ++*code)
        if (kp_string_is(name, kafka_error_name(*code)))
            return true;
    return false;
}

static struct value *encodable_word(struct conversion *conversion, const struct value *word)
{
    int16_t code;
    if (error_code_of(word->text, &code))
        return value_int(conversion->arena, code);
    conversion->error =
        value_printf(conversion->arena, "no error is named %.*s", (int)word->text.size, word->text.data);
    return NULL;
}

/* The bytes of {version: 1, topics: ["t"]}; NULL: conversion->error. */
static struct value *member_bytes_from_value(struct conversion *conversion, const struct kp_schema *schema,
                                             const struct value *object)
{
    const struct value *version = value_get(object, "version");
    struct value *fields = value_new(conversion->arena, VALUE_OBJECT);
    for (const struct value *item = object->first; item; item = item->next)
        if (item != version)
            value_set(fields, item->key, value_copy(conversion->arena, item));
    struct kp_string message;
    int16_t number = version ? (int16_t)version->number : 0;
    if (!message_from_value(schema, number, fields, conversion->timestamp_ms, conversion->arena, &message,
                            &conversion->error))
        return NULL;
    uint8_t *bytes = value_alloc(conversion->arena, 2 + (size_t)message.size + 1);
    store_be16(bytes, (uint16_t)number);
    memcpy(bytes + 2, message.data, (size_t)message.size);
    struct value *value = value_new(conversion->arena, VALUE_BYTES);
    value->text = (struct kp_string){(const char *)bytes, 2 + message.size};
    return value;
}

static struct value *encodable_one(struct conversion *conversion, const struct kp_field *field,
                                   const struct value *value)
{
    if (value->type == VALUE_OBJECT && member_bytes_schema(field))
        return member_bytes_from_value(conversion, member_bytes_schema(field), value);
    if (value->type == VALUE_WORD)
        return encodable_word(conversion, value);
    if (value->type == VALUE_OBJECT && field->type == KP_STRUCT)
        return encodable_struct(conversion, field->schema, value);
    if (value->type == VALUE_LIST && field->type == KP_RECORDS) {
        struct value *bytes = value_new(conversion->arena, VALUE_BYTES);
        if (!batches_from_value(value, conversion->timestamp_ms, conversion->arena, &bytes->text, &conversion->error))
            return NULL;
        return bytes;
    }
    return value_copy(conversion->arena, value);
}

static struct value *encodable_field(struct conversion *conversion, const struct kp_field *field,
                                     const struct value *value)
{
    if (!field->array || value->type != VALUE_LIST)
        return encodable_one(conversion, field, value);
    struct value *list = value_new(conversion->arena, VALUE_LIST);
    for (const struct value *item = value->first; item; item = item->next) {
        struct value *one = encodable_one(conversion, field, item);
        if (!one)
            return NULL;
        value_append(list, one);
    }
    return list;
}

static struct value *encodable_struct(struct conversion *conversion, const struct kp_schema *schema,
                                      const struct value *value)
{
    struct value *object = value_new(conversion->arena, VALUE_OBJECT);
    for (const struct value *item = value->first; item; item = item->next) {
        const struct kp_field *field = kp_schema_field(schema, kp_string_of(item->key));
        if (!field) {
            conversion->error = value_printf(conversion->arena, "%s has no field '%s'", schema->name, item->key);
            return NULL;
        }
        if (!kp_versions_has(field->versions, conversion->version))
            continue;
        struct value *below = encodable_field(conversion, field, item);
        if (!below)
            return NULL;
        value_set(object, field->name, below);
    }
    return object;
}

bool message_from_value(const struct kp_schema *schema, int16_t version, const struct value *value,
                        int64_t timestamp_ms, struct arena *arena, struct kp_string *bytes, const char **error)
{
    struct conversion conversion = {.arena = arena, .version = version, .timestamp_ms = timestamp_ms};
    const struct value *object = encodable_struct(&conversion, schema, value);
    if (!object) {
        *error = conversion.error;
        return false;
    }
    const char *text = value_print(arena, object, 0, 0);
    void *message = value_alloc(arena, schema->size);
    struct kp_parse_error parse_error;
    if (!kp_parse(schema, message, text, strlen(text), arena, &parse_error)) {
        *error = value_printf(arena, "%s at '%.40s'", parse_error.message, text + parse_error.position);
        return false;
    }
    struct kp_size size;
    if (!kp_measure(schema, message, version, &size)) {
        *error = value_printf(arena, "%s%s%s cannot be sent in version %d", schema->name, size.field ? "." : "",
                              size.field ? size.field : "", version);
        return false;
    }
    uint8_t *encoded = value_alloc(arena, size.wire_bytes + 1);
    struct kp_writer writer;
    kp_writer_init(&writer, encoded, size.wire_bytes);
    kp_encode(schema, message, &writer, version);
    *bytes = (struct kp_string){(const char *)encoded, (int32_t)size.wire_bytes};
    return true;
}

/* ---- from the codec's text -------------------------------------------------------------------------------------- */

static void decorate_struct(struct conversion *conversion, const struct kp_schema *schema, struct value *value);

/* Tell a member's bytes by their fields when these are all that the bytes hold. */
static void decorate_member_bytes(struct conversion *conversion, const struct kp_schema *schema, struct value *value)
{
    const char *error;
    if (value->text.size < 2)
        return;
    int16_t version = (int16_t)load_be16((const uint8_t *)value->text.data);
    if (!kp_versions_has(schema->versions, version))
        return;
    struct value *fields = message_to_value(schema, version, value->text.data + 2, (size_t)value->text.size - 2,
                                            conversion->arena, &error);
    if (!fields)
        return;
    struct value *object = value_new(conversion->arena, VALUE_OBJECT);
    value_set(object, "version", value_int(conversion->arena, version));
    for (const struct value *field = fields->first; field; field = field->next)
        value_set(object, field->key, value_copy(conversion->arena, field));
    const struct value *again = member_bytes_from_value(conversion, schema, object);
    if (!again || !kp_string_equal(again->text, value->text))
        return;
    value->type = VALUE_OBJECT;
    value->first = object->first;
    value->last = object->last;
}

static void decorate_one(struct conversion *conversion, const struct kp_field *field, struct value *value)
{
    if (value->type == VALUE_OBJECT) {
        decorate_struct(conversion, field->schema, value);
    } else if (field->type == KP_UUID && value->type == VALUE_STRING) {
        value->type = VALUE_UUID;
    } else if (is_error_code(field) && value->type == VALUE_INT) {
        value->text = kp_string_of(kafka_error_name((int16_t)value->number));
        value->type = VALUE_WORD;
        value->number = 0;
    } else if (value->type == VALUE_BYTES && member_bytes_schema(field)) {
        decorate_member_bytes(conversion, member_bytes_schema(field), value);
    } else if (field->type == KP_RECORDS && value->type == VALUE_BYTES) {
        const struct value *batches = batches_to_value(value->text, conversion->arena);
        value->type = VALUE_LIST;
        value->first = batches->first;
        value->last = batches->last;
    }
}

static void decorate_struct(struct conversion *conversion, const struct kp_schema *schema, struct value *value)
{
    for (struct value *item = value->first; item; item = item->next) {
        const struct kp_field *field = kp_schema_field(schema, kp_string_of(item->key));
        ASSERT(field);
        if (field->array)
            for (struct value *one = item->first; one; one = one->next)
                decorate_one(conversion, field, one);
        else
            decorate_one(conversion, field, item);
    }
}

struct value *message_to_value(const struct kp_schema *schema, int16_t version, const void *bytes, size_t size,
                               struct arena *arena, const char **error)
{
    struct conversion conversion = {.arena = arena, .version = version};
    struct kp_reader reader;
    kp_reader_init(&reader, bytes, size);
    void *message = value_alloc(arena, schema->size);
    if (!kp_decode(schema, message, &reader, version, arena)) {
        *error = value_printf(arena, "the answer cannot be decoded: %s in %s", kp_read_error_text(reader.error),
                              reader.field ? reader.field : "its header");
        return NULL;
    }
    if (kp_reader_left(&reader)) {
        *error = value_printf(arena, "%zu bytes are left behind the answer", kp_reader_left(&reader));
        return NULL;
    }
    char none[1];
    struct kp_text text;
    kp_text_init(&text, none, sizeof none, SIZE_MAX);
    kp_print(schema, message, version, &text);
    size_t capacity = text.size + 1;
    kp_text_init(&text, value_alloc(arena, capacity), capacity, SIZE_MAX);
    kp_print(schema, message, version, &text);

    struct value_reader value_reader;
    value_reader_init(&value_reader, text.data, text.size);
    struct value *value = value_read(&value_reader, arena);
    if (!value) {
        *error = value_printf(arena, "the codec's text cannot be read: %s", value_reader.error);
        return NULL;
    }
    decorate_struct(&conversion, schema, value);
    return value;
}
