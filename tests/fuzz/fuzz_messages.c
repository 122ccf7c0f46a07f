/* Fuzzing of the codec: decode any message in any version, then encode, decode, print and parse what came out.
 *
 * The input is two bytes that choose and the bytes of a message (seed_messages.py makes such inputs from golden ones).
 * The first byte chooses a schema, or past the last one what else reads a peer's bytes: a request header, or the text
 * of a message; the second one chooses the version. */
#include "protocol/header.h"

#include "messages.h"

#define ARENA_BYTES_MAX  (4u << 20)
#define STRUCT_BYTES_MAX 1024
#define TEXT_BYTES_MAX   (256u << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

union any_message {
    max_align_t align;
    char bytes[STRUCT_BYTES_MAX];
};

/* What was decoded can be encoded, and decodes to the same again. */
static void check_bytes(const struct kp_schema *schema, const union any_message *message, int16_t version)
{
    union any_message again;
    struct arena arena;
    struct kp_writer writer;
    struct kp_reader reader;
    size_t size = kp_encoded_size(schema, message, version);
    ASSERT(size != KP_UNENCODABLE);
    uint8_t *bytes = xmalloc(size > 0 ? size : 1);
    kp_writer_init(&writer, bytes, size);
    kp_encode(schema, message, &writer, version);
    ASSERT(writer.at == writer.end);
    arena_init(&arena, 2 * ARENA_BYTES_MAX);
    kp_reader_init(&reader, bytes, size);
    bool ok = kp_decode(schema, &again, &reader, version, &arena);
    ASSERT(ok && kp_reader_left(&reader) == 0);
    ASSERT(kp_equal(schema, message, &again, version));
    arena_release(&arena);
    free(bytes);
}

/* The text of a message reads back, when it is not too long to print here. */
static void check_text(const struct kp_schema *schema, const union any_message *message, int16_t version)
{
    union any_message again;
    struct arena arena;
    struct kp_text text;
    struct kp_parse_error error;
    char *data = xmalloc(TEXT_BYTES_MAX);
    kp_text_init(&text, data, TEXT_BYTES_MAX, SIZE_MAX);
    kp_print(schema, message, version, &text);
    arena_init(&arena, 64 * ARENA_BYTES_MAX);
    if (text.size < text.capacity) {
        bool ok = kp_parse(schema, &again, text.data, text.size, &arena, &error);
        ASSERT(ok);
        check_bytes(schema, &again, version); /* a float's NaN may come back as another NaN: no kp_equal() */
    }
    arena_release(&arena);
    free(data);
}

static void fuzz_schema(const struct kp_schema *schema, uint8_t choice, const uint8_t *data, size_t size)
{
    int versions = schema->versions.last - schema->versions.first + 1;
    int16_t version = (int16_t)(schema->versions.first + choice % versions);
    union any_message message;
    struct arena arena;
    struct kp_reader reader;
    ASSERT(schema->size <= sizeof message);
    arena_init(&arena, ARENA_BYTES_MAX);
    kp_reader_init(&reader, data, size);
    if (kp_decode(schema, &message, &reader, version, &arena)) {
        check_bytes(schema, &message, version);
        check_text(schema, &message, version);
    } else {
        ASSERT(reader.error != KP_READ_OK && kp_reader_left(&reader) == 0);
    }
    arena_release(&arena);
}

static void fuzz_header(const uint8_t *data, size_t size)
{
    struct kp_request_header header;
    struct kp_reader reader;
    kp_reader_init(&reader, data, size);
    if (kp_request_header_decode(&header, &reader))
        ASSERT(kp_request_header_size(&header) <= size);
}

static void fuzz_text(const struct kp_schema *schema, const uint8_t *data, size_t size)
{
    union any_message message;
    struct arena arena;
    struct kp_parse_error error;
    arena_init(&arena, ARENA_BYTES_MAX);
    if (!kp_parse(schema, &message, (const char *)data, size, &arena, &error))
        ASSERT(error.position <= size && error.message[0] != '\0');
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    if (data[0] < KP_SCHEMAS_COUNT)
        fuzz_schema(kp_schemas[data[0]], data[1], data + 2, size - 2);
    else if (data[0] == KP_SCHEMAS_COUNT)
        fuzz_header(data + 2, size - 2);
    else
        fuzz_text(kp_schemas[data[1] % KP_SCHEMAS_COUNT], data + 2, size - 2);
    return 0;
}

_Static_assert(KP_SCHEMAS_COUNT < UINT8_MAX, "the first byte chooses a schema");
