/* Every failure point of a whole broker: the k-th call on files fails, once or for good, while clients make and delete
 * topics, change a setting, take producer ids, produce and delete records, and while the broker starts and stops. Then
 * the process dies, or the power goes with it; the broker starts again, and what it had answered must hold:
 *
 *   - topics that were made are there under their ids, those that were deleted are not; settings are as changed last;
 *   - no producer id is given twice;
 *   - each record is where its answer said, unchanged (after a power cut: in the topic with flush.messages=1); a topic
 *     that was made anew under an old name has no record of the old one;
 *   - a committed offset is there (after a power cut too: __consumer_offsets has flush.messages=1), with its group in
 * the generation that its members were told, or the next one; what was deleted is not, also of topics made anew;
 *   - the broker goes on: changes are taken, the stop is clean, the start after it has nothing to recover.
 *
 * What was asked for and not answered may have happened or not. FAULT_SEEDS in the environment sets how many power cuts
 * follow each fault, and lets no call be left out (make nightly); otherwise it is every FAULT_STRIDE-th. */
#include "lib/case_log.h"
#include "lib/group_life.h"

#include "protocol/errors.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define FAULTS_MAX          10000
#define FAULT_STRIDE        7
#define FAULT_SEEDS_DEFAULT 3
#define RECORDS_MAX         40
#define POWER_SEED          3 /* of the cut that comes before */
#define RETENTION_BEFORE    "604800000"
#define RETENTION_AFTER     "1234567"

enum certainty { NEVER, PERHAPS, SURE }; /* is it there? */

/* What a topic's records are, as far as answers told. */
struct truth {
    const char *name;
    bool flushed; /* flush.messages=1: answers survive a power cut */
    enum certainty exists;
    struct kp_uuid id;           /* when sure */
    int32_t values[RECORDS_MAX]; /* by offset; 0: not known */
    int64_t answered_end;
};

struct world {
    struct truth flushed, plain, renewed;
    int64_t last_producer_id;
    enum certainty retention_changed;
    int32_t value; /* of the last record, ascending */
    bool power_lost;
};

struct run {
    struct broker_fixture broker;
    struct group_life groups;
    struct test_peer peer;
    bool peer_open;
    struct world world;
};

struct sweep {
    struct run begun, run, after; /* before the life, in it, and started again */
    struct case_log log;
};

/* ---- asking ------------------------------------------------------------------------------------------------------ */

/* Ask on a connection that is open; one that the broker closed is opened again. False without an answer. */
static bool ask(struct run *run, int16_t key, int16_t version, const void *request, void *response)
{
    if (run->peer_open && run->peer.closed) {
        test_peer_close(&run->peer);
        run->peer_open = false;
    }
    if (!run->peer_open)
        test_peer_open(&run->peer, &run->broker);
    run->peer_open = true;
    bool answered = test_peer_try(&run->peer, key, version, request, response);
    broker_fixture_turn(&run->broker);
    return answered;
}

static void create(struct run *run, struct truth *truth)
{
    struct kp_create_topics_request request = kp_create_topics_request_default;
    struct kp_create_topics_request_topics topic = kp_create_topics_request_topics_default;
    struct kp_create_topics_request_topics_configs flush = {kp_string_of("flush.messages"), kp_string_of("1")};
    struct kp_create_topics_response response;
    topic.name = kp_string_of(truth->name);
    topic.num_partitions = 1;
    topic.replication_factor = 1;
    topic.configs = &flush;
    topic.configs_count = truth->flushed ? 1 : 0;
    request.topics = &topic;
    request.topics_count = 1;
    enum certainty before = truth->exists;
    truth->exists = PERHAPS;
    if (!ask(run, KP_API_CREATE_TOPICS, 7, &request, &response))
        return;
    if (response.topics[0].error_code == KAFKA_NONE) {
        truth->exists = SURE;
        truth->id = response.topics[0].topic_id;
    } else if (before != PERHAPS) {
        truth->exists = before;
    }
}

static void delete (struct run *run, struct truth *truth)
{
    struct kp_delete_topics_request request = kp_delete_topics_request_default;
    struct kp_delete_topics_response response;
    struct kp_string name = kp_string_of(truth->name);
    request.topic_names = &name;
    request.topic_names_count = 1;
    request.timeout_ms = 30000;
    enum certainty before = truth->exists;
    truth->exists = PERHAPS;
    bool answered = ask(run, KP_API_DELETE_TOPICS, 5, &request, &response);
    if (answered && response.responses[0].error_code != KAFKA_NONE) {
        truth->exists = before;
        return;
    }
    if (answered)
        truth->exists = NEVER;
    memset(truth->values, 0, sizeof truth->values);
    truth->answered_end = 0;
}

/* Must all records be there whose answers came? */
static bool is_sure(const struct run *run, const struct truth *truth)
{
    return truth->flushed || !run->world.power_lost;
}

/* One record with `value` in it. */
static void build_value(const struct run *run, int32_t value, struct batch_builder *builder)
{
    uint8_t bytes[100] = {0};
    const struct kp_bytes null = {NULL, -1};
    int64_t now_ms = run->broker.env.now.wall_ms;
    store_be32(bytes, (uint32_t)value);
    batch_builder_init(builder, now_ms);
    batch_builder_add(builder, now_ms, null, (struct kp_bytes){bytes, sizeof bytes}, (struct kp_bytes){NULL, 0}, 0);
    assert_true(batch_builder_finish(builder, &BATCH_HEADER_PLAIN));
}

static void produce(struct run *run, struct truth *truth)
{
    int32_t value = ++run->world.value;
    struct batch_builder builder;
    struct test_produce_request produce;
    struct kp_produce_response response;
    build_value(run, value, &builder);
    test_produce_request_init(&produce, truth->name, 0, &builder);
    produce.request.acks = -1;
    if (ask(run, KP_API_PRODUCE, 9, &produce.request, &response) &&
        response.responses[0].partition_responses[0].error_code == KAFKA_NONE) {
        int64_t offset = response.responses[0].partition_responses[0].base_offset;
        assert_in_range(offset, is_sure(run, truth) ? truth->answered_end : 0, RECORDS_MAX - 1);
        truth->values[offset] = value;
        truth->answered_end = offset + 1;
    }
    batch_builder_release(&builder);
}

static void delete_records(struct run *run, const struct truth *truth, int64_t offset)
{
    struct kp_delete_records_request_topics_partitions partition = {.offset = offset};
    struct kp_delete_records_request_topics topic = {
        .name = kp_string_of(truth->name), .partitions = &partition, .partitions_count = 1};
    struct kp_delete_records_request request = kp_delete_records_request_default;
    struct kp_delete_records_response response;
    request.topics = &topic;
    request.topics_count = 1;
    (void)ask(run, KP_API_DELETE_RECORDS, 2, &request, &response);
}

static void take_producer_id(struct run *run)
{
    struct kp_init_producer_id_request request = kp_init_producer_id_request_default;
    struct kp_init_producer_id_response response;
    request.transactional_id = KP_NULL_STRING;
    if (!ask(run, KP_API_INIT_PRODUCER_ID, 4, &request, &response) || response.error_code != KAFKA_NONE)
        return;
    assert_true(response.producer_id > run->world.last_producer_id);
    run->world.last_producer_id = response.producer_id;
}

static enum certainty change_setting(struct run *run, const char *topic, const char *name, const char *value)
{
    struct kp_incremental_alter_configs_request_resources_configs config = {.name = kp_string_of(name),
                                                                            .value = kp_string_of(value)};
    struct kp_incremental_alter_configs_request_resources resource = {
        .resource_type = 2, .resource_name = kp_string_of(topic), .configs = &config, .configs_count = 1};
    struct kp_incremental_alter_configs_request request = kp_incremental_alter_configs_request_default;
    struct kp_incremental_alter_configs_response response;
    request.resources = &resource;
    request.resources_count = 1;
    if (!ask(run, KP_API_INCREMENTAL_ALTER_CONFIGS, 1, &request, &response))
        return PERHAPS;
    return response.responses[0].error_code == KAFKA_NONE ? SURE : NEVER;
}

static void pass_time(struct run *run, int64_t ms)
{
    broker_fixture_advance(&run->broker, ms);
    broker_fixture_run_jobs(&run->broker);
}

/* ---- a life ------------------------------------------------------------------------------------------------------ */

static void set_options(struct run *run)
{
    broker_fixture_set(&run->broker, "offsets.topic.num.partitions", "2");
}

static void run_init(struct run *run)
{
    *run = (struct run){.world.last_producer_id = -1};
    broker_fixture_init(&run->broker);
    set_options(run);
    group_life_init(&run->groups, &run->broker);
    run->world.flushed = (struct truth){.name = "flushed", .flushed = true};
    run->world.plain = (struct truth){.name = "plain"};
    run->world.renewed = (struct truth){.name = "renewed", .flushed = true};
}

/* What `run` leaves when its process dies now, or with a seed, when the power goes. */
static void run_copy(struct run *copy, const struct run *run, bool power_cut, uint64_t seed)
{
    *copy = (struct run){.world = run->world};
    broker_fixture_copy(&copy->broker, &run->broker);
    set_options(copy);
    group_life_copy(&copy->groups, &run->groups, &copy->broker);
    copy->world.power_lost |= power_cut;
    copy->groups.power_lost |= power_cut;
    if (power_cut)
        memory_io_power_cut(copy->broker.memory, seed);
}

static void hang_up(struct run *run)
{
    group_life_hang_up(&run->groups);
    if (run->peer_open)
        test_peer_close(&run->peer);
    run->peer_open = false;
}

static void run_release(struct run *run)
{
    hang_up(run);
    if (run->broker.broker != NULL)
        broker_fixture_abandon(&run->broker);
    broker_fixture_release(&run->broker);
}

static void stop(struct run *run)
{
    hang_up(run);
    broker_fixture_run_jobs(&run->broker);
    (void)broker_close(run->broker.broker);
    run->broker.broker = NULL;
}

/* All but the stop. False when the start failed. */
static bool live(struct run *run)
{
    struct world *world = &run->world;
    struct group_life *groups = &run->groups;
    if (!broker_fixture_try_open(&run->broker))
        return false;
    create(run, &world->flushed);
    create(run, &world->plain);
    create(run, &world->renewed);
    for (int i = 0; i < 3; i++) {
        produce(run, &world->flushed);
        produce(run, &world->plain);
        produce(run, &world->renewed);
    }
    take_producer_id(run);
    group_life_begin(groups);
    group_life_commit(groups, &groups->kept);
    group_life_commit(groups, &groups->renewed);
    group_life_commit(groups, &groups->doomed);
    group_life_rebalance(groups);
    pass_time(run, 61000);
    world->retention_changed = change_setting(run, world->plain.name, "retention.ms", RETENTION_AFTER);
    delete (run, &world->renewed);
    group_commits_forget(&groups->renewed, world->renewed.exists == NEVER);
    create(run, &world->renewed);
    produce(run, &world->renewed);
    group_life_commit(groups, &groups->kept);
    group_life_commit(groups, &groups->renewed);
    group_life_delete_group(groups, &groups->doomed);
    group_life_rebalance(groups);
    delete_records(run, &world->flushed, 1);
    take_producer_id(run);
    pass_time(run, 61000);
    produce(run, &world->flushed);
    return true;
}

/* ---- checking ---------------------------------------------------------------------------------------------------- */

/* The topic as Metadata tells it. Returns its error code. */
static int16_t describe(struct run *run, const struct truth *truth, struct kp_uuid *id)
{
    struct kp_metadata_request request = kp_metadata_request_default;
    struct kp_metadata_request_topics topic = {.name = kp_string_of(truth->name)};
    struct kp_metadata_response response;
    request.topics = &topic;
    request.topics_count = 1;
    request.allow_auto_topic_creation = false;
    assert_true(ask(run, KP_API_METADATA, 12, &request, &response));
    *id = response.topics[0].topic_id;
    return response.topics[0].error_code;
}

/* Each batch that a fetch brings, of one record each. Returns the offset behind them. */
static int64_t check_batches(const struct truth *truth, struct kp_records records, int64_t offset, bool sure)
{
    for (int32_t at = 0; at < records.size;) {
        struct record_batch batch;
        struct record_iterator iterator;
        struct record record;
        assert_int_equal(record_batch_view(&batch, records.data + at, (size_t)(records.size - at)), BATCH_OK);
        assert_true(record_batch_crc_ok(&batch));
        assert_int_equal(batch.base_offset, offset);
        record_iterator_init(&iterator, &batch, batch.size_bytes, NULL);
        assert_true(record_iterator_next(&iterator, &record));
        int32_t value = (int32_t)load_be32(record.value.data);
        record_iterator_release(&iterator);
        if (sure && offset < truth->answered_end)
            assert_int_equal(value, truth->values[offset]);
        at += batch.size_bytes;
        offset++;
    }
    return offset;
}

static void check_records(struct run *run, const struct truth *truth)
{
    bool sure = is_sure(run, truth);
    int64_t offset = -1, start = 0, end = 0;
    while (offset < end) {
        struct kp_fetch_request request = kp_fetch_request_default;
        struct kp_fetch_request_topics_partitions partition = kp_fetch_request_topics_partitions_default;
        struct kp_fetch_request_topics topic = test_fetch_topic(truth->name, &partition);
        struct kp_fetch_response response;
        partition.fetch_offset = offset < 0 ? 0 : offset;
        partition.partition_max_bytes = 1 << 20;
        request.topics = &topic;
        request.topics_count = 1;
        assert_true(ask(run, KP_API_FETCH, 11, &request, &response));
        const struct kp_fetch_response_responses_partitions *got = &response.responses[0].partitions[0];
        if (got->error_code == KAFKA_OFFSET_OUT_OF_RANGE && offset < 0) { /* below the start that DeleteRecords set */
            offset = start = 1;
            end = 2;
            continue;
        }
        assert_int_equal(got->error_code, KAFKA_NONE);
        if (offset < 0)
            offset = 0;
        end = got->high_watermark;
        int64_t next = check_batches(truth, got->records, offset, sure);
        assert_true(next > offset || next == end);
        offset = next;
    }
    if (sure)
        assert_true(offset >= truth->answered_end);
}

static void check_topic(struct run *run, struct truth *truth)
{
    struct kp_uuid id;
    int16_t error = describe(run, truth, &id);
    if (truth->exists == NEVER || (truth->exists == PERHAPS && error != KAFKA_NONE)) {
        assert_int_equal(error, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
        return;
    }
    assert_int_equal(error, KAFKA_NONE);
    if (truth->exists == SURE) {
        assert_true(kp_uuid_equal(id, truth->id));
        check_records(run, truth);
    }
}

static void check_retention(struct run *run, const struct truth *truth)
{
    struct kp_string key = kp_string_of("retention.ms");
    struct kp_describe_configs_request_resources resource = {.resource_type = 2,
                                                             .resource_name = kp_string_of(truth->name),
                                                             .configuration_keys = &key,
                                                             .configuration_keys_count = 1};
    struct kp_describe_configs_request request = kp_describe_configs_request_default;
    struct kp_describe_configs_response response;
    request.resources = &resource;
    request.resources_count = 1;
    assert_true(ask(run, KP_API_DESCRIBE_CONFIGS, 4, &request, &response));
    struct kp_string value = response.results[0].configs[0].value;
    if (run->world.retention_changed == SURE)
        assert_true(kp_string_equal(value, kp_string_of(RETENTION_AFTER)));
    if (run->world.retention_changed == NEVER)
        assert_true(kp_string_equal(value, kp_string_of(RETENTION_BEFORE)));
}

static void check_groups(struct run *run)
{
    struct group_life *groups = &run->groups;
    group_life_check_member(groups);
    if (run->world.flushed.exists == SURE) {
        group_life_check_commits(groups, &groups->kept);
        group_life_check_commits(groups, &groups->doomed);
    }
    if (run->world.renewed.exists == SURE)
        group_life_check_commits(groups, &groups->renewed);
}

static void note_folder(void *context, const char *name, bool is_directory)
{
    bool *deleted = context;
    *deleted |= is_directory && strstr(name, "-delete") != NULL;
}

/* A start without faults: all that was answered is there, and the broker goes on. */
static void check_after(struct run *run, struct case_log *log)
{
    struct world *world = &run->world;
    struct truth more = {.name = "more", .flushed = true};
    broker_fixture_open(&run->broker);
    check_topic(run, &world->flushed);
    check_topic(run, &world->plain);
    check_topic(run, &world->renewed);
    if (world->plain.exists == SURE)
        check_retention(run, &world->plain);
    check_groups(run);
    take_producer_id(run);
    create(run, &more);
    produce(run, &more);
    assert_int_equal(more.exists, SURE);
    assert_int_equal(more.answered_end, 1);
    pass_time(run, 3 * 61000);
    bool deleted = false;
    struct file_io *files = memory_io_files(run->broker.memory);
    assert_int_equal(files->list(files, "/data", note_folder, &deleted), 0);
    assert_false(deleted); /* folders that a deletion left half done go */
    hang_up(run);
    broker_fixture_close(&run->broker);
    case_log_clear(log);
    broker_fixture_open(&run->broker);
    check_topic(run, &more);
}

/* ---- sweeps ------------------------------------------------------------------------------------------------------ */

/* Of the many cases only the log of one that fails is shown. */
static int setup(void **state)
{
    struct sweep *sweep = xcalloc(1, sizeof *sweep);
    case_log_init(&sweep->log);
    *state = sweep;
    return 0;
}

static int teardown(void **state)
{
    struct sweep *sweep = *state;
    case_log_release(&sweep->log);
    free(sweep);
    return 0;
}

/* Without a fault everything is answered: the sweep sees all there is. */
static void assert_all_answered(const struct world *world, const struct group_life *groups)
{
    assert_true(world->flushed.exists == SURE && world->plain.exists == SURE && world->renewed.exists == SURE);
    assert_true(world->flushed.answered_end >= 4 && world->plain.answered_end >= 3);
    assert_int_equal(world->renewed.answered_end, 1);
    assert_int_equal(world->retention_changed, SURE);
    assert_true(world->last_producer_id >= 0);
    assert_true(groups->flushed && groups->member.assigned >= 2 && groups->doomed.sure < 0);
    assert_true(groups->kept.sure > 0 && groups->renewed.sure > groups->renewed.forgot);
    assert_int_equal(groups->doomed.forgot, groups->doomed.asked);
}

/* Returns false when the life ended before the k-th call. */
static bool sweep_fault(struct sweep *sweep, const struct fault_kind *kind, int k, uint64_t seeds)
{
    struct run *run = &sweep->run, *after = &sweep->after;
    case_log_clear(&sweep->log);
    snprintf(sweep->log.at, sizeof sweep->log.at, "call %d fails with %s", k, kind->name);
    run_copy(run, &sweep->begun, false, 0);
    memory_io_fail(run->broker.memory, CALL_ANY, k, kind->error, kind->for_good);
    if (live(run))
        stop(run);
    bool fired = memory_io_fault_fired(run->broker.memory);
    if (!fired)
        assert_all_answered(&run->world, &run->groups);
    for (uint64_t i = 0; i <= seeds; i++) {
        uint64_t seed = i == 1 ? 0 : i * 1000003 + (uint64_t)k; /* 0: all is lost */
        case_log_clear(&sweep->log);
        snprintf(sweep->log.at, sizeof sweep->log.at, "call %d fails with %s, then the %s, seed %" PRIu64, k,
                 kind->name, i > 0 ? "power goes" : "process dies", seed);
        run_copy(after, run, i > 0, seed);
        check_after(after, &sweep->log);
        run_release(after);
    }
    run_release(run);
    return fired;
}

static void sweep_all(struct sweep *sweep)
{
    const char *seeds = getenv("FAULT_SEEDS");
    for (size_t i = 0; i < COUNT_OF(fault_kinds); i++) {
        int k = 1;
        while (
            sweep_fault(sweep, &fault_kinds[i], k, seeds != NULL ? strtoull(seeds, NULL, 10) : FAULT_SEEDS_DEFAULT)) {
            k += seeds != NULL ? 1 : FAULT_STRIDE;
            assert_in_range(k, 1, FAULTS_MAX);
        }
    }
    run_release(&sweep->begun);
    sweep->log.at[0] = '\0';
}

static void broker_keeps_its_answers_when_a_call_fails(void **state)
{
    struct sweep *sweep = *state;
    run_init(&sweep->begun);
    sweep_all(sweep);
}

static void broker_keeps_its_answers_when_a_call_fails_after_a_crash(void **state)
{
    struct sweep *sweep = *state;
    run_init(&sweep->run);
    assert_true(live(&sweep->run));
    run_copy(&sweep->begun, &sweep->run, false, 0);
    run_release(&sweep->run);
    sweep_all(sweep);
}

static void broker_keeps_its_answers_when_a_call_fails_after_a_power_cut(void **state)
{
    struct sweep *sweep = *state;
    run_init(&sweep->run);
    assert_true(live(&sweep->run));
    run_copy(&sweep->begun, &sweep->run, true, POWER_SEED);
    run_release(&sweep->run);
    sweep_all(sweep);
}

#define SWEEP(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SWEEP(broker_keeps_its_answers_when_a_call_fails),
        SWEEP(broker_keeps_its_answers_when_a_call_fails_after_a_crash),
        SWEEP(broker_keeps_its_answers_when_a_call_fails_after_a_power_cut),
    };
    return cmocka_run_group_tests_name("broker_faults", tests, NULL, NULL);
}
