/* Primitive types of Kafka's protocol.
 *
 *     type      classic                   compact (flexible versions)
 *     string    int16 length, UTF-8       unsigned varint of length + 1
 *     bytes     int32 length              the same
 *     records   int32 length              the same
 *     array     int32 count               the same
 *     null      length -1                 0
 *
 * All else has one form: integers big-endian, a bool one byte, a uuid 16 bytes. Flexible structs end in tagged fields:
 * an unsigned varint count, then for each a tag, a size (both unsigned varints) and that many bytes. Types and limits
 * as in Apache Kafka's Readable, Writable and the readers that its generator makes.
 *
 * What can go wrong is only in reading: the bytes are a peer's. Every length is compared with what is left before use.
 */
#include "wire.h"

#define TAG_BYTES_MIN 2 /* a tagged field has a tag and a size at least */

/* ---- values -------------------------------------------------------------------------------------------------------- */

struct kp_string kp_string_of(const char *text)
{
    if (text == NULL)
        return KP_NULL_STRING;
    return (struct kp_string){text, (int32_t)strlen(text)};
}

bool kp_string_equal(struct kp_string a, struct kp_string b)
{
    return a.size == b.size && (a.size <= 0 || memcmp(a.data, b.data, (size_t)a.size) == 0);
}

bool kp_string_is(struct kp_string a, const char *text)
{
    return kp_string_equal(a, kp_string_of(text));
}

bool kp_uuid_equal(struct kp_uuid a, struct kp_uuid b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

bool kp_uuid_is_zero(struct kp_uuid uuid)
{
    return kp_uuid_equal(uuid, KP_ZERO_UUID);
}

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#define UUID_DIGITS (KP_UUID_TEXT_SIZE - 1) /* of 6 bits: 128 bits, and 4 that are zero */

void kp_uuid_text(struct kp_uuid uuid, char text[KP_UUID_TEXT_SIZE])
{
    uint32_t bits = 0;
    int have = 0;
    size_t next = 0;
    for (int i = 0; i < UUID_DIGITS; i++) {
        if (have < 6) {
            bits = bits << 8 | (next < sizeof uuid.bytes ? uuid.bytes[next] : 0u);
            next++;
            have += 8;
        }
        have -= 6;
        text[i] = base64_digits[bits >> have & 63];
    }
    text[UUID_DIGITS] = '\0';
}

bool kp_uuid_parse(struct kp_string text, struct kp_uuid *uuid)
{
    uint32_t bits = 0;
    int have = 0;
    size_t next = 0;
    if (text.size != UUID_DIGITS)
        return false;
    for (int i = 0; i < UUID_DIGITS; i++) {
        const char *digit = text.data[i] != '\0' ? strchr(base64_digits, text.data[i]) : NULL;
        if (digit == NULL)
            return false;
        bits = bits << 6 | (uint32_t)(digit - base64_digits);
        have += 6;
        if (have >= 8) {
            have -= 8;
            uuid->bytes[next++] = (uint8_t)(bits >> have);
        }
    }
    return (bits & ((1u << have) - 1)) == 0;
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

const char *kp_read_error_text(enum kp_read_error error)
{
    switch (error) {
    case KP_READ_OK:
        return "no error";
    case KP_READ_SHORT:
        return "the message ends too early, or a length passes its end";
    case KP_READ_VARINT:
        return "a varint is too long or too large";
    case KP_READ_NULL:
        return "null where it is not allowed";
    case KP_READ_LENGTH:
        return "a string is longer than 32767 bytes";
    case KP_READ_COUNT:
        return "more items than the bytes left can hold, or more than are allowed";
    case KP_READ_TAG:
        return "a tagged field is not as long as it says";
    case KP_READ_MEMORY:
        return "the message needs more memory than a request may take";
    case KP_READ_ENDED:
        return "its reading was ended";
    case KP_READ_VERSION:
        return "there is no such version of this message";
    }
    return "unknown error";
}

void kp_reader_init(struct kp_reader *reader, const void *bytes, size_t size)
{
    const uint8_t *at = size > 0 ? bytes : (const uint8_t *)"";
    *reader = (struct kp_reader){.at = at, .end = at + size};
}

void kp_reader_fail(struct kp_reader *reader, enum kp_read_error error)
{
    if (reader->error == KP_READ_OK)
        reader->error = error;
    reader->at = reader->end;
}

double kp_read_float64(struct kp_reader *reader)
{
    int64_t bits = kp_read_int64(reader);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

struct kp_uuid kp_read_uuid(struct kp_reader *reader)
{
    struct kp_uuid uuid = KP_ZERO_UUID;
    const uint8_t *bytes = kp_read_raw(reader, sizeof uuid.bytes);
    if (bytes != NULL)
        memcpy(uuid.bytes, bytes, sizeof uuid.bytes);
    return uuid;
}

uint32_t kp_read_uvarint(struct kp_reader *reader)
{
    uint32_t value = 0;
    size_t left = kp_reader_left(reader);
    if (left > 0 && *reader->at < 0x80)
        return *reader->at++;
    size_t size = uvarint_load(reader->at, left, &value);
    if (size == 0) {
        kp_reader_fail(reader, left < VARINT_BYTES_MAX ? KP_READ_SHORT : KP_READ_VARINT);
        return 0;
    }
    reader->at += size;
    return value;
}

int32_t kp_read_length(struct kp_reader *reader, bool compact)
{
    if (!compact) {
        int32_t length = kp_read_int32(reader);
        return length < 0 ? -1 : length;
    }
    uint32_t length_plus_one = kp_read_uvarint(reader);
    if (length_plus_one <= INT32_MAX)
        return (int32_t)length_plus_one - 1;
    kp_reader_fail(reader, KP_READ_SHORT);
    return 0;
}

struct kp_string kp_read_string(struct kp_reader *reader, bool compact)
{
    int32_t length = compact ? kp_read_length(reader, true) : kp_read_int16(reader);
    if (reader->error != KP_READ_OK || length < 0)
        return KP_NULL_STRING;
    if (length > KP_STRING_BYTES_MAX) {
        kp_reader_fail(reader, KP_READ_LENGTH);
        return KP_NULL_STRING;
    }
    const uint8_t *data = kp_read_raw(reader, (size_t)length);
    return data != NULL ? (struct kp_string){(const char *)data, length} : KP_NULL_STRING;
}

struct kp_bytes kp_read_bytes(struct kp_reader *reader, bool compact)
{
    int32_t length = kp_read_length(reader, compact);
    const uint8_t *data = NULL;
    if (reader->error == KP_READ_OK && length >= 0)
        data = kp_read_raw(reader, (size_t)length);
    return data != NULL ? (struct kp_bytes){data, length} : (struct kp_bytes){NULL, -1};
}

uint32_t kp_read_tag_count(struct kp_reader *reader)
{
    uint32_t count = kp_read_uvarint(reader);
    if (count <= KP_TAGS_MAX && count <= kp_reader_left(reader) / TAG_BYTES_MIN)
        return count;
    kp_reader_fail(reader, KP_READ_COUNT);
    return 0;
}

void kp_read_skip_tags(struct kp_reader *reader)
{
    uint32_t count = kp_read_tag_count(reader);
    for (uint32_t i = 0; i < count && reader->error == KP_READ_OK; i++) {
        kp_read_uvarint(reader);
        kp_read_raw(reader, kp_read_uvarint(reader));
    }
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

void kp_writer_init(struct kp_writer *writer, void *bytes, size_t size)
{
    *writer = (struct kp_writer){.at = bytes, .start = bytes, .end = (uint8_t *)bytes + size};
}

void kp_write_float64(struct kp_writer *writer, double value)
{
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    kp_write_int64(writer, bits);
}

void kp_write_raw(struct kp_writer *writer, const void *bytes, size_t size)
{
    if (size > 0)
        memcpy(kp_write_reserve(writer, size), bytes, size);
}

void kp_write_uuid(struct kp_writer *writer, struct kp_uuid value)
{
    kp_write_raw(writer, value.bytes, sizeof value.bytes);
}

void kp_write_uvarint(struct kp_writer *writer, uint32_t value)
{
    uvarlong_store(kp_write_reserve(writer, uvarint_size(value)), value);
}

void kp_write_length(struct kp_writer *writer, int32_t length, bool compact)
{
    if (compact)
        kp_write_uvarint(writer, (uint32_t)(length + 1));
    else
        kp_write_int32(writer, length);
}

void kp_write_string(struct kp_writer *writer, struct kp_string value, bool compact)
{
    ASSERT(value.size <= KP_STRING_BYTES_MAX);
    if (compact)
        kp_write_length(writer, value.size, true);
    else
        kp_write_int16(writer, (int16_t)value.size);
    if (value.size > 0)
        kp_write_raw(writer, value.data, (size_t)value.size);
}

void kp_write_bytes(struct kp_writer *writer, struct kp_bytes value, bool compact)
{
    kp_write_length(writer, value.size, compact);
    if (value.size > 0)
        kp_write_raw(writer, value.data, (size_t)value.size);
}

void kp_write_records(struct kp_writer *writer, struct kp_records value, bool compact)
{
    if (value.slice == NULL) {
        kp_write_bytes(writer, (struct kp_bytes){value.data, value.size}, compact);
        return;
    }
    kp_write_length(writer, value.size, compact);
    ASSERT(writer->gaps_count < writer->gaps_max);
    writer->gaps[writer->gaps_count++] =
        (struct kp_gap){.position = (size_t)(writer->at - writer->start), .size = value.size, .slice = value.slice};
}
