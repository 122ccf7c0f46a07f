/* Committed offsets over a whole broker in memory: how long they are kept, what becomes of them with their topic, and
 * what is read of a __consumer_offsets that Kafka wrote, with transactions, compressed batches and groups of the newer
 * protocols. */
#include "lib/test_consumer.h"

#include "broker/coord/offsets.h"
#include "broker/group_coordinator.h"
#include "protocol/errors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define SHARDS       3
#define MINUTE_MS    INT64_C(60000)
#define RETENTION_MS (10 * MINUTE_MS)
#define NOTHING      (-1)

struct test {
    struct broker_fixture broker;
    struct test_consumer a, alone; /* of the groups "g" and "alone" */
};

static int setup(void **state)
{
    struct test *test = xcalloc(1, sizeof *test);
    broker_fixture_init(&test->broker);
    broker_fixture_set(&test->broker, "offsets.topic.num.partitions", "3");
    broker_fixture_set(&test->broker, "offsets.retention.minutes", "10");
    broker_fixture_set(&test->broker, "offsets.retention.check.interval.ms", "1000");
    broker_fixture_open(&test->broker);
    test_consumer_open(&test->a, &test->broker, "g");
    test_consumer_open(&test->alone, &test->broker, "alone");
    assert_int_equal(test_consumer_find_coordinator(&test->a), KAFKA_NONE);
    assert_int_equal(test_create_topic(&test->a.peer, "t", 2), KAFKA_NONE);
    assert_int_equal(test_create_topic(&test->a.peer, "u", 2), KAFKA_NONE);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;
    broker_fixture_release(&test->broker);
    free(test);
    return 0;
}

/* Whoever looks for expired offsets has looked after this time. */
static void pass(struct test *test, int64_t ms)
{
    broker_fixture_advance(&test->broker, ms);
    broker_fixture_advance(&test->broker, 1000);
}

static void begin_stable(struct test *test)
{
    struct test_consumer *one[] = {&test->a};
    test->a.session_ms = (int32_t)(20 * MINUTE_MS);
    test_consumers_rebalance(one, 1);
}

static int64_t committed(struct test *test, const char *topic, int32_t partition)
{
    return test_consumer_committed(&test->a, topic, partition);
}

/* ---- how long they are kept ----------------------------------------------------------------------------------------- */

static void a_group_without_members_keeps_its_offsets_from_when_it_became_empty(void **state)
{
    struct test *test = *state;
    begin_stable(test);
    assert_int_equal(test_consumer_commit(&test->a, "t", 0, 5), KAFKA_NONE);
    pass(test, RETENTION_MS - 60000);
    assert_int_equal(test_consumer_leave(&test->a), KAFKA_NONE);
    pass(test, RETENTION_MS - 1001);
    assert_int_equal(committed(test, "t", 0), 5);
    broker_fixture_restart(&test->broker, broker_fixture_kill); /* which knows it from the group's record */
    assert_int_equal(committed(test, "t", 0), 5);
    pass(test, 1);
    assert_int_equal(committed(test, "t", 0), NOTHING);
    assert_null(test_consumer_listed(&test->a)); /* and the group is gone */
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_null(test_consumer_listed(&test->a));
}

static void a_group_with_members_keeps_what_they_subscribe_to(void **state)
{
    struct test *test = *state;
    begin_stable(test);
    assert_int_equal(test_consumer_commit(&test->a, "t", 0, 5), KAFKA_NONE);
    assert_int_equal(test_consumer_commit(&test->a, "u", 0, 6), KAFKA_NONE);
    pass(test, RETENTION_MS - 1001);
    assert_int_equal(committed(test, "u", 0), 6);
    pass(test, 1);
    assert_int_equal(committed(test, "u", 0), NOTHING);
    assert_int_equal(committed(test, "t", 0), 5);
    assert_string_equal(test_consumer_listed(&test->a), "Stable classic");
}

static void consumers_that_assign_partitions_themselves_keep_each_offset_from_its_commit(void **state)
{
    struct test *test = *state;
    assert_int_equal(test_consumer_commit(&test->alone, "t", 0, 5), KAFKA_NONE);
    assert_int_equal(test_consumer_commit(&test->alone, "t", 1, 6), KAFKA_NONE);
    pass(test, 5 * MINUTE_MS);
    assert_int_equal(test_consumer_commit(&test->alone, "t", 1, 7), KAFKA_NONE);
    pass(test, 5 * MINUTE_MS);
    assert_int_equal(test_consumer_committed(&test->alone, "t", 0), NOTHING);
    assert_int_equal(test_consumer_committed(&test->alone, "t", 1), 7);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_int_equal(test_consumer_committed(&test->alone, "t", 0), NOTHING);
    assert_int_equal(test_consumer_committed(&test->alone, "t", 1), 7);
    pass(test, 5 * MINUTE_MS);
    assert_int_equal(test_consumer_committed(&test->alone, "t", 1), NOTHING);
    assert_null(test_consumer_listed(&test->alone));
}

/* Version 2 to 4 of OffsetCommit. */
static void commit_for(struct test_consumer *consumer, int64_t offset, int64_t retention_ms)
{
    struct kp_offset_commit_request request = kp_offset_commit_request_default;
    struct kp_offset_commit_request_topics topic = kp_offset_commit_request_topics_default;
    struct kp_offset_commit_request_topics_partitions partition = kp_offset_commit_request_topics_partitions_default;
    struct kp_offset_commit_response response;
    partition.committed_offset = offset;
    topic.name = kp_string_of("t");
    topic.partitions = &partition;
    topic.partitions_count = 1;
    request.group_id = kp_string_of(consumer->group);
    request.retention_time_ms = retention_ms;
    request.topics = &topic;
    request.topics_count = 1;
    test_peer_ask(&consumer->peer, KP_API_OFFSET_COMMIT, 2, &request, &response);
    assert_int_equal(response.topics[0].partitions[0].error_code, KAFKA_NONE);
}

static void an_old_client_says_for_how_long(void **state)
{
    struct test *test = *state;
    commit_for(&test->alone, 5, 3 * RETENTION_MS);
    pass(test, 2 * RETENTION_MS);
    assert_int_equal(test_consumer_committed(&test->alone, "t", 0), 5);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    pass(test, RETENTION_MS - 3002);
    assert_int_equal(test_consumer_committed(&test->alone, "t", 0), 5);
    pass(test, 1000);
    assert_int_equal(test_consumer_committed(&test->alone, "t", 0), NOTHING);
}

static void what_has_expired_and_cannot_be_written_stays_and_is_tried_again(void **state)
{
    struct test *test = *state;
    assert_int_equal(test_consumer_commit(&test->alone, "t", 0, 5), KAFKA_NONE);
    memory_io_fail(test->broker.memory, CALL_PWRITE, 1, ENOSPC, true);
    pass(test, RETENTION_MS);
    assert_int_equal(test_consumer_committed(&test->alone, "t", 0), 5);
    memory_io_fail(test->broker.memory, 0, 0, 0, false);
    pass(test, 0);
    assert_int_equal(test_consumer_committed(&test->alone, "t", 0), NOTHING);
}

static void a_group_with_an_id_that_was_handed_out_is_kept(void **state)
{
    struct test *test = *state;
    test->a.join_version = 4;
    test->a.session_ms = 30000;
    assert_int_equal(test_consumer_join(&test->a), KAFKA_MEMBER_ID_REQUIRED);
    pass(test, 20000);
    assert_string_equal(test_consumer_listed(&test->a), "Empty classic");
    pass(test, 10000);
    assert_null(test_consumer_listed(&test->a));
}

static void thousands_of_offsets_expire(void **state)
{
    struct test *test = *state;
    char name[32];
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "group-%d", i);
        test->alone.group = name;
        for (int32_t p = 0; p < 2; p++)
            assert_int_equal(test_consumer_commit(&test->alone, "t", p, i), KAFKA_NONE);
    }
    pass(test, RETENTION_MS);
    for (int i = 0; i < 5; i++)
        broker_fixture_advance(&test->broker, 1); /* some each turn */
    const struct groups *groups = test->broker.broker->groups->groups;
    assert_int_equal(groups->by_id.count, 0);
    assert_int_equal(groups->offsets_bytes, 0);
}

/* ---- topics that go ------------------------------------------------------------------------------------------------- */

static void commit_in_two_groups(struct test *test)
{
    begin_stable(test);
    assert_int_equal(test_consumer_commit(&test->a, "t", 0, 5), KAFKA_NONE);
    assert_int_equal(test_consumer_commit(&test->a, "u", 0, 6), KAFKA_NONE);
    assert_int_equal(test_consumer_commit(&test->alone, "t", 1, 7), KAFKA_NONE);
}

/* Of "t" nothing is committed, also under its name made anew. */
static void check_forgotten(struct test *test)
{
    for (int turn = 0; turn < 3; turn++) {
        assert_int_equal(committed(test, "t", 0), NOTHING);
        assert_int_equal(committed(test, "u", 0), 6);
        assert_int_equal(test_consumer_committed(&test->alone, "t", 1), NOTHING);
        if (turn == 0)
            (void)test_create_topic(&test->a.peer, "t", 2);
        else
            broker_fixture_restart(&test->broker, broker_fixture_kill);
    }
}

static void the_offsets_of_a_deleted_topic_are_gone_in_every_group(void **state)
{
    struct test *test = *state;
    commit_in_two_groups(test);
    assert_int_equal(test_delete_topic(&test->a.peer, "t"), KAFKA_NONE);
    check_forgotten(test);
}

static void they_are_gone_also_when_that_could_not_be_written(void **state)
{
    struct test *test = *state;
    commit_in_two_groups(test);
    memory_io_fail(test->broker.memory, CALL_PWRITE, 2, ENOSPC, true); /* the first tells of the topic's end */
    (void)test_delete_topic(&test->a.peer, "t");
    assert_true(memory_io_fault_fired(test->broker.memory));
    memory_io_fail(test->broker.memory, 0, 0, 0, false);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    check_forgotten(test);
}

static void they_are_gone_also_when_the_topic_was_made_anew_before_the_power_went(void **state)
{
    struct test *test = *state;
    commit_in_two_groups(test);
    broker_fixture_restart(&test->broker, broker_fixture_close); /* the commits are on the disk */
    assert_int_equal(test_delete_topic(&test->a.peer, "t"), KAFKA_NONE);
    assert_int_equal(test_create_topic(&test->a.peer, "t", 2), KAFKA_NONE);
    broker_fixture_restart(&test->broker, broker_fixture_lose_power); /* their removal is not */
    check_forgotten(test);
}

/* ---- what Kafka wrote ----------------------------------------------------------------------------------------------- */

/* Append a batch to the shard of the group, as a Kafka might. Releases it. */
static void append(struct test *test, const char *group, struct coord_batch *batch, const struct batch_header *header)
{
    const struct topic *topic = catalog_topic(test->broker.broker->catalog, kp_string_of("__consumer_offsets"));
    struct partition *partition = topic_partition(topic, coord_shard_of(kp_string_of(group), SHARDS));
    struct storage_fault fault = {0};
    assert_true(batch_builder_finish(&batch->builder, header));
    struct log_append append = {.bytes = batch->builder.bytes,
                                .size_bytes = batch->builder.size_bytes,
                                .origin = LOG_APPEND_COORDINATOR,
                                .now_ms = test->broker.env.now.wall_ms};
    assert_int_equal(log_append(partition->log, &append, &fault), 0);
    coord_batch_release(batch);
}

static void add_commit(struct test *test, struct coord_batch *batch, const char *group, int32_t partition,
                       int64_t offset)
{
    int64_t now_ms = test->broker.env.now.wall_ms;
    struct committed_offset committed = {.partition = partition,
                                         .leader_epoch = -1,
                                         .offset = offset,
                                         .commit_ms = now_ms,
                                         .expire_ms = -1,
                                         .metadata = KP_EMPTY_STRING};
    offsets_add_commit(batch, kp_string_of(group), kp_string_of("t"), KP_ZERO_UUID, &committed);
}

static void append_commit_in_transaction(struct test *test, const char *group, int64_t producer_id, int32_t sequence,
                                         int32_t partition, int64_t offset)
{
    struct coord_batch batch;
    struct batch_header header = BATCH_HEADER_PLAIN;
    header.producer_id = producer_id;
    header.producer_epoch = 0;
    header.base_sequence = sequence;
    header.attributes = BATCH_TRANSACTIONAL;
    coord_batch_init(&batch, test->broker.env.now.wall_ms);
    add_commit(test, &batch, group, partition, offset);
    append(test, group, &batch, &header);
}

static void append_marker(struct test *test, const char *group, int64_t producer_id, bool commits)
{
    static const uint8_t value[6] = {0};
    const uint8_t key[4] = {0, 0, 0, commits};
    struct coord_batch batch;
    struct batch_header header = BATCH_HEADER_PLAIN;
    header.producer_id = producer_id;
    header.producer_epoch = 0;
    header.attributes = BATCH_TRANSACTIONAL | BATCH_CONTROL;
    coord_batch_init(&batch, test->broker.env.now.wall_ms);
    batch_builder_add(&batch.builder, batch.timestamp_ms, (struct kp_bytes){key, sizeof key},
                      (struct kp_bytes){value, sizeof value}, (struct kp_bytes){NULL, 0}, 0);
    append(test, group, &batch, &header);
}

static void offsets_of_a_transaction_count_when_it_was_committed(void **state)
{
    struct test *test = *state;
    assert_int_equal(test_consumer_commit(&test->a, "t", 0, 1), KAFKA_NONE);
    append_commit_in_transaction(test, "g", 7000, 0, 0, 5);
    append_marker(test, "g", 7000, true);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_int_equal(committed(test, "t", 0), 5);
}

static void offsets_of_an_aborted_transaction_never_were(void **state)
{
    struct test *test = *state;
    assert_int_equal(test_consumer_commit(&test->a, "t", 0, 1), KAFKA_NONE);
    append_commit_in_transaction(test, "g", 7000, 0, 0, 5);
    append_commit_in_transaction(test, "g", 7000, 1, 1, 6);
    append_marker(test, "g", 7000, false);
    append_commit_in_transaction(test, "g", 7001, 0, 1, 9); /* another producer's is not ended by it */
    append_marker(test, "g", 7001, true);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_int_equal(committed(test, "t", 0), 1);
    assert_int_equal(committed(test, "t", 1), 9);
}

static void an_offset_of_an_open_transaction_is_told_to_be_unstable_and_does_not_expire(void **state)
{
    struct test *test = *state;
    assert_int_equal(test_consumer_commit(&test->a, "t", 0, 1), KAFKA_NONE);
    assert_int_equal(test_consumer_commit(&test->a, "t", 1, 2), KAFKA_NONE);
    append_commit_in_transaction(test, "g", 7000, 0, 0, 5);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_int_equal(committed(test, "t", 0), -1000 - KAFKA_UNSTABLE_OFFSET_COMMIT);
    assert_int_equal(committed(test, "t", 1), 2);
    pass(test, RETENTION_MS);
    assert_int_equal(committed(test, "t", 0), -1000 - KAFKA_UNSTABLE_OFFSET_COMMIT);
    assert_int_equal(committed(test, "t", 1), NOTHING);
    assert_non_null(test_consumer_listed(&test->a));
}

static void a_transaction_that_is_open_over_a_restart_is_ended_by_its_marker(void **state)
{
    struct test *test = *state;
    append_commit_in_transaction(test, "g", 7000, 0, 0, 5);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    pass(test, RETENTION_MS);
    assert_string_equal(test_consumer_listed(&test->a), "Empty classic"); /* it waits for what may come */
    append_marker(test, "g", 7000, true);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_int_equal(committed(test, "t", 0), 5);
}

/* The transaction's own commit is older than the plain one, wherever its marker is. */
static void a_commit_behind_that_of_a_transaction_wins_whichever_way_it_ends(void **state)
{
    struct test *test = *state;
    append_commit_in_transaction(test, "g", 7000, 0, 0, 5);
    append_commit_in_transaction(test, "g", 7000, 1, 1, 6);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_int_equal(test_consumer_commit(&test->a, "t", 0, 3), KAFKA_NONE);
    assert_int_equal(committed(test, "t", 0), -1000 - KAFKA_UNSTABLE_OFFSET_COMMIT);
    append_marker(test, "g", 7000, true);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_int_equal(committed(test, "t", 0), 3);
    assert_int_equal(committed(test, "t", 1), 6);
}

static void of_two_transactions_the_later_commit_wins_not_the_later_marker(void **state)
{
    struct test *test = *state;
    append_commit_in_transaction(test, "g", 7000, 0, 0, 5);
    append_commit_in_transaction(test, "g", 7001, 0, 0, 9);
    append_marker(test, "g", 7001, true);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_int_equal(committed(test, "t", 0), -1000 - KAFKA_UNSTABLE_OFFSET_COMMIT);
    append_marker(test, "g", 7000, true);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_int_equal(committed(test, "t", 0), 9);
}

static size_t held_bytes(const struct test *test)
{
    return test->broker.broker->groups->groups->offsets_bytes;
}

static void a_transaction_holds_one_offset_of_a_partition(void **state)
{
    struct test *test = *state;
    append_commit_in_transaction(test, "g", 7000, 0, 0, 1);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    size_t bytes = held_bytes(test);
    for (int32_t i = 1; i < 10; i++)
        append_commit_in_transaction(test, "g", 7000, i, 0, 1 + i);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_int_equal(held_bytes(test), bytes);
    append_marker(test, "g", 7000, true);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_int_equal(committed(test, "t", 0), 10);
}

/* What removes pending offsets; their markers, which come later, bring nothing back. */
static void check_pending_are_gone(struct test *test)
{
    for (int turn = 0; turn < 2; turn++) {
        assert_int_equal(committed(test, "t", 0), NOTHING);
        assert_int_equal(held_bytes(test), 0);
        if (turn == 0)
            append_marker(test, "g", 7000, true);
        broker_fixture_restart(&test->broker, broker_fixture_kill);
    }
}

static void begin_pending(struct test *test)
{
    append_commit_in_transaction(test, "g", 7000, 0, 0, 5);
    append_commit_in_transaction(test, "g", 7001, 0, 0, 6);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_int_equal(committed(test, "t", 0), -1000 - KAFKA_UNSTABLE_OFFSET_COMMIT);
}

static void pending_offsets_go_with_their_topic(void **state)
{
    struct test *test = *state;
    begin_pending(test);
    assert_int_equal(test_delete_topic(&test->a.peer, "t"), KAFKA_NONE);
    check_pending_are_gone(test);
}

static void pending_offsets_go_with_a_topic_whose_end_could_not_be_written(void **state)
{
    struct test *test = *state;
    begin_pending(test);
    memory_io_fail(test->broker.memory, CALL_PWRITE, 2, ENOSPC, true); /* the first tells of the topic's end */
    (void)test_delete_topic(&test->a.peer, "t");
    assert_true(memory_io_fault_fired(test->broker.memory));
    memory_io_fail(test->broker.memory, 0, 0, 0, false);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    check_pending_are_gone(test);
}

static void pending_offsets_go_with_their_group(void **state)
{
    struct test *test = *state;
    begin_pending(test);
    assert_int_equal(test_consumer_delete_group(&test->a), KAFKA_NONE);
    assert_null(test_consumer_listed(&test->a));
    check_pending_are_gone(test);
    assert_null(test_consumer_listed(&test->a));
}

static void compressed_batches_are_read(void **state)
{
    struct test *test = *state;
    static const enum codec codecs[] = {CODEC_GZIP, CODEC_SNAPPY, CODEC_LZ4, CODEC_ZSTD};
    char group[32];
    for (size_t i = 0; i < COUNT_OF(codecs); i++) {
        struct coord_batch batch;
        struct batch_header header = BATCH_HEADER_PLAIN;
        header.codec = codecs[i];
        header.level = codec_level_default(codecs[i]);
        snprintf(group, sizeof group, "group-%zu", i);
        coord_batch_init(&batch, test->broker.env.now.wall_ms);
        for (int32_t p = 0; p < 2; p++)
            add_commit(test, &batch, group, p, 10 * (int64_t)i + p);
        append(test, group, &batch, &header);
    }
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    for (size_t i = 0; i < COUNT_OF(codecs); i++) {
        snprintf(group, sizeof group, "group-%zu", i);
        test->alone.group = group;
        assert_int_equal(test_consumer_committed(&test->alone, "t", 1), 10 * (int64_t)i + 1);
    }
}

static void append_foreign(struct test *test, const char *group)
{
    struct coord_batch batch;
    const struct batch_header header = BATCH_HEADER_PLAIN;
    struct kp_consumer_group_metadata_key key = {.group_id = kp_string_of(group)};
    struct kp_consumer_group_metadata_value value = {.epoch = 3};
    struct kp_consumer_group_member_metadata_key member = {.group_id = kp_string_of(group),
                                                           .member_id = kp_string_of("member")};
    coord_batch_init(&batch, test->broker.env.now.wall_ms);
    coord_batch_add(&batch, KP_RECORD_GROUP_KEY, &kp_consumer_group_metadata_key_schema, &key,
                    &kp_consumer_group_metadata_value_schema, 0, &value);
    coord_batch_add(&batch, KP_RECORD_GROUP_KEY, &kp_consumer_group_member_metadata_key_schema, &member, NULL, 0, NULL);
    add_commit(test, &batch, group, 0, 5);
    append(test, group, &batch, &header);
}

static void a_group_of_the_newer_protocol_is_listed_and_keeps_its_offsets_but_cannot_be_joined(void **state)
{
    struct test *test = *state;
    append_foreign(test, "g");
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_string_equal(test_consumer_listed(&test->a), "Empty consumer");
    assert_int_equal(test_consumer_join(&test->a), KAFKA_INCONSISTENT_GROUP_PROTOCOL);
    assert_string_equal(test_consumer_state(&test->a), "Dead"); /* it is no classic group */
    assert_int_equal(committed(test, "t", 0), 5);
    pass(test, 2 * RETENTION_MS);
    assert_int_equal(committed(test, "t", 0), 5);
    assert_int_not_equal(test_consumer_delete_group(&test->a), KAFKA_NONE);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_string_equal(test_consumer_listed(&test->a), "Empty consumer");
}

static void what_is_no_record_of_a_group_is_passed_over(void **state)
{
    struct test *test = *state;
    /* One byte, which is no type; a commit whose text ends early; a type that nobody knows; a group without a name. */
    static const char *const texts[] = {"\0", "\0\1\0\11g", "\0\143\0\1g", "\0\2\377\377\0\0\0"};
    static const int32_t sizes[] = {1, 5, 5, 7};
    struct coord_batch batch;
    const struct batch_header header = BATCH_HEADER_PLAIN;
    coord_batch_init(&batch, test->broker.env.now.wall_ms);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct kp_bytes key = {(const uint8_t *)texts[i], sizes[i]};
        batch_builder_add(&batch.builder, batch.timestamp_ms, key, key, (struct kp_bytes){NULL, 0}, 0);
        batch_builder_add(&batch.builder, batch.timestamp_ms, key, (struct kp_bytes){NULL, -1},
                          (struct kp_bytes){NULL, 0}, 0);
    }
    add_commit(test, &batch, "g", 0, 5);
    append(test, "g", &batch, &header);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_int_equal(committed(test, "t", 0), 5);
    assert_int_equal(test->broker.broker->groups->groups->by_id.count, 1);
}

/* ---- transactions of our own ---------------------------------------------------------------------------------------- */

#define TRANSACTIONAL_ID "x"

/* Its producer; the topic of the coordinator is there afterwards. */
static struct kp_init_producer_id_response begin_transactions(struct test *test)
{
    struct kp_find_coordinator_request find = kp_find_coordinator_request_default;
    struct kp_find_coordinator_response found;
    struct kp_init_producer_id_request request = kp_init_producer_id_request_default;
    struct kp_init_producer_id_response response;
    find.key = kp_string_of(TRANSACTIONAL_ID);
    find.key_type = 1;
    test_peer_ask(&test->a.peer, KP_API_FIND_COORDINATOR, 3, &find, &found);
    assert_int_equal(found.error_code, KAFKA_NONE);
    request.transactional_id = kp_string_of(TRANSACTIONAL_ID);
    request.transaction_timeout_ms = 600000;
    test_peer_ask(&test->a.peer, KP_API_INIT_PRODUCER_ID, 4, &request, &response);
    assert_int_equal(response.error_code, KAFKA_NONE);
    return response;
}

/* Of partition 0 of "t", by the second protocol. */
static int16_t commit_in_transaction(struct test *test, const struct kp_init_producer_id_response *producer,
                                     int64_t offset)
{
    struct kp_txn_offset_commit_request request = kp_txn_offset_commit_request_default;
    struct kp_txn_offset_commit_request_topics topic = kp_txn_offset_commit_request_topics_default;
    struct kp_txn_offset_commit_request_topics_partitions partition =
        kp_txn_offset_commit_request_topics_partitions_default;
    struct kp_txn_offset_commit_response response;
    partition.committed_offset = offset;
    topic.name = kp_string_of("t");
    topic.partitions = &partition;
    topic.partitions_count = 1;
    request.transactional_id = kp_string_of(TRANSACTIONAL_ID);
    request.group_id = kp_string_of("g");
    request.producer_id = producer->producer_id;
    request.producer_epoch = producer->producer_epoch;
    request.topics = &topic;
    request.topics_count = 1;
    test_peer_ask(&test->a.peer, KP_API_TXN_OFFSET_COMMIT, 5, &request, &response);
    return response.topics[0].partitions[0].error_code;
}

static void end(struct test *test, const struct kp_init_producer_id_response *producer)
{
    struct kp_end_txn_request request = kp_end_txn_request_default;
    struct kp_end_txn_response response;
    request.transactional_id = kp_string_of(TRANSACTIONAL_ID);
    request.producer_id = producer->producer_id;
    request.producer_epoch = producer->producer_epoch;
    request.committed = true;
    test_peer_ask(&test->a.peer, KP_API_END_TXN, 5, &request, &response);
    assert_int_equal(response.error_code, KAFKA_NONE);
}

/* The first write tells the transaction of the group, the second is the commit's. */
static void a_commit_of_a_transaction_that_cannot_be_written_is_not_pending(void **state)
{
    struct test *test = *state;
    struct kp_init_producer_id_response producer = begin_transactions(test);
    memory_io_fail(test->broker.memory, CALL_PWRITE, 2, ENOSPC, false);
    assert_int_not_equal(commit_in_transaction(test, &producer, 5), KAFKA_NONE);
    assert_true(memory_io_fault_fired(test->broker.memory));
    assert_int_equal(committed(test, "t", 0), NOTHING);
    assert_int_equal(held_bytes(test), 0);
    assert_int_equal(commit_in_transaction(test, &producer, 6), KAFKA_NONE);
    assert_int_equal(committed(test, "t", 0), -1000 - KAFKA_UNSTABLE_OFFSET_COMMIT);
    end(test, &producer);
    assert_int_equal(committed(test, "t", 0), 6);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_int_equal(committed(test, "t", 0), 6);
}

static void a_transaction_goes_on_after_a_kill_with_the_offsets_that_it_had(void **state)
{
    struct test *test = *state;
    struct kp_init_producer_id_response producer = begin_transactions(test);
    assert_int_equal(commit_in_transaction(test, &producer, 5), KAFKA_NONE);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_int_equal(committed(test, "t", 0), -1000 - KAFKA_UNSTABLE_OFFSET_COMMIT);
    pass(test, 5 * MINUTE_MS);
    end(test, &producer);
    assert_int_equal(committed(test, "t", 0), 5);
}

/* Its epoch is over: nothing of it counts any more. */
static void a_zombie_commits_nothing(void **state)
{
    struct test *test = *state;
    struct kp_init_producer_id_response zombie = begin_transactions(test), producer = begin_transactions(test);
    assert_int_equal(commit_in_transaction(test, &zombie, 5), KAFKA_INVALID_PRODUCER_EPOCH);
    assert_int_equal(committed(test, "t", 0), NOTHING);
    assert_int_equal(commit_in_transaction(test, &producer, 6), KAFKA_NONE);
    assert_int_equal(commit_in_transaction(test, &zombie, 7), KAFKA_INVALID_PRODUCER_EPOCH);
    end(test, &producer);
    assert_int_equal(committed(test, "t", 0), 6);
}

/* ---- commits -------------------------------------------------------------------------------------------------------- */

static void a_commit_that_cannot_be_written_changes_nothing(void **state)
{
    struct test *test = *state;
    assert_int_equal(test_consumer_commit(&test->a, "t", 0, 5), KAFKA_NONE);
    size_t bytes = test->broker.broker->groups->groups->offsets_bytes;
    memory_io_fail(test->broker.memory, CALL_PWRITE, 1, EIO, false);
    assert_int_equal(test_consumer_commit(&test->a, "t", 0, 6), KAFKA_NOT_COORDINATOR);
    assert_int_equal(test->broker.broker->groups->groups->offsets_bytes, bytes);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_int_equal(committed(test, "t", 0), 5);
}

static void a_deleted_group_takes_its_offsets_along(void **state)
{
    struct test *test = *state;
    for (int32_t p = 0; p < 2; p++)
        assert_int_equal(test_consumer_commit(&test->a, "t", p, 5), KAFKA_NONE);
    assert_int_equal(test_consumer_delete_group(&test->a), KAFKA_NONE);
    assert_int_equal(test->broker.broker->groups->groups->offsets_bytes, 0);
    broker_fixture_restart(&test->broker, broker_fixture_kill);
    assert_int_equal(committed(test, "t", 0), NOTHING);
    assert_null(test_consumer_listed(&test->a));
}

static void commits_survive_a_kill(void **state)
{
    struct test *test = *state;
    for (int64_t i = 1; i <= 50; i++) {
        assert_int_equal(test_consumer_commit(&test->a, i % 2 ? "t" : "u", (int32_t)(i % 4 / 2), i), KAFKA_NONE);
        if (i % 10 == 0)
            broker_fixture_restart(&test->broker, broker_fixture_kill);
    }
    assert_int_equal(committed(test, "t", 0), 49);
    assert_int_equal(committed(test, "t", 1), 47);
    assert_int_equal(committed(test, "u", 0), 48);
    assert_int_equal(committed(test, "u", 1), 50);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_group_without_members_keeps_its_offsets_from_when_it_became_empty),
        TEST(a_group_with_members_keeps_what_they_subscribe_to),
        TEST(consumers_that_assign_partitions_themselves_keep_each_offset_from_its_commit),
        TEST(an_old_client_says_for_how_long),
        TEST(what_has_expired_and_cannot_be_written_stays_and_is_tried_again),
        TEST(a_group_with_an_id_that_was_handed_out_is_kept),
        TEST(thousands_of_offsets_expire),
        TEST(the_offsets_of_a_deleted_topic_are_gone_in_every_group),
        TEST(they_are_gone_also_when_that_could_not_be_written),
        TEST(they_are_gone_also_when_the_topic_was_made_anew_before_the_power_went),
        TEST(offsets_of_a_transaction_count_when_it_was_committed),
        TEST(offsets_of_an_aborted_transaction_never_were),
        TEST(an_offset_of_an_open_transaction_is_told_to_be_unstable_and_does_not_expire),
        TEST(a_transaction_that_is_open_over_a_restart_is_ended_by_its_marker),
        TEST(a_commit_behind_that_of_a_transaction_wins_whichever_way_it_ends),
        TEST(of_two_transactions_the_later_commit_wins_not_the_later_marker),
        TEST(a_transaction_holds_one_offset_of_a_partition),
        TEST(pending_offsets_go_with_their_topic),
        TEST(pending_offsets_go_with_a_topic_whose_end_could_not_be_written),
        TEST(pending_offsets_go_with_their_group),
        TEST(a_commit_of_a_transaction_that_cannot_be_written_is_not_pending),
        TEST(a_transaction_goes_on_after_a_kill_with_the_offsets_that_it_had),
        TEST(a_zombie_commits_nothing),
        TEST(compressed_batches_are_read),
        TEST(a_group_of_the_newer_protocol_is_listed_and_keeps_its_offsets_but_cannot_be_joined),
        TEST(what_is_no_record_of_a_group_is_passed_over),
        TEST(a_commit_that_cannot_be_written_changes_nothing),
        TEST(a_deleted_group_takes_its_offsets_along),
        TEST(commits_survive_a_kill),
    };
    return cmocka_run_group_tests_name("committed_offsets", tests, NULL, NULL);
}
