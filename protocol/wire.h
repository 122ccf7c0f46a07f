/* Primitive types of Kafka's protocol, read from and written to memory. Nothing here knows a message. See wire.c.
 *
 * A reader is sticky: after the first error every read returns zero, empty or null, so a decoder checks once at the end
 * (and once per element of an array). What it returns for strings, bytes and records borrows the reader's memory.
 *
 * A writer fills memory of exactly the size that was computed before. Records that lie elsewhere (a slice of a log) are
 * not copied into it: the writer notes where they belong, and the connection sends the pieces in turn. */
#ifndef DOHLE_PROTOCOL_WIRE_H
#define DOHLE_PROTOCOL_WIRE_H

#include "base.h"
#include "bytes.h"

#include <stdbool.h>

struct kp_string {
    const char *data; /* not terminated; NULL only when null */
    int32_t size;     /* -1: null */
};

struct kp_bytes {
    const uint8_t *data;
    int32_t size; /* -1: null */
};

/* Record batches. When encoding, either `data` holds them, or `slice` says where they lie: the encoder writes only
 * their length, and the writer notes the slice as a gap. Decoding sets data and a NULL slice. */
struct kp_records {
    const uint8_t *data;
    int32_t size; /* -1: null */
    void *slice;  /* what the owner of the writer's gaps understands; NULL: the bytes are at data */
};

struct kp_uuid {
    uint8_t bytes[16]; /* most significant first */
};

#define KP_NULL_STRING      ((struct kp_string){NULL, -1})
#define KP_EMPTY_STRING     ((struct kp_string){"", 0})
#define KP_ZERO_UUID        ((struct kp_uuid){{0}})
#define KP_STRING_BYTES_MAX INT16_MAX /* in the compact form too, as in Kafka */
#define KP_ARRAY_ITEMS_MAX  1000000   /* in one array, read; as in Kafka */
#define KP_TAGS_MAX         10000     /* in one struct, read; as in Kafka */
#define KP_UUID_TEXT_SIZE   23        /* 22 characters of URL-safe base64, and the end */

/* A view of a C string; NULL becomes the null string. */
struct kp_string kp_string_of(const char *text);
bool kp_string_equal(struct kp_string a, struct kp_string b);
/* Does `a` hold exactly the characters of `text`? */
bool kp_string_is(struct kp_string a, const char *text);

bool kp_uuid_equal(struct kp_uuid a, struct kp_uuid b);
bool kp_uuid_is_zero(struct kp_uuid uuid);
/* Kafka's text form: URL-safe base64 without padding. */
void kp_uuid_text(struct kp_uuid uuid, char text[KP_UUID_TEXT_SIZE]);
/* False when `text` is not 22 such characters that stand for 16 bytes. */
bool kp_uuid_parse(struct kp_string text, struct kp_uuid *uuid);

enum kp_read_error {
    KP_READ_OK = 0,
    KP_READ_SHORT,   /* a value or an announced length passes the end */
    KP_READ_VARINT,  /* a varint too long or too large */
    KP_READ_NULL,    /* null where it is not allowed */
    KP_READ_LENGTH,  /* a string above KP_STRING_BYTES_MAX */
    KP_READ_COUNT,   /* more items or tagged fields than the bytes left can hold, or than the bounds above */
    KP_READ_TAG,     /* a tagged field whose announced size is not the size of its value */
    KP_READ_MEMORY,  /* the arena's limit */
    KP_READ_VERSION, /* no such version of this message */
    KP_READ_ENDED,   /* struct kp_pause said so */
};

/* One sentence for people, without the field. */
const char *kp_read_error_text(enum kp_read_error error);

/* Who walks a long message and is to let others work meanwhile: take() is called between items of its arrays, once in
 * KP_ITEMS_PER_PART, and returns when the walk may go on. False: it is to end, with an error. */
struct kp_pause {
    bool (*take)(struct kp_pause *pause);
    unsigned items; /* since the last call */
};

#define KP_ITEMS_PER_PART 64 /* a few microseconds */

/* Before an item. False: end. `pause` NULL: go on. */
static inline bool kp_pause_between(struct kp_pause *pause)
{
    if (pause == NULL || ++pause->items < KP_ITEMS_PER_PART)
        return true;
    pause->items = 0;
    return pause->take(pause);
}

struct kp_reader {
    const uint8_t *at, *end;
    enum kp_read_error error; /* the first one */
    const char *field;        /* name of the field that it happened in; NULL in a header, and between fields */
    struct kp_pause *pause;   /* of a message that is decoded; NULL: none */
};

void kp_reader_init(struct kp_reader *reader, const void *bytes, size_t size);
static inline size_t kp_reader_left(const struct kp_reader *reader)
{
    return (size_t)(reader->end - reader->at);
}
/* Note an error; only the first one stays, and what was left is skipped so that all further reads return nothing. */
void kp_reader_fail(struct kp_reader *reader, enum kp_read_error error);

/* The next `size` bytes, borrowed, or NULL with KP_READ_SHORT. */
static inline const uint8_t *kp_read_raw(struct kp_reader *reader, size_t size)
{
    if (size <= kp_reader_left(reader)) {
        const uint8_t *bytes = reader->at;
        reader->at += size;
        return bytes;
    }
    kp_reader_fail(reader, KP_READ_SHORT);
    return NULL;
}

static inline int8_t kp_read_int8(struct kp_reader *reader)
{
    const uint8_t *bytes = kp_read_raw(reader, 1);
    return bytes != NULL ? (int8_t)*bytes : 0;
}

static inline uint16_t kp_read_uint16(struct kp_reader *reader)
{
    const uint8_t *bytes = kp_read_raw(reader, sizeof(uint16_t));
    return bytes != NULL ? load_be16(bytes) : 0;
}

static inline uint32_t kp_read_uint32(struct kp_reader *reader)
{
    const uint8_t *bytes = kp_read_raw(reader, sizeof(uint32_t));
    return bytes != NULL ? load_be32(bytes) : 0;
}

static inline int64_t kp_read_int64(struct kp_reader *reader)
{
    const uint8_t *bytes = kp_read_raw(reader, sizeof(int64_t));
    return bytes != NULL ? (int64_t)load_be64(bytes) : 0;
}

static inline int16_t kp_read_int16(struct kp_reader *reader)
{
    return (int16_t)kp_read_uint16(reader);
}

static inline int32_t kp_read_int32(struct kp_reader *reader)
{
    return (int32_t)kp_read_uint32(reader);
}

double kp_read_float64(struct kp_reader *reader);
struct kp_uuid kp_read_uuid(struct kp_reader *reader);
uint32_t kp_read_uvarint(struct kp_reader *reader);
/* A length or count: an unsigned varint less one in the compact form, else an int32. -1: null, which Kafka also reads
 * from any other negative number. */
int32_t kp_read_length(struct kp_reader *reader, bool compact);
/* Nullable; `compact` chooses the flexible form. */
struct kp_string kp_read_string(struct kp_reader *reader, bool compact);
struct kp_bytes kp_read_bytes(struct kp_reader *reader, bool compact);
/* The number of tagged fields that follow. */
uint32_t kp_read_tag_count(struct kp_reader *reader);
/* Skip a section of tagged fields of which none is known. */
void kp_read_skip_tags(struct kp_reader *reader);

/* Where records that were not copied belong: `size` bytes of `slice` follow the first `position` bytes of the output.
 */
struct kp_gap {
    size_t position;
    int32_t size;
    void *slice;
};

struct kp_writer {
    uint8_t *at, *start, *end;
    struct kp_gap *gaps; /* room for gaps_max, kept by the caller; may be NULL when no field has a slice */
    int32_t gaps_count, gaps_max;
};

void kp_writer_init(struct kp_writer *writer, void *bytes, size_t size);

/* Take `size` bytes of the output. The caller measured before, so a lack of room is a mistake of ours. */
static inline uint8_t *kp_write_reserve(struct kp_writer *writer, size_t size)
{
    uint8_t *to = writer->at;
    ASSERT(size <= (size_t)(writer->end - to));
    writer->at += size;
    return to;
}

static inline void kp_write_int8(struct kp_writer *writer, int8_t value)
{
    *kp_write_reserve(writer, 1) = (uint8_t)value;
}

static inline void kp_write_int16(struct kp_writer *writer, int16_t value)
{
    store_be16(kp_write_reserve(writer, sizeof value), (uint16_t)value);
}

static inline void kp_write_int32(struct kp_writer *writer, int32_t value)
{
    store_be32(kp_write_reserve(writer, sizeof value), (uint32_t)value);
}

static inline void kp_write_int64(struct kp_writer *writer, int64_t value)
{
    store_be64(kp_write_reserve(writer, sizeof value), (uint64_t)value);
}

void kp_write_float64(struct kp_writer *writer, double value);
void kp_write_uuid(struct kp_writer *writer, struct kp_uuid value);
void kp_write_uvarint(struct kp_writer *writer, uint32_t value);
/* As kp_read_length() reads it; -1: null. */
void kp_write_length(struct kp_writer *writer, int32_t length, bool compact);
void kp_write_string(struct kp_writer *writer, struct kp_string value, bool compact);
void kp_write_bytes(struct kp_writer *writer, struct kp_bytes value, bool compact);
/* Bytes at value.data are copied; of a slice only the length is written, and a gap noted. */
void kp_write_records(struct kp_writer *writer, struct kp_records value, bool compact);
void kp_write_raw(struct kp_writer *writer, const void *bytes, size_t size);

#endif
