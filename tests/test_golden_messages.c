/* What Apache Kafka's own serializers wrote, through our codec.
 *
 * tests/golden/messages/messages.bin.gz holds random messages of every API, record, version and direction, each with
 * the checksum of the text that Kafka itself reads from it; its README says how it is made. "Canonical" messages are
 * those without tagged fields that nobody knows. */
#include "messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <zlib.h>

#define GOLDEN           "tests/golden/messages/messages.bin.gz"
#define GOLDEN_HEAD      "dohle golden messages 1: Apache Kafka 4.4.0\n"
#define ARENA_BYTES_MAX  (8u << 20)
#define CORRUPTIONS      50 /* of each message */
#define TEXT_BYTES_MAX   (1u << 20)
#define NAME_BYTES_MAX   256
#define STRUCT_BYTES_MAX 1024 /* of the largest message struct: checked when loading */

struct golden_message {
    const struct kp_schema *schema;
    int16_t version;
    bool canonical;
    uint32_t text_crc;
    const uint8_t *bytes; /* a block of its own, so that a sanitizer sees a read behind it */
    uint32_t size;
};

struct golden {
    struct golden_message *messages;
    size_t count;
    struct arena arena, second;
    char *text;
};

static void print_place(const struct golden_message *message, const char *what)
{
    print_error("%s version %d: %s\n", message->schema->name, message->version, what);
}

/* Exactly `size` bytes; false at the end of the file. */
static bool read_exactly(gzFile file, void *bytes, unsigned size)
{
    int got = gzread(file, bytes, size);
    if (got == 0 && size > 0)
        return false;
    assert_int_equal(got, (int)size);
    return true;
}

static bool load_one(gzFile file, struct golden_message *message)
{
    char name[NAME_BYTES_MAX];
    uint8_t length, fixed[2 + 1 + 4 + 4];
    if (!read_exactly(file, &length, 1))
        return false;
    read_exactly(file, name, length);
    read_exactly(file, fixed, sizeof fixed);
    message->schema = kp_schema_find((struct kp_string){name, length});
    if (message->schema == NULL)
        fail_msg("no schema %.*s", length, name);
    assert_true(message->schema->size <= STRUCT_BYTES_MAX);
    message->version = (int16_t)load_be16(fixed);
    message->canonical = fixed[2] == 1;
    message->text_crc = load_be32(fixed + 3);
    message->size = load_be32(fixed + 7);
    uint8_t *bytes = xmalloc(message->size > 0 ? message->size : 1);
    read_exactly(file, bytes, message->size);
    message->bytes = bytes;
    return true;
}

static int load(void **state)
{
    struct golden *golden = xcalloc(1, sizeof *golden);
    char head[sizeof GOLDEN_HEAD] = "";
    gzFile file = gzopen(GOLDEN, "rb");
    if (file == NULL)
        fail_msg("cannot open %s (the tests run in the project's folder)", GOLDEN);
    read_exactly(file, head, sizeof GOLDEN_HEAD - 1);
    assert_string_equal(head, GOLDEN_HEAD);
    size_t room = 0;
    for (;;) {
        if (golden->count == room) {
            room = room == 0 ? 4096 : 2 * room;
            golden->messages = xrealloc(golden->messages, room * sizeof *golden->messages);
        }
        if (!load_one(file, &golden->messages[golden->count]))
            break;
        golden->count++;
    }
    gzclose(file);
    arena_init(&golden->arena, ARENA_BYTES_MAX);
    arena_init(&golden->second, ARENA_BYTES_MAX);
    golden->text = xmalloc(TEXT_BYTES_MAX);
    *state = golden;
    return 0;
}

static int unload(void **state)
{
    struct golden *golden = *state;
    for (size_t i = 0; i < golden->count; i++)
        free((void *)(uintptr_t)golden->messages[i].bytes);
    free(golden->messages);
    free(golden->text);
    arena_release(&golden->arena);
    arena_release(&golden->second);
    free(golden);
    return 0;
}

/* A struct that fits any message, aligned for all its fields. */
union any_message {
    max_align_t align;
    char bytes[STRUCT_BYTES_MAX];
};

static bool decode(const struct golden_message *golden, union any_message *message, const uint8_t *bytes, size_t size,
                   struct arena *arena, struct kp_reader *reader)
{
    kp_reader_init(reader, bytes, size);
    return kp_decode(golden->schema, message, reader, golden->version, arena);
}

/* Decode a message of Kafka's, which must succeed. */
static void decode_whole(struct golden *golden, const struct golden_message *source, union any_message *message)
{
    struct kp_reader reader;
    arena_reset(&golden->arena);
    if (!decode(source, message, source->bytes, source->size, &golden->arena, &reader)) {
        print_place(source, kp_read_error_text(reader.error));
        fail_msg("field %s", reader.field != NULL ? reader.field : "(none)");
    }
    if (kp_reader_left(&reader) != 0) {
        print_place(source, "bytes are left");
        fail();
    }
}

/* Memory from malloc with the message encoded; *size says how much. */
static uint8_t *encode(const struct golden_message *source, const union any_message *message, size_t *size)
{
    struct kp_writer writer;
    *size = kp_encoded_size(source->schema, message, source->version);
    if (*size == KP_UNENCODABLE) {
        print_place(source, "what was decoded cannot be encoded");
        fail();
    }
    uint8_t *bytes = xmalloc(*size > 0 ? *size : 1);
    kp_writer_init(&writer, bytes, *size);
    kp_encode(source->schema, message, &writer, source->version);
    assert_ptr_equal(writer.at, writer.end);
    return bytes;
}

static void print_text(struct golden *golden, const struct golden_message *source, const union any_message *message,
                       struct kp_text *text)
{
    kp_text_init(text, golden->text, TEXT_BYTES_MAX, SIZE_MAX);
    kp_print(source->schema, message, source->version, text);
    assert_true(text->size < text->capacity);
}

/* ---- tests --------------------------------------------------------------------------------------------------------- */

static void golden_messages_cover_every_version_of_every_message(void **state)
{
    struct golden *golden = *state;
    for (int s = 0; s < KP_SCHEMAS_COUNT; s++) {
        const struct kp_schema *schema = kp_schemas[s];
        for (int16_t version = schema->versions.first; version <= schema->versions.last; version++) {
            bool found = false;
            for (size_t i = 0; i < golden->count && !found; i++)
                found = golden->messages[i].schema == schema && golden->messages[i].version == version;
            if (!found)
                fail_msg("no message for %s version %d", schema->name, version);
        }
    }
}

/* Names, values, nulls and defaults: the text is what Kafka reads from the same bytes. */
static void golden_messages_decode_to_the_fields_that_kafka_reads(void **state)
{
    struct golden *golden = *state;
    for (size_t i = 0; i < golden->count; i++) {
        const struct golden_message *source = &golden->messages[i];
        union any_message message;
        struct kp_text text;
        decode_whole(golden, source, &message);
        print_text(golden, source, &message, &text);
        if (crc32(0, (const uint8_t *)text.data, (unsigned)text.size) != source->text_crc) {
            print_place(source, text.data);
            fail_msg("the text differs from Kafka's; the recorder shows that with -Dtexts=true");
        }
    }
}

static void golden_messages_encode_to_the_bytes_that_kafka_writes(void **state)
{
    struct golden *golden = *state;
    for (size_t i = 0; i < golden->count; i++) {
        const struct golden_message *source = &golden->messages[i];
        union any_message message;
        size_t size;
        if (!source->canonical)
            continue;
        decode_whole(golden, source, &message);
        uint8_t *bytes = encode(source, &message, &size);
        if (size != source->size || memcmp(bytes, source->bytes, size) != 0) {
            print_place(source, "other bytes than Kafka's");
            fail();
        }
        free(bytes);
    }
}

/* KIP-482: a reader skips tagged fields that it does not know. */
static void golden_messages_with_unknown_tags_have_the_fields_of_those_without(void **state)
{
    struct golden *golden = *state;
    size_t seen = 0;
    for (size_t i = 0; i < golden->count; i++) {
        const struct golden_message *source = &golden->messages[i];
        union any_message message, again;
        struct kp_reader reader;
        size_t size;
        if (source->canonical)
            continue;
        decode_whole(golden, source, &message);
        uint8_t *bytes = encode(source, &message, &size);
        assert_true(size < source->size);
        arena_reset(&golden->second);
        assert_true(decode(source, &again, bytes, size, &golden->second, &reader));
        assert_true(kp_equal(source->schema, &message, &again, source->version));
        free(bytes);
        seen++;
    }
    assert_true(seen > 0);
}

/* Kafka ignores what follows a body. */
static void golden_messages_with_trailing_bytes_have_the_fields_of_those_without(void **state)
{
    static const uint8_t trailing[] = {0xff, 0x00, 0x7f};
    struct golden *golden = *state;
    for (size_t i = 0; i < golden->count; i++) {
        const struct golden_message *source = &golden->messages[i];
        union any_message message, again;
        struct kp_reader reader;
        decode_whole(golden, source, &message);
        uint8_t *longer = xmalloc(source->size + sizeof trailing);
        memcpy(longer, source->bytes, source->size);
        memcpy(longer + source->size, trailing, sizeof trailing);
        arena_reset(&golden->second);
        assert_true(decode(source, &again, longer, source->size + sizeof trailing, &golden->second, &reader));
        assert_int_equal(kp_reader_left(&reader), sizeof trailing);
        assert_true(kp_equal(source->schema, &message, &again, source->version));
        free(longer);
    }
}

static void golden_messages_read_back_from_their_text(void **state)
{
    struct golden *golden = *state;
    for (size_t i = 0; i < golden->count; i++) {
        const struct golden_message *source = &golden->messages[i];
        union any_message message, again;
        struct kp_parse_error error;
        struct kp_text text;
        decode_whole(golden, source, &message);
        print_text(golden, source, &message, &text);
        arena_reset(&golden->second);
        if (!kp_parse(source->schema, &again, text.data, text.size, &golden->second, &error)) {
            print_place(source, text.data);
            fail_msg("%s at %zu", error.message, error.position);
        }
        assert_true(kp_equal(source->schema, &message, &again, source->version));
    }
}

/* A message lies at the end of its block, so a read behind the cut is a read behind the block. */
static void golden_messages_cut_anywhere_are_errors(void **state)
{
    struct golden *golden = *state;
    for (size_t i = 0; i < golden->count; i++) {
        const struct golden_message *source = &golden->messages[i];
        uint8_t *block = xmalloc(source->size + 1);
        uint8_t *end = block + source->size + 1;
        for (size_t size = 0; size < source->size; size++) {
            union any_message message;
            struct kp_reader reader;
            memcpy(end - size, source->bytes, size);
            arena_reset(&golden->arena);
            if (decode(source, &message, end - size, size, &golden->arena, &reader)) {
                print_place(source, "a part decodes as if it were whole");
                fail();
            }
            assert_int_not_equal(reader.error, KP_READ_OK);
            assert_int_equal(kp_reader_left(&reader), 0);
        }
        free(block);
    }
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Set one byte to a value that lengths, counts and tags take badly, or to any. */
static void corrupt(uint8_t *bytes, size_t size, uint32_t *seed)
{
    static const uint8_t bad[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    size_t at = next_random(seed) % size;
    uint32_t kind = next_random(seed) % (COUNT_OF(bad) + 3);
    bytes[at] = kind < COUNT_OF(bad) ? bad[kind] : (uint8_t)next_random(seed);
}

/* Damaged messages are refused, or are other messages, which then survive another round. */
static void golden_messages_with_damage_fail_cleanly_or_are_other_messages(void **state)
{
    struct golden *golden = *state;
    uint32_t seed = 1;
    for (size_t i = 0; i < golden->count; i++) {
        const struct golden_message *source = &golden->messages[i];
        uint8_t *damaged = xmalloc(source->size > 0 ? source->size : 1);
        for (int k = 0; k < CORRUPTIONS && source->size > 0; k++) {
            union any_message message, again;
            struct kp_reader reader;
            size_t size;
            memcpy(damaged, source->bytes, source->size);
            for (int changes = k % 3; changes >= 0; changes--)
                corrupt(damaged, source->size, &seed);
            arena_reset(&golden->arena);
            if (!decode(source, &message, damaged, source->size, &golden->arena, &reader)) {
                assert_int_not_equal(reader.error, KP_READ_OK);
                continue;
            }
            uint8_t *bytes = encode(source, &message, &size);
            arena_reset(&golden->second);
            assert_true(decode(source, &again, bytes, size, &golden->second, &reader));
            assert_true(kp_equal(source->schema, &message, &again, source->version));
            free(bytes);
        }
        free(damaged);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_messages_cover_every_version_of_every_message),
        cmocka_unit_test(golden_messages_decode_to_the_fields_that_kafka_reads),
        cmocka_unit_test(golden_messages_encode_to_the_bytes_that_kafka_writes),
        cmocka_unit_test(golden_messages_with_unknown_tags_have_the_fields_of_those_without),
        cmocka_unit_test(golden_messages_with_trailing_bytes_have_the_fields_of_those_without),
        cmocka_unit_test(golden_messages_read_back_from_their_text),
        cmocka_unit_test(golden_messages_cut_anywhere_are_errors),
        cmocka_unit_test(golden_messages_with_damage_fail_cleanly_or_are_other_messages),
    };
    return cmocka_run_group_tests_name("golden messages", tests, load, unload);
}
