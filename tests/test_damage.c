/* Damaged files: each file of a log, and each checkpoint beside it, is damaged in each of the ways below, after a clean
 * stop and after a crash. Whatever it is, the log is loaded (or is offline, with a reason that names the file), serves
 * all batches of the segments that were not touched, changes none, and goes on: it takes an append, stops cleanly, and
 * is loaded again. And the reports tell what was found: the table at the end. */
#include "lib/log_history.h"
#include "lib/memory_io.h"

#include "storage/log_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define FOLDER    "/data/t-0/"
#define FILES_MAX 64
#define BATCHES   40

enum damage {
    FLIPPED_FIRST, /* a bit of the first byte */
    FLIPPED_MIDDLE,
    FLIPPED_LAST,
    HALVED,
    SHORTENED, /* by 3 bytes */
    EMPTIED,
    ZEROED,
    LENGTHENED, /* by garbage */
    REMOVED,
    A_FOLDER, /* of that name in its place */
    DAMAGES
};

static const char *const damage_name[DAMAGES] = {
    "first byte flipped",
    "a byte in the middle flipped",
    "last byte flipped",
    "halved",
    "3 bytes short",
    "emptied",
    "all zeros",
    "garbage behind it",
    "removed",
    "a folder",
};

struct world {
    struct memory_io *whole, *memory; /* as it was, and damaged */
    struct log_fixture fixture;
    struct log_history history;
    char files[FILES_MAX][64]; /* below /data */
    int files_count;
    int64_t segments[16]; /* base offsets */
    int segments_count;
    char at[256]; /* what is tried, for the message when it fails */
};

/* ---- the log that is damaged ------------------------------------------------------------------------------------- */

static void attach(struct world *world, struct memory_io *memory)
{
    world->memory = memory;
    world->fixture.files = world->fixture.options.files = memory_io_files(memory);
}

static void note_file(void *context, const char *name, bool is_directory)
{
    struct world *world = context;
    if (is_directory)
        return;
    assert_in_range(world->files_count, 0, FILES_MAX - 1);
    snprintf(world->files[world->files_count++], sizeof world->files[0], "t-0/%s", name);
}

static void note_checkpoint(void *context, const char *name, bool is_directory)
{
    struct world *world = context;
    if (!is_directory)
        snprintf(world->files[world->files_count++], sizeof world->files[0], "%s", name);
}

/* Some segments of batches in several epochs. */
static int setup(void **state)
{
    struct world *world = xcalloc(1, sizeof *world);
    world->whole = memory_io_new();
    log_fixture_init(&world->fixture, memory_io_files(world->whole), "/data");
    world->fixture.config.segment_bytes = 3000;
    world->fixture.config.index_interval_bytes = 300;
    history_init(&world->history, &world->fixture);
    assert_int_equal(log_fixture_open(&world->fixture, true), 0);
    for (int i = 0; i < BATCHES; i++) {
        world->history.leader_epoch = i / 10;
        assert_int_equal(history_append(&world->history), 0);
        (void)test_pool_run(&world->fixture.pool);
    }
    for (int32_t i = 0; i < world->fixture.log->segments_count; i++)
        world->segments[world->segments_count++] = world->fixture.log->segments[i]->base_offset;
    assert_in_range(world->segments_count, 3, 16);
    *state = world;
    return 0;
}

/* Stop the log as it is; from now on copies of its files are damaged. */
static void stop(struct world *world, bool clean)
{
    struct file_io *io = memory_io_files(world->whole);
    world->fixture.now_ms += 61000;
    (void)log_store_tick(world->fixture.store, world->fixture.now_ms);
    (void)test_pool_run(&world->fixture.pool);
    if (clean)
        assert_int_equal(log_fixture_close(&world->fixture), 0);
    else
        log_fixture_crash(&world->fixture);
    assert_int_equal(io->list(io, "/data/t-0", note_file, world), 0);
    assert_int_equal(io->list(io, "/data", note_checkpoint, world), 0);
    assert_in_range(world->files_count, 14, FILES_MAX);
}

static int teardown(void **state)
{
    struct world *world = *state;
    if (world->at[0] != '\0')
        print_message("%s\n%s", world->at, world->fixture.reports);
    log_fixture_crash(&world->fixture);
    if (world->memory != world->whole && world->memory != NULL)
        memory_io_free(world->memory);
    memory_io_free(world->whole);
    free(world);
    return 0;
}

static void damage(struct world *world, const char *file, enum damage damage)
{
    char path[128];
    size_t size;
    snprintf(path, sizeof path, "/data/%s", file);
    uint8_t *bytes = memory_io_bytes(world->memory, path, &size);
    assert_non_null(bytes);
    uint8_t *copy = xcalloc(1, size + 100);
    memcpy(copy, bytes, size);
    struct file_io *io = memory_io_files(world->memory);
    switch (damage) {
    case FLIPPED_FIRST:
        copy[0] ^= 0x10;
        break;
    case FLIPPED_MIDDLE:
        copy[size / 2] ^= 0x10;
        break;
    case FLIPPED_LAST:
        copy[size > 0 ? size - 1 : 0] ^= 0x10;
        break;
    case HALVED:
        size /= 2;
        break;
    case SHORTENED:
        size = size > 3 ? size - 3 : 0;
        break;
    case EMPTIED:
        size = 0;
        break;
    case ZEROED:
        memset(copy, 0, size);
        break;
    case LENGTHENED:
        memset(copy + size, 'g', 100);
        size += 100;
        break;
    case REMOVED:
    case A_FOLDER:
    case DAMAGES:
        break;
    }
    if (damage == REMOVED || damage == A_FOLDER)
        assert_int_equal(io->unlink(io, path), 0);
    else
        memory_io_put(world->memory, path, copy, size);
    if (damage == A_FOLDER)
        assert_int_equal(io->mkdir(io, path), 0);
    free(copy);
}

/* ---- any damage -------------------------------------------------------------------------------------------------- */

/* The base offset of the .log file that `file` is, -1: it is another one. */
static int64_t log_file_offset(const char *file)
{
    struct file_name name;
    if (strncmp(file, "t-0/", 4) != 0 || !file_name_parse(file + 4, &name) || name.kind != FILE_LOG)
        return -1;
    return name.base_offset;
}

/* The segment that an offset was in. */
static int64_t segment_of(const struct world *world, int64_t offset)
{
    int64_t base_offset = 0;
    for (int i = 0; i < world->segments_count && world->segments[i] <= offset; i++)
        base_offset = world->segments[i];
    return base_offset;
}

/* Is the batch there, as it was, at its offset? */
static bool is_served(struct world *world, const struct history_batch *known)
{
    struct log_slice slice;
    struct record_batch batch;
    if (log_read(world->fixture.log, known->base_offset, 1, true, ISOLATION_READ_UNCOMMITTED, &slice, NULL) != 0)
        return false;
    uint8_t *bytes = xmalloc((size_t)slice.size_bytes + 1);
    bool served = slice.size_bytes > 0 && log_slice_read(&slice, 0, bytes, (size_t)slice.size_bytes) == 0 &&
                  record_batch_view(&batch, bytes, (size_t)slice.size_bytes) == BATCH_OK &&
                  batch.base_offset == known->base_offset && batch.crc == known->crc && record_batch_crc_ok(&batch);
    free(bytes);
    log_slice_release(&slice);
    return served;
}

/* Batches of segments that were not touched are served. But after a crash the log ends with the damage, when that is in
 * a segment that is scanned: the last one. */
static void check_served(struct world *world, const char *file)
{
    int64_t damaged = log_file_offset(file);
    for (int i = 0; i < BATCHES; i++) {
        const struct history_batch *known = &world->history.batches[i];
        if (segment_of(world, known->base_offset) != damaged)
            assert_true(is_served(world, known));
    }
}

static void check_goes_on(struct world *world)
{
    struct log_append append;
    int64_t end = log_end_offset(world->fixture.log);
    const struct batch_spec spec = {.leader_epoch = 99, .timestamp_ms = LOG_FIXTURE_NOW_MS + 999000};
    assert_int_equal(log_fixture_append(&world->fixture, spec, &append), 0);
    assert_int_equal(append.base_offset, end);
    int closed = log_fixture_close(&world->fixture);
    assert_true(closed == 0 || closed == STORAGE_IO); /* a folder may stand where a checkpoint is to be written */
    assert_int_equal(log_fixture_open(&world->fixture, closed == 0), 0);
    assert_int_equal(log_load(world->fixture.log, NULL), 0);
    assert_int_equal(log_end_offset(world->fixture.log), end + 1);
    assert_int_equal(log_epoch_at(world->fixture.log, end), 99);
}

static void try_damage(struct world *world, const char *file, enum damage kind, bool clean)
{
    struct storage_fault fault = {0};
    snprintf(world->at, sizeof world->at, "%s: %s, after a %s", file, damage_name[kind],
             clean ? "clean stop" : "crash");
    attach(world, memory_io_copy(world->whole));
    damage(world, file, kind);
    assert_int_equal(log_fixture_open(&world->fixture, clean), 0);
    int loaded = log_load(world->fixture.log, &fault);
    if (strcmp(file, "t-0/partition.metadata") == 0 && strstr(world->fixture.reports, "-stray") != NULL) {
        check_goes_on(world); /* it names another topic, whose folder it then is: nothing is lost, and it is told */
    } else if (loaded == 0) {
        check_served(world, file);
        check_goes_on(world);
    } else { /* nothing can be done about it */
        assert_int_equal(kind, A_FOLDER);
        assert_non_null(strstr(world->fixture.reports, file));
    }
    log_fixture_crash(&world->fixture);
    memory_io_free(world->memory);
    world->memory = NULL;
}

static void try_all(struct world *world, bool clean)
{
    stop(world, clean);
    for (int i = 0; i < world->files_count; i++)
        for (int kind = 0; kind < DAMAGES; kind++)
            try_damage(world, world->files[i], (enum damage)kind, clean);
    world->at[0] = '\0';
}

static void any_damage_after_a_clean_stop_leaves_the_rest_sound(void **state)
{
    try_all(*state, true);
}

static void any_damage_after_a_crash_leaves_the_rest_sound(void **state)
{
    try_all(*state, false);
}

/* ---- what is told ------------------------------------------------------------------------------------------------ */

#define SECOND "t-0/00000000000000000015"
#define ACTIVE "t-0/00000000000000000075"

static const struct row {
    const char *file;
    enum damage damage;
    bool clean;
    const char *told[3]; /* in the reports */
} rows[] = {
    {SECOND ".log",                      HALVED,         true,  {"1 Made indexes again", "base_offset=15"}                   },
    {SECOND ".log",                      HALVED,         false, {"1 Made indexes again"}                                     },
    {SECOND ".log",                      REMOVED,        false, {"1 Removed an index file without its log file", SECOND}     },
    {SECOND ".log",                      A_FOLDER,       true,  {"1 A folder has the name of a log's file", SECOND ".log"}   },
    {ACTIVE ".log",
     FLIPPED_FIRST,                                      true,
     {"1 The active segment does not add up", "2 Put aside", "2 Records are missing that were there at the last stop"}       },
    {ACTIVE ".log",
     SHORTENED,                                          true,
     {"1 Cut what was damaged", "2 Records are missing that were there at the last stop"}                                    },
    {ACTIVE ".log",                      REMOVED,        true,  {"1 Removed an index file", "2 Records are missing"}         },
    {ACTIVE ".log",
     FLIPPED_MIDDLE,                                     false,
     {"1 Put aside what lies behind a damaged batch", ACTIVE ".log.cut-", "1 Cut what was damaged"}                          },
    {ACTIVE ".log",                      LENGTHENED,     false, {"1 Cut what was damaged", "cut_bytes=100"}                  },
    {SECOND ".index",                    REMOVED,        true,  {"1 Made indexes again", "base_offset=15"}                   },
    {SECOND ".index",                    SHORTENED,      false, {"1 Made indexes again", "base_offset=15"}                   },
    {SECOND ".timeindex",                ZEROED,         true,  {"1 Made indexes again", "base_offset=15"}                   },
    {ACTIVE ".snapshot",                 FLIPPED_MIDDLE, false, {"1 Removed a damaged producer snapshot", ACTIVE ".snapshot"}},
    {"t-0/leader-epoch-checkpoint",      HALVED,         true,  {"1 Leader epochs are damaged", "leader-epoch-checkpoint"}   },
    {"recovery-point-offset-checkpoint", ZEROED,         false, {"1 A checkpoint cannot be read", "recovery-point"}          },
    {"recovery-point-offset-checkpoint", A_FOLDER,       false, {"1 A checkpoint cannot be read", "recovery-point"}          },
    {"replication-offset-checkpoint",    HALVED,         true,  {"1 A checkpoint cannot be read", "replication-offset"}      },
};

static void check_told(struct world *world, bool clean)
{
    stop(world, clean);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct row *row = &rows[i];
        if (row->clean != clean)
            continue;
        snprintf(world->at, sizeof world->at, "%s: %s", row->file, damage_name[row->damage]);
        attach(world, memory_io_copy(world->whole));
        damage(world, row->file, row->damage);
        assert_int_equal(log_fixture_open(&world->fixture, clean), 0);
        assert_int_equal(log_load(world->fixture.log, NULL), 0);
        for (size_t told = 0; told < COUNT_OF(row->told) && row->told[told] != NULL; told++)
            assert_non_null(strstr(world->fixture.reports, row->told[told]));
        log_fixture_crash(&world->fixture);
        memory_io_free(world->memory);
        world->memory = NULL;
    }
    world->at[0] = '\0';
}

static void damage_is_told_after_a_clean_stop(void **state)
{
    check_told(*state, true);
}

static void damage_is_told_after_a_crash(void **state)
{
    check_told(*state, false);
}

/* Nothing that is whole is thrown away: it is kept byte for byte, from the damaged batch on. */
static void what_is_put_aside_is_what_was_cut(void **state)
{
    struct world *world = *state;
    stop(world, false);
    attach(world, memory_io_copy(world->whole));
    damage(world, ACTIVE ".log", FLIPPED_FIRST);
    size_t size, aside_size;
    const uint8_t *bytes = memory_io_bytes(world->memory, "/data/" ACTIVE ".log", &size);
    uint8_t *damaged = xmalloc(size);
    memcpy(damaged, bytes, size);
    assert_int_equal(log_fixture_open(&world->fixture, false), 0);
    assert_int_equal(log_load(world->fixture.log, NULL), 0);
    assert_int_equal(log_end_offset(world->fixture.log), 75);
    assert_int_equal(memory_io_size(world->memory, "/data/" ACTIVE ".log"), 0);
    const uint8_t *aside = memory_io_bytes(world->memory, "/data/" ACTIVE ".log.cut-0", &aside_size);
    assert_non_null(aside);
    assert_int_equal(aside_size, size);
    assert_memory_equal(aside, damaged, size);
    free(damaged);
    check_goes_on(world);
    assert_true(memory_io_exists(world->memory, "/data/" ACTIVE ".log.cut-0")); /* no later start minds it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(any_damage_after_a_clean_stop_leaves_the_rest_sound, setup, teardown),
        cmocka_unit_test_setup_teardown(any_damage_after_a_crash_leaves_the_rest_sound, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_told_after_a_clean_stop, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_told_after_a_crash, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_put_aside_is_what_was_cut, setup, teardown),
    };
    return cmocka_run_group_tests_name("damage", tests, NULL, NULL);
}
