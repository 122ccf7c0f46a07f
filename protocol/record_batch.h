/* Record batches, magic 2: a view of one in place, its validation, its records, and a builder. See record_batch.c for
 * the layout. Used by storage/ for logs, by broker/ for the metadata log and later the coordinators. */
#ifndef DOHLE_PROTOCOL_RECORD_BATCH_H
#define DOHLE_PROTOCOL_RECORD_BATCH_H

#include "arena.h"
#include "compress.h"
#include "wire.h"

#define BATCH_HEADER_BYTES  61 /* up to and with the record count */
#define BATCH_LENGTH_OFFSET 12 /* bytes before what the length field counts */
#define BATCH_CRC_START     21 /* the CRC covers everything from here on */
#define BATCH_MAGIC         2

enum batch_attribute {
    BATCH_CODEC_MASK = 0x07,
    BATCH_LOG_APPEND_TIME = 0x08,
    BATCH_TRANSACTIONAL = 0x10,
    BATCH_CONTROL = 0x20,
    BATCH_DELETE_HORIZON = 0x40,
};

/* A view: the header's fields in host order. `bytes` are borrowed. */
struct record_batch {
    const uint8_t *bytes;
    int64_t base_offset;
    int32_t length;     /* bytes after the length field */
    int32_t size_bytes; /* the whole batch: length + BATCH_LENGTH_OFFSET */
    int32_t leader_epoch;
    int8_t magic;
    uint32_t crc;
    int16_t attributes;
    int32_t last_offset_delta;
    int64_t base_timestamp_ms;
    int64_t max_timestamp_ms;
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    int32_t record_count;
};

enum batch_error {
    BATCH_OK = 0,
    BATCH_SHORT = -1,     /* `size` bytes do not hold it whole: header, or the announced length */
    BATCH_MALFORMED = -2, /* a length or magic that no batch has */
    BATCH_CRC = -3,
    BATCH_RECORDS = -4,   /* the records inside cannot be read: sizes, varints, too few, too many */
    BATCH_LIMIT = -5,     /* decompressed: a record, or all of the batch, above its bound */
    BATCH_CODEC = -6,     /* the compressed data is damaged, or of no known codec */
    BATCH_MEMORY = -7,    /* memory for a record is out */
    BATCH_TOO_LARGE = -8, /* rebuilt, it would pass max.message.bytes */
    BATCH_WORK = -9,      /* the walk's work_bytes are used up */
};

/* Read the header of the batch that begins at `bytes`, of which `size` are there. Does not check the CRC.
 * BATCH_OK, BATCH_SHORT (view->size_bytes is set when the length was readable, else 0) or BATCH_MALFORMED. */
enum batch_error record_batch_view(struct record_batch *batch, const void *bytes, size_t size) WARN_UNUSED;
/* As above when only the first BATCH_HEADER_BYTES are at hand: the announced length may pass them. */
enum batch_error record_batch_view_header(struct record_batch *batch, const void *bytes, size_t size) WARN_UNUSED;
bool record_batch_crc_ok(const struct record_batch *batch);

static inline int64_t record_batch_last_offset(const struct record_batch *batch)
{
    return batch->base_offset + batch->last_offset_delta;
}
static inline enum codec record_batch_codec(const struct record_batch *batch)
{
    return (enum codec)(batch->attributes & BATCH_CODEC_MASK);
}
/* Sequence of the last record; wraps from 2^31-1 to 0. -1 without a base sequence. */
int32_t record_batch_last_sequence(const struct record_batch *batch);
int32_t sequence_add(int32_t sequence, int32_t delta);

/* Change a batch in place. The first two lie before what the CRC covers; the last one renews it and needs all the
 * bytes. */
void record_batch_set_base_offset(uint8_t *batch, int64_t base_offset);
void record_batch_set_leader_epoch(uint8_t *batch, int32_t leader_epoch);
void record_batch_set_timestamps(uint8_t *batch, int16_t attributes, int64_t max_timestamp_ms);
/* Write the header of a batch whose records already stand behind it, from all fields but bytes, length, magic and crc.
 */
void record_batch_write_header(uint8_t *bytes, const struct record_batch *batch);

/* ---- the records inside ---------------------------------------------------------------------------------------- */

struct record_header {
    struct kp_bytes key, value; /* value may be null */
};

struct record {
    int64_t offset;
    int64_t timestamp_ms;       /* of the batch when it is log-append time */
    struct kp_bytes key, value; /* null: size -1 */
    struct kp_bytes headers;    /* as they stand: record_header_next() reads them */
    int32_t header_count;
};

/* The numbers before the key of a record at their longest, if they are short: length, attributes, both deltas, size of
 * the key. */
#define RECORD_SHORT_HEAD_BYTES (1 + 4 * VARINT_SHORT_BYTES)

/* Walks the records of a batch, whatever its codec, with memory of one record and a window; never of the whole batch.
 * Fields are open for the stack; use the functions. */
struct record_iterator {
    const struct record_batch *batch;
    struct record_walk *walk; /* NULL: not compressed */
    const uint8_t *at, *end;  /* what is left of the records, or of the walk's window */
    int32_t index;            /* of the next record */
    int32_t record_bytes_max;
    bool walk_owned;
    bool skim; /* sizes are enough: keys, values and headers have NULL data, and the window does not grow */
    enum batch_error error;
};

/* All records of a batch together are at most this large: an uncompressed batch could not be larger either. */
#define BATCH_DECOMPRESSED_BYTES_MAX INT32_MAX

/* What walking compressed batches needs: contexts of the codecs and a window, used again from batch to batch. One for
 * each thread that reads or validates many; empty until it is used. */
struct record_walk {
    struct decompressor *decompressor;
    uint8_t *window;
    size_t window_bytes;
    size_t decompressed_bytes; /* of the batch at hand */
    size_t work_bytes;         /* that may still be decompressed; the owner sets it where time matters */
};

/* Without a bound of the work. */
void record_walk_init(struct record_walk *walk);
void record_walk_release(struct record_walk *walk);

/* `record_bytes_max` bounds one decompressed record (max.decompressed.message.bytes). The batch must outlive the
 * iterator. `walk` may be NULL: then a compressed batch makes its own; else it must not be used by another iterator
 * meanwhile. */
void record_iterator_init(struct record_iterator *iterator, const struct record_batch *batch, int32_t record_bytes_max,
                          struct record_walk *walk);
/* The next record; its key, value and headers are valid until the next call. False at the end or on an error, which
 * iterator->error tells. */
bool record_iterator_next(struct record_iterator *iterator, struct record *record);
/* As many of the next records as are usual, passed over at once: with numbers of at most three bytes, and with the
 * offset delta that is their index (record_run.c). */
struct record_run {
    int32_t count;
    int32_t timestamp_delta_min, timestamp_delta_max; /* within +- 2^20; when there are some */
    int32_t timestamp_delta_max_index;                /* of the first record in the batch that has it */
    bool keys_missing;                                /* one of them has no key */
};
/* False: the next record, if there is one, is for record_iterator_next(). A run is what stands in memory: neither an
 * error nor the end of the batch is found here. */
bool record_iterator_run(struct record_iterator *iterator, struct record_run *run);
void record_iterator_release(struct record_iterator *iterator);
/* Take one header from the front of record->headers. False when there is none or it is damaged. */
bool record_header_next(struct kp_bytes *headers, struct record_header *header);

/* ---- validation of what a client sends ------------------------------------------------------------------------- */

enum timestamp_type { TIMESTAMP_CREATE_TIME = 0, TIMESTAMP_LOG_APPEND_TIME = 1 };

/* Topic settings that decide what is accepted and what is rewritten. */
struct batch_rules {
    int32_t max_message_bytes;
    int32_t max_decompressed_message_bytes;
    enum timestamp_type timestamp_type;
    int64_t timestamp_before_max_ms, timestamp_after_max_ms;
    enum codec codec; /* of compression.type; CODEC_PRODUCER keeps the batch's own */
    int gzip_level, lz4_level, zstd_level;
    bool keys_required; /* a compacted topic */
};

enum batch_refusal {
    BATCH_ACCEPTED = 0,
    BATCH_REFUSED_CORRUPT,    /* CORRUPT_MESSAGE */
    BATCH_REFUSED_INVALID,    /* INVALID_RECORD */
    BATCH_REFUSED_TIMESTAMP,  /* INVALID_TIMESTAMP */
    BATCH_REFUSED_TOO_LARGE,  /* MESSAGE_TOO_LARGE */
    BATCH_REFUSED_CODEC,      /* UNSUPPORTED_COMPRESSION_TYPE */
    BATCH_REFUSED_UNREADABLE, /* UNKNOWN_SERVER_ERROR in Kafka: the compressed data is broken inside a good CRC */
    BATCH_UNDECIDED,          /* not refused: the walk's work_bytes do not suffice, and nothing was changed */
};

struct batch_record_error {
    int32_t index;       /* of the record in its batch */
    const char *message; /* static text */
};

#define BATCH_RECORD_ERRORS_MAX 100 /* enough to see the pattern; bounds the answer */

struct batch_verdict {
    enum batch_refusal refusal;
    const char *message;     /* static text; NULL when accepted */
    bool message_for_client; /* Kafka answers with a sentence; with others of the same code it does not */
    struct batch_record_error *record_errors; /* from `arena` given to batch_validate(), NULL when none */
    int32_t record_errors_count;
    /* when one whole batch was found, refused or not: */
    int32_t size_bytes; /* of the batch; bytes behind it that begin no further batch are to be dropped, as Kafka does */
    int32_t record_count;
    /* when accepted: */
    int64_t max_timestamp_ms;
    int32_t max_timestamp_offset_delta; /* of the first record that has it; with log-append time of the last record */
    int64_t append_time_ms;             /* -1 with create time */
    uint8_t *rebuilt; /* NULL: keep the bytes; else the batch to write instead, from malloc, the caller frees it */
    size_t rebuilt_size_bytes;
};

/* Check a client's batch by Kafka's rules and say what is to be written. Where nothing but header fields change
 * (log-append time, a wrong max timestamp, a log-append bit that the client set) they are changed in `bytes` and the
 * CRC is renewed; where the codec or the inner offsets are to change a new batch is built. Base offset and leader epoch
 * are the caller's. `zstd_allowed` as in Produce 7+. `arena` may be NULL: then no record errors are listed. `walk` may
 * be NULL, at a cost for each compressed batch; what it may do is counted off its work_bytes. */
void batch_validate(struct batch_verdict *verdict, uint8_t *bytes, size_t size, const struct batch_rules *rules,
                    bool zstd_allowed, int64_t now_ms, struct arena *arena, struct record_walk *walk);

/* Is there one whole batch with magic 2, and none behind it, in a codec that may be used? Else batch_validate() refuses
 * it, and looks no further. */
bool batch_is_framed(const uint8_t *bytes, size_t size, bool zstd_allowed);
/* Do the bytes begin with what no batch of any format begins with? Kafka cannot even step over that. */
bool batch_is_corrupt(const uint8_t *bytes, size_t size);

/* A record that is written again is held in memory, so it may not be larger than what a client could have sent without
 * compression: Kafka's default of socket.request.max.bytes. */
#define REBUILT_RECORD_BYTES_MAX (100 * 1024 * 1024)

/* Write a batch anew in rules->codec, with records numbered from 0 and the rules' timestamp type (record_rebuild.c).
 * *rebuilt is the view of it; its bytes are from malloc, the caller frees them. BATCH_OK, the error that the records of
 * `from` have, BATCH_CODEC when Kafka's builder would refuse them, BATCH_MEMORY or BATCH_TOO_LARGE. */
enum batch_error record_batch_rebuild(struct record_batch *rebuilt, uint8_t **bytes, const struct record_batch *from,
                                      const struct batch_rules *rules, int64_t now_ms,
                                      struct record_walk *walk) WARN_UNUSED;

/* ---- building -------------------------------------------------------------------------------------------------- */

#define RECORD_PIECES 6

struct record_piece {
    const void *bytes;
    size_t size;
};

/* A record as it stands in a batch: pieces to be written in turn. They borrow from the record and from this struct. */
struct record_encoding {
    struct record_piece pieces[RECORD_PIECES];
    size_t size_bytes; /* of all pieces */
    uint8_t head[VARINT_BYTES_MAX + 1 + VARLONG_BYTES_MAX + 2 * VARINT_BYTES_MAX];
    uint8_t value_length[VARINT_BYTES_MAX], header_count[VARINT_BYTES_MAX];
};

/* Of `record` only key, value and headers count. */
void record_encode(struct record_encoding *encoding, int64_t timestamp_delta_ms, int32_t offset_delta,
                   const struct record *record);

/* A batch under construction, in memory that grows. All records get their offset delta in order. */
struct batch_builder {
    uint8_t *bytes;
    size_t size_bytes, capacity_bytes;
    int32_t record_count;
    int64_t base_timestamp_ms, max_timestamp_ms;
};

/* Begin an uncompressed batch: the record's timestamps are relative to `base_timestamp_ms`. */
void batch_builder_init(struct batch_builder *builder, int64_t base_timestamp_ms);
/* Null key or value: size -1. Headers as in struct record, header_count of them. */
void batch_builder_add(struct batch_builder *builder, int64_t timestamp_ms, struct kp_bytes key, struct kp_bytes value,
                       struct kp_bytes headers, int32_t header_count);
/* What goes into the header of a finished batch. */
struct batch_header {
    int64_t base_offset;
    int32_t leader_epoch;
    int16_t attributes; /* without the codec */
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    enum codec codec;
    int level;
};
#define BATCH_HEADER_PLAIN ((struct batch_header){.producer_id = -1, .producer_epoch = -1, .base_sequence = -1})
/* Compress if asked, fill the header and the CRC. builder->bytes and size_bytes are the batch then. False: the codec
 * failed. */
bool batch_builder_finish(struct batch_builder *builder, const struct batch_header *header) WARN_UNUSED;
void batch_builder_release(struct batch_builder *builder);

#endif
