/* Kafka's small text files of numbers: offsets of all logs of a folder, leader epochs of one log. See checkpoint.c. */
#ifndef DOHLE_STORAGE_CHECKPOINT_H
#define DOHLE_STORAGE_CHECKPOINT_H

#include "file_io.h"

/* Offsets in names and checkpoints that are larger are damage: what is added to one (a segment holds less than 2^31
 * offsets) must not overflow. */
#define STORED_OFFSET_MAX (INT64_MAX - UINT32_MAX)

/* Text that grows; start from zeros, free(text->bytes) in the end. */
struct checkpoint_text {
    char *bytes;
    size_t size_bytes, capacity_bytes;
};

/* Begin a checkpoint of version 0 with `count` entries. */
void checkpoint_begin(struct checkpoint_text *text, int64_t count);
/* Add "TOPIC PARTITION OFFSET", or "EPOCH OFFSET". */
void checkpoint_add_offset(struct checkpoint_text *text, const char *topic, int32_t partition, int64_t offset);
void checkpoint_add_epoch(struct checkpoint_text *text, int32_t epoch, int64_t start_offset);

/* Walks the text of a checkpoint. `at` points into the text, which must end in a zero byte and stay. */
struct checkpoint_reader {
    char *at;
    int64_t entries_left;
    bool failed; /* sticky: the text is no such checkpoint */
};

/* Read version and count. False (and failed) when it is no checkpoint of version 0. */
bool checkpoint_read(struct checkpoint_reader *reader, char *text);
/* The next entry. `*topic` is cut out of the text in place and borrowed. False at the end, or with `failed` when an
 * entry cannot be read or there are more or fewer than announced. */
bool checkpoint_next_offset(struct checkpoint_reader *reader, const char **topic, int32_t *partition, int64_t *offset);
bool checkpoint_next_epoch(struct checkpoint_reader *reader, int32_t *epoch, int64_t *start_offset);

#endif
