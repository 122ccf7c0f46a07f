/* Damaged files of a whole broker: those at the top of the data folder, and those of the metadata log. Each is damaged
 * in several ways, after a clean stop and after a crash. The broker starts, and has its topics, or it refuses with a
 * reason, and then it has harmed nothing: with the file back as it was, everything is there. */
#include "lib/broker_fixture.h"
#include "lib/case_log.h"

#include "protocol/errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define METADATA  "/data/__cluster_metadata-0"
#define FILES_MAX 32
#define RECORDS   3

enum damage { FLIPPED, HALVED, EMPTIED, ZEROED, GARBAGE, REMOVED, A_FOLDER, DAMAGES };

static const char *const damage_name[DAMAGES] = {"a byte flipped", "halved",  "emptied", "all zeros",
                                                 "garbage",        "removed", "a folder"};

struct world {
    struct broker_fixture whole, broker; /* as it was, and started again on damaged files */
    char files[FILES_MAX][128];
    int files_count;
    const char *folder; /* that is listed */
    struct case_log log;
};

static void note_file(void *context, const char *name, bool is_directory)
{
    struct world *world = context;
    if (is_directory || strcmp(name, ".lock") == 0)
        return;
    assert_in_range(world->files_count, 0, FILES_MAX - 1);
    snprintf(world->files[world->files_count++], sizeof world->files[0], "%s/%s", world->folder, name);
}

static void list_files(struct world *world, const char *folder)
{
    struct file_io *io = memory_io_files(world->whole.memory);
    world->folder = folder;
    assert_int_equal(io->list(io, folder, note_file, world), 0);
}

/* A broker with a topic "t" that has some records. */
static int setup(void **state)
{
    struct world *world = xcalloc(1, sizeof *world);
    struct test_peer peer;
    case_log_init(&world->log);
    broker_fixture_init(&world->whole);
    broker_fixture_open(&world->whole);
    test_peer_open(&peer, &world->whole);
    assert_int_equal(test_create_topic(&peer, "t", 1), KAFKA_NONE);
    for (int i = 0; i < RECORDS; i++)
        assert_int_equal(test_produce(&peer, "t", 0, 1), KAFKA_NONE);
    test_peer_close(&peer);
    broker_fixture_advance(&world->whole, 61000);
    broker_fixture_run_jobs(&world->whole);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    case_log_release(&world->log);
    broker_fixture_release(&world->whole);
    free(world);
    return 0;
}

static void damage(struct memory_io *memory, const char *path, enum damage damage)
{
    size_t size;
    const uint8_t *bytes = memory_io_bytes(memory, path, &size);
    assert_non_null(bytes);
    uint8_t *copy = xcalloc(1, size + 1);
    memcpy(copy, bytes, size);
    struct file_io *io = memory_io_files(memory);
    if (damage == FLIPPED)
        copy[size / 2] ^= 0x04;
    if (damage == ZEROED)
        memset(copy, 0, size);
    if (damage == GARBAGE)
        memset(copy, 'g', size);
    if (damage == HALVED || damage == EMPTIED)
        size = damage == HALVED ? size / 2 : 0;
    if (damage == REMOVED || damage == A_FOLDER)
        assert_int_equal(io->unlink(io, path), 0);
    else
        memory_io_put(memory, path, copy, size);
    if (damage == A_FOLDER)
        assert_int_equal(io->mkdir(io, path), 0);
    free(copy);
}

static void restore(struct world *world, const char *path, enum damage damaged)
{
    size_t size;
    const uint8_t *bytes = memory_io_bytes(world->whole.memory, path, &size);
    struct file_io *io = memory_io_files(world->broker.memory);
    if (damaged == A_FOLDER)
        assert_int_equal(io->rmdir(io, path), 0);
    memory_io_put(world->broker.memory, path, bytes, size);
}

/* How many records a fetch brings, -1: there is no such topic. */
static int count_records(struct test_peer *peer)
{
    struct kp_fetch_request request = kp_fetch_request_default;
    struct kp_fetch_request_topics_partitions partition = kp_fetch_request_topics_partitions_default;
    struct kp_fetch_request_topics topic = test_fetch_topic("t", &partition);
    struct kp_fetch_response response;
    partition.partition_max_bytes = 1 << 20;
    request.topics = &topic;
    request.topics_count = 1;
    test_peer_ask(peer, KP_API_FETCH, 11, &request, &response);
    const struct kp_fetch_response_responses_partitions *got = &response.responses[0].partitions[0];
    if (got->error_code != KAFKA_NONE)
        return -1;
    int count = 0;
    for (int32_t at = 0; at < got->records.size; count++) {
        struct record_batch batch;
        assert_int_equal(record_batch_view(&batch, got->records.data + at, (size_t)(got->records.size - at)), BATCH_OK);
        at += batch.size_bytes;
    }
    return count;
}

/* Has a line with `text` been logged? */
static bool has_logged(struct world *world, const char *text)
{
    char line[2048];
    bool logged = false;
    fflush(stderr);
    rewind(world->log.file);
    while (fgets(line, sizeof line, world->log.file) != NULL)
        logged |= strstr(line, text) != NULL;
    return logged;
}

static bool has_warned(struct world *world)
{
    return has_logged(world, " WARN ") || has_logged(world, " ERROR ");
}

static void check_started(struct world *world, bool has_topic)
{
    struct test_peer peer;
    test_peer_open(&peer, &world->broker);
    assert_true(count_records(&peer) == RECORDS || (!has_topic && has_warned(world)));
    assert_int_equal(test_create_topic(&peer, "another", 1), KAFKA_NONE);
    assert_int_equal(test_produce(&peer, "another", 0, 1), KAFKA_NONE);
    test_peer_close(&peer);
    broker_fixture_run_jobs(&world->broker);
    (void)broker_close(world->broker.broker); /* a folder may stand where a file is to be written */
    world->broker.broker = NULL;
}

static void try_damage(struct world *world, const char *path, enum damage kind)
{
    snprintf(world->log.at, sizeof world->log.at, "%s: %s", path, damage_name[kind]);
    case_log_clear(&world->log);
    broker_fixture_copy(&world->broker, &world->whole);
    damage(world->broker.memory, path, kind);
    if (broker_fixture_try_open(&world->broker)) {
        bool changes_are_lost =
            strncmp(path, METADATA "/0", strlen(METADATA "/0")) == 0 && strstr(path, ".log") != NULL;
        check_started(world, !changes_are_lost);
    } else {
        assert_true(lseek(fileno(world->log.file), 0, SEEK_END) > 0); /* it says why */
        restore(world, path, kind);
        broker_fixture_open(&world->broker);
        check_started(world, true);
    }
    broker_fixture_release(&world->broker);
}

static void try_all(struct world *world)
{
    list_files(world, "/data");
    list_files(world, METADATA);
    for (int i = 0; i < world->files_count; i++)
        for (int kind = 0; kind < DAMAGES; kind++)
            try_damage(world, world->files[i], (enum damage)kind);
    world->log.at[0] = '\0';
}

static void broker_starts_or_harms_nothing_after_a_clean_stop(void **state)
{
    struct world *world = *state;
    broker_fixture_close(&world->whole);
    try_all(world);
}

static void broker_starts_or_harms_nothing_after_a_crash(void **state)
{
    struct world *world = *state;
    broker_fixture_abandon(&world->whole);
    try_all(world);
}

/* They may hold what somebody misses: nothing is done with them, but a new topic may have the name. */
static void folders_that_no_topic_claims_are_told(void **state)
{
    struct world *world = *state;
    struct file_io *io = memory_io_files(world->whole.memory);
    snprintf(world->log.at, sizeof world->log.at, "folders without a topic");
    broker_fixture_close(&world->whole);
    assert_int_equal(io->mkdir(io, "/data/another-0"), 0);
    assert_int_equal(io->mkdir(io, "/data/t-7"), 0);
    assert_int_equal(io->mkdir(io, "/data/notes"), 0);
    broker_fixture_copy(&world->broker, &world->whole);
    broker_fixture_open(&world->broker);
    assert_true(has_logged(world, "belong to no topic and are left alone path=/data folders=2"));
    check_started(world, true);
    assert_true(memory_io_exists(world->broker.memory, "/data/t-7"));
    broker_fixture_release(&world->broker);
    world->log.at[0] = '\0';
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(broker_starts_or_harms_nothing_after_a_clean_stop, setup, teardown),
        cmocka_unit_test_setup_teardown(broker_starts_or_harms_nothing_after_a_crash, setup, teardown),
        cmocka_unit_test_setup_teardown(folders_that_no_topic_claims_are_told, setup, teardown),
    };
    return cmocka_run_group_tests_name("broker_damage", tests, NULL, NULL);
}
