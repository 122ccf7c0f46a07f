/* The sequence rules of idempotent producers, open transactions, and snapshots. */
#include "storage/producer_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define ID 7

static int setup(void **state)
{
    *state = xcalloc(1, sizeof(struct producer_states));
    return 0;
}

static int teardown(void **state)
{
    producer_states_release(*state);
    free(*state);
    return 0;
}

/* A batch of `count` records from `first_sequence`, that lies at `offset`. */
static struct record_batch batch_of(int16_t epoch, int32_t first_sequence, int32_t count, int64_t offset)
{
    return (struct record_batch){
        .base_offset = offset,
        .magic = BATCH_MAGIC,
        .last_offset_delta = count - 1,
        .base_timestamp_ms = 1000,
        .max_timestamp_ms = 1000 + offset,
        .producer_id = ID,
        .producer_epoch = epoch,
        .base_sequence = first_sequence,
        .record_count = count,
    };
}

static void add(struct producer_states *states, int16_t epoch, int32_t first_sequence, int32_t count, int64_t offset)
{
    struct record_batch batch = batch_of(epoch, first_sequence, count, offset);
    producer_states_update(states, &batch);
}

static int check(const struct producer_states *states, int16_t epoch, int32_t first_sequence, int32_t count)
{
    struct record_batch batch = batch_of(epoch, first_sequence, count, 0);
    struct producer_batch known;
    return producer_states_check(states, &batch, NULL, &known);
}

struct sequence_row {
    const char *name;
    int16_t epoch;
    int32_t first_sequence, count;
    int expected; /* 1: duplicate */
};

/* Against a producer of epoch 3 that wrote ten batches of two records, sequences 0 to 19. */
static void check_answers_by_epoch_and_sequence(void **state)
{
    static const struct sequence_row rows[] = {
        {"the next sequence",                            3, 20, 2, 0                            },
        {"a gap",                                        3, 21, 2, STORAGE_SEQUENCE_OUT_OF_ORDER},
        {"the last batch again",                         3, 18, 2, 1                            },
        {"the fifth last batch again",                   3, 10, 2, 1                            },
        {"the sixth last batch again",                   3, 8,  2, STORAGE_SEQUENCE_OUT_OF_ORDER},
        {"a part of the last batch",                     3, 19, 1, STORAGE_SEQUENCE_OUT_OF_ORDER},
        {"the last batch and more",                      3, 18, 3, STORAGE_SEQUENCE_OUT_OF_ORDER},
        {"an older epoch",                               2, 20, 2, STORAGE_PRODUCER_EPOCH_STALE },
        {"a newer epoch from 0",                         4, 0,  2, 0                            },
        {"a newer epoch from elsewhere",                 4, 20, 2, STORAGE_SEQUENCE_OUT_OF_ORDER},
        {"a newer epoch with a known batch's sequences", 4, 18, 2, STORAGE_SEQUENCE_OUT_OF_ORDER},
    };
    struct producer_states *states = *state;
    for (int32_t i = 0; i < 10; i++)
        add(states, 3, i * 2, 2, i * 2);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int got = check(states, rows[i].epoch, rows[i].first_sequence, rows[i].count);
        if (got != rows[i].expected)
            fail_msg("%s: %d, expected %d", rows[i].name, got, rows[i].expected);
    }
}

static void check_tells_where_a_duplicate_lies(void **state)
{
    struct producer_states *states = *state;
    add(states, 0, 0, 5, 100);
    add(states, 0, 5, 5, 200);
    struct record_batch batch = batch_of(0, 0, 5, 0);
    struct producer_batch known;
    assert_int_equal(producer_states_check(states, &batch, NULL, &known), 1);
    assert_int_equal(known.last_offset, 104);
    assert_int_equal(known.offset_delta, 4);
    assert_int_equal(known.timestamp_ms, 1100);
}

/* A repetition is one whatever bounds the sequence, and a stale epoch too. */
static void check_keeps_to_the_bound(void **state)
{
    static const struct {
        const char *name;
        bool is_known; /* epoch 3, sequences 0 to 9 */
        int16_t epoch;
        int32_t sequence;
        struct sequence_bound bound;
        int expected;
    } rows[] = {
        {"unknown, at the bound",         false, 3, 7,  {7, false},  0                            },
        {"unknown, above it",             false, 3, 8,  {7, false},  STORAGE_SEQUENCE_OUT_OF_ORDER},
        {"unknown, from zero",            false, 3, 0,  {7, true},   0                            },
        {"unknown, not from zero",        false, 3, 1,  {7, true},   STORAGE_SEQUENCE_OUT_OF_ORDER},
        {"known, the next one",           true,  3, 10, {10, true},  0                            },
        {"known, the next one, above it", true,  3, 10, {9, false},  STORAGE_SEQUENCE_OUT_OF_ORDER},
        {"known, the last one again",     true,  3, 0,  {-1, false}, 1                            },
        {"known, a stale epoch",          true,  2, 10, {-1, false}, STORAGE_PRODUCER_EPOCH_STALE },
    };
    struct producer_states none = {0}, *known = *state;
    add(known, 3, 0, 10, 0);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct record_batch batch = batch_of(rows[i].epoch, rows[i].sequence, 10, 0);
        struct producer_batch found;
        int got = producer_states_check(rows[i].is_known ? known : &none, &batch, &rows[i].bound, &found);
        if (got != rows[i].expected)
            fail_msg("%s: %d, expected %d", rows[i].name, got, rows[i].expected);
    }
}

/* Retention may have taken all that a producer wrote (KIP-360). */
static void check_takes_any_sequence_of_an_unknown_producer(void **state)
{
    assert_int_equal(check(*state, 5, 4711, 3), 0);
}

static void check_ignores_batches_without_a_producer(void **state)
{
    struct record_batch batch = batch_of(0, -1, 1, 0);
    struct producer_batch known;
    batch.producer_id = -1;
    assert_int_equal(producer_states_check(*state, &batch, NULL, &known), 0);
    producer_states_update(*state, &batch);
    assert_int_equal(((struct producer_states *)*state)->count, 0);
}

static void sequence_follows_its_maximum_with_zero(void **state)
{
    struct producer_states *states = *state;
    add(states, 0, INT32_MAX - 1, 2, 10);
    assert_int_equal(check(states, 0, 0, 1), 0);
    assert_int_equal(check(states, 0, 1, 1), STORAGE_SEQUENCE_OUT_OF_ORDER);
    add(states, 0, INT32_MAX, 3, 12); /* wraps inside the batch: ends with 1 */
    assert_int_equal(check(states, 0, 2, 1), 0);
    assert_int_equal(check(states, 0, INT32_MAX, 3), 1);
}

/* ---- transactions ---------------------------------------------------------------------------------------------- */

static void add_transactional(struct producer_states *states, int64_t id, int64_t offset)
{
    struct record_batch batch = batch_of(0, (int32_t)offset, 1, offset);
    batch.producer_id = id;
    batch.attributes = BATCH_TRANSACTIONAL;
    producer_states_update(states, &batch);
}

static void add_marker(struct producer_states *states, int64_t id, int16_t epoch, int64_t offset)
{
    const uint8_t key[4] = {0, 0, 0, 1}, value[6] = {0, 0, 0, 0, 0, 9};
    struct batch_builder builder;
    batch_builder_init(&builder, 5000);
    batch_builder_add(&builder, 5000, (struct kp_bytes){key, sizeof key}, (struct kp_bytes){value, sizeof value},
                      (struct kp_bytes){NULL, 0}, 0);
    struct batch_header header = BATCH_HEADER_PLAIN;
    header.base_offset = offset;
    header.attributes = BATCH_CONTROL | BATCH_TRANSACTIONAL;
    header.producer_id = id;
    header.producer_epoch = epoch;
    assert_true(batch_builder_finish(&builder, &header));
    struct record_batch batch;
    assert_int_equal(record_batch_view(&batch, builder.bytes, builder.size_bytes), BATCH_OK);
    producer_states_update(states, &batch);
    batch_builder_release(&builder);
}

static void first_open_is_the_earliest_open_transaction(void **state)
{
    struct producer_states *states = *state;
    assert_int_equal(producer_states_first_open(states), -1);
    add_transactional(states, 9, 10);
    add_transactional(states, 8, 20);
    add_transactional(states, 9, 30);
    assert_int_equal(producer_states_first_open(states), 10);
    add_marker(states, 9, 0, 40);
    assert_int_equal(producer_states_first_open(states), 20);
    add_marker(states, 8, 0, 41);
    assert_int_equal(producer_states_first_open(states), -1);
}

static void check_refuses_a_plain_batch_inside_a_transaction(void **state)
{
    struct producer_states *states = *state;
    add_transactional(states, ID, 0);
    assert_int_equal(check(states, 0, 1, 1), STORAGE_TRANSACTION_STATE);
    add_marker(states, ID, 0, 1);
    assert_int_equal(check(states, 0, 1, 1), 0);
}

/* KIP-890: the marker carries a raised epoch, and the next transaction begins at sequence 0. */
static void marker_with_a_new_epoch_empties_the_window(void **state)
{
    struct producer_states *states = *state;
    add_transactional(states, ID, 0);
    add_marker(states, ID, 1, 1);
    assert_int_equal(states->producers[0]->epoch, 1);
    assert_int_equal(states->producers[0]->batches_count, 0);
    assert_int_equal(states->producers[0]->coordinator_epoch, 9);
    assert_int_equal(check(states, 1, 0, 1), 0);
    assert_int_equal(check(states, 1, 1, 1), STORAGE_SEQUENCE_OUT_OF_ORDER);
    assert_int_equal(check(states, 0, 1, 1), STORAGE_PRODUCER_EPOCH_STALE);
}

/* ---- expiry and snapshots -------------------------------------------------------------------------------------- */

static void expire_spares_the_recent_and_open_transactions(void **state)
{
    struct producer_states *states = *state;
    add_transactional(states, 1, 10); /* its time is 1010 */
    add(states, 0, 0, 1, 20);         /* 1020 */
    struct record_batch recent = batch_of(0, 0, 1, 500);
    recent.producer_id = 9; /* 1500 */
    producer_states_update(states, &recent);
    producer_states_expire(states, 2020, 1000);
    assert_int_equal(states->count, 2);
    assert_int_equal(states->producers[0]->id, 1);
    assert_int_equal(states->producers[1]->id, 9);
}

/* The layout, field by field: Kafka 4.3 shows this entry so in its dump-log. */
static void snapshot_has_the_layout_of_kafka(void **state)
{
    struct producer_states *states = *state;
    struct record_batch batch = {
        .base_offset = 11985,
        .last_offset_delta = 1,
        .max_timestamp_ms = INT64_C(1700000029981),
        .producer_id = 1000,
        .base_sequence = 3997,
    };
    producer_states_update(states, &batch);
    uint8_t *bytes;
    size_t size;
    producer_states_encode(states, &bytes, &size);
    static const uint8_t entry[] = {
        0,    0,    0,    0,    0,    0,    0x03, 0xe8, /* producer id */
        0,    0,                                        /* epoch */
        0,    0,    0x0f, 0x9e,                         /* last sequence */
        0,    0,    0,    0,    0,    0,    0x2e, 0xd2, /* last offset */
        0,    0,    0,    1,                            /* offset delta */
        0,    0,    0x01, 0x8b, 0xcf, 0xe5, 0xdd, 0x1d, /* timestamp */
        0xff, 0xff, 0xff, 0xff,                         /* coordinator epoch */
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* open transaction */
    };
    assert_int_equal(size, 10 + sizeof entry);
    assert_memory_equal(bytes, "\0\1", 2);
    assert_memory_equal(bytes + 6, "\0\0\0\1", 4);
    assert_memory_equal(bytes + 10, entry, sizeof entry);
    free(bytes);
}

static void snapshot_keeps_producers_with_their_last_batch(void **state)
{
    struct producer_states *states = *state, loaded = {0};
    add(states, 2, 0, 3, 0);
    add(states, 2, 3, 4, 3);
    add_transactional(states, 99, 7);
    uint8_t *bytes;
    size_t size;
    producer_states_encode(states, &bytes, &size);
    assert_true(producer_states_decode(&loaded, bytes, size));
    assert_int_equal(loaded.count, 2);
    assert_int_equal(check(&loaded, 2, 7, 1), 0);
    assert_int_equal(check(&loaded, 2, 3, 4), 1);
    assert_int_equal(check(&loaded, 2, 0, 3), STORAGE_SEQUENCE_OUT_OF_ORDER); /* only the last one survives */
    assert_int_equal(producer_states_first_open(&loaded), 7);
    producer_states_release(&loaded);
    free(bytes);
}

/* Offsets that no log can have, under a checksum that is right: somebody made it up. */
static void snapshot_of_impossible_offsets_is_refused(void **state)
{
    static const struct {
        int32_t offset_delta;
        int64_t last_offset, txn_first_offset;
    } rows[] = {
        {5,  4, -1       },
        {-1, 4, -1       },
        {0,  4, INT64_MIN},
    };
    struct producer_states *states = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        producer_states_clear(states);
        add(states, 0, 0, 1, 4);
        states->producers[0]->batches[0].last_offset = rows[i].last_offset;
        states->producers[0]->batches[0].offset_delta = rows[i].offset_delta;
        states->producers[0]->txn_first_offset = rows[i].txn_first_offset;
        uint8_t *bytes;
        size_t size;
        producer_states_encode(states, &bytes, &size);
        assert_false(producer_states_decode(states, bytes, size));
        assert_int_equal(states->count, 0);
        free(bytes);
    }
}

/* The time of a batch is its client's. */
static void expire_takes_any_time(void **state)
{
    struct producer_states *states = *state;
    struct record_batch batch = batch_of(0, 0, 1, 0);
    batch.max_timestamp_ms = INT64_MIN;
    producer_states_update(states, &batch);
    batch.producer_id = ID + 1;
    batch.max_timestamp_ms = INT64_MAX;
    producer_states_update(states, &batch);
    producer_states_expire(states, 2020, 1000);
    assert_int_equal(states->count, 1);
    assert_int_equal(states->producers[0]->id, ID + 1);
}

static void snapshot_with_any_damage_is_refused(void **state)
{
    struct producer_states *states = *state, loaded = {0};
    add(states, 0, 0, 1, 0);
    uint8_t *bytes;
    size_t size;
    producer_states_encode(states, &bytes, &size);
    for (size_t i = 0; i < size; i++) {
        assert_false(producer_states_decode(&loaded, bytes, i)); /* every truncation */
        bytes[i] ^= 0x40;
        assert_false(producer_states_decode(&loaded, bytes, size));
        bytes[i] ^= 0x40;
    }
    assert_int_equal(loaded.count, 0);
    assert_true(producer_states_decode(&loaded, bytes, size));
    producer_states_release(&loaded);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(check_answers_by_epoch_and_sequence, setup, teardown),
        cmocka_unit_test_setup_teardown(check_tells_where_a_duplicate_lies, setup, teardown),
        cmocka_unit_test_setup_teardown(check_keeps_to_the_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(check_takes_any_sequence_of_an_unknown_producer, setup, teardown),
        cmocka_unit_test_setup_teardown(check_ignores_batches_without_a_producer, setup, teardown),
        cmocka_unit_test_setup_teardown(sequence_follows_its_maximum_with_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(first_open_is_the_earliest_open_transaction, setup, teardown),
        cmocka_unit_test_setup_teardown(check_refuses_a_plain_batch_inside_a_transaction, setup, teardown),
        cmocka_unit_test_setup_teardown(marker_with_a_new_epoch_empties_the_window, setup, teardown),
        cmocka_unit_test_setup_teardown(expire_spares_the_recent_and_open_transactions, setup, teardown),
        cmocka_unit_test_setup_teardown(snapshot_has_the_layout_of_kafka, setup, teardown),
        cmocka_unit_test_setup_teardown(snapshot_keeps_producers_with_their_last_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(snapshot_with_any_damage_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(snapshot_of_impossible_offsets_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(expire_takes_any_time, setup, teardown),
    };
    return cmocka_run_group_tests_name("producer_state", tests, NULL, NULL);
}
