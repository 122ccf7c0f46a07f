/* The records of a batch, one after the other, whatever the codec.
 *
 *     record: length | attributes | timestamp delta | offset delta | key | value | headers
 *             varint   int8         varlong           varint
 *
 *     key, value: size varint (-1: null), bytes        headers: count varint, then a key and a value for each
 *
 * One parser reads them from [at, end). Of an uncompressed batch that is all that is left of it, and key, value and
 * headers point into the batch. Of a compressed one it is what is left in a window, which refill() slides and fills
 * again:
 *
 *     window: | read already | at ... end | free |          refill: | at ... end | newly decompressed ... end |
 *
 * To return a record the window must hold all of it, so it grows with what has arrived, never on the word of a length.
 * When only sizes are wanted (skim) bodies are decompressed and passed over, and the window stays as it is. Batches of
 * a few bytes that decompress to gigabytes cost time up to BATCH_DECOMPRESSED_BYTES_MAX, never memory; who has less
 * time says so in the walk's work_bytes.
 *
 * A record must fill its length exactly and the records the batch: both are checked for every codec. */
#include "record_batch.h"

#include <string.h>

#define WINDOW_BYTES ((size_t)64 * 1024) /* Java's client compresses blocks of 32 or 64 KiB */

void record_walk_init(struct record_walk *walk)
{
    *walk = (struct record_walk){.work_bytes = SIZE_MAX};
}

void record_walk_release(struct record_walk *walk)
{
    decompressor_free(walk->decompressor);
    free(walk->window);
    record_walk_init(walk);
}

static bool fail(struct record_iterator *iterator, enum batch_error error)
{
    if (iterator->error == BATCH_OK)
        iterator->error = error;
    return false;
}

static size_t in_memory(const struct record_iterator *iterator)
{
    return (size_t)(iterator->end - iterator->at);
}

/* Begin the decompression of the batch's records. */
static bool start(struct record_iterator *iterator)
{
    const struct record_batch *batch = iterator->batch;
    struct record_walk *walk = iterator->walk;
    if (walk->decompressor == NULL)
        walk->decompressor = decompressor_new();
    if (walk->window == NULL) {
        walk->window = xmalloc(WINDOW_BYTES);
        walk->window_bytes = WINDOW_BYTES;
    }
    walk->decompressed_bytes = 0;
    iterator->at = iterator->end = walk->window;
    return decompressor_start(walk->decompressor, record_batch_codec(batch), batch->bytes + BATCH_HEADER_BYTES,
                              (size_t)batch->size_bytes - BATCH_HEADER_BYTES);
}

void record_iterator_init(struct record_iterator *iterator, const struct record_batch *batch, int32_t record_bytes_max,
                          struct record_walk *walk)
{
    *iterator = (struct record_iterator){.batch = batch, .record_bytes_max = record_bytes_max};
    iterator->at = batch->bytes + BATCH_HEADER_BYTES;
    iterator->end = batch->bytes + batch->size_bytes;
    if (batch->record_count < 0)
        fail(iterator, BATCH_RECORDS);
    if (batch->record_count <= 0 || record_batch_codec(batch) == CODEC_NONE)
        return;
    iterator->walk_owned = walk == NULL;
    iterator->walk = walk;
    if (walk == NULL) {
        iterator->walk = xmalloc(sizeof *walk);
        record_walk_init(iterator->walk);
    }
    if (!start(iterator))
        fail(iterator, BATCH_CODEC);
}

void record_iterator_release(struct record_iterator *iterator)
{
    struct record_walk *walk = iterator->walk;
    if (walk != NULL && iterator->walk_owned) {
        record_walk_release(walk);
        free(walk);
    } else if (walk != NULL) {
        decompressor_end(walk->decompressor);
        if (walk->window_bytes > WINDOW_BYTES) {
            free(walk->window);
            walk->window = NULL;
            walk->window_bytes = 0;
        }
    }
    iterator->walk = NULL;
}

/* Slide what is left to the front of the window and read more behind it. True when at least one byte came. */
static bool refill(struct record_iterator *iterator)
{
    struct record_walk *walk = iterator->walk;
    if (walk == NULL)
        return false;
    if (walk->work_bytes == 0)
        return fail(iterator, BATCH_WORK);
    size_t left = in_memory(iterator);
    if (left > 0)
        memmove(walk->window, iterator->at, left);
    iterator->at = walk->window;
    iterator->end = walk->window + left;
    ASSERT(left < walk->window_bytes);
    ssize_t got = decompressor_read(walk->decompressor, walk->window + left, walk->window_bytes - left);
    if (got < 0)
        return fail(iterator, BATCH_CODEC);
    walk->decompressed_bytes += (size_t)got;
    walk->work_bytes -= (size_t)got < walk->work_bytes ? (size_t)got : walk->work_bytes;
    if (walk->decompressed_bytes > BATCH_DECOMPRESSED_BYTES_MAX)
        return fail(iterator, BATCH_LIMIT);
    iterator->end += got;
    return got > 0;
}

/* Have `size` bytes in the window, which grows up to twice of what it held. */
static bool gather(struct record_iterator *iterator, size_t size)
{
    while (in_memory(iterator) < size) {
        struct record_walk *walk = iterator->walk;
        if (walk != NULL && in_memory(iterator) == walk->window_bytes) {
            size_t left = in_memory(iterator), doubled = 2 * walk->window_bytes;
            uint8_t *window = malloc(doubled);
            if (window == NULL)
                return fail(iterator, BATCH_MEMORY);
            memcpy(window, iterator->at, left);
            free(walk->window);
            walk->window = window;
            walk->window_bytes = doubled;
            iterator->at = window;
            iterator->end = window + left;
        }
        if (!refill(iterator))
            return fail(iterator, BATCH_RECORDS);
    }
    return true;
}

/* What is left of one record: [at, end) in memory and `beyond` bytes that were not decompressed yet (only when
 * skimming). A copy of the iterator's place, because a local variable can live in registers. */
struct cursor {
    const uint8_t *at, *end;
    size_t beyond;
};

/* The rest of a record, of which `size` bytes are left, from the iterator's place on. */
static inline struct cursor cursor_at(const struct record_iterator *iterator, size_t size)
{
    size_t here = in_memory(iterator) < size ? in_memory(iterator) : size;
    return (struct cursor){iterator->at, iterator->at + here, size - here};
}

/* The same place with more bytes in memory, or with nothing beyond when no more came. */
static struct cursor cursor_more(struct record_iterator *iterator, struct cursor cursor)
{
    size_t size = (size_t)(cursor.end - cursor.at) + cursor.beyond;
    iterator->at = cursor.at;
    bool more = refill(iterator);
    cursor = cursor_at(iterator, size);
    if (!more) {
        fail(iterator, BATCH_RECORDS);
        cursor.beyond = 0;
    }
    return cursor;
}

/* Of records of 100 bytes the walk costs more than the checksum: inlined, with the two shortest varints by hand, it
 * took 185 us where it took 250 for 1 MiB of them. */
#define HOT static inline __attribute__((always_inline))

/* Read a varint or varlong; the bytes that it took, 0 when it is damaged. */
HOT size_t take_varlong(struct record_iterator *iterator, struct cursor *cursor, int64_t *value)
{
    if (cursor->beyond > 0 && cursor->end - cursor->at < VARLONG_BYTES_MAX)
        *cursor = cursor_more(iterator, *cursor);
    const uint8_t *at = cursor->at;
    uint64_t raw = 0;
    size_t size;
    if (cursor->end - at >= 2 && at[0] < 0x80) {
        raw = at[0];
        size = 1;
    } else if (cursor->end - at >= 2 && at[1] < 0x80) {
        raw = (uint64_t)(at[0] & 0x7f) | (uint64_t)at[1] << 7;
        size = 2;
    } else {
        size = uvarlong_load(at, (size_t)(cursor->end - at), &raw);
    }
    cursor->at += size;
    *value = unzigzag64(raw);
    return size;
}

HOT bool take_varint(struct record_iterator *iterator, struct cursor *cursor, int32_t *value)
{
    int64_t wide;
    size_t size = take_varlong(iterator, cursor, &wide);
    bool good = size > 0 && size <= VARINT_BYTES_MAX && wide >= INT32_MIN && wide <= INT32_MAX;
    *value = good ? (int32_t)wide : 0;
    return good;
}

/* Pass over `size` bytes. */
HOT bool skip(struct record_iterator *iterator, struct cursor *cursor, size_t size)
{
    while (size > (size_t)(cursor->end - cursor->at)) {
        if (cursor->beyond == 0)
            return false;
        size -= (size_t)(cursor->end - cursor->at);
        cursor->at = cursor->end;
        *cursor = cursor_more(iterator, *cursor);
    }
    cursor->at += size;
    return true;
}

/* Read a size and that many bytes. Any negative size is null, as in Java. */
HOT bool take_bytes(struct record_iterator *iterator, struct cursor *cursor, struct kp_bytes *bytes)
{
    int32_t size;
    if (!take_varint(iterator, cursor, &size))
        return false;
    *bytes = (struct kp_bytes){size < 0 || iterator->skim ? NULL : cursor->at, size < 0 ? -1 : size};
    return skip(iterator, cursor, size < 0 ? 0 : (size_t)size);
}

static inline bool take_headers(struct record_iterator *iterator, struct cursor *cursor, struct record *record)
{
    if (!take_varint(iterator, cursor, &record->header_count))
        return false;
    size_t left = (size_t)(cursor->end - cursor->at) + cursor->beyond;
    if (record->header_count < 0 || (size_t)record->header_count > left)
        return false;
    record->headers = (struct kp_bytes){iterator->skim ? NULL : cursor->at, (int32_t)left};
    for (int32_t i = 0; i < record->header_count; i++) {
        struct kp_bytes key, value;
        if (!take_bytes(iterator, cursor, &key) || key.size < 0 || !take_bytes(iterator, cursor, &value))
            return false;
    }
    return cursor->at == cursor->end && cursor->beyond == 0;
}

/* The length before a record; it has at most VARINT_BYTES_MAX bytes, and what is left may be fewer. */
static inline bool take_length(struct record_iterator *iterator, int32_t *length)
{
    if (in_memory(iterator) < VARINT_BYTES_MAX)
        refill(iterator);
    struct cursor cursor = {iterator->at, iterator->end, 0};
    if (!take_varint(iterator, &cursor, length) || *length < 0)
        return fail(iterator, BATCH_RECORDS);
    iterator->at = cursor.at;
    return iterator->walk == NULL || *length <= iterator->record_bytes_max || fail(iterator, BATCH_LIMIT);
}

/* Any record. Not inlined: it is to take no register from take_usual(). */
static __attribute__((noinline)) bool take_any(struct record_iterator *iterator, struct record *record,
                                               int64_t *timestamp_delta, int32_t *offset_delta)
{
    int32_t length;
    if (!take_length(iterator, &length))
        return false;
    if ((iterator->walk == NULL || !iterator->skim) && !gather(iterator, (size_t)length))
        return false;
    struct cursor cursor = cursor_at(iterator, (size_t)length);
    bool good = skip(iterator, &cursor, 1) && /* attributes: none are defined */
                take_varlong(iterator, &cursor, timestamp_delta) > 0 && take_varint(iterator, &cursor, offset_delta) &&
                take_bytes(iterator, &cursor, &record->key) && take_bytes(iterator, &cursor, &record->value) &&
                take_headers(iterator, &cursor, record);
    if (!good)
        return fail(iterator, BATCH_RECORDS);
    iterator->at = cursor.at;
    return true;
}

/* ---- the usual record ----------------------------------------------------------------------------------------- */

/* Of produced records of 100 bytes the walk costs more than the checksum. So the record as nearly all are has a way of
 * its own, with bounds that are checked once: it takes 11 ns where the general one takes 16. */

HOT bool load_short(const uint8_t **from, int32_t *value)
{
    size_t size = 0;
    uint32_t raw;
    if (!uvarint_load_short(*from, &size, &raw))
        return false;
    *from += size;
    *value = unzigzag32(raw);
    return true;
}

/* A record as nearly all are: in memory, its numbers short. False for any other and for a damaged one, and then nothing
 * is taken. */
HOT bool take_usual(struct record_iterator *iterator, struct record *record, int64_t *timestamp_delta,
                    int32_t *offset_delta)
{
    const uint8_t *at = iterator->at, *end = iterator->end;
    int32_t length, short_delta, key_size, value_size;
    if (end - at < RECORD_SHORT_HEAD_BYTES || !load_short(&at, &length) || length < 0 || length > end - at ||
        (iterator->walk != NULL && length > iterator->record_bytes_max))
        return false;
    end = at + length;
    at++;
    if (!load_short(&at, &short_delta) || !load_short(&at, offset_delta) || !load_short(&at, &key_size))
        return false;
    record->key = (struct kp_bytes){key_size < 0 || iterator->skim ? NULL : at, key_size < 0 ? -1 : key_size};
    if (key_size > end - at)
        return false;
    at += key_size < 0 ? 0 : key_size;
    if (end - at < VARINT_SHORT_BYTES || !load_short(&at, &value_size) || value_size >= end - at)
        return false;
    record->value = (struct kp_bytes){value_size < 0 || iterator->skim ? NULL : at, value_size < 0 ? -1 : value_size};
    at += value_size < 0 ? 0 : value_size;
    if (at[0] == 0 && at + 1 == end) {
        record->headers = (struct kp_bytes){NULL, 0};
        record->header_count = 0;
    } else {
        struct cursor cursor = {at, end, 0};
        if (!take_headers(iterator, &cursor, record))
            return false;
    }
    *timestamp_delta = short_delta;
    iterator->at = end;
    return true;
}

static bool take_record(struct record_iterator *iterator, struct record *record)
{
    const struct record_batch *batch = iterator->batch;
    int32_t offset_delta;
    int64_t timestamp_delta;
    if (!take_usual(iterator, record, &timestamp_delta, &offset_delta) &&
        !take_any(iterator, record, &timestamp_delta, &offset_delta))
        return false;
    record->offset = (int64_t)((uint64_t)batch->base_offset + (uint64_t)(int64_t)offset_delta);
    record->timestamp_ms = batch->attributes & BATCH_LOG_APPEND_TIME
                               ? batch->max_timestamp_ms
                               : (int64_t)((uint64_t)batch->base_timestamp_ms + (uint64_t)timestamp_delta);
    return true;
}

bool record_iterator_next(struct record_iterator *iterator, struct record *record)
{
    if (iterator->error != BATCH_OK)
        return false;
    if (iterator->index == iterator->batch->record_count) {
        bool more = iterator->batch->record_count > 0 && (in_memory(iterator) > 0 || refill(iterator));
        return more && fail(iterator, BATCH_RECORDS);
    }
    iterator->index++;
    return take_record(iterator, record);
}

bool record_header_next(struct kp_bytes *headers, struct record_header *header)
{
    if (headers->size <= 0)
        return false;
    const uint8_t *at = headers->data, *end = at + headers->size;
    struct kp_bytes *parts[2] = {&header->key, &header->value};
    for (int i = 0; i < 2; i++) {
        uint32_t raw;
        size_t taken = uvarint_load(at, (size_t)(end - at), &raw);
        int32_t size = unzigzag32(raw);
        if (taken == 0 || (size > 0 && (size_t)size > (size_t)(end - at) - taken))
            return false;
        at += taken;
        *parts[i] = size < 0 ? (struct kp_bytes){NULL, -1} : (struct kp_bytes){at, size};
        at += size < 0 ? 0 : size;
    }
    headers->size = (int32_t)(end - at);
    headers->data = at;
    return header->key.size >= 0;
}
