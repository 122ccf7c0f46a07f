/* The one codec of all messages: it walks a schema, a table of fields, and decodes, measures or encodes a struct by it.
 *
 * protocol/schema/NAME.msg --schemac--> messages.h (structs, typed wrappers of the functions below) and messages.c
 * (tables). Handlers use the wrappers (kp_fetch_request_decode() and so on). What handles any message, as the
 * dispatcher, tests and the text form in codec_text.h do, uses schemas directly; the tables are open for that.
 *
 * How a struct looks: scalars by value; strings, bytes, records and uuids as in wire.h; an array as a pointer and a
 * count, -1 for null; an inline struct by value, or a pointer when it can be null. A handler that fills an array
 * starts each item from the default of its type:
 *
 *     response->topics = arena_alloc(arena, (size_t)count * sizeof *response->topics);
 *     response->topics[0] = kp_metadata_response_topics_default;
 *
 * Whoever builds a message fills the fields of all versions; the codec writes those that the version has. As in Kafka,
 * a field that the version lacks may hold anything when its schema says `ignorable`, and must be at its default when
 * not. */
#ifndef DOHLE_PROTOCOL_CODEC_H
#define DOHLE_PROTOCOL_CODEC_H

#include "arena.h"
#include "wire.h"

enum kp_type {
    KP_BOOL,
    KP_INT8,
    KP_INT16,
    KP_UINT16,
    KP_INT32,
    KP_UINT32,
    KP_INT64,
    KP_FLOAT64,
    KP_UUID,
    KP_STRING,
    KP_BYTES,
    KP_RECORDS,
    KP_STRUCT,
};

#define KP_NO_TAG     (-1)
#define KP_NEVER      INT16_MAX /* flexible_from of a message that never is */
#define KP_DEPTH_MAX  8         /* schemac refuses structs nested deeper, so recursion over schemas is bounded */
#define KP_FIELDS_MAX 64        /* of one struct: a set of fields fits an integer */

/* Versions from `first` to `last`, both included; none when first > last. */
struct kp_versions {
    int16_t first, last;
};

struct kp_schema;

struct kp_field {
    const char *name;      /* Kafka's, in snake case */
    uint16_t offset;       /* in the C struct: of the value, or of the pointer of an array or nullable struct */
    uint16_t count_offset; /* of an array: where its int32_t count is */
    uint16_t value_size;   /* bytes of one value, or of one item, in C */
    uint8_t type;          /* enum kp_type: of the value, or of the items of an array */
    bool array;
    bool pointer;                   /* a struct that can be null in some version */
    bool ignorable;                 /* dropped silently in versions that lack it */
    int16_t tag;                    /* KP_NO_TAG, or the tag that it has in all its versions */
    struct kp_versions versions;    /* of the message, where the field is */
    struct kp_versions nullable;    /* where it can be null */
    const struct kp_schema *schema; /* KP_STRUCT: of the value or item */
};

struct kp_schema {
    const char *name;              /* "fetch_request", or of an inner struct "fetch_request_topics" */
    const struct kp_field *fields; /* untagged ones in the order of the wire, then tagged ones by tag */
    uint16_t untagged_count;
    uint16_t fields_count;
    uint16_t size;               /* of the C struct */
    struct kp_versions versions; /* of the message */
    int16_t flexible_from;       /* first version with compact lengths and tagged fields, or KP_NEVER */
    const void *defaults;        /* a C struct with every field at its default */
    const uint8_t *least_bytes;  /* by version from 0: the shortest encoding, at most 255 is said */
};

/* An API of the client listener. */
struct kp_api {
    int16_t key;
    const char *name;            /* as Kafka spells it: "Fetch" */
    const char *snake_name;      /* as in our names: "fetch" */
    struct kp_versions versions; /* the stable ones; a schema may know a newer one that Kafka calls unstable */
    int16_t flexible_from;       /* or KP_NEVER */
    const struct kp_schema *request, *response;
};

/* Where a record type occurs, and what part of a record it is. Type numbers are unique in each. */
enum kp_record_kind {
    KP_RECORD_METADATA,    /* __cluster_metadata: value behind a frame */
    KP_RECORD_CONTROL,     /* value of a control record */
    KP_RECORD_GROUP_KEY,   /* __consumer_offsets */
    KP_RECORD_GROUP_VALUE, /* type as that of the key */
    KP_RECORD_TXN_KEY,     /* __transaction_state */
    KP_RECORD_TXN_VALUE,
    KP_RECORD_SHARE_KEY, /* __share_group_state */
    KP_RECORD_SHARE_VALUE,
};

struct kp_record_type {
    enum kp_record_kind kind;
    int16_t type;
    const struct kp_schema *schema;
};

/* Decode a message of the given version from the front of the reader; what follows stays unread. It asks reader->pause
 * on the way. Strings, bytes and
 * records borrow the reader's memory, arrays and nullable structs come from the arena. Fields that this version lacks
 * get their default, unknown tagged fields are skipped. False: reader->error says what, reader->field where, and
 * `message` holds nothing of use. */
bool kp_decode(const struct kp_schema *schema, void *message, struct kp_reader *reader, int16_t version,
               struct arena *arena);

/* What an encoded message takes. */
struct kp_size {
    size_t wire_bytes;   /* in all */
    size_t memory_bytes; /* without the records that are slices: what kp_encode() fills */
    int32_t gaps_count;  /* slices */
    const char *field;   /* when it cannot be encoded: a field that is the reason, or NULL for the version */
};

/* Measure `message` in `version`. False when no such bytes exist: the version is unknown; a field that this version
 * lacks is not at its default (and not ignorable), or null where it cannot be; a string longer than 32767 bytes; more
 * than 2 GiB. */
bool kp_measure(const struct kp_schema *schema, const void *message, int16_t version, struct kp_size *size) WARN_UNUSED;

/* As above, but that `pause` is asked on the way: false also when it said so. The message must not change meanwhile. */
bool kp_measure_in_parts(const struct kp_schema *schema, const void *message, int16_t version, struct kp_pause *pause,
                         struct kp_size *size) WARN_UNUSED;

#define KP_UNENCODABLE SIZE_MAX
/* As above for messages without slices: the bytes to encode into, or KP_UNENCODABLE. */
size_t kp_encoded_size(const struct kp_schema *schema, const void *message, int16_t version) WARN_UNUSED;

/* Write a message that was measured; asserts that the writer has room for it. */
void kp_encode(const struct kp_schema *schema, const void *message, struct kp_writer *writer, int16_t version);

/* The same, asking `pause`. False: it ended the walk, and what is written is of no use. */
bool kp_encode_in_parts(const struct kp_schema *schema, const void *message, struct kp_writer *writer, int16_t version,
                        struct kp_pause *pause) WARN_UNUSED;

/* Are both structs equal in all fields of `version`? Records compare by their bytes; slices are equal when identical.
 */
bool kp_equal(const struct kp_schema *schema, const void *a, const void *b, int16_t version);

/* The field of that name, or NULL. */
const struct kp_field *kp_schema_field(const struct kp_schema *schema, struct kp_string name);

static inline bool kp_versions_has(struct kp_versions versions, int16_t version)
{
    return version >= versions.first && version <= versions.last;
}

/* How many items an array has (-1: null), and where they are. */
static inline int32_t kp_array_count(const struct kp_field *field, const void *message)
{
    int32_t count;
    memcpy(&count, (const char *)message + field->count_offset, sizeof count);
    return count;
}
static inline void *kp_field_pointer(const struct kp_field *field, const void *message)
{
    void *pointer;
    memcpy(&pointer, (const char *)message + field->offset, sizeof pointer);
    return pointer;
}

#endif
