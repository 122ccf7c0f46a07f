/* Record batches from and to readable text: the right ones as Kafka's clients build them, the wrong ones wrong in one
 * place. */
#include "lib/batch_value.h"
#include "lib/value_text.h"

#include "../protocol/record_batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define NOW_MS INT64_C(1700000000000)

struct fixture {
    struct arena arena;
    const char *error;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    arena_init(&f->arena, 1 << 24);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_release(&f->arena);
    free(f);
    return 0;
}

static struct kp_string build(struct fixture *f, const char *text)
{
    const struct value *list = value_parse(text, &f->arena);
    assert_non_null(list);
    struct kp_string bytes = KP_NULL_STRING;
    f->error = NULL;
    if (!batches_from_value(list, NOW_MS, &f->arena, &bytes, &f->error))
        assert_non_null(f->error);
    return bytes;
}

/* The first batch of the text, which must be a whole one. */
static struct record_batch view(struct fixture *f, const char *text)
{
    struct kp_string bytes = build(f, text);
    struct record_batch batch;
    assert_int_equal(record_batch_view(&batch, bytes.data, (size_t)bytes.size), BATCH_OK);
    return batch;
}

static const char *round_trip(struct fixture *f, const char *text)
{
    return value_print(&f->arena, batches_to_value(build(f, text), &f->arena), 0, 0);
}

static void batch_text_builds_what_the_batch_builder_builds(void **state)
{
    struct fixture *f = *state;
    struct batch_builder builder;
    struct batch_header header = BATCH_HEADER_PLAIN;
    header.leader_epoch = -1;
    header.producer_id = 7;
    header.producer_epoch = 1;
    header.base_sequence = 5;
    batch_builder_init(&builder, NOW_MS);
    batch_builder_add(&builder, NOW_MS, (struct kp_bytes){NULL, -1}, (struct kp_bytes){(const uint8_t *)"a", 1},
                      (struct kp_bytes){NULL, 0}, 0);
    batch_builder_add(&builder, NOW_MS + 3, (struct kp_bytes){(const uint8_t *)"k", 1}, (struct kp_bytes){NULL, -1},
                      (struct kp_bytes){NULL, 0}, 0);
    assert_true(batch_builder_finish(&builder, &header));
    struct kp_string bytes = build(f, "[{producer_id: 7, producer_epoch: 1, base_sequence: 5, records: [\"a\", "
                                      "{key: \"k\", value: null, timestamp: 1700000000003}]}]");
    assert_int_equal(bytes.size, builder.size_bytes);
    assert_memory_equal(bytes.data, builder.bytes, builder.size_bytes);
    batch_builder_release(&builder);
}

static void batch_text_of_each_codec_holds_the_same_records(void **state)
{
    static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(codecs); i++) {
        const struct value *list = batches_to_value(
            build(f, value_printf(&f->arena, "[{codec: \"%s\", records: [\"a\", {size: 1000, count: 3}]}]", codecs[i])),
            &f->arena);
        assert_int_equal(value_get(list->first, "attributes")->number, i);
        const struct value *records = value_get(list->first, "records");
        assert_int_equal(value_count(records), 2);
        assert_int_equal(value_get(records->last, "count")->number, 3);
    }
}

static void batch_text_keeps_nulls_empties_and_headers_apart(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(
        round_trip(f, "[{records: [{key: null, value: \"\"}, {key: \"\", value: null, headers: "
                      "[{key: \"h\", value: null}, {key: \"\", value: \"\"}]}]}]"),
        "[{base_offset: 0, leader_epoch: -1, attributes: 0, last_offset_delta: 1, base_timestamp: 1700000000000, "
        "max_timestamp: 1700000000000, record_count: 2, records: [{offset: 0, key: null, value: \"\"}, "
        "{offset: 1, key: \"\", value: null, headers: [{key: \"h\", value: null}, {key: \"\", value: \"\"}]}]}]");
}

static void batch_text_can_be_wrong_in_one_place(void **state)
{
    struct fixture *f = *state;
    struct record_batch batch = view(f, "[{records: [\"a\"]}]");
    assert_true(record_batch_crc_ok(&batch));
    batch = view(f, "[{crc_delta: 1, records: [\"a\"]}]");
    assert_false(record_batch_crc_ok(&batch));
    batch = view(f, "[{last_offset_delta: 9, record_count: 4, base_offset: 3, max_timestamp: 5, records: [\"a\"]}]");
    assert_true(record_batch_crc_ok(&batch));
    assert_int_equal(batch.last_offset_delta, 9);
    assert_int_equal(batch.record_count, 4);
    assert_int_equal(batch.base_offset, 3);
    assert_int_equal(batch.max_timestamp_ms, 5);
    struct kp_string whole = build(f, "[{records: [\"a\"]}]"), cut = build(f, "[{cut: 2, records: [\"a\"]}]");
    assert_int_equal(cut.size, whole.size - 2);
    assert_string_equal(round_trip(f, "[{cut: 2, records: [\"a\"]}]"), "[\"a batch without its end\"]");
    assert_string_equal(round_trip(f, "[{magic: 1, records: [\"a\"]}]"), "[\"no batch\"]");
    batch = view(f, "[{payload: x\"0102\", records: [\"a\"]}]");
    assert_int_equal(batch.size_bytes, BATCH_HEADER_BYTES + 2);
}

static void batch_text_with_unknown_words_is_an_error(void **state)
{
    struct fixture *f = *state;
    build(f, "[{record: []}]");
    assert_string_equal(f->error, "a batch has no 'record'");
    build(f, "[{codec: \"rar\", records: []}]");
    assert_string_equal(f->error, "codec is none, gzip, snappy, lz4 or zstd");
    build(f, "[5]");
    assert_string_equal(f->error, "a batch is an object or x\"...\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(batch_text_builds_what_the_batch_builder_builds, setup, teardown),
        cmocka_unit_test_setup_teardown(batch_text_of_each_codec_holds_the_same_records, setup, teardown),
        cmocka_unit_test_setup_teardown(batch_text_keeps_nulls_empties_and_headers_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(batch_text_can_be_wrong_in_one_place, setup, teardown),
        cmocka_unit_test_setup_teardown(batch_text_with_unknown_words_is_an_error, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
