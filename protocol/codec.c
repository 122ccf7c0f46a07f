/* The codec: three walks over a schema and a C struct side by side.
 *
 *     decode   bytes -> struct, with memory from an arena
 *     write    struct -> bytes, or only their count
 *     equal    struct, struct
 *
 * Measuring and encoding are one walk, without and with a writer, so they cannot disagree.
 *
 * Each visits the fields in the order of the wire and skips those that the version lacks. Values are moved with memcpy
 * at offsets from the table, so no type is ever looked at through a pointer to another.
 *
 *     struct, untagged fields in order             nullable struct: int8 -1 for null, else 1 and the struct
 *     +--------+--------+-----+-------------------------------------------------+
 *     | field  | field  | ... | tagged fields, in flexible versions: see wire.c |   unknown ones are skipped; those at
 *     +--------+--------+-----+-------------------------------------------------+   their default are not written
 *
 * Limits when decoding. An array's count is at most the bytes left divided by the shortest item, so it never announces
 * more than was sent, and never above Kafka's bound; C structs are larger than their bytes, and the arena bounds that.
 * Recursion follows schemas, which schemac bounds. Tagged fields may come in any order and repeat (Kafka takes both;
 * the last one counts), but unlike Kafka we insist that a known one is as long as it says. */
#include "codec.h"

/* ---- fields -------------------------------------------------------------------------------------------------------- */

const struct kp_field *kp_schema_field(const struct kp_schema *schema, struct kp_string name)
{
    for (int i = 0; i < schema->fields_count; i++)
        if (kp_string_is(name, schema->fields[i].name))
            return &schema->fields[i];
    return NULL;
}

/* The shortest encoding of one item of an array. */
static size_t least_item_bytes(const struct kp_field *field, int16_t version, bool flexible)
{
    switch (field->type) {
    case KP_STRUCT:
        return field->schema->least_bytes[version];
    case KP_STRING:
        return flexible ? 1 : sizeof(int16_t);
    case KP_BYTES:
    case KP_RECORDS:
        return flexible ? 1 : sizeof(int32_t);
    default:
        return field->value_size; /* the same on the wire */
    }
}

static inline uint16_t load_host16(const char *from)
{
    uint16_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline uint32_t load_host32(const char *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline uint64_t load_host64(const char *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return value;
}

static inline bool equal_scalar(const char *a, const char *b, size_t size)
{
    switch (size) {
    case sizeof(uint8_t):
        return *a == *b;
    case sizeof(uint16_t):
        return load_host16(a) == load_host16(b);
    case sizeof(uint32_t):
        return load_host32(a) == load_host32(b);
    case sizeof(uint64_t):
        return load_host64(a) == load_host64(b);
    default:
        return memcmp(a, b, sizeof(struct kp_uuid)) == 0;
    }
}

/* ---- decode -------------------------------------------------------------------------------------------------------- */

struct decoder {
    struct kp_reader *reader;
    struct arena *arena;
    int16_t version;
    bool flexible;
};

static bool decode_struct(const struct decoder *decoder, const struct kp_schema *schema, char *to);

/* Note where the error is; false, so that callers return it. The fields around this one add nothing. */
static bool decode_failed(const struct decoder *decoder, const struct kp_field *field)
{
    decoder->reader->field = field->name;
    return false;
}

static bool decode_error(const struct decoder *decoder, const struct kp_field *field, enum kp_read_error error)
{
    kp_reader_fail(decoder->reader, error);
    return decode_failed(decoder, field);
}

/* A scalar has the same width in C and on the wire; only the order of its bytes differs. */
static inline void decode_scalar(struct kp_reader *reader, const struct kp_field *field, char *to)
{
    const uint8_t *bytes = kp_read_raw(reader, field->value_size);
    if (bytes == NULL)
        return;
    switch (field->value_size) {
    case sizeof(uint8_t):
        *to = (char)(field->type == KP_BOOL ? bytes[0] != 0 : bytes[0]);
        break;
    case sizeof(uint16_t):
        memcpy(to, &(uint16_t){load_be16(bytes)}, sizeof(uint16_t));
        break;
    case sizeof(uint32_t):
        memcpy(to, &(uint32_t){load_be32(bytes)}, sizeof(uint32_t));
        break;
    case sizeof(uint64_t):
        memcpy(to, &(uint64_t){load_be64(bytes)}, sizeof(uint64_t));
        break;
    default:
        memcpy(to, bytes, sizeof(struct kp_uuid));
        break;
    }
}

/* One value: of a field that is no array, or one item. */
static inline bool decode_value(const struct decoder *decoder, const struct kp_field *field, char *to, bool nullable)
{
    struct kp_reader *reader = decoder->reader;
    switch ((enum kp_type)field->type) {
    case KP_STRING: {
        struct kp_string value = kp_read_string(reader, decoder->flexible);
        if (value.size < 0 && !nullable)
            return decode_error(decoder, field, KP_READ_NULL);
        memcpy(to, &value, sizeof value);
        break;
    }
    case KP_BYTES: {
        struct kp_bytes value = kp_read_bytes(reader, decoder->flexible);
        if (value.size < 0 && !nullable)
            return decode_error(decoder, field, KP_READ_NULL);
        memcpy(to, &value, sizeof value);
        break;
    }
    case KP_RECORDS: {
        struct kp_bytes bytes = kp_read_bytes(reader, decoder->flexible);
        struct kp_records value = {bytes.data, bytes.size, NULL};
        if (value.size < 0 && !nullable)
            return decode_error(decoder, field, KP_READ_NULL);
        memcpy(to, &value, sizeof value);
        break;
    }
    case KP_STRUCT:
        return decode_struct(decoder, field->schema, to);
    default:
        decode_scalar(reader, field, to);
        break;
    }
    return reader->error == KP_READ_OK || decode_failed(decoder, field);
}

static bool decode_array(const struct decoder *decoder, const struct kp_field *field, char *message)
{
    struct kp_reader *reader = decoder->reader;
    int32_t count = kp_read_length(reader, decoder->flexible);
    size_t item_size = field->value_size;
    char *items = NULL;

    if (reader->error != KP_READ_OK)
        return decode_failed(decoder, field);
    if (count < 0 && !kp_versions_has(field->nullable, decoder->version))
        return decode_error(decoder, field, KP_READ_NULL);
    if (count > 0) {
        if (count > KP_ARRAY_ITEMS_MAX ||
            (size_t)count > kp_reader_left(reader) / least_item_bytes(field, decoder->version, decoder->flexible))
            return decode_error(decoder, field, KP_READ_COUNT);
        if ((size_t)count <= SIZE_MAX / item_size)
            items = arena_alloc(decoder->arena, (size_t)count * item_size);
        if (items == NULL)
            return decode_error(decoder, field, KP_READ_MEMORY);
        for (int32_t i = 0; i < count; i++) {
            if (!kp_pause_between(reader->pause))
                return decode_error(decoder, field, KP_READ_ENDED);
            if (!decode_value(decoder, field, items + (size_t)i * item_size, false))
                return false;
        }
    }
    memcpy(message + field->offset, &items, sizeof items);
    memcpy(message + field->count_offset, &count, sizeof count);
    return true;
}

/* A struct that can be null, in this version or another: behind a pointer. */
static bool decode_pointer(const struct decoder *decoder, const struct kp_field *field, char *message)
{
    char *value = NULL;
    if (!kp_versions_has(field->nullable, decoder->version) || kp_read_int8(decoder->reader) >= 0) {
        value = arena_alloc(decoder->arena, field->schema->size);
        if (value == NULL)
            return decode_error(decoder, field, KP_READ_MEMORY);
        if (!decode_struct(decoder, field->schema, value))
            return false;
    }
    memcpy(message + field->offset, &value, sizeof value);
    return decoder->reader->error == KP_READ_OK || decode_failed(decoder, field);
}

static inline bool decode_field(const struct decoder *decoder, const struct kp_field *field, char *message)
{
    if (field->array)
        return decode_array(decoder, field, message);
    if (field->pointer)
        return decode_pointer(decoder, field, message);
    bool nullable = field->type >= KP_STRING && kp_versions_has(field->nullable, decoder->version);
    return decode_value(decoder, field, message + field->offset, nullable);
}

static const struct kp_field *find_tagged(const struct kp_schema *schema, uint32_t tag, int16_t version)
{
    for (int i = schema->untagged_count; i < schema->fields_count; i++)
        if ((uint32_t)schema->fields[i].tag == tag && kp_versions_has(schema->fields[i].versions, version))
            return &schema->fields[i];
    return NULL;
}

static bool decode_tags(const struct decoder *decoder, const struct kp_schema *schema, char *to)
{
    struct kp_reader *reader = decoder->reader;
    uint32_t count = kp_read_tag_count(reader);
    for (uint32_t i = 0; i < count && reader->error == KP_READ_OK; i++) {
        uint32_t tag = kp_read_uvarint(reader);
        uint32_t size = kp_read_uvarint(reader);
        const struct kp_field *field = find_tagged(schema, tag, decoder->version);
        const uint8_t *value = kp_read_raw(reader, size);
        if (field == NULL || value == NULL)
            continue;
        const uint8_t *message_end = reader->end;
        reader->at = value;
        reader->end = value + size;
        if (!decode_field(decoder, field, to))
            return false;
        if (reader->at != reader->end)
            return decode_error(decoder, field, KP_READ_TAG);
        reader->end = message_end;
    }
    return reader->error == KP_READ_OK;
}

static bool decode_struct(const struct decoder *decoder, const struct kp_schema *schema, char *to)
{
    memcpy(to, schema->defaults, schema->size);
    for (int i = 0; i < schema->untagged_count; i++) {
        const struct kp_field *field = &schema->fields[i];
        if (kp_versions_has(field->versions, decoder->version) && !decode_field(decoder, field, to))
            return false;
    }
    return !decoder->flexible || decode_tags(decoder, schema, to);
}

bool kp_decode(const struct kp_schema *schema, void *message, struct kp_reader *reader, int16_t version,
               struct arena *arena)
{
    const struct decoder decoder = {reader, arena, version, version >= schema->flexible_from};
    if (!kp_versions_has(schema->versions, version)) {
        kp_reader_fail(reader, KP_READ_VERSION);
        return false;
    }
    return decode_struct(&decoder, schema, message);
}

/* ---- write --------------------------------------------------------------------------------------------------------- */

struct sink {
    struct kp_writer *writer; /* NULL: only count */
    size_t wire_bytes;        /* counted */
    size_t slice_bytes;       /* of them outside of memory */
    int32_t gaps_count;
    int16_t version;
    bool flexible;
    struct kp_pause *pause; /* or NULL */
    const char *field;      /* why it failed */
};

static bool write_struct(struct sink *sink, const struct kp_schema *schema, const char *from);

static bool write_failed(struct sink *sink, const struct kp_field *field)
{
    sink->field = field->name;
    return false;
}

static inline void write_uvarint(struct sink *sink, uint32_t value)
{
    sink->wire_bytes += uvarint_size(value);
    if (sink->writer != NULL)
        kp_write_uvarint(sink->writer, value);
}

/* How many bytes the length or count of a value takes. */
static size_t length_size(const struct sink *sink, int32_t length, size_t classic_size)
{
    return sink->flexible ? uvarint_size((uint32_t)(length + 1)) : classic_size;
}

static inline size_t positive(int32_t length)
{
    return length > 0 ? (size_t)length : 0;
}

static bool write_string(struct sink *sink, const struct kp_field *field, const char *from, bool nullable)
{
    struct kp_string value;
    memcpy(&value, from, sizeof value);
    if (value.size < -1 || value.size > KP_STRING_BYTES_MAX || (value.size < 0 && !nullable))
        return write_failed(sink, field);
    sink->wire_bytes += length_size(sink, value.size, sizeof(int16_t)) + positive(value.size);
    if (sink->writer != NULL)
        kp_write_string(sink->writer, value, sink->flexible);
    return true;
}

static bool write_bytes(struct sink *sink, const struct kp_field *field, const char *from, bool nullable)
{
    struct kp_bytes value;
    memcpy(&value, from, sizeof value);
    if (value.size < -1 || value.size == INT32_MAX || (value.size < 0 && !nullable))
        return write_failed(sink, field);
    sink->wire_bytes += length_size(sink, value.size, sizeof(int32_t)) + positive(value.size);
    if (sink->writer != NULL)
        kp_write_bytes(sink->writer, value, sink->flexible);
    return true;
}

static bool write_records(struct sink *sink, const struct kp_field *field, const char *from, bool nullable)
{
    struct kp_records value;
    memcpy(&value, from, sizeof value);
    if (value.size < -1 || value.size == INT32_MAX || (value.size < 0 && !nullable))
        return write_failed(sink, field);
    sink->wire_bytes += length_size(sink, value.size, sizeof(int32_t)) + positive(value.size);
    if (value.slice != NULL) {
        sink->slice_bytes += positive(value.size);
        sink->gaps_count++;
    }
    if (sink->writer != NULL)
        kp_write_records(sink->writer, value, sink->flexible);
    return true;
}

static inline void write_scalar(struct sink *sink, const struct kp_field *field, const char *from)
{
    sink->wire_bytes += field->value_size;
    if (sink->writer == NULL)
        return;
    uint8_t *to = kp_write_reserve(sink->writer, field->value_size);
    switch (field->value_size) {
    case sizeof(uint8_t):
        *to = (uint8_t)*from;
        break;
    case sizeof(uint16_t):
        store_be16(to, load_host16(from));
        break;
    case sizeof(uint32_t):
        store_be32(to, load_host32(from));
        break;
    case sizeof(uint64_t):
        store_be64(to, load_host64(from));
        break;
    default:
        memcpy(to, from, sizeof(struct kp_uuid));
        break;
    }
}

/* One value: of a field that is no array, or one item. */
static inline bool write_value(struct sink *sink, const struct kp_field *field, const char *from, bool nullable)
{
    switch ((enum kp_type)field->type) {
    case KP_STRING:
        return write_string(sink, field, from, nullable);
    case KP_BYTES:
        return write_bytes(sink, field, from, nullable);
    case KP_RECORDS:
        return write_records(sink, field, from, nullable);
    case KP_STRUCT:
        return write_struct(sink, field->schema, from);
    default:
        write_scalar(sink, field, from);
        return true;
    }
}

static bool write_array(struct sink *sink, const struct kp_field *field, const char *message)
{
    int32_t count = kp_array_count(field, message);
    const char *items = kp_field_pointer(field, message);
    size_t item_size = field->value_size;

    if (count < -1 || count == INT32_MAX || (count > 0 && items == NULL) ||
        (count < 0 && !kp_versions_has(field->nullable, sink->version)))
        return write_failed(sink, field);
    sink->wire_bytes += length_size(sink, count, sizeof(int32_t));
    if (sink->writer != NULL)
        kp_write_length(sink->writer, count, sink->flexible);
    for (int32_t i = 0; i < count; i++)
        if (!kp_pause_between(sink->pause) || !write_value(sink, field, items + (size_t)i * item_size, false))
            return false;
    return true;
}

static bool write_pointer(struct sink *sink, const struct kp_field *field, const char *message)
{
    const char *value = kp_field_pointer(field, message);
    bool nullable = kp_versions_has(field->nullable, sink->version);
    if (value == NULL && !nullable)
        return write_failed(sink, field);
    if (nullable) {
        sink->wire_bytes++;
        if (sink->writer != NULL)
            kp_write_int8(sink->writer, value != NULL ? 1 : -1);
    }
    return value == NULL || write_struct(sink, field->schema, value);
}

static inline bool write_field(struct sink *sink, const struct kp_field *field, const char *message)
{
    if (field->array)
        return write_array(sink, field, message);
    if (field->pointer)
        return write_pointer(sink, field, message);
    bool nullable = field->type >= KP_STRING && kp_versions_has(field->nullable, sink->version);
    return write_value(sink, field, message + field->offset, nullable);
}

static bool is_default_struct(const struct kp_schema *schema, const char *from);

/* Does the field hold its default? As in Kafka over all versions of a struct inside, whatever version is written. */
static bool is_default(const struct kp_schema *schema, const struct kp_field *field, const char *message)
{
    const char *defaults = schema->defaults;
    const char *value = message + field->offset, *initial = defaults + field->offset;
    if (field->array)
        return kp_array_count(field, message) == kp_array_count(field, defaults);
    if (field->pointer) {
        const char *left = kp_field_pointer(field, message), *right = kp_field_pointer(field, defaults);
        return left == right || (left != NULL && right != NULL && is_default_struct(field->schema, left));
    }
    switch ((enum kp_type)field->type) {
    case KP_STRUCT:
        return is_default_struct(field->schema, value);
    case KP_STRING: /* defaults are null or empty */
        return load_host32(value + offsetof(struct kp_string, size)) ==
               load_host32(initial + offsetof(struct kp_string, size));
    case KP_BYTES:
        return load_host32(value + offsetof(struct kp_bytes, size)) ==
               load_host32(initial + offsetof(struct kp_bytes, size));
    case KP_RECORDS:
        return load_host32(value + offsetof(struct kp_records, size)) ==
               load_host32(initial + offsetof(struct kp_records, size));
    default:
        return equal_scalar(value, initial, field->value_size);
    }
}

static bool is_default_struct(const struct kp_schema *schema, const char *from)
{
    for (int i = 0; i < schema->fields_count; i++)
        if (!is_default(schema, &schema->fields[i], from))
            return false;
    return true;
}

/* What this version cannot say must be ignorable or at its default. */
static bool check_absent(struct sink *sink, const struct kp_schema *schema, const char *from)
{
    for (int i = 0; i < schema->fields_count; i++) {
        const struct kp_field *field = &schema->fields[i];
        if (!kp_versions_has(field->versions, sink->version) && !field->ignorable && !is_default(schema, field, from))
            return write_failed(sink, field);
    }
    return true;
}

static bool write_tag(struct sink *sink, const struct kp_field *field, const char *from)
{
    struct sink value = {.version = sink->version, .flexible = true};
    if (!write_field(&value, field, from)) {
        sink->field = value.field;
        return false;
    }
    write_uvarint(sink, (uint32_t)field->tag);
    write_uvarint(sink, (uint32_t)value.wire_bytes);
    if (sink->writer != NULL)
        return write_field(sink, field, from);
    sink->wire_bytes += value.wire_bytes;
    return true;
}

static bool write_tags(struct sink *sink, const struct kp_schema *schema, const char *from)
{
    uint64_t written = 0; /* a bit for each field: KP_FIELDS_MAX */
    uint32_t count = 0;
    for (int i = schema->untagged_count; i < schema->fields_count; i++) {
        const struct kp_field *field = &schema->fields[i];
        if (kp_versions_has(field->versions, sink->version) && !is_default(schema, field, from)) {
            written |= UINT64_C(1) << i;
            count++;
        }
    }
    write_uvarint(sink, count);
    for (int i = schema->untagged_count; i < schema->fields_count && count > 0; i++)
        if ((written >> i & 1) != 0 && !write_tag(sink, &schema->fields[i], from))
            return false;
    return true;
}

static bool write_struct(struct sink *sink, const struct kp_schema *schema, const char *from)
{
    for (int i = 0; i < schema->untagged_count; i++) {
        const struct kp_field *field = &schema->fields[i];
        if (kp_versions_has(field->versions, sink->version) && !write_field(sink, field, from))
            return false;
    }
    return (sink->writer != NULL || check_absent(sink, schema, from)) &&
           (!sink->flexible || write_tags(sink, schema, from));
}

bool kp_measure_in_parts(const struct kp_schema *schema, const void *message, int16_t version, struct kp_pause *pause,
                         struct kp_size *size)
{
    struct sink sink = {.version = version, .flexible = version >= schema->flexible_from, .pause = pause};
    bool ok = kp_versions_has(schema->versions, version) && write_struct(&sink, schema, message) &&
              sink.wire_bytes <= INT32_MAX;
    *size = (struct kp_size){.wire_bytes = sink.wire_bytes,
                             .memory_bytes = sink.wire_bytes - sink.slice_bytes,
                             .gaps_count = sink.gaps_count,
                             .field = sink.field};
    return ok;
}

bool kp_measure(const struct kp_schema *schema, const void *message, int16_t version, struct kp_size *size)
{
    return kp_measure_in_parts(schema, message, version, NULL, size);
}

size_t kp_encoded_size(const struct kp_schema *schema, const void *message, int16_t version)
{
    struct kp_size size;
    if (!kp_measure(schema, message, version, &size) || size.gaps_count > 0)
        return KP_UNENCODABLE;
    return size.wire_bytes;
}

bool kp_encode_in_parts(const struct kp_schema *schema, const void *message, struct kp_writer *writer, int16_t version,
                        struct kp_pause *pause)
{
    struct sink sink = {
        .writer = writer, .version = version, .flexible = version >= schema->flexible_from, .pause = pause};
    return kp_versions_has(schema->versions, version) && write_struct(&sink, schema, message);
}

void kp_encode(const struct kp_schema *schema, const void *message, struct kp_writer *writer, int16_t version)
{
    bool measured = kp_encode_in_parts(schema, message, writer, version, NULL);
    ASSERT(measured);
}

/* ---- equal --------------------------------------------------------------------------------------------------------- */

static bool equal_bytes(struct kp_bytes a, struct kp_bytes b)
{
    return a.size == b.size && (a.size <= 0 || memcmp(a.data, b.data, (size_t)a.size) == 0);
}

static bool equal_value(const struct kp_field *field, const char *a, const char *b, int16_t version)
{
    switch ((enum kp_type)field->type) {
    case KP_STRUCT:
        return kp_equal(field->schema, a, b, version);
    case KP_STRING: {
        struct kp_string left, right;
        memcpy(&left, a, sizeof left);
        memcpy(&right, b, sizeof right);
        return kp_string_equal(left, right);
    }
    case KP_BYTES: {
        struct kp_bytes left, right;
        memcpy(&left, a, sizeof left);
        memcpy(&right, b, sizeof right);
        return equal_bytes(left, right);
    }
    case KP_RECORDS: {
        struct kp_records left, right;
        memcpy(&left, a, sizeof left);
        memcpy(&right, b, sizeof right);
        if (left.slice != NULL || right.slice != NULL)
            return left.slice == right.slice && left.size == right.size;
        return equal_bytes((struct kp_bytes){left.data, left.size}, (struct kp_bytes){right.data, right.size});
    }
    default:
        return equal_scalar(a, b, field->value_size);
    }
}

static bool equal_field(const struct kp_field *field, const char *a, const char *b, int16_t version)
{
    if (!field->array && !field->pointer)
        return equal_value(field, a + field->offset, b + field->offset, version);
    const char *left = kp_field_pointer(field, a), *right = kp_field_pointer(field, b);
    if (!field->array)
        return (left == NULL) == (right == NULL) && (left == NULL || kp_equal(field->schema, left, right, version));
    int32_t count = kp_array_count(field, a);
    if (count != kp_array_count(field, b))
        return false;
    for (int32_t i = 0; i < count; i++) {
        size_t at = (size_t)i * field->value_size;
        if (!equal_value(field, left + at, right + at, version))
            return false;
    }
    return true;
}

bool kp_equal(const struct kp_schema *schema, const void *a, const void *b, int16_t version)
{
    for (int i = 0; i < schema->fields_count; i++)
        if (kp_versions_has(schema->fields[i].versions, version) && !equal_field(&schema->fields[i], a, b, version))
            return false;
    return true;
}
