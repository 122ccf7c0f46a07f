/* Primitive types of the wire (protocol/wire.h). */
#include "protocol/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static struct kp_reader reader_of(const void *bytes, size_t size)
{
    struct kp_reader reader;
    kp_reader_init(&reader, bytes, size);
    return reader;
}

/* ---- values --------------------------------------------------------------------------------------------------------- */

static void uuid_text_is_url_safe_base64_without_padding(void **state)
{
    static const struct {
        struct kp_uuid uuid;
        const char *text;
    } rows[] = {
        {{{0}},                                                                              "AAAAAAAAAAAAAAAAAAAAAA"},
        {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},                                 "AAAAAAAAAAAAAAAAAAAAAQ"},
        {{{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}}, "_____________________w"},
        {{{0xfb, 0xef, 0xbe, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},                        "----AAAAAAAAAAAAAAAAAA"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char text[KP_UUID_TEXT_SIZE];
        struct kp_uuid uuid;
        kp_uuid_text(rows[i].uuid, text);
        assert_string_equal(text, rows[i].text);
        assert_true(kp_uuid_parse(kp_string_of(rows[i].text), &uuid));
        assert_true(kp_uuid_equal(uuid, rows[i].uuid));
    }
}

static void uuid_text_that_stands_for_no_16_bytes_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "AAAAAAAAAAAAAAAAAAAAA",   /* short */
        "AAAAAAAAAAAAAAAAAAAAAAA", /* long */
        "AAAAAAAAAAAAAAAAAAAAA=",  /* padding */
        "AAAAAAAAAA+AAAAAAAAAAA",  /* the other alphabet */
        "AAAAAAAAAAAAAAAAAAAAAB",  /* bits behind the last byte */
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct kp_uuid uuid;
        if (kp_uuid_parse(kp_string_of(texts[i]), &uuid))
            fail_msg("\"%s\" was taken", texts[i]);
    }
    struct kp_uuid uuid;
    assert_false(kp_uuid_parse((struct kp_string){"AAAAAAAAAA\0AAAAAAAAAAA", 22}, &uuid));
    assert_false(kp_uuid_parse(KP_NULL_STRING, &uuid));
}

static void strings_are_equal_by_size_and_bytes_and_null_is_not_empty(void **state)
{
    (void)state;
    assert_true(kp_string_equal(kp_string_of("ab"), (struct kp_string){"abc", 2}));
    assert_false(kp_string_equal(kp_string_of("ab"), kp_string_of("ac")));
    assert_false(kp_string_equal(KP_NULL_STRING, KP_EMPTY_STRING));
    assert_true(kp_string_equal(KP_NULL_STRING, kp_string_of(NULL)));
    assert_true(kp_string_is(kp_string_of("topic"), "topic"));
    assert_false(kp_string_is(kp_string_of("topic"), "topi"));
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

static void reader_takes_big_endian_integers_in_order(void **state)
{
    static const uint8_t bytes[] = {0xff, 0x01, 0x02, 0xff, 0xfe, 0x80, 0,    0,    0, 0xff, 0xff, 0xff, 0xff, 0x80, 0,
                                    0,    0,    0,    0,    0,    0x01, 0x3f, 0xf8, 0, 0,    0,    0,    0,    0};
    struct kp_reader reader = reader_of(bytes, sizeof bytes);
    (void)state;
    assert_int_equal(kp_read_int8(&reader), -1);
    assert_int_equal(kp_read_int16(&reader), 0x0102);
    assert_int_equal(kp_read_uint16(&reader), 0xfffe);
    assert_int_equal(kp_read_int32(&reader), INT32_MIN);
    assert_int_equal(kp_read_uint32(&reader), UINT32_MAX);
    assert_true(kp_read_int64(&reader) == INT64_MIN + 1);
    assert_true(kp_read_float64(&reader) == 1.5);
    assert_int_equal(reader.error, KP_READ_OK);
    assert_int_equal(kp_reader_left(&reader), 0);
}

static void reader_keeps_the_first_error_and_then_reads_nothing(void **state)
{
    struct kp_reader reader = reader_of("\0\1\2", 3);
    (void)state;
    assert_int_equal(kp_read_int64(&reader), 0);
    assert_int_equal(reader.error, KP_READ_SHORT);
    kp_reader_fail(&reader, KP_READ_NULL);
    assert_int_equal(reader.error, KP_READ_SHORT);
    assert_int_equal(kp_read_int8(&reader), 0);
    assert_null(kp_read_raw(&reader, 1));
    assert_int_equal(kp_read_string(&reader, true).size, -1);
    assert_int_equal(kp_read_bytes(&reader, false).size, -1);
}

static void reader_of_nothing_is_at_its_end(void **state)
{
    struct kp_reader reader = reader_of(NULL, 0);
    (void)state;
    assert_int_equal(kp_reader_left(&reader), 0);
    assert_non_null(kp_read_raw(&reader, 0));
    assert_int_equal(reader.error, KP_READ_OK);
    kp_read_uvarint(&reader);
    assert_int_equal(reader.error, KP_READ_SHORT);
}

static void varints_of_every_size_read_as_they_were_written(void **state)
{
    static const struct {
        uint32_t value;
        size_t size;
    } rows[] = {
        {0,          1},
        {127,        1},
        {128,        2},
        {16383,      2},
        {16384,      3},
        {2097151,    3},
        {2097152,    4},
        {UINT32_MAX, 5}
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint8_t bytes[VARINT_BYTES_MAX];
        struct kp_writer writer;
        kp_writer_init(&writer, bytes, rows[i].size);
        kp_write_uvarint(&writer, rows[i].value);
        assert_ptr_equal(writer.at, writer.end);
        struct kp_reader reader = reader_of(bytes, rows[i].size);
        assert_int_equal(kp_read_uvarint(&reader), rows[i].value);
        assert_int_equal(kp_reader_left(&reader), 0);
        for (size_t cut = 0; cut < rows[i].size; cut++) {
            reader = reader_of(bytes, cut);
            kp_read_uvarint(&reader);
            assert_int_equal(reader.error, KP_READ_SHORT);
        }
    }
}

static void varints_above_32_bits_are_refused(void **state)
{
    struct kp_reader reader = reader_of("\xff\xff\xff\xff\x10", 5);
    (void)state;
    kp_read_uvarint(&reader);
    assert_int_equal(reader.error, KP_READ_VARINT);
    reader = reader_of("\x80\x80\x80\x80\x80\x01", 6);
    kp_read_uvarint(&reader);
    assert_int_equal(reader.error, KP_READ_VARINT);
}

static void strings_and_bytes_are_null_empty_or_borrowed_in_both_forms(void **state)
{
    static const struct {
        const char *name, *bytes;
        size_t bytes_size;
        bool compact, is_string;
        int32_t size;
    } rows[] = {
        {"classic string",       "\0\2ab",           4, false, true,  2 },
        {"classic empty string", "\0\0",             2, false, true,  0 },
        {"classic null string",  "\377\377",         2, false, true,  -1},
        {"compact string",       "\3ab",             3, true,  true,  2 },
        {"compact empty string", "\1",               1, true,  true,  0 },
        {"compact null string",  "\0",               1, true,  true,  -1},
        {"classic bytes",        "\0\0\0\2ab",       6, false, false, 2 },
        {"classic null bytes",   "\377\377\377\377", 4, false, false, -1},
        {"compact bytes",        "\3ab",             3, true,  false, 2 },
        {"compact null bytes",   "\0",               1, true,  false, -1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct kp_reader reader = reader_of(rows[i].bytes, rows[i].bytes_size);
        struct kp_bytes value;
        if (rows[i].is_string) {
            struct kp_string string = kp_read_string(&reader, rows[i].compact);
            value = (struct kp_bytes){(const uint8_t *)string.data, string.size};
        } else {
            value = kp_read_bytes(&reader, rows[i].compact);
        }
        if (value.size != rows[i].size || reader.error != KP_READ_OK || kp_reader_left(&reader) != 0)
            fail_msg("%s", rows[i].name);
        if (value.size >= 0) /* borrowed: the last bytes of the reader's own */
            assert_ptr_equal(value.data, rows[i].bytes + rows[i].bytes_size - rows[i].size);
    }
}

/* Kafka's readers take any negative length for null. */
static void lengths_below_minus_one_are_null(void **state)
{
    struct kp_reader reader = reader_of("\200\0", 2);
    (void)state;
    assert_int_equal(kp_read_string(&reader, false).size, -1);
    assert_int_equal(reader.error, KP_READ_OK);
    reader = reader_of("\377\377\377\0", 4);
    assert_int_equal(kp_read_length(&reader, false), -1);
    assert_int_equal(reader.error, KP_READ_OK);
}

static void lengths_beyond_the_end_are_errors(void **state)
{
    (void)state;
    struct kp_reader reader = reader_of("\177\377a", 3);
    kp_read_string(&reader, false);
    assert_int_equal(reader.error, KP_READ_SHORT);
    reader = reader_of("\177\377\377\377a", 5);
    kp_read_bytes(&reader, false);
    assert_int_equal(reader.error, KP_READ_SHORT);
    reader = reader_of("\377\377\377\377\17a", 6);
    kp_read_bytes(&reader, true);
    assert_int_equal(reader.error, KP_READ_SHORT);
}

/* As in Kafka, also where a compact length could say more. */
static void strings_longer_than_32767_are_refused(void **state)
{
    static uint8_t bytes[3 + 40000] = {0x81, 0x80, 0x02}; /* 32769, the length 32768 and one */
    struct kp_reader reader = reader_of(bytes, sizeof bytes);
    (void)state;
    kp_read_string(&reader, true);
    assert_int_equal(reader.error, KP_READ_LENGTH);
    bytes[0] = 0x80; /* 32767 */
    reader = reader_of(bytes, sizeof bytes);
    assert_int_equal(kp_read_string(&reader, true).size, KP_STRING_BYTES_MAX);
}

static void unknown_tags_are_skipped_to_the_next_field(void **state)
{
    struct kp_reader reader = reader_of("\2\1\2xy\200\1\0\5", 9);
    (void)state;
    kp_read_skip_tags(&reader);
    assert_int_equal(reader.error, KP_READ_OK);
    assert_int_equal(kp_read_int8(&reader), 5);
}

static void more_tags_than_bytes_for_them_are_an_error(void **state)
{
    struct kp_reader reader = reader_of("\3\1\0\1\0\1", 6);
    (void)state;
    kp_read_skip_tags(&reader);
    assert_int_equal(reader.error, KP_READ_COUNT);
}

static void read_errors_have_a_sentence_each(void **state)
{
    (void)state;
    for (int error = KP_READ_OK; error <= KP_READ_ENDED; error++)
        assert_string_not_equal(kp_read_error_text((enum kp_read_error)error), "unknown error");
}

/* ---- writing -------------------------------------------------------------------------------------------------------- */

static void writer_writes_values_in_both_forms(void **state)
{
    static const uint8_t expected[] = {0xff, 0x01, 0x02, 0,    0,    0,    7, 0, 2, 'a', 'b', 0xff,
                                       0xff, 3,    'a',  'b',  0,    0,    0, 0, 1, 9,   2,   9,
                                       0xff, 0xff, 0xff, 0xff, 0x3f, 0xf8, 0, 0, 0, 0,   0,   0};
    uint8_t bytes[sizeof expected];
    struct kp_writer writer;
    const struct kp_bytes nine = {(const uint8_t *)"\t", 1};
    (void)state;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_write_int8(&writer, -1);
    kp_write_int16(&writer, 0x0102);
    kp_write_int32(&writer, 7);
    kp_write_string(&writer, kp_string_of("ab"), false);
    kp_write_string(&writer, KP_NULL_STRING, false);
    kp_write_string(&writer, kp_string_of("ab"), true);
    kp_write_string(&writer, KP_NULL_STRING, true);
    kp_write_bytes(&writer, nine, false);
    kp_write_bytes(&writer, nine, true);
    kp_write_length(&writer, -1, false);
    kp_write_float64(&writer, 1.5);
    assert_ptr_equal(writer.at, writer.end);
    assert_memory_equal(bytes, expected, sizeof expected);
}

/* The connection sends the slice from where it lies: only its length is in memory. */
static void records_in_a_slice_are_noted_as_a_gap(void **state)
{
    uint8_t bytes[4 + 1 + 1];
    struct kp_gap gaps[1];
    struct kp_writer writer;
    int slice;
    (void)state;
    kp_writer_init(&writer, bytes, sizeof bytes);
    writer.gaps = gaps;
    writer.gaps_max = 1;
    kp_write_int8(&writer, 1);
    kp_write_records(&writer, (struct kp_records){NULL, 1000, &slice}, false);
    kp_write_int8(&writer, 2);
    assert_memory_equal(bytes, "\1\0\0\3\350\2", sizeof bytes);
    assert_int_equal(writer.gaps_count, 1);
    assert_int_equal(gaps[0].position, 5);
    assert_int_equal(gaps[0].size, 1000);
    assert_ptr_equal(gaps[0].slice, &slice);
}

static void records_in_memory_are_copied(void **state)
{
    uint8_t bytes[3];
    struct kp_writer writer;
    (void)state;
    kp_writer_init(&writer, bytes, sizeof bytes);
    kp_write_records(&writer, (struct kp_records){(const uint8_t *)"ab", 2, NULL}, true);
    assert_memory_equal(bytes, "\3ab", sizeof bytes);
    assert_int_equal(writer.gaps_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uuid_text_is_url_safe_base64_without_padding),
        cmocka_unit_test(uuid_text_that_stands_for_no_16_bytes_is_refused),
        cmocka_unit_test(strings_are_equal_by_size_and_bytes_and_null_is_not_empty),
        cmocka_unit_test(reader_takes_big_endian_integers_in_order),
        cmocka_unit_test(reader_keeps_the_first_error_and_then_reads_nothing),
        cmocka_unit_test(reader_of_nothing_is_at_its_end),
        cmocka_unit_test(varints_of_every_size_read_as_they_were_written),
        cmocka_unit_test(varints_above_32_bits_are_refused),
        cmocka_unit_test(strings_and_bytes_are_null_empty_or_borrowed_in_both_forms),
        cmocka_unit_test(lengths_below_minus_one_are_null),
        cmocka_unit_test(lengths_beyond_the_end_are_errors),
        cmocka_unit_test(strings_longer_than_32767_are_refused),
        cmocka_unit_test(unknown_tags_are_skipped_to_the_next_field),
        cmocka_unit_test(more_tags_than_bytes_for_them_are_an_error),
        cmocka_unit_test(read_errors_have_a_sentence_each),
        cmocka_unit_test(writer_writes_values_in_both_forms),
        cmocka_unit_test(records_in_a_slice_are_noted_as_a_gap),
        cmocka_unit_test(records_in_memory_are_copied),
    };
    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
