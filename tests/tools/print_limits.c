/* print_limits: docs/limits.md on standard output (make docs). Constants are named and read by one macro and settings
 * looked up, so that the document cannot name what is not there. */
#include "broker/config.h"
#include "broker/conn.h"
#include "broker/coord/classic_group.h"
#include "broker/fetch_session.h"
#include "broker/limits.h"
#include "broker/loop.h"
#include "broker/metadata_record.h"
#include "broker/request.h"
#include "storage/log_internal.h"

#include <inttypes.h>
#include <string.h>

/* Connections that the sum is for: what 20000 descriptors allow. */
#define CONNECTIONS ((20000 - 64) * 3 / 4)
/* The window that a zstd frame may ask for, see protocol/compress_zstd.c. */
#define ZSTD_WINDOW_BYTES MIB(128)
/* The program and its libraries, measured: an idle broker. */
#define PROGRAM_BYTES MIB(8)
/* What one connection takes of libuv and of malloc's own beside its struct, measured. */
#define CONNECTION_BESIDE_BYTES 512
/* A log that was written or read: the active segment, its indexes, its producers' table; measured. */
#define LOADED_LOG_BYTES 2048

#define CONSTANT(name) #name, (name)

struct row {
    const char *what;
    const char *bound;   /* the constant, or NULL */
    size_t bound_value;  /* of it */
    const char *setting; /* Kafka's, or NULL */
    size_t worst_bytes;
    const char *reached; /* what happens at the bound */
};

/* clang-format off */
static const struct row rows[] = {
    {"the program, idle", NULL, 0, NULL, PROGRAM_BYTES, ""},
    {"connections", NULL, 0, "max.connections",
     CONNECTIONS * (sizeof(struct conn) + CONNECTION_BESIDE_BYTES + WRITE_CHUNK_BYTES),
     "one that stalls makes room, or the new one is closed; also max.connections.per.ip, and three quarters of the "
     "descriptors: the sum is for 20000 of them"},
    {"frames that have not arrived whole or wait", CONSTANT(INPUT_BYTES_MAX), "queued.max.request.bytes",
     INPUT_BYTES_MAX, "whose large frame stalls longest is dropped"},
    {"the buffer that is read into", CONSTANT(READ_BUFFER_BYTES), NULL, READ_BUFFER_BYTES, ""},
    {"buffers of frames, kept", CONSTANT(SPARE_BUFFERS), NULL, SPARE_BUFFERS * SPARE_BUFFER_BYTES, ""},
    {"one frame", NULL, 0, "socket.request.max.bytes", 0, "the connection is closed"},
    {"a decoded body", CONSTANT(BODY_AT_ONCE_BYTES_MAX), NULL, 0, "the request goes in parts; of the next line"},
    {"one that only its API's handler takes in one piece", CONSTANT(REQUEST_BODY_BYTES_MAX), NULL, 0,
     "the connection is closed: all APIs but Metadata, FindCoordinator, DescribeGroups, DeleteGroups, OffsetFetch, "
     "OffsetCommit"},
    {"the request that is handled: body, answer, copies", CONSTANT(REQUEST_ARENA_BYTES_MAX), NULL,
     REQUEST_ARENA_BYTES_MAX, "the connection is closed"},
    {"the one that goes in parts; also its stack, and a table of names", CONSTANT(REQUEST_IN_PARTS_BYTES_MAX), NULL,
     REQUEST_IN_PARTS_BYTES_MAX + COROUTINE_STACK_BYTES + ASKED_NAMES_BYTES_MAX, "the connection is closed; others wait"},
    {"memory that is on its way back", CONSTANT(RELEASES_BYTES_MAX), NULL, RELEASES_BYTES_MAX,
     "it goes back at once, which takes a millisecond for each 6 MB"},
    {"requests that wait, answers that are not taken", CONSTANT(REQUESTS_BYTES_MAX), NULL, REQUESTS_BYTES_MAX,
     "who holds most of it is dropped; none starts until there is room"},
    {"answers of one connection", CONSTANT(OUTPUT_BYTES_HIGH), NULL, 0, "it is not read; of the line before"},
    {"requests, recycled", CONSTANT(SPARE_REQUESTS), NULL, SPARE_REQUESTS * (sizeof(struct request) + KIB(5)), ""},
    {"batches that are decompressed at once, by loop and pool", CONSTANT(LOOP_CHECK_THREADS), NULL,
     (1 + LOOP_CHECK_THREADS + LOOP_LONG_THREADS + LOOP_CLEANUP_THREADS) * ZSTD_WINDOW_BYTES,
     "others wait; the window of a zstd frame, as in Kafka, is 128 MiB at most"},
    {"compaction", NULL, 0, "log.cleaner.dedupe.buffer.size", MIB(128), "it goes in several passes"},
    {"fetch sessions: partitions", CONSTANT(FETCH_SESSION_BYTES_MAX), NULL, FETCH_SESSION_BYTES_MAX,
     "no session is given, clients make full fetches"},
    {"fetch sessions: number", NULL, 0, "max.incremental.fetch.session.cache.slots", 1000 * KIB(1), "the same"},
    {"quotas: sensors of clients, four kinds, and of addresses", CONSTANT(QUOTA_SENSORS_MAX), NULL,
     5 * QUOTA_SENSORS_MAX * KIB(1), "the one that was quiet longest is forgotten"},
    {"clients that are asked for telemetry", CONSTANT(TELEMETRY_INSTANCES_MAX), NULL,
     TELEMETRY_INSTANCES_MAX * KIB(1), "the quietest is forgotten"},
    {"groups and their members", CONSTANT(GROUP_MEMBERS_BYTES_MAX), "group.max.size", GROUP_MEMBERS_BYTES_MAX,
     "GROUP_MAX_SIZE_REACHED"},
    {"one member of these", CONSTANT(MEMBER_BYTES_MAX), NULL, 0, "GROUP_MAX_SIZE_REACHED"},
    {"what the members of a group subscribe to, in a round", CONSTANT(SUBSCRIBED_TOPICS_MAX), NULL,
     4 * SUBSCRIBED_TOPICS_MAX * sizeof(struct kp_string), "nothing of theirs expires"},
    {"committed offsets", CONSTANT(COMMITTED_OFFSETS_BYTES_MAX), "offset.metadata.max.bytes",
     COMMITTED_OFFSETS_BYTES_MAX, "INVALID_COMMIT_OFFSET_SIZE; with time: offsets.retention.minutes"},
    {"transactional ids and partitions of their transactions", CONSTANT(TRANSACTIONS_BYTES_MAX), NULL,
     TRANSACTIONS_BYTES_MAX, "POLICY_VIOLATION; with time: transactional.id.expiration.ms"},
    {"transactional batches that were tried: what may come first", CONSTANT(VERIFICATION_STATES_MAX), NULL,
     VERIFICATION_STATES_MAX * 120, "the oldest is forgotten"},
    {"a change of groups, offsets or transactions, while it is written", CONSTANT(COORDINATOR_BATCH_BYTES_MAX), NULL,
     5 * COORDINATOR_BATCH_BYTES_MAX, "UNKNOWN_SERVER_ERROR, as above max.message.bytes"},
    {"partitions", CONSTANT(PARTITIONS_MAX), NULL,
     PARTITIONS_MAX * (sizeof(struct topic) + sizeof(struct partition) + sizeof(struct log) + LOADED_LOG_BYTES),
     "POLICY_VIOLATION"},
    {"settings of topics, groups and client metrics", CONSTANT(SETTINGS_BYTES_MAX), NULL, SETTINGS_BYTES_MAX,
     "POLICY_VIOLATION"},
    {"a change of the metadata, while it is written", CONSTANT(METADATA_BATCH_BYTES_MAX), NULL,
     4 * (size_t)METADATA_BATCH_BYTES_MAX, "POLICY_VIOLATION"},
};
/* clang-format on */

static void print_mib(size_t bytes)
{
    if (bytes == 0)
        fputs("–", stdout);
    else
        printf("%.1f", (double)bytes / (double)MIB(1));
}

static bool print_row(const struct row *row)
{
    if (row->setting && config_find(kp_string_of(row->setting)) < 0) {
        fprintf(stderr, "print_limits: there is no setting %s\n", row->setting);
        return false;
    }
    printf("| %s | ", row->what);
    if (row->bound)
        printf("`%s`: %zu%s", row->bound, row->bound_value, row->setting ? ", " : "");
    if (row->setting)
        printf("`%s`", row->setting);
    fputs(" | ", stdout);
    print_mib(row->worst_bytes);
    printf(" | %s |\n", row->reached);
    return true;
}

static const char *const beginning[] = {
    "# What peers can make dohle hold",
    "",
    "Printed from the code by `make docs`; `make check` compares. Everything that a peer can make the broker keep",
    "in memory, what bounds it, the worst case, and what happens at the bound. A constant is in `broker/limits.h`",
    "or the header of its module, a setting is Kafka's with its default. A line without a worst case is part of",
    "another one's.",
    "",
    "| what | bound | MiB at most | at the bound |",
    "| --- | --- | ---: | --- |",
};

static const char *const end[] = {
    "",
    "All at once at their worst: no peer alone gets there. `tests/hostile/run --long --only siege` has them all try.",
    "",
    "Not in the sum, for it is in proportion to what is on the disk, as in Kafka:",
    "",
    "- segments: about 400 bytes each. Topics decide (`segment.bytes`, `segment.ms`), retention ends it.",
    "- producer ids: about 200 bytes for each that has written to a partition, until `producer.id.expiration.ms`",
    "  (a day) has passed since.",
    "- quotas that are set for users and client ids.",
    "- what a start finds is read whatever its size: partitions, settings, groups, offsets and transactions of a",
    "  folder that came from Kafka.",
    "",
    "Work. A request of more than `LARGE_FRAME_BYTES` (16 KiB), or of a connection whose last one took more than a",
    "quarter of a millisecond, waits for the next turn of the loop when another such one took long in this one:",
    "others wait for one of them at most. One whose body takes more than `BODY_AT_ONCE_BYTES_MAX`, or whose answer",
    "has more than `ITEMS_AT_ONCE_MAX` (4096) items, goes in parts, a quarter of a millisecond of a turn, one after",
    "the other.",
};

static void print_lines(const char *const *lines, size_t count)
{
    for (size_t i = 0; i < count; i++)
        puts(lines[i]);
}

int main(void)
{
    size_t sum = 0;
    bool good = true;
    print_lines(beginning, COUNT_OF(beginning));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        good = print_row(&rows[i]) && good;
        sum += rows[i].worst_bytes;
    }
    size_t waste = sum / 10;
    fputs("| what malloc cannot give back | a tenth of the others | ", stdout);
    print_mib(waste);
    printf(" | |\n\n**Sum: %zu MiB**\n", (sum + waste) / MIB(1));
    print_lines(end, COUNT_OF(end));
    return good ? 0 : 2;
}
