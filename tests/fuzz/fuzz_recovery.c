/* Fuzzing of what a start finds: the input is a data folder with one partition, and a call that fails.
 *
 *     input:   settings | kind of the calls that fail | which one | files
 *     file:    name | how its bytes are to be read | number of bytes (2) | bytes
 *
 *       raw        the bytes are the file
 *       batches    the same, but where a batch may begin, its magic and checksum are put right, and its length where it
 *                  is too large: a fuzzer does not find a checksum by itself
 *       made       each byte is a small batch, right but for where it stands: its producer, its transaction, a marker,
 *                  its offset
 *
 * Whatever the folder holds, the log is loaded or says what is wrong; what it has can be read, by offset and by time;
 * it takes an append, and after a clean stop the next start finds the same log and nothing to tell. With a call that
 * failed all of that is asked of the start after it. seed_recovery.py makes inputs. */
#include "../lib/log_fixture.h"
#include "../lib/memory_io.h"

#include "storage/log_internal.h"

#include <errno.h>
#include <string.h>

#define FILE_BYTES_MAX 4096
#define READS_MAX      20000
#define READ_BYTES     512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *at, *end;
};

static uint8_t next(struct input *input)
{
    return input->at < input->end ? *input->at++ : 0;
}

/* ---- the folder -------------------------------------------------------------------------------------------------- */

static const char *const other_files[] = {
    "/data/t-0/leader-epoch-checkpoint",      "/data/t-0/partition.metadata",
    "/data/recovery-point-offset-checkpoint", "/data/replication-offset-checkpoint",
    "/data/log-start-offset-checkpoint",      "/data/cleaner-offset-checkpoint",
};

/* One of the names that count: a segment's file of some offset, under some suffix, or one of the others. */
static void next_name(struct input *input, char path[STORAGE_PATH_MAX])
{
    static const int64_t offsets[] = {0, 3, 4, 8, 100, INT64_C(1) << 31, INT64_MAX - UINT32_MAX};
    uint8_t name = next(input);
    if (name % 4 == 3) {
        snprintf(path, STORAGE_PATH_MAX, "%s", other_files[name / 4 % COUNT_OF(other_files)]);
        return;
    }
    uint8_t suffix = next(input);
    char folder_path[] = "/data/t-0";
    const struct folder folder = {.path = folder_path};
    (void)folder_file_path(&folder, offsets[name / 4 % COUNT_OF(offsets)], (enum file_kind)(suffix % FILE_KINDS),
                           (enum file_suffix)(suffix / FILE_KINDS % FILE_SUFFIXES * (name % 4 == 2)), path);
}

static void put_batches_right(uint8_t *bytes, size_t size)
{
    for (size_t at = 0; size - at >= BATCH_HEADER_BYTES;) {
        uint32_t length = load_be32(bytes + at + 8);
        if (length < BATCH_HEADER_BYTES - BATCH_LENGTH_OFFSET || length > size - at - BATCH_LENGTH_OFFSET)
            length = (uint32_t)(size - at - BATCH_LENGTH_OFFSET);
        store_be32(bytes + at + 8, length);
        bytes[at + 16] = BATCH_MAGIC;
        record_batch_set_timestamps(bytes + at, (int16_t)load_be16(bytes + at + BATCH_CRC_START),
                                    (int64_t)load_be64(bytes + at + 35));
        at += BATCH_LENGTH_OFFSET + length;
    }
}

/* The batches that the bytes of the input stand for, one behind the other. Returns how many bytes. */
static size_t make_batches(const struct log_fixture *fixture, const uint8_t *choices, size_t count, uint8_t *to)
{
    size_t used = 0;
    int64_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t choice = choices[i];
        struct batch_spec spec = {.records = 1 + choice % 2, .timestamp_ms = LOG_FIXTURE_NOW_MS + choice};
        if (choice & 4) {
            spec.producer_id = 1 + (choice >> 3 & 1);
            spec.base_sequence = (int32_t)i;
            spec.attributes = choice & 16 ? BATCH_TRANSACTIONAL : 0;
        }
        size_t size;
        uint8_t *bytes = log_fixture_batch(fixture, spec, &size);
        if (used + size <= FILE_BYTES_MAX) {
            record_batch_set_base_offset(bytes, choice & 32 ? offset + (choice >> 6) - 1 : offset);
            memcpy(to + used, bytes, size);
            used += size;
            offset += spec.records;
        }
        free(bytes);
    }
    return used;
}

static void next_file(struct input *input, const struct log_fixture *fixture, struct memory_io *memory)
{
    char path[STORAGE_PATH_MAX];
    static const char *const how_names[] = {"raw", "batches", "made"};
    uint8_t bytes[FILE_BYTES_MAX];
    next_name(input, path);
    size_t how = next(input) % COUNT_OF(how_names);
    size_t size = (size_t)next(input) << 8;
    size |= next(input);
    if (size > (size_t)(input->end - input->at))
        size = (size_t)(input->end - input->at);
    if (size > sizeof bytes)
        size = sizeof bytes;
    if (how == 2) {
        size_t made = make_batches(fixture, input->at, size, bytes);
        input->at += size;
        size = made;
    } else {
        memcpy(bytes, input->at, size);
        input->at += size;
        if (how == 1)
            put_batches_right(bytes, size);
    }
    memory_io_put(memory, path, bytes, size);
}

/* ---- what is done with it ---------------------------------------------------------------------------------------- */

static bool add_crc(void *context, const struct record_batch *batch)
{
    uint64_t *sum = context;
    *sum = *sum * 31 + batch->crc + (uint64_t)batch->base_offset;
    return true;
}

static bool any_aborted(void *context, const struct aborted_txn *txn)
{
    (void)context;
    (void)txn;
    return true;
}

/* Read all that can be read, in each way. */
static void read_all(struct log *log)
{
    struct log_found found;
    int64_t offset = log_start_offset(log), end = log_end_offset(log);
    ASSERT(offset <= end);
    for (int reads = 0; offset < end; reads++) {
        struct log_slice slice;
        struct record_batch batch;
        uint8_t bytes[BATCH_HEADER_BYTES];
        ASSERT(reads < READS_MAX);
        if (log_read(log, offset, READ_BYTES, true, ISOLATION_READ_UNCOMMITTED, &slice, NULL) != 0)
            break;
        bool more = slice.size_bytes >= BATCH_HEADER_BYTES && log_slice_read(&slice, 0, bytes, sizeof bytes) == 0 &&
                    record_batch_view_header(&batch, bytes, sizeof bytes) == BATCH_OK;
        log_slice_release(&slice);
        if (!more || record_batch_last_offset(&batch) < offset)
            break;
        offset = record_batch_last_offset(&batch) + 1;
    }
    for (int64_t timestamp_ms = LOG_FIXTURE_NOW_MS - 1; timestamp_ms < LOG_FIXTURE_NOW_MS + 300; timestamp_ms += 50)
        (void)(log_find_timestamp(log, timestamp_ms, ISOLATION_READ_COMMITTED, NULL, &found, NULL) == 0);
    (void)(log_find_max_timestamp(log, NULL, &found, NULL) == 0);
    (void)log_last_stable_offset(log);
    (void)log_epoch_at(log, log_start_offset(log));
    if (log_ready(log, NULL) == 0)
        (void)(log_find_aborted(log, 0, end, any_aborted, NULL, NULL) == 0);
}

/* Die, and start as after a crash, without faults. */
static void start_again(struct log_fixture *fixture, struct memory_io *memory)
{
    memory_io_fail(memory, 0, 0, 0, false);
    log_fixture_crash(fixture);
    ASSERT(log_fixture_open(fixture, false) == 0);
}

/* Use the log as clients do; then it must be found again as it was left. */
static void live(struct log_fixture *fixture)
{
    uint64_t sum = 0, sum_again = 0;
    if (log_load(fixture->log, NULL) != 0) {
        ASSERT(strstr(fixture->reports, "2 ") != NULL); /* it says why */
        return;
    }
    read_all(fixture->log);
    if (log_is_offline(fixture->log))
        return;
    int64_t end = log_end_offset(fixture->log);
    int appended = log_fixture_append(fixture, (struct batch_spec){.timestamp_ms = LOG_FIXTURE_NOW_MS}, NULL);
    if (appended != 0)
        return;
    ASSERT(log_end_offset(fixture->log) == end + 1);
    int64_t start = log_start_offset(fixture->log);
    int replayed = log_replay(fixture->log, start, add_crc, &sum, NULL);
    if (log_fixture_close(fixture) != 0)
        fixture->options.clean = false;
    ASSERT(log_fixture_open(fixture, true) == 0);
    ASSERT(log_load(fixture->log, NULL) == 0);
    ASSERT(log_start_offset(fixture->log) == start && log_end_offset(fixture->log) == end + 1);
    ASSERT(log_replay(fixture->log, start, add_crc, &sum_again, NULL) == replayed && sum == sum_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, data + size};
    struct log_fixture fixture;
    struct memory_io *memory = memory_io_new();
    log_fixture_init(&fixture, memory_io_files(memory), "/data");
    uint8_t settings = next(&input), failing = next(&input), which = next(&input);
    fixture.config.segment_bytes = settings & 1 ? 300 : 4096;
    fixture.config.index_interval_bytes = settings & 2 ? 0 : 150;
    fixture.config.cleanup_compact = settings & 4;
    bool clean = settings & 8;
    ASSERT(fixture.files->mkdir(fixture.files, "/data/t-0") == 0);
    for (int files = 0; input.at < input.end && files < 32; files++)
        next_file(&input, &fixture, memory);

    int calls = failing % 16 == 0 ? CALL_ANY : 1 << (failing % 10);
    memory_io_fail(memory, calls, which, failing & 16 ? ENOSPC : EIO, failing & 32);
    bool opened = log_fixture_open(&fixture, clean) == 0;
    if (which == 0) {
        ASSERT(opened);
        live(&fixture);
    } else {
        if (opened && log_load(fixture.log, NULL) == 0)
            (void)log_fixture_append(&fixture, (struct batch_spec){0}, NULL);
        start_again(&fixture, memory);
        live(&fixture);
    }
    log_fixture_crash(&fixture);
    memory_io_free(memory);
    return 0;
}
