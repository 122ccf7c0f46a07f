/* What a client sends, checked before it is appended, and put right where Kafka puts it right.
 *
 * The order is Kafka's, for the first rule that is broken decides the error:
 *
 *     1. frame      one whole batch of magic 2; bytes behind it that begin no further batch are dropped
 *     2. batch      zstd allowed, base offset 0, size, CRC, codec known
 *     3. header     offsets agree with the count, no control batch, a sequence with a producer id
 *     4. records    each one readable; then a key where it is needed, a timestamp within the window. One bad record
 *                   refuses the batch, and all bad ones are listed (up to BATCH_RECORD_ERRORS_MAX)
 *     5. rewriting  the topic's codec: a new batch (record_rebuild.c). Else in place: log-append time, a wrong max
 *                   timestamp, a log-append bit that the client set; the CRC is renewed when one of them changed
 *
 * Offsets inside: an uncompressed batch whose records are not numbered 0, 1, 2, ... is stored as it is when nothing
 * else makes it new; a compressed one is refused, both as Apache Kafka 4.4 does. Its rules are those of LogValidator,
 * UnifiedLog.append and ProduceRequest.validateRecords, and its answers to 180 batches are recorded in
 * tests/golden/batches/produce.txt. Stricter on purpose: the fields of a compressed record must
 * fill its length (Kafka checks that for uncompressed ones only, and its consumers stumble then). */
#include "record_batch.h"

#include <string.h>

#define NO_TIMESTAMP (-1)

/* What writing a byte anew costs beside decompressing one: gzip compresses at 25 MB/s and decompresses at 400. */
#define REBUILD_WORK 16
/* Where the work is bounded, compressed records that would pass the bound by growing so many times are not begun. */
#define USUAL_RATIO 4

/* Of an attributes word, what a broker keeps when it writes the header again. */
#define ATTRIBUTES_KEPT (BATCH_CODEC_MASK | BATCH_TRANSACTIONAL | BATCH_CONTROL | BATCH_DELETE_HORIZON)

static void refuse(struct batch_verdict *verdict, enum batch_refusal refusal, const char *message)
{
    verdict->refusal = refusal;
    verdict->message = message;
}

/* ---- 1. frame -------------------------------------------------------------------------------------------------- */

enum frame { FRAME_NONE, FRAME_CORRUPT, FRAME_WHOLE };

#define FRAME_MAGIC_AT   16
#define FRAME_LENGTH_MIN 14 /* the least that any message format has behind the length field */

/* Does a batch of any format begin at `bytes`? As Kafka splits a buffer into batches. */
static enum frame frame_at(const uint8_t *bytes, size_t size, size_t *frame_bytes)
{
    if (size < BATCH_LENGTH_OFFSET)
        return FRAME_NONE;
    int32_t length = (int32_t)load_be32(bytes + 8);
    if (length < FRAME_LENGTH_MIN)
        return FRAME_CORRUPT;
    if (size <= FRAME_MAGIC_AT)
        return FRAME_NONE;
    if (bytes[FRAME_MAGIC_AT] > BATCH_MAGIC)
        return FRAME_CORRUPT;
    *frame_bytes = (size_t)length + BATCH_LENGTH_OFFSET;
    return *frame_bytes <= size ? FRAME_WHOLE : FRAME_NONE;
}

static bool check_frame(struct batch_verdict *verdict, const uint8_t *bytes, size_t size, bool zstd_allowed)
{
    size_t first = 0, second;
    enum frame frame = frame_at(bytes, size, &first);
    verdict->message_for_client = frame == FRAME_CORRUPT;
    if (frame == FRAME_CORRUPT)
        refuse(verdict, BATCH_REFUSED_CORRUPT, "The records do not begin with a record batch");
    else if (frame == FRAME_NONE)
        refuse(verdict, BATCH_REFUSED_INVALID, "There is no whole record batch");
    else if (bytes[FRAME_MAGIC_AT] != BATCH_MAGIC)
        refuse(verdict, BATCH_REFUSED_INVALID, "Only record batches with magic 2 are accepted");
    else if (!zstd_allowed && (bytes[BATCH_CRC_START + 1] & BATCH_CODEC_MASK) == CODEC_ZSTD)
        refuse(verdict, BATCH_REFUSED_CODEC, "This version of Produce may not use zstd");
    if (verdict->refusal != BATCH_ACCEPTED)
        return false;
    frame = frame_at(bytes + first, size - first, &second);
    if (frame == FRAME_CORRUPT)
        refuse(verdict, BATCH_REFUSED_CORRUPT, "What follows the record batch is no record batch");
    else if (frame == FRAME_WHOLE)
        refuse(verdict, BATCH_REFUSED_INVALID, "There is more than one record batch");
    return frame == FRAME_NONE;
}

bool batch_is_framed(const uint8_t *bytes, size_t size, bool zstd_allowed)
{
    struct batch_verdict verdict = {0};
    return check_frame(&verdict, bytes, size, zstd_allowed);
}

bool batch_is_corrupt(const uint8_t *bytes, size_t size)
{
    size_t frame_bytes;
    return frame_at(bytes, size, &frame_bytes) == FRAME_CORRUPT;
}

/* ---- 2. and 3. batch and header -------------------------------------------------------------------------------- */

static bool check_header(struct batch_verdict *verdict, const struct record_batch *batch,
                         const struct batch_rules *rules)
{
    if (batch->base_offset != 0)
        refuse(verdict, BATCH_REFUSED_INVALID, "The base offset of a produced batch must be 0");
    else if (batch->size_bytes > rules->max_message_bytes)
        refuse(verdict, BATCH_REFUSED_TOO_LARGE, "The record batch is larger than max.message.bytes");
    else if (!record_batch_crc_ok(batch))
        refuse(verdict, BATCH_REFUSED_CORRUPT, "The checksum of the record batch does not match its bytes");
    else if (record_batch_codec(batch) >= CODEC_COUNT)
        refuse(verdict, BATCH_REFUSED_UNREADABLE, "The record batch names a codec that does not exist");
    else if (batch->record_count <= 0)
        refuse(verdict, BATCH_REFUSED_INVALID, "The record batch claims to have no records");
    else if (batch->record_count - 1 != batch->last_offset_delta)
        refuse(verdict, BATCH_REFUSED_INVALID, "The offsets of the record batch do not agree with its record count");
    else if (batch->attributes & BATCH_CONTROL)
        refuse(verdict, BATCH_REFUSED_INVALID, "Clients may not write control records");
    else if (batch->producer_id > -1 && batch->base_sequence < 0)
        refuse(verdict, BATCH_REFUSED_INVALID, "The record batch has a producer id but no sequence");
    return verdict->refusal == BATCH_ACCEPTED;
}

/* ---- 4. records ------------------------------------------------------------------------------------------------ */

struct record_check {
    struct batch_verdict *verdict;
    const struct record_batch *batch;
    const struct batch_rules *rules;
    int64_t now_ms;
    struct arena *arena;
    int32_t errors_count; /* listed or not */
    bool timestamp_error, offsets_wrong;
};

static const char *record_fault(struct record_check *check, const struct record *record)
{
    const struct batch_rules *rules = check->rules;
    if (rules->keys_required && record->key.size < 0)
        return "A compacted topic does not accept a record without a key";
    if (rules->timestamp_type == TIMESTAMP_CREATE_TIME && record->timestamp_ms != NO_TIMESTAMP) {
        /* both differences wrap around as Java's do */
        int64_t age_ms = (int64_t)((uint64_t)check->now_ms - (uint64_t)record->timestamp_ms);
        int64_t ahead_ms = (int64_t)(0 - (uint64_t)age_ms);
        if (age_ms <= rules->timestamp_before_max_ms && ahead_ms <= rules->timestamp_after_max_ms)
            return NULL;
        check->timestamp_error = true;
        return "The timestamp is too far from the broker's clock";
    }
    if (check->batch->attributes & BATCH_LOG_APPEND_TIME) {
        check->timestamp_error = true;
        return "A producer may not set the timestamp type to log-append time";
    }
    return NULL;
}

static void list_error(struct record_check *check, int32_t index, const char *message)
{
    struct batch_verdict *verdict = check->verdict;
    check->errors_count++;
    if (check->arena == NULL || verdict->record_errors_count == BATCH_RECORD_ERRORS_MAX)
        return;
    if (verdict->record_errors == NULL)
        verdict->record_errors = arena_calloc(check->arena, BATCH_RECORD_ERRORS_MAX, sizeof verdict->record_errors[0]);
    if (verdict->record_errors != NULL)
        verdict->record_errors[verdict->record_errors_count++] = (struct batch_record_error){index, message};
}

static void check_record(struct record_check *check, const struct record *record, int32_t index)
{
    struct batch_verdict *verdict = check->verdict;
    const char *fault = record_fault(check, record);
    if (fault != NULL)
        list_error(check, index, fault);
    if (record->timestamp_ms > verdict->max_timestamp_ms) {
        verdict->max_timestamp_ms = record->timestamp_ms;
        verdict->max_timestamp_offset_delta = index;
    }
    check->offsets_wrong |= record->offset != index;
}

/* Does no record of a run break a rule? False as well where that is not seen at once: with timestamps before 1970,
 * whose differences wrap around. */
static bool run_is_faultless(const struct record_check *check, const struct record_run *run)
{
    const struct batch_rules *rules = check->rules;
    int64_t base_ms = check->batch->base_timestamp_ms;
    if ((rules->keys_required && run->keys_missing) || base_ms < -(int64_t)run->timestamp_delta_min ||
        base_ms > INT64_MAX - INT32_MAX || check->now_ms < 0)
        return false;
    return rules->timestamp_type != TIMESTAMP_CREATE_TIME ||
           (check->now_ms - (base_ms + run->timestamp_delta_min) <= rules->timestamp_before_max_ms &&
            base_ms + run->timestamp_delta_max - check->now_ms <= rules->timestamp_after_max_ms);
}

/* Check the usual records that come next together. Returns how many records are then to be checked one by one before
 * this is worth another try. */
static int32_t check_run(struct record_check *check, struct record_iterator *iterator)
{
    struct batch_verdict *verdict = check->verdict;
    struct record_iterator before = *iterator;
    struct record_run run;
    if (check->batch->attributes & BATCH_LOG_APPEND_TIME || !record_iterator_run(iterator, &run))
        return 1;
    if (!run_is_faultless(check, &run)) {
        *iterator = before;
        return run.count;
    }
    int64_t max_timestamp_ms = check->batch->base_timestamp_ms + run.timestamp_delta_max;
    if (max_timestamp_ms > verdict->max_timestamp_ms) {
        verdict->max_timestamp_ms = max_timestamp_ms;
        verdict->max_timestamp_offset_delta = run.timestamp_delta_max_index;
    }
    return 1;
}

static void refuse_records(struct batch_verdict *verdict, enum batch_error error)
{
    switch (error) {
    case BATCH_RECORDS:
        refuse(verdict, BATCH_REFUSED_INVALID, "The records of the batch cannot be read");
        break;
    case BATCH_LIMIT:
        refuse(verdict, BATCH_REFUSED_INVALID, "A record is larger than max.decompressed.message.bytes");
        break;
    case BATCH_TOO_LARGE:
        refuse(verdict, BATCH_REFUSED_TOO_LARGE, "Recompressed, the record batch is larger than max.message.bytes");
        break;
    case BATCH_WORK:
        refuse(verdict, BATCH_UNDECIDED, NULL);
        break;
    case BATCH_MEMORY:
        refuse(verdict, BATCH_REFUSED_UNREADABLE, "There is no memory to decompress the records");
        break;
    default:
        refuse(verdict, BATCH_REFUSED_UNREADABLE, "The compressed records are damaged");
        break;
    }
}

static bool check_records(struct record_check *check, struct record_walk *walk)
{
    struct batch_verdict *verdict = check->verdict;
    struct record_iterator iterator;
    struct record record;
    if (walk != NULL && record_batch_codec(check->batch) != CODEC_NONE &&
        (size_t)check->batch->size_bytes > walk->work_bytes / USUAL_RATIO) {
        refuse_records(verdict, BATCH_WORK);
        return false;
    }
    record_iterator_init(&iterator, check->batch, check->rules->max_decompressed_message_bytes, walk);
    iterator.skim = true;
    for (int32_t alone = 0;; alone--) {
        if (alone == 0)
            alone = check_run(check, &iterator);
        if (!record_iterator_next(&iterator, &record))
            break;
        check_record(check, &record, iterator.index - 1);
    }
    enum batch_error error = iterator.error;
    record_iterator_release(&iterator);
    if (error != BATCH_OK) {
        verdict->record_errors_count = 0; /* what cannot be read is the error, not what stood before it */
        refuse_records(verdict, error);
    } else if (check->errors_count > 0) {
        verdict->message_for_client = true;
        refuse(verdict, check->timestamp_error ? BATCH_REFUSED_TIMESTAMP : BATCH_REFUSED_INVALID,
               check->timestamp_error ? "One or more records have been rejected due to invalid timestamp"
                                      : "One or more records have been rejected");
    }
    return verdict->refusal == BATCH_ACCEPTED;
}

/* ---- 5. rewriting ---------------------------------------------------------------------------------------------- */

static void rebuild(struct batch_verdict *verdict, const struct record_batch *batch, const struct batch_rules *rules,
                    int64_t now_ms, struct record_walk *walk)
{
    size_t size =
        record_batch_codec(batch) == CODEC_NONE || walk == NULL ? (size_t)batch->size_bytes : walk->decompressed_bytes;
    if (walk != NULL && walk->work_bytes / REBUILD_WORK < size) {
        refuse_records(verdict, BATCH_WORK);
        return;
    }
    struct record_batch rebuilt;
    enum batch_error error = record_batch_rebuild(&rebuilt, &verdict->rebuilt, batch, rules, now_ms, walk);
    if (error != BATCH_OK)
        refuse_records(verdict, error);
    else
        verdict->rebuilt_size_bytes = (size_t)rebuilt.size_bytes;
    if (walk != NULL)
        walk->work_bytes -= size * (REBUILD_WORK - 1); /* its own reading is counted off already */
}

static void rewrite_timestamps(struct batch_verdict *verdict, uint8_t *bytes, const struct record_batch *batch,
                               const struct batch_rules *rules)
{
    int16_t type_bit = rules->timestamp_type == TIMESTAMP_LOG_APPEND_TIME ? BATCH_LOG_APPEND_TIME : 0;
    if ((batch->attributes & BATCH_LOG_APPEND_TIME) == type_bit && batch->max_timestamp_ms == verdict->max_timestamp_ms)
        return;
    int16_t attributes = (int16_t)((batch->attributes & ATTRIBUTES_KEPT) | type_bit);
    record_batch_set_timestamps(bytes, attributes, verdict->max_timestamp_ms);
}

void batch_validate(struct batch_verdict *verdict, uint8_t *bytes, size_t size, const struct batch_rules *rules,
                    bool zstd_allowed, int64_t now_ms, struct arena *arena, struct record_walk *walk)
{
    *verdict = (struct batch_verdict){.max_timestamp_ms = NO_TIMESTAMP, .append_time_ms = -1};
    struct record_batch batch;
    if (!check_frame(verdict, bytes, size, zstd_allowed))
        return;
    if (record_batch_view(&batch, bytes, size) != BATCH_OK) {
        refuse(verdict, BATCH_REFUSED_CORRUPT, "The record batch is smaller than its header");
        return;
    }
    struct record_check check = {.verdict = verdict, .batch = &batch, .rules = rules, .now_ms = now_ms, .arena = arena};
    verdict->size_bytes = batch.size_bytes;
    verdict->record_count = batch.record_count;
    if (!check_header(verdict, &batch, rules) || !check_records(&check, walk))
        return;
    if (rules->timestamp_type == TIMESTAMP_LOG_APPEND_TIME) {
        verdict->max_timestamp_ms = verdict->append_time_ms = now_ms;
        verdict->max_timestamp_offset_delta = batch.last_offset_delta;
    }
    enum codec codec = record_batch_codec(&batch);
    if (rules->codec != CODEC_PRODUCER && rules->codec != codec)
        rebuild(verdict, &batch, rules, now_ms, walk);
    else if (codec != CODEC_NONE && check.offsets_wrong)
        refuse(verdict, BATCH_REFUSED_UNREADABLE, "The records of the compressed batch are not numbered from 0");
    else
        rewrite_timestamps(verdict, bytes, &batch, rules);
}
