/* A store with logs for tests: options with Kafka's defaults, a pool whose jobs run when the test says, batches by
 * the record, and what the store reported. Files are in memory (memory_io.h) unless the test brings its own. */
#ifndef DOHLE_TESTS_LOG_FIXTURE_H
#define DOHLE_TESTS_LOG_FIXTURE_H

#include "storage/log.h"
#include "test_pool.h"

#define LOG_FIXTURE_NOW_MS INT64_C(1700000000000)

struct log_fixture {
    struct file_io *files;
    struct test_pool pool;
    struct log_config config;
    struct cleaner_config cleaner;
    struct log_store_options options;
    int32_t producer_expiration_ms;
    int cuts;      /* how often the store said that a log was cut */
    int cut_error; /* what it is answered */
    const char *directories[2];
    struct log_store *store;
    struct kp_uuid topic_id;
    struct log *log; /* partition 0 of topic "t" */
    int64_t now_ms;
    char reports[8192]; /* one a line: LEVEL SENTENCE DETAIL */
    char text[8192];    /* log_fixture_text() */
};

/* Kafka's defaults; nothing is opened. `files` and `directory` are borrowed. */
void log_fixture_init(struct log_fixture *fixture, struct file_io *files, const char *directory);
/* Open the store and the log "t-0". Returns as log_store_open(). */
int log_fixture_open(struct log_fixture *fixture, bool clean);
/* Run jobs, close. Returns as log_store_close(). */
int log_fixture_close(struct log_fixture *fixture);
/* The broker dies: jobs are canceled, memory is freed, nothing is written any more. The files stay as they are. */
void log_fixture_crash(struct log_fixture *fixture);
/* Stop cleanly, or die. Then open the store again and load the log. All of it must succeed. */
void log_fixture_stop(struct log_fixture *fixture, bool clean);
void log_fixture_start(struct log_fixture *fixture, bool clean);
void log_fixture_reload(struct log_fixture *fixture, bool clean);

/* What goes into a batch; zeros: one record "value" with the fixture's clock and no producer. */
struct batch_spec {
    const char *text; /* the records: "k=v k2=v2 gone =none", a tombstone and one without key; NULL: as follows */
    int32_t records;
    int32_t value_bytes;  /* of each */
    int64_t timestamp_ms; /* of the first record, the others follow by 1 ms */
    int32_t leader_epoch;
    int64_t producer_id; /* with a producer_epoch and base_sequence; 0: none */
    int16_t producer_epoch;
    int32_t base_sequence;
    enum codec codec;
    int16_t attributes; /* BATCH_TRANSACTIONAL and such */
};

/* The bytes of a batch, from malloc. */
uint8_t *log_fixture_batch(const struct log_fixture *fixture, struct batch_spec spec, size_t *size_bytes);
/* Build and append as a client does. Returns as log_append(); *append holds what came out when it is not NULL. */
int log_fixture_append(struct log_fixture *fixture, struct batch_spec spec, struct log_append *append);
/* An end marker of a transaction, as the coordinator writes it. */
int log_fixture_append_marker(struct log_fixture *fixture, int64_t producer_id, int16_t producer_epoch, bool commit);

/* Read once from `offset`, up to `max_bytes`, at least one batch; checks that every batch is whole and its checksum
 * right. Returns the number of records in the batches, or a negative storage_error. */
int log_fixture_read(struct log_fixture *fixture, int64_t offset, int32_t max_bytes, int64_t *first_offset,
                     int64_t *next_offset);
/* The records that a reader finds, with their offsets: "0:k=v 2:gone"; markers are "3!commit" and "3!abort", batches
 * without records "[4-6]". Valid until the next call. */
const char *log_fixture_text(struct log_fixture *fixture);
/* Read the whole log so, each read beginning where the one before ended. Returns the number of records. */
int64_t log_fixture_count_records(struct log_fixture *fixture, int32_t max_bytes);

#endif
