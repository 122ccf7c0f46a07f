/* The records of a batch, one after the other, whatever the codec.
 *
 *     record: length | attributes | timestamp delta | offset delta | key | value | header count | header key, value |
 * ... varint   int8         varlong           varint         each: size varint (-1: null), bytes
 *
 * One parser reads them from [at, end). Of an uncompressed batch that is all that is left of it, and key, value and
 * headers point into the batch. Of a compressed one it is what is left in a window, which refill() slides and fills
 * again:
 *
 *     window: | read already | at ... end | free |          refill: | at ... end | newly decompressed ... end |
 *
 * To return a record the window must hold all of it, so it grows with what has arrived, never on the word of a length.
 * When only sizes are wanted (skim) bodies are decompressed and passed over, and the window stays as it is. Batches of
 * a few bytes that decompress to gigabytes cost time up to BATCH_DECOMPRESSED_BYTES_MAX, never memory.
 *
 * A record must fill its length exactly and the records the batch: both are checked for every codec. */
#include "record_batch.h"

#include <string.h>

#define WINDOW_BYTES ((size_t)64 * 1024) /* Java's client compresses blocks of 32 or 64 KiB */

void record_walk_init(struct record_walk *walk)
{
    *walk = (struct record_walk){0};
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
    walk->stream_ended = false;
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
    iterator->walk = walk != NULL ? walk : xcalloc(1, sizeof *walk);
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
    if (walk == NULL || walk->stream_ended)
        return false;
    size_t left = in_memory(iterator);
    if (left > 0)
        memmove(walk->window, iterator->at, left);
    iterator->at = walk->window;
    iterator->end = walk->window + left;
    ASSERT(left < walk->window_bytes);
    size_t wanted = walk->window_bytes - left;
    ssize_t got = decompressor_read(walk->decompressor, walk->window + left, wanted);
    if (got < 0)
        return fail(iterator, BATCH_CODEC);
    walk->stream_ended = (size_t)got < wanted;
    walk->decompressed_bytes += (size_t)got;
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

/* Read a varint or varlong of the record, of which *left bytes remain. */
static inline bool take_varlong(struct record_iterator *iterator, size_t *left, int64_t *value)
{
    size_t known = in_memory(iterator);
    if (known < VARLONG_BYTES_MAX && known < *left && refill(iterator))
        known = in_memory(iterator);
    uint64_t raw;
    size_t size = uvarlong_load(iterator->at, known < *left ? known : *left, &raw);
    if (size == 0)
        return fail(iterator, BATCH_RECORDS);
    iterator->at += size;
    *left -= size;
    *value = unzigzag64(raw);
    return true;
}

static inline bool take_varint(struct record_iterator *iterator, size_t *left, int32_t *value)
{
    int64_t wide;
    if (!take_varlong(iterator, left, &wide))
        return false;
    if (wide < INT32_MIN || wide > INT32_MAX)
        return fail(iterator, BATCH_RECORDS);
    *value = (int32_t)wide;
    return true;
}

/* Pass over `size` bytes of the record. */
static inline bool skip(struct record_iterator *iterator, size_t *left, size_t size)
{
    if (size > *left)
        return fail(iterator, BATCH_RECORDS);
    *left -= size;
    while (size > in_memory(iterator)) {
        size -= in_memory(iterator);
        iterator->at = iterator->end;
        if (!refill(iterator))
            return fail(iterator, BATCH_RECORDS);
    }
    iterator->at += size;
    return true;
}

/* Read a size and that many bytes. Any negative size is null, as in Java. */
static inline bool take_bytes(struct record_iterator *iterator, size_t *left, struct kp_bytes *bytes)
{
    int32_t size;
    if (!take_varint(iterator, left, &size))
        return false;
    *bytes = (struct kp_bytes){size < 0 || iterator->skim ? NULL : iterator->at, size < 0 ? -1 : size};
    return skip(iterator, left, size < 0 ? 0 : (size_t)size);
}

static bool take_headers(struct record_iterator *iterator, size_t *left, struct record *record)
{
    if (!take_varint(iterator, left, &record->header_count))
        return false;
    if (record->header_count < 0 || (size_t)record->header_count > *left)
        return fail(iterator, BATCH_RECORDS);
    record->headers = (struct kp_bytes){iterator->skim ? NULL : iterator->at, (int32_t)*left};
    for (int32_t i = 0; i < record->header_count; i++) {
        struct kp_bytes key, value;
        if (!take_bytes(iterator, left, &key) || !take_bytes(iterator, left, &value))
            return false;
        if (key.size < 0)
            return fail(iterator, BATCH_RECORDS);
    }
    return true;
}

/* The length before a record: at most VARINT_BYTES_MAX bytes, of as many as there are. */
static bool take_length(struct record_iterator *iterator, int32_t *length)
{
    size_t left = VARINT_BYTES_MAX;
    if (!take_varint(iterator, &left, length))
        return false;
    if (*length < 0)
        return fail(iterator, BATCH_RECORDS);
    return iterator->walk == NULL || *length <= iterator->record_bytes_max || fail(iterator, BATCH_LIMIT);
}

static bool take_record(struct record_iterator *iterator, struct record *record)
{
    const struct record_batch *batch = iterator->batch;
    int32_t length, offset_delta;
    int64_t timestamp_delta;
    if (!take_length(iterator, &length))
        return false;
    if ((iterator->walk == NULL || !iterator->skim) && !gather(iterator, (size_t)length))
        return false;
    size_t left = (size_t)length;
    if (!skip(iterator, &left, 1)) /* attributes: none are defined */
        return false;
    if (!take_varlong(iterator, &left, &timestamp_delta) || !take_varint(iterator, &left, &offset_delta))
        return false;
    if (!take_bytes(iterator, &left, &record->key) || !take_bytes(iterator, &left, &record->value))
        return false;
    if (!take_headers(iterator, &left, record))
        return false;
    if (left > 0)
        return fail(iterator, BATCH_RECORDS);
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
    const uint8_t *at = headers->data, *end = at == NULL ? NULL : at + headers->size;
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
